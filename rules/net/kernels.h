// Kernels: the scans under CidrSet, one table entry per implementation, each callable by name so that tests
// and benchmarks can force it. The scalar one is the reference that all others are compared with.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace sluice::cidr {

// Columns of equal length; row i holds the prefix network[i] under mask[i], host bits clear.
struct V4Columns {
  std::span<const uint32_t> network, mask;
};
// The address as two numbers: high holds its first eight octets.
struct V6Columns {
  std::span<const uint64_t> high, low, high_mask, low_mask;
};

// Each search gives the first matching row, or the number of rows.
struct Kernel {
  std::string_view name;
  size_t (*find_v4)(const V4Columns& columns, uint32_t address);
  size_t (*find_v6)(const V6Columns& columns, uint64_t high, uint64_t low);
};

const Kernel& scalar_kernel();
// All that this processor can run; the reference is first.
std::span<const Kernel> kernels();
// Null for a name that is not in kernels().
const Kernel* kernel_named(std::string_view name);

}  // namespace sluice::cidr
