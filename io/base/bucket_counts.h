// BucketCounts: how many values fell into each of a few buckets whose bounds double, with their sum: the
// histogram of a metrics page. Its bounds never change, so that counts of different shards and moments can be
// added. Plain values; histogram.h is the one with exact percentiles. Units are the caller's: microseconds
// and octets both fit.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace sluice {

struct BucketCounts {
  static constexpr unsigned kFirstBit = 8;  // the first bound is 256
  static constexpr size_t kBuckets = 22;    // the last is 2^29: 537 s in microseconds, 512 MiB in octets

  std::array<uint64_t, kBuckets + 1> buckets{};  // one more for what is greater than all bounds
  uint64_t sum = 0;

  static constexpr uint64_t bound(size_t bucket) { return uint64_t{1} << (kFirstBit + bucket); }

  // Bucket i takes what is greater than bound(i - 1) and at most bound(i).
  void record(uint64_t value) {
    const auto power = static_cast<unsigned>(value <= 1 ? 0 : std::bit_width(value - 1));
    const size_t bucket = power <= kFirstBit ? 0 : power - kFirstBit;
    ++buckets[bucket < kBuckets ? bucket : kBuckets];
    sum += value;
  }
  void add(const BucketCounts& other) {
    for (size_t i = 0; i < buckets.size(); ++i) buckets[i] += other.buckets[i];
    sum += other.sum;
  }
  uint64_t count() const {
    uint64_t all = 0;
    for (const uint64_t bucket : buckets) all += bucket;
    return all;
  }
};

}  // namespace sluice
