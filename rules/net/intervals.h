// Disjoint intervals from prefixes in an order: every address is in exactly one, and the interval's answer is
// that of the first prefix that holds its addresses. Neighbours with the same answer are one. Built by one
// sweep, since two prefixes are either nested or apart. Pure.
#pragma once

#include "rules/net/key128.h"

#include <cstdint>
#include <vector>

namespace sluice::cidr {

// A prefix as its first and last address; `rank` is its place in the order.
template <class Key>
struct PrefixRow {
  Key first, last;
  uint32_t rank;
  uint32_t answer;
};

// Begins behind the interval before it.
template <class Key>
struct Interval {
  Key last;
  uint32_t answer;
};

// In order; the last one ends at the family's highest address. At most 2 * prefixes + 1.
std::vector<Interval<uint32_t>> disjoint_intervals(std::vector<PrefixRow<uint32_t>> prefixes);
std::vector<Interval<Key128>> disjoint_intervals(std::vector<PrefixRow<Key128>> prefixes);

}  // namespace sluice::cidr
