// Dice: draws for a run: what its peers do, and when. Drawn from the run's seed, apart from the simulator's
// own chance. One thread.
#pragma once

#include "io/base/random.h"

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace sluice::faults {

class Dice {
 public:
  explicit Dice(uint64_t seed) : random_(seed) {}

  bool chance(double probability) {
    constexpr double kUnit = 1.0 / (uint64_t{1} << 53);
    return static_cast<double>(random_() >> 11) * kUnit < probability;
  }
  size_t below(size_t bound) { return random_.below(static_cast<uint32_t>(bound)); }
  size_t between(size_t low, size_t high) { return low + below(high - low + 1); }
  std::chrono::nanoseconds time(std::chrono::nanoseconds low, std::chrono::nanoseconds high) {
    const auto span = static_cast<uint64_t>((high - low).count()) + 1;
    return low + std::chrono::nanoseconds(static_cast<int64_t>(random_() % span));
  }
  template <class Container>
  const auto& pick(const Container& container) {
    return container[below(container.size())];
  }
  uint64_t seed() { return random_(); }

 private:
  Random random_;
};

}  // namespace sluice::faults
