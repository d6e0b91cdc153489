#include "rules/net/cidr_set.h"

#include "io/base/check.h"

#include <algorithm>

namespace sluice::cidr {
namespace {

// The mask of the first `length` of 64 bits; shifting by the full width is undefined, hence the case of 0.
uint64_t mask_of(unsigned length) { return length == 0 ? 0 : ~uint64_t{0} << (64 - length); }

}  // namespace

void CidrSet::add(const Cidr& prefix, uint32_t index) {
  SLUICE_CHECK(!sealed_);
  const Kernel& kernel = scalar_kernel();
  const Cidr clean = Cidr::of(prefix.network, prefix.length);
  if (clean.network.is_v4()) {
    const auto mask = static_cast<uint32_t>(mask_of(clean.length) >> 32);
    v4_.add({clean.network.v4_value() & mask, mask}, index, kernel.rows_v4(0));
    return;
  }
  const uint64_t high = mask_of(std::min<unsigned>(clean.length, 64));
  const uint64_t low = mask_of(clean.length < 64 ? 0 : clean.length - 64U);
  v6_.add({half(clean.network, 0) & high, half(clean.network, 8) & low, high, low}, index, kernel.rows_v6(0));
}

void CidrSet::seal(Form form, const Kernel& kernel) {
  SLUICE_CHECK(!sealed_);
  sealed_ = true;
  v4_.seal(form, kernel.rows_v4, kernel.intervals_v4);
  v6_.seal(form, kernel.rows_v6, kernel.intervals_v6);
}

}  // namespace sluice::cidr
