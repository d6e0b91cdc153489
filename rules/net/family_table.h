// FamilyTable: the prefixes of one address family in one block of memory, as rows while they are added and as
// rows or intervals once sealed (kernels.h describes both). A part of CidrSet. Built by one thread, then only
// read. Nothing fails.
#pragma once

#include "rules/net/kernels.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>

namespace sluice::cidr {

enum class Form : uint8_t { Measured, Rows, Intervals };

// Up to here the rows are scanned, above they become intervals: where the two cost the same on AVX2
// (bench/cidr_bench.cc; docs/decisions/2026-11-22-cidr-search.md has the figures).
inline constexpr uint32_t kV4RowsMost = 32;
inline constexpr uint32_t kV6RowsMost = 16;

template <class Word, class Search>
class FamilyTable {
 public:
  // IPv4: network, mask. IPv6: high, low, high mask, low mask.
  using Row = std::array<Word, sizeof(Word) == sizeof(uint32_t) ? 2 : 4>;

  // A search whose table lies in memory of somebody else's.
  struct Placed {
    Search search = nullptr;
    Table<Word> table;
  };

  explicit FamilyTable(Search nothing) : search_(nothing) {}

  // Not after seal(). The answer is below kNoAnswer.
  void add(const Row& row, uint32_t answer, Search scan);
  void seal(Form form, Search (*rows)(size_t extent), Search (*intervals)(size_t levels));

  // A copy in bytes() of memory that begins on kBlockAlignment. Valid as long as that memory.
  Placed place(std::byte* memory) const;

  const Table<Word>& table() const { return table_; }
  Search search() const { return search_; }
  uint32_t added() const { return added_; }
  size_t bytes() const { return bytes_; }
  Form form() const { return form_; }

 private:
  struct FreeBlock {
    void operator()(std::byte* block) const { ::operator delete(block, std::align_val_t{kBlockAlignment}); }
  };
  using Block = std::unique_ptr<std::byte, FreeBlock>;

  Block renew(size_t words, size_t answers);
  Word* words() { return reinterpret_cast<Word*>(block_.get()); }
  uint32_t* answers() { return reinterpret_cast<uint32_t*>(block_.get() + bytes_) - answers_; }
  Row row_at(size_t row) const;
  void put_row(size_t at, const Row& row, uint32_t answer);
  void resize_columns(uint32_t extent);
  void make_intervals(Form form);

  Table<Word> table_;  // its pointers lead into the block
  Search search_;
  Block block_;
  uint32_t added_ = 0;
  uint32_t bytes_ = 0;
  uint32_t answers_ = 0;
  Form form_ = Form::Rows;
};

using V4Family = FamilyTable<uint32_t, V4Search>;
using V6Family = FamilyTable<uint64_t, V6Search>;

}  // namespace sluice::cidr
