// CidrSet: prefixes in an order, each with an index of the caller's; finds the first that holds an address.
// For SPF's ip4 and ip6 terms, trusted networks and excluded peers, so "first added wins" matters more than
// "longest wins".
//
// Built, sealed, then read by any number of threads. The families are kept apart, each in one block of memory
// (none when it is empty), either as rows that are scanned in order or, when there are more than a few, as
// sorted intervals with the first row's answer attached; seal() chooses. IPv4-mapped addresses are not
// unmapped here (see IpAddress::unmap), and a prefix never matches across families. Nothing fails.
#pragma once

#include "io/base/ip.h"
#include "rules/net/family_table.h"

#include <cstddef>
#include <cstdint>
#include <optional>

namespace sluice::cidr {

class CidrSet {
 public:
  // Host bits of the network are ignored. The same index may stand for several prefixes; it is below
  // kNoAnswer. Not after seal().
  void add(const Cidr& prefix, uint32_t index);
  // Prefixes keep the order in which they were added, across both families.
  void add(const Cidr& prefix) { add(prefix, static_cast<uint32_t>(size())); }

  // Once, after the last add: gives back spare memory and makes the search fast (a set that is not sealed
  // answers the same by the scalar scan). The form and the kernel are for tests and benchmarks.
  void seal(Form form = Form::Measured, const Kernel& kernel = best_kernel());

  // The index of the first prefix that holds the address. In the header, since the call costs what a small
  // set does (bench/cidr_bench.cc).
  [[gnu::always_inline]] std::optional<uint32_t> first_match(const IpAddress& address) const {
    const uint32_t answer = address.is_v4() ? v4_.search()(v4_.table(), address.v4_value())
                                            : v6_.search()(v6_.table(), half(address, 0), half(address, 8));
    if (answer == kNoAnswer) return std::nullopt;
    return answer;
  }
  // The same in a placed table; kNoAnswer where none does.
  [[gnu::always_inline]] static uint32_t find(const V4Family::Placed& placed, const IpAddress& address) {
    return placed.search(placed.table, address.v4_value());
  }
  [[gnu::always_inline]] static uint32_t find(const V6Family::Placed& placed, const IpAddress& address) {
    return placed.search(placed.table, half(address, 0), half(address, 8));
  }
  bool contains(const IpAddress& address) const { return first_match(address).has_value(); }

  size_t size() const { return size_t{v4_.added()} + v6_.added(); }
  bool empty() const { return size() == 0; }
  size_t bytes() const { return v4_.bytes() + v6_.bytes(); }  // of memory beside the object itself

  // One family's search for those who lay out their memory themselves (FamilyTable::place).
  const V4Family& v4() const { return v4_; }
  const V6Family& v6() const { return v6_; }
  Form form(IpFamily family) const { return family == IpFamily::V4 ? v4_.form() : v6_.form(); }

 private:
  // Eight octets of an IPv6 address as a number.
  static uint64_t half(const IpAddress& address, size_t from) {
    uint64_t value = 0;
    for (size_t i = 0; i < 8; ++i) value = value << 8 | address.bytes()[from + i];
    return value;
  }

  V4Family v4_{search_nothing_v4};
  V6Family v6_{search_nothing_v6};
  bool sealed_ = false;
};

}  // namespace sluice::cidr
