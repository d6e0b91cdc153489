#include "rules/net/kernels.h"

#include <array>

namespace sluice::cidr {
namespace {

size_t find_v4_scalar(const V4Columns& columns, uint32_t address) {
  const size_t rows = columns.network.size();
  for (size_t i = 0; i < rows; ++i) {
    if ((address & columns.mask[i]) == columns.network[i]) return i;
  }
  return rows;
}

size_t find_v6_scalar(const V6Columns& columns, uint64_t high, uint64_t low) {
  const size_t rows = columns.high.size();
  for (size_t i = 0; i < rows; ++i) {
    if ((high & columns.high_mask[i]) == columns.high[i] && (low & columns.low_mask[i]) == columns.low[i])
      return i;
  }
  return rows;
}

constexpr std::array kKernels{Kernel{"scalar", find_v4_scalar, find_v6_scalar}};

}  // namespace

const Kernel& scalar_kernel() { return kKernels.front(); }
std::span<const Kernel> kernels() { return kKernels; }

const Kernel* kernel_named(std::string_view name) {
  for (const Kernel& kernel : kKernels) {
    if (kernel.name == name) return &kernel;
  }
  return nullptr;
}

}  // namespace sluice::cidr
