// Kernels: the searches under CidrSet, one entry per instruction set of this processor, each to be had by
// name so that tests and benchmarks can force it. The scalar scan is the reference that all others are
// compared with.
//
// A table is one block of words that starts on a cache line; CidrSet builds it and the kernels only read it:
//
//   rows, IPv4     network[extent] mask[extent]                       uint32_t
//   rows, IPv6     high[extent] low[extent] high_mask[extent] low_mask[extent]     uint64_t
//                  row i holds the prefix network[i] under mask[i], host bits clear. The columns are padded
//                  with rows that match nothing (see padded_rows), so that no kernel has a tail to finish.
//   intervals      levels of nodes, the highest, which is one node, first. The lowest begins at `lowest` and
//                  has the intervals' last addresses in order, each node with its answers behind it, so that
//                  they are fetched together; key i of a node above is the highest key of its child i, and
//                  child i of node n is node n * (keys of a node + 1) + i of the level below. What is left
//                  over is filled with the highest address. An IPv6 node is its keys' high halves, then the
//                  low. Of more than three levels, the begins stand behind the lowest.
//                  `answers` of rows has one entry for each, and behind them kNoAnswer for "none".
//
// A search gives the answer of the first matching row, or of the interval that holds the address. Any thread.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string_view>

namespace sluice::cidr {

inline constexpr uint32_t kNoAnswer = std::numeric_limits<uint32_t>::max();

// A node is a cache line of halves: one vector of AVX-512, two of AVX2, four of SSE.
inline constexpr size_t kV4NodeKeys = 16;
inline constexpr size_t kV6NodeKeys = 8;
// Rows that one test of the widest kernel takes: four vectors.
inline constexpr size_t kV4RowGroup = 64;
inline constexpr size_t kV6RowGroup = 32;
inline constexpr size_t kRowsLeast = 8;
inline constexpr size_t kBlockAlignment = 64;
// 8 * 9^10 keys are more than two for each of 2^32 prefixes.
inline constexpr size_t kLevelsMost = 11;
// A node of the lowest level with its answers, whole lines.
inline constexpr size_t kV4LeafWords = 32;
inline constexpr size_t kV6LeafWords = 24;
// Of up to so many levels the begins are known without a look into the block.
inline constexpr size_t kLevelsPlain = 3;

// Powers of two up to a group, then whole groups.
constexpr size_t padded_rows(size_t rows, size_t group) {
  if (rows <= kRowsLeast) return kRowsLeast;
  if (rows <= group) return std::bit_ceil(rows);
  return (rows + group - 1) / group * group;
}

template <class Word>
struct Table {
  const Word* words = nullptr;
  const uint32_t* answers = nullptr;  // of rows
  uint32_t rows = 0;                  // of prefixes, or of intervals
  uint32_t extent = 0;                // rows of a column with the padding, or levels
  uint32_t lowest = 0;                // of intervals: where the lowest level begins, in words
};
using V4Table = Table<uint32_t>;
using V6Table = Table<uint64_t>;  // an address as two numbers: `high` holds its first eight octets

// Keys are stored with their top bit turned, so that instruction sets without unsigned comparisons order
// them.
inline constexpr uint32_t kV4KeyTurn = uint32_t{1} << 31;
inline constexpr uint64_t kV6KeyTurn = uint64_t{1} << 63;

// Behind its keys.
inline const uint32_t* answers_of_leaf(const uint32_t* leaf) { return leaf + kV4NodeKeys; }
inline const uint32_t* answers_of_leaf(const uint64_t* leaf) {
  return reinterpret_cast<const uint32_t*>(leaf + 2 * kV6NodeKeys);
}

using V4Search = uint32_t (*)(const V4Table& table, uint32_t address);
using V6Search = uint32_t (*)(const V6Table& table, uint64_t high, uint64_t low);

// For a table without rows.
inline uint32_t search_nothing_v4(const V4Table&, uint32_t) { return kNoAnswer; }
inline uint32_t search_nothing_v6(const V6Table&, uint64_t, uint64_t) { return kNoAnswer; }

// A kernel gives the search that is made for a table of the given shape: rows of a column with their padding,
// or levels (1 to kLevelsMost).
struct Kernel {
  std::string_view name;
  V4Search (*rows_v4)(size_t extent);
  V6Search (*rows_v6)(size_t extent);
  V4Search (*intervals_v4)(size_t levels);
  V6Search (*intervals_v6)(size_t levels);
};

const Kernel& scalar_kernel();
const Kernel& best_kernel();
// All that this processor can run: the reference first, the widest last.
std::span<const Kernel> kernels();
// Null for a name that is not in kernels().
const Kernel* kernel_named(std::string_view name);

}  // namespace sluice::cidr
