// Key128: an IPv6 address as one number, in the order of the addresses. Used where sets of prefixes are
// built; the kernels keep the halves apart.
#pragma once

#include <cstdint>

namespace sluice::cidr {

__extension__ using Key128 = unsigned __int128;

constexpr Key128 key128(uint64_t high, uint64_t low) { return Key128{high} << 64 | low; }
constexpr uint64_t high_half(Key128 key) { return static_cast<uint64_t>(key >> 64); }
constexpr uint64_t low_half(Key128 key) { return static_cast<uint64_t>(key); }

}  // namespace sluice::cidr
