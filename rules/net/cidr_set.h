// CidrSet: prefixes in an order, each with an index of the caller's; finds the first that holds an address.
// For SPF's ip4 and ip6 terms, trusted networks and excluded peers, so "first added wins" matters more than
// "longest wins".
//
// A plain value: built once, then read. IPv4-mapped addresses are not unmapped here (see IpAddress::unmap),
// and a prefix never matches across families. The search is a scan by a kernel (kernels.h); every kernel
// gives the same answer. Nothing fails.
#pragma once

#include "io/base/ip.h"
#include "rules/net/kernels.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace sluice::cidr {

class CidrSet {
 public:
  // Host bits of the network are ignored. The same index may stand for several prefixes.
  void add(const Cidr& prefix, uint32_t index);
  // Prefixes keep the order in which they were added, across both families.
  void add(const Cidr& prefix) { add(prefix, static_cast<uint32_t>(size())); }

  // The index of the first prefix that holds the address, by the kernel given.
  std::optional<uint32_t> first_match(const IpAddress& address, const Kernel& kernel = scalar_kernel()) const;
  bool contains(const IpAddress& address) const { return first_match(address).has_value(); }

  size_t size() const { return v4_.index.size() + v6_.index.size(); }
  bool empty() const { return size() == 0; }

 private:
  struct V4 {
    std::vector<uint32_t> network, mask, index;
  };
  struct V6 {
    std::vector<uint64_t> high, low, high_mask, low_mask;
    std::vector<uint32_t> index;
  };
  V4 v4_;
  V6 v6_;
};

}  // namespace sluice::cidr
