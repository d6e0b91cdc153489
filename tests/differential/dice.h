// Choices, from a seed (long runs) or from octets (libFuzzer): one generator serves both.
#pragma once

#include "io/base/random.h"

#include <cstddef>
#include <cstdint>
#include <span>

namespace sluice::differential {

class Dice {
 public:
  explicit Dice(uint64_t seed) : random_(seed) {}
  // When the octets are used up, every choice is the first.
  explicit Dice(std::span<const uint8_t> octets) : random_(0), octets_(octets), from_octets_(true) {}

  // 0 <= result < bound.
  uint32_t below(uint32_t bound) {
    if (!from_octets_) return random_.below(bound);
    uint32_t value = 0;
    for (uint32_t room = bound - 1; room != 0; room >>= 8) {
      value = value << 8 | (used_ < octets_.size() ? octets_[used_++] : 0U);
    }
    return value % bound;
  }
  bool one_in(uint32_t n) { return below(n) == n - 1; }
  uint32_t number() { return below(1U << 16) << 16 | below(1U << 16); }
  template <class List>
  const auto& pick(const List& list) {
    return list[below(static_cast<uint32_t>(list.size()))];
  }

 private:
  Random random_;
  std::span<const uint8_t> octets_;
  size_t used_ = 0;
  bool from_octets_ = false;
};

}  // namespace sluice::differential
