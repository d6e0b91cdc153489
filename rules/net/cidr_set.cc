#include "rules/net/cidr_set.h"

#include "io/base/check.h"

#include <algorithm>
#include <span>

namespace sluice::cidr {
namespace {

uint64_t number(std::span<const uint8_t> octets) {
  uint64_t value = 0;
  for (size_t i = 0; i < 8; ++i) value = value << 8 | octets[i];
  return value;
}
uint64_t high_of(const IpAddress& address) { return number(address.bytes().first(8)); }
uint64_t low_of(const IpAddress& address) { return number(address.bytes().last(8)); }

// The mask of the first `length` of 64 bits; shifting by the full width is undefined, hence the case of 0.
uint64_t mask_of(unsigned length) { return length == 0 ? 0 : ~uint64_t{0} << (64 - length); }

}  // namespace

void CidrSet::add(const Cidr& prefix, uint32_t index) {
  SLUICE_CHECK(!sealed_);
  const Kernel& kernel = scalar_kernel();
  const Cidr clean = Cidr::of(prefix.network, prefix.length);
  if (clean.network.is_v4()) {
    const auto mask = static_cast<uint32_t>(mask_of(clean.length) >> 32);
    v4_.add({clean.network.v4_value() & mask, mask}, index, kernel.scan_v4);
    return;
  }
  const uint64_t high = mask_of(std::min<unsigned>(clean.length, 64));
  const uint64_t low = mask_of(clean.length < 64 ? 0 : clean.length - 64U);
  v6_.add({high_of(clean.network) & high, low_of(clean.network) & low, high, low}, index, kernel.scan_v6);
}

void CidrSet::seal(Form form, const Kernel& kernel) {
  SLUICE_CHECK(!sealed_);
  sealed_ = true;
  v4_.seal(form, kernel.scan_v4, kernel.intervals_v4);
  v6_.seal(form, kernel.scan_v6, kernel.intervals_v6);
}

std::optional<uint32_t> CidrSet::first_match(const IpAddress& address) const {
  uint32_t answer = kNoAnswer;
  if (address.is_v4()) {
    if (v4_.added() != 0) answer = v4_.search()(v4_.table(), address.v4_value());
  } else {
    if (v6_.added() != 0) answer = v6_.search()(v6_.table(), high_of(address), low_of(address));
  }
  if (answer == kNoAnswer) return std::nullopt;
  return answer;
}

}  // namespace sluice::cidr
