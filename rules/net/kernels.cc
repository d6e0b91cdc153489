// The vector kernels are compiled once for each instruction set that Highway knows (this file includes
// itself, in the macros' namespaces). A set that has no vectors is left to the scalar kernel.
#include "rules/net/kernels.h"

#include "rules/net/key128.h"

#include <array>
#include <bit>
#include <iterator>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "rules/net/kernels.cc"
#include <hwy/foreach_target.h>  // must come before highway.h
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace sluice::cidr::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Bit i says whether lane i is set.
template <class D, class Mask>
HWY_INLINE uint64_t bits_of(D d, Mask mask) {
  uint64_t word = 0;
  hn::StoreMaskBits(d, mask, reinterpret_cast<uint8_t*>(&word));
  return word;
}

struct V4Rows {
  const uint32_t *network, *mask;
  uint32_t address;
  uint32_t lane() const { return address; }
  template <class D>
  HWY_INLINE auto match(D d, size_t row) const {
    const auto own = hn::And(hn::Set(d, address), hn::Load(d, mask + row));
    return hn::Eq(own, hn::Load(d, network + row));
  }
};

struct V6Rows {
  const uint64_t *high, *low, *high_mask, *low_mask;
  uint64_t address_high, address_low;
  uint64_t lane() const { return address_high; }
  template <class D>
  HWY_INLINE auto match(D d, size_t row) const {
    const auto own_high = hn::And(hn::Set(d, address_high), hn::Load(d, high_mask + row));
    const auto own_low = hn::And(hn::Set(d, address_low), hn::Load(d, low_mask + row));
    return hn::And(hn::Eq(own_high, hn::Load(d, high + row)), hn::Eq(own_low, hn::Load(d, low + row)));
  }
};

// Up to 64 rows: all are compared without a branch, and the first bit is the first match. The bit behind the
// last row (none when there are 64, where counting zeros of zero gives 64) leads to the answer for "none".
template <size_t kExtent, class D, class Rows>
HWY_INLINE size_t first_of_few(D d, const Rows& rows) {
  uint64_t word = uint64_t{2} << (kExtent - 1);
  for (size_t row = 0; row < kExtent; row += hn::Lanes(d)) word |= bits_of(d, rows.match(d, row)) << row;
  return static_cast<size_t>(std::countr_zero(word));
}

// More: one test for four vectors.
template <class D, class Rows>
HWY_INLINE size_t first_of_many(D d, const Rows& rows, size_t extent) {
  const size_t lanes = hn::Lanes(d);
  for (size_t row = 0; row < extent; row += 4 * lanes) {
    const auto a = rows.match(d, row);
    const auto b = rows.match(d, row + lanes);
    const auto c = rows.match(d, row + 2 * lanes);
    const auto e = rows.match(d, row + 3 * lanes);
    if (hn::AllFalse(d, hn::Or(hn::Or(a, b), hn::Or(c, e)))) continue;
    const uint64_t first = bits_of(d, a) | bits_of(d, b) << lanes;
    const uint64_t second = bits_of(d, c) | bits_of(d, e) << lanes;
    return row + static_cast<size_t>(std::countr_zero(first | second << (2 * lanes)));
  }
  return extent;
}

// kExtent is 0 for any number of whole groups.
template <size_t kExtent, class Table, class Rows>
HWY_INLINE uint32_t scan(const Table& table, const Rows& rows) {
  using Word = decltype(rows.lane());
  constexpr size_t kLanesMost = 64 / sizeof(Word);
  const hn::CappedTag<Word, kExtent == kRowsLeast ? kRowsLeast : kLanesMost> d;
  if constexpr (kExtent == 0) {
    return table.answers[first_of_many(d, rows, table.extent)];
  } else {
    return table.answers[first_of_few<kExtent>(d, rows)];
  }
}

template <size_t kExtent>
uint32_t scan_v4(const V4Table& table, uint32_t address) {
  const size_t extent = kExtent == 0 ? table.extent : kExtent;
  return scan<kExtent>(table, V4Rows{table.words, table.words + extent, address});
}

template <size_t kExtent>
uint32_t scan_v6(const V6Table& table, uint64_t high, uint64_t low) {
  const size_t extent = kExtent == 0 ? table.extent : kExtent;
  const uint64_t* column = table.words;
  return scan<kExtent>(table,
                       V6Rows{column, column + extent, column + 2 * extent, column + 3 * extent, high, low});
}

V4Search rows_v4(size_t extent) {
  switch (extent) {
    case 8:
      return scan_v4<8>;
    case 16:
      return scan_v4<16>;
    case 32:
      return scan_v4<32>;
    case 64:
      return scan_v4<64>;
    default:
      return scan_v4<0>;
  }
}

V6Search rows_v6(size_t extent) {
  switch (extent) {
    case 8:
      return scan_v6<8>;
    case 16:
      return scan_v6<16>;
    case 32:
      return scan_v6<32>;
    default:
      return scan_v6<0>;
  }
}

// How many keys of a node are below the address.
struct V4Nodes {
  static constexpr size_t kKeys = kV4NodeKeys;
  static constexpr size_t kNodeWords = kKeys;
  static constexpr size_t kLeafWords = kV4LeafWords;
  const V4Table& table;
  uint32_t address;
  HWY_INLINE size_t below(const uint32_t* node) const {
    const hn::CappedTag<int32_t, kKeys> d;
    const auto wanted = hn::Set(d, static_cast<int32_t>(address ^ kV4KeyTurn));
    const auto* keys = reinterpret_cast<const int32_t*>(node);
    uint64_t word = 0;
    for (size_t at = 0; at < kKeys; at += hn::Lanes(d))
      word |= bits_of(d, hn::Lt(hn::Load(d, keys + at), wanted)) << at;
    return static_cast<size_t>(std::popcount(word));
  }
};

struct V6Nodes {
  static constexpr size_t kKeys = kV6NodeKeys;
  static constexpr size_t kNodeWords = 2 * kKeys;
  static constexpr size_t kLeafWords = kV6LeafWords;
  const V6Table& table;
  uint64_t high, low;
  HWY_INLINE size_t below(const uint64_t* node) const {
    const hn::CappedTag<int64_t, kKeys> d;
    const auto wanted_high = hn::Set(d, static_cast<int64_t>(high ^ kV6KeyTurn));
    const auto wanted_low = hn::Set(d, static_cast<int64_t>(low ^ kV6KeyTurn));
    const auto* keys = reinterpret_cast<const int64_t*>(node);
    uint64_t word = 0;
    for (size_t at = 0; at < kKeys; at += hn::Lanes(d)) {
      const auto key_high = hn::Load(d, keys + at);
      const auto key_low = hn::Load(d, keys + kKeys + at);
      const auto tie = hn::And(hn::Eq(key_high, wanted_high), hn::Lt(key_low, wanted_low));
      word |= bits_of(d, hn::Or(hn::Lt(key_high, wanted_high), tie)) << at;
    }
    return static_cast<size_t>(std::popcount(word));
  }
};

// Where a level but the lowest begins.
template <class Nodes>
HWY_INLINE size_t begin_of(const Nodes& nodes, size_t level, size_t levels) {
  if (level + 1 == levels) return 0;
  if (level + 2 == levels) return Nodes::kNodeWords;
  const size_t lowest_nodes = (nodes.table.rows + Nodes::kKeys - 1) / Nodes::kKeys;
  return nodes.table.words[nodes.table.lowest + lowest_nodes * Nodes::kLeafWords + level];
}

template <class Nodes>
HWY_INLINE uint32_t descend(const Nodes& nodes, size_t levels) {
  const auto* words = nodes.table.words;
  size_t node = 0;
  for (size_t level = levels - 1; level > 0; --level) {
    const size_t begin = begin_of(nodes, level, levels);
    node = node * (Nodes::kKeys + 1) + nodes.below(words + begin + node * Nodes::kNodeWords);
  }
  const auto* leaf = words + nodes.table.lowest + node * Nodes::kLeafWords;
  return answers_of_leaf(leaf)[nodes.below(leaf)];
}

// kLevels is 0 for any number.
template <size_t kLevels>
uint32_t find_v4(const V4Table& table, uint32_t address) {
  return descend(V4Nodes{table, address}, kLevels == 0 ? table.extent : kLevels);
}

template <size_t kLevels>
uint32_t find_v6(const V6Table& table, uint64_t high, uint64_t low) {
  return descend(V6Nodes{table, high, low}, kLevels == 0 ? table.extent : kLevels);
}

V4Search intervals_v4(size_t levels) {
  constexpr V4Search kSearches[] = {find_v4<0>, find_v4<1>, find_v4<2>, find_v4<3>, find_v4<4>};
  return kSearches[levels < std::size(kSearches) ? levels : 0];
}

V6Search intervals_v6(size_t levels) {
  constexpr V6Search kSearches[] = {find_v6<0>, find_v6<1>, find_v6<2>, find_v6<3>, find_v6<4>, find_v6<5>};
  return kSearches[levels < std::size(kSearches) ? levels : 0];
}

Kernel vector_kernel() { return {hwy::TargetName(HWY_TARGET), rows_v4, rows_v6, intervals_v4, intervals_v6}; }

}  // namespace sluice::cidr::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace sluice::cidr {
namespace {

uint32_t scan_v4_scalar(const V4Table& table, uint32_t address) {
  const uint32_t* network = table.words;
  const uint32_t* mask = network + table.extent;
  for (size_t i = 0; i < table.rows; ++i) {
    if ((address & mask[i]) == network[i]) return table.answers[i];
  }
  return kNoAnswer;
}

uint32_t scan_v6_scalar(const V6Table& table, uint64_t high, uint64_t low) {
  const uint64_t* network_high = table.words;
  const uint64_t* network_low = network_high + table.extent;
  const uint64_t* high_mask = network_low + table.extent;
  const uint64_t* low_mask = high_mask + table.extent;
  for (size_t i = 0; i < table.rows; ++i) {
    if ((high & high_mask[i]) == network_high[i] && (low & low_mask[i]) == network_low[i])
      return table.answers[i];
  }
  return kNoAnswer;
}

// The lowest level is one sorted run, so the upper ones are not needed: halving without a branch.
template <class IsBelow>
size_t count_below(size_t keys, IsBelow is_below) {
  size_t begin = 0;
  for (size_t left = keys; left > 1; left -= left / 2) begin += is_below(begin + left / 2 - 1) ? left / 2 : 0;
  return begin;  // the last key is the highest address, so it is never below
}

uint32_t intervals_v4_scalar(const V4Table& table, uint32_t address) {
  const uint32_t* leaves = table.words + table.lowest;
  const auto leaf = [leaves](size_t i) { return leaves + i / kV4NodeKeys * kV4LeafWords; };
  const size_t found =
      count_below(table.rows, [&](size_t i) { return (leaf(i)[i % kV4NodeKeys] ^ kV4KeyTurn) < address; });
  return answers_of_leaf(leaf(found))[found % kV4NodeKeys];
}

uint32_t intervals_v6_scalar(const V6Table& table, uint64_t high, uint64_t low) {
  const uint64_t* leaves = table.words + table.lowest;
  const auto leaf = [leaves](size_t i) { return leaves + i / kV6NodeKeys * kV6LeafWords; };
  const Key128 wanted = key128(high, low);
  const size_t found = count_below(table.rows, [&](size_t i) {
    const uint64_t* key = leaf(i) + i % kV6NodeKeys;
    return key128(key[0] ^ kV6KeyTurn, key[kV6NodeKeys] ^ kV6KeyTurn) < wanted;
  });
  return answers_of_leaf(leaf(found))[found % kV6NodeKeys];
}

constexpr Kernel kScalar{
    "scalar",
    [](size_t) -> V4Search { return scan_v4_scalar; },
    [](size_t) -> V6Search { return scan_v6_scalar; },
    [](size_t) -> V4Search { return intervals_v4_scalar; },
    [](size_t) -> V6Search { return intervals_v6_scalar; },
};

HWY_EXPORT(vector_kernel);

struct KernelList {
  std::array<Kernel, HWY_MAX_DYNAMIC_TARGETS + 1> kernels{kScalar};
  size_t count = 1;
};

KernelList list_kernels() {
  KernelList list;
  const int64_t without_vectors = HWY_SCALAR | HWY_EMU128;
  int64_t left = hwy::SupportedTargets() & HWY_TARGETS & ~without_vectors;
  while (left != 0 && list.count < list.kernels.size()) {
    // The better an instruction set, the lower its bit.
    const auto target = static_cast<int64_t>(std::bit_floor(static_cast<uint64_t>(left)));
    hwy::ChosenTarget chosen;
    chosen.Update(target);
    list.kernels[list.count++] = HWY_DISPATCH_TABLE(vector_kernel)[chosen.GetIndex()]();
    left &= ~target;
  }
  return list;
}

}  // namespace

std::span<const Kernel> kernels() {
  static const KernelList list = list_kernels();
  return std::span(list.kernels).first(list.count);
}

const Kernel& scalar_kernel() { return kernels().front(); }
const Kernel& best_kernel() { return kernels().back(); }

const Kernel* kernel_named(std::string_view name) {
  for (const Kernel& kernel : kernels()) {
    if (kernel.name == name) return &kernel;
  }
  return nullptr;
}

}  // namespace sluice::cidr
#endif  // HWY_ONCE
