// TimeSeries: what happened in each second of a run. Bounded: when there are too many buckets, neighbours are
// merged and each is twice as wide from then on. Pure; per shard, merged at the end.
#pragma once

#include "io/base/clock.h"
#include "io/base/histogram.h"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace sluice::load {

struct TimeBucket {
  uint64_t due = 0;       // messages meant to begin in it
  uint64_t begun = 0;     // ... that did
  uint64_t accepted = 0;  // ended in it, by how
  uint64_t refused = 0;
  uint64_t errors = 0;
  uint64_t lag_max_us = 0;
  uint64_t cpu_us = 0;  // of the generator's thread
  Histogram latency;    // microseconds, of the messages that were due in it

  void merge(const TimeBucket& other);
};

class TimeSeries {
 public:
  static constexpr size_t kBucketsMax = 600;

  // Since the start of the run. Valid until the next at().
  TimeBucket& at(MonoClock::duration since_start);
  void merge(const TimeSeries& other);

  const std::vector<TimeBucket>& buckets() const { return buckets_; }
  uint64_t width_seconds() const { return width_; }

 private:
  void widen();

  std::vector<TimeBucket> buckets_;
  uint64_t width_ = 1;
};

}  // namespace sluice::load
