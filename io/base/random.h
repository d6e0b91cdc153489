// Random numbers from a seed that is passed in: xoshiro256** seeded through splitmix64. Fast and repeatable,
// for load, simulation, jitter and hash seeds. Not for keys; ids and ports against spoofing are drawn from it
// only when its seed came from the kernel (the reactor sees to that).
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>

namespace sluice {

class Random {
 public:
  using result_type = uint64_t;

  explicit constexpr Random(uint64_t seed) {
    for (uint64_t& word : state_) {
      seed += 0x9E3779B97F4A7C15U;
      uint64_t z = seed;
      z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9U;
      z = (z ^ (z >> 27)) * 0x94D049BB133111EBU;
      word = z ^ (z >> 31);
    }
  }

  constexpr uint64_t operator()() {
    const uint64_t result = std::rotl(state_[1] * 5, 7) * 9;
    const uint64_t shifted = state_[1] << 17;
    state_[2] ^= state_[0];
    state_[3] ^= state_[1];
    state_[1] ^= state_[2];
    state_[0] ^= state_[3];
    state_[2] ^= shifted;
    state_[3] = std::rotl(state_[3], 45);
    return result;
  }
  // 0 <= result < bound; bound > 0. The bias of at most bound / 2^32 is of no matter here.
  constexpr uint32_t below(uint32_t bound) {
    return static_cast<uint32_t>(((operator()() >> 32) * bound) >> 32);
  }
  constexpr bool one_in(uint32_t n) { return below(n) == 0; }

  static constexpr uint64_t min() { return 0; }
  static constexpr uint64_t max() { return std::numeric_limits<uint64_t>::max(); }

 private:
  std::array<uint64_t, 4> state_{};
};

}  // namespace sluice
