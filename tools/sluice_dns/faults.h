// Faults: what sluice-dns does wrong on purpose, by chance from a seed, so that a run can be repeated. Faults
// of single names are the zone's. Per server; a plain value.
#pragma once

#include "io/base/random.h"

#include <chrono>
#include <cstdint>

namespace sluice::tool {

struct FaultSettings {
  std::chrono::milliseconds delay{0};  // before each response
  unsigned loss_percent = 0;           // no response, by UDP
  unsigned servfail_percent = 0;
  unsigned truncate_percent = 0;  // TC and no records, by UDP
  uint64_t seed = 1;
};

struct FaultDraw {
  bool lose = false;
  bool servfail = false;
  bool truncate = false;
};

class Faults {
 public:
  explicit Faults(const FaultSettings& settings) : settings_(settings), random_(settings.seed) {}

  // One draw for one query. Always takes the same number of random values, so that the draws of a run depend
  // on nothing but the seed and the order of the queries.
  FaultDraw draw();
  std::chrono::milliseconds delay() const { return settings_.delay; }

 private:
  FaultSettings settings_;
  Random random_;
};

}  // namespace sluice::tool
