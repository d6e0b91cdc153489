// Histogram: counts of values in buckets whose width grows with the value, so that any percentile is right
// within 1/32 (3.1 %) from 0 to 2^63. Fixed memory, no allocation after construction, mergeable.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace sluice {

class Histogram {
 public:
  void record(uint64_t value, uint64_t count = 1) {
    buckets_[bucket_of(value)] += count;
    count_ += count;
    sum_ += value * count;
    if (value > max_) max_ = value;
  }
  void merge(const Histogram& other) {
    for (size_t i = 0; i < kBuckets; ++i) buckets_[i] += other.buckets_[i];
    count_ += other.count_;
    sum_ += other.sum_;
    if (other.max_ > max_) max_ = other.max_;
  }
  uint64_t count() const { return count_; }
  uint64_t sum() const { return sum_; }
  uint64_t max() const { return max_; }
  // The upper edge of the bucket that holds the given share (0..1) of the values, at most max(); 0 when
  // empty.
  uint64_t percentile(double share) const;

 private:
  static constexpr unsigned kSubBits = 5;  // 32 buckets per power of two
  static constexpr size_t kBuckets = (64 - kSubBits + 1) << kSubBits;

  static constexpr size_t bucket_of(uint64_t value) {
    if (value < (1U << kSubBits)) return value;
    const unsigned shift = static_cast<unsigned>(std::bit_width(value)) - kSubBits - 1;
    return (static_cast<size_t>(shift + 1) << kSubBits) + ((value >> shift) & ((1U << kSubBits) - 1));
  }
  static constexpr uint64_t upper_edge(size_t bucket) {
    if (bucket < (1U << kSubBits)) return bucket;
    const unsigned shift = static_cast<unsigned>(bucket >> kSubBits) - 1;
    const uint64_t low = ((1ULL << kSubBits) | (bucket & ((1U << kSubBits) - 1))) << shift;
    return low + ((1ULL << shift) - 1);
  }

  std::array<uint64_t, kBuckets> buckets_{};
  uint64_t count_ = 0;
  uint64_t sum_ = 0;
  uint64_t max_ = 0;
};

}  // namespace sluice
