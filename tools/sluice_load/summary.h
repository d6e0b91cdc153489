// The result of a run as one line of JSON; docs/formats.md says what its members mean.
#pragma once

#include "tools/sluice_load/schedule.h"
#include "tools/sluice_load/tally.h"

#include <cstdint>
#include <string>

namespace sluice::load {

struct RunFacts {
  std::string name;  // for reports
  std::string server;
  Profile profile;  // empty: closed loop
  Arrivals arrivals = Arrivals::Constant;
  uint64_t connections = 0;  // at the same time
  uint64_t seed = 0;
  uint64_t shards = 1;
  double seconds = 0;      // taken
  double cpu_seconds = 0;  // of the generator
  bool interrupted = false;
};

// Whether the generator did what it was asked, and if not why; empty: it did.
std::string schedule_problem(const Tally& tally, const RunFacts& facts);
std::string to_json(const Tally& tally, const RunFacts& facts);

}  // namespace sluice::load
