#include "rules/net/cidr_set.h"

namespace sluice::cidr {
namespace {

uint64_t number(std::span<const uint8_t> octets) {
  uint64_t value = 0;
  for (const uint8_t octet : octets) value = value << 8 | octet;
  return value;
}

// The mask of the first `length` of 64 bits; shifting by the full width is undefined, hence the case of 0.
uint64_t mask_of(unsigned length) { return length == 0 ? 0 : ~uint64_t{0} << (64 - length); }

}  // namespace

void CidrSet::add(const Cidr& prefix, uint32_t index) {
  const Cidr clean = Cidr::of(prefix.network, prefix.length);
  if (clean.network.is_v4()) {
    const auto mask = static_cast<uint32_t>(mask_of(clean.length) >> 32);
    v4_.network.push_back(clean.network.v4_value() & mask);
    v4_.mask.push_back(mask);
    v4_.index.push_back(index);
    return;
  }
  const uint64_t high_mask = mask_of(clean.length < 64 ? clean.length : 64);
  const uint64_t low_mask = mask_of(clean.length < 64 ? 0 : clean.length - 64U);
  v6_.high.push_back(number(clean.network.bytes().first(8)) & high_mask);
  v6_.low.push_back(number(clean.network.bytes().last(8)) & low_mask);
  v6_.high_mask.push_back(high_mask);
  v6_.low_mask.push_back(low_mask);
  v6_.index.push_back(index);
}

std::optional<uint32_t> CidrSet::first_match(const IpAddress& address, const Kernel& kernel) const {
  if (address.is_v4()) {
    const size_t row = kernel.find_v4({v4_.network, v4_.mask}, address.v4_value());
    if (row == v4_.index.size()) return std::nullopt;
    return v4_.index[row];
  }
  const size_t row = kernel.find_v6({v6_.high, v6_.low, v6_.high_mask, v6_.low_mask},
                                    number(address.bytes().first(8)), number(address.bytes().last(8)));
  if (row == v6_.index.size()) return std::nullopt;
  return v6_.index[row];
}

}  // namespace sluice::cidr
