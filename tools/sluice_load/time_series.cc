#include "tools/sluice_load/time_series.h"

#include <algorithm>
#include <chrono>

namespace sluice::load {

void TimeBucket::merge(const TimeBucket& other) {
  due += other.due;
  begun += other.begun;
  accepted += other.accepted;
  refused += other.refused;
  errors += other.errors;
  lag_max_us = std::max(lag_max_us, other.lag_max_us);
  cpu_us += other.cpu_us;
  latency.merge(other.latency);
}

TimeBucket& TimeSeries::at(MonoClock::duration since_start) {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(since_start).count();
  const uint64_t second = static_cast<uint64_t>(std::max<int64_t>(seconds, 0));
  while (second / width_ >= kBucketsMax) widen();
  if (second / width_ >= buckets_.size()) buckets_.resize(second / width_ + 1);
  return buckets_[second / width_];
}

void TimeSeries::widen() {
  for (size_t i = 0; i < buckets_.size(); ++i) {
    if (i % 2 == 1) {
      buckets_[i / 2].merge(buckets_[i]);
    } else if (i != 0) {
      buckets_[i / 2] = buckets_[i];
    }
  }
  buckets_.resize((buckets_.size() + 1) / 2);
  width_ *= 2;
}

void TimeSeries::merge(const TimeSeries& other) {
  TimeSeries narrow = other;
  while (narrow.width_ < width_) narrow.widen();
  while (width_ < narrow.width_) widen();
  if (buckets_.size() < narrow.buckets_.size()) buckets_.resize(narrow.buckets_.size());
  for (size_t i = 0; i < narrow.buckets_.size(); ++i) buckets_[i].merge(narrow.buckets_[i]);
}

}  // namespace sluice::load
