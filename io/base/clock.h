// Points in time that are passed in, never fetched: neither clock can be read here. The reactor reads them
// (or, in the simulator, invents them) and hands them down.
#pragma once

#include <chrono>

namespace sluice {

// Monotonic time since an arbitrary start: deadlines, latencies, cache ages.
struct MonoClock {
  using rep = int64_t;
  using period = std::nano;
  using duration = std::chrono::nanoseconds;
  using time_point = std::chrono::time_point<MonoClock>;
  static constexpr bool is_steady = true;
};
using MonoTime = MonoClock::time_point;

// Time of day, UTC: what is written into headers and journal rows.
using WallTime = std::chrono::sys_time<std::chrono::microseconds>;

inline constexpr MonoTime kNever = MonoTime::max();

}  // namespace sluice
