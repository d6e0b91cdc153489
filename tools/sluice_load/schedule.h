// Schedule: when each message of an open loop is meant to be sent. Whatever the server does, these times do
// not move: latencies that are counted from them hide no stall (no coordinated omission). Pure.
//
// A profile is a row of phases, each with a rate that stays or that changes evenly. Arrivals are `constant`
// (as even as the rate) or `poisson` (independent of each other, from a seed): the same in number per second
// on average. Both are the inverse of the expected count N(t), taken at 0, 1, 2, ... or at the sums of
// exponentially distributed steps.
#pragma once

#include "io/base/clock.h"
#include "io/base/random.h"
#include "io/base/result.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace sluice::load {

struct Phase {
  double seconds = 0;
  double from = 0;  // messages per second at its beginning ...
  double to = 0;    // ... and at its end
  double count() const { return seconds * (from + to) / 2; }
};
using Profile = std::vector<Phase>;

// "500:60", "100-5000:30,5000:60": RATE or FROM-TO, a colon, seconds; one after the other.
[[nodiscard]] Result<Profile> parse_profile(std::string_view text);
double seconds_of(const Profile& profile);
double count_of(const Profile& profile);  // expected number of messages

enum class Arrivals : uint8_t { Constant, Poisson };

class Schedule {
 public:
  // Every `step`th arrival from `first` on: the share of one shard.
  Schedule(Profile profile, Arrivals arrivals, uint64_t seed, uint64_t first = 0, uint64_t step = 1);
  // Since the start; nothing when the profile is over.
  std::optional<MonoClock::duration> next();

 private:
  std::optional<double> next_of_all();
  std::optional<double> time_of(double count);

  Profile profile_;
  Arrivals arrivals_;
  Random random_;
  uint64_t skip_;
  uint64_t step_;
  double count_ = 0;  // N at the next arrival
  bool begun_ = false;
  size_t phase_ = 0;  // which holds the last arrival, and where it begins
  double phase_time_ = 0;
  double phase_count_ = 0;
};

}  // namespace sluice::load
