#include "io/base/bucket_counts.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

TEST(BucketCounts, ABoundBelongsToItsBucketAndOneMoreToTheNext) {
  for (size_t i = 0; i < BucketCounts::kBuckets; ++i) {
    BucketCounts counts;
    counts.record(BucketCounts::bound(i));
    counts.record(BucketCounts::bound(i) + 1);
    EXPECT_EQ(counts.buckets[i], 1U) << i;
    EXPECT_EQ(counts.buckets[i + 1], 1U) << i;
  }
}

TEST(BucketCounts, TakesTheLeastAndTheGreatest) {
  BucketCounts counts;
  counts.record(0);
  counts.record(1);
  counts.record(UINT64_MAX);
  EXPECT_EQ(counts.buckets.front(), 2U);
  EXPECT_EQ(counts.buckets.back(), 1U);
}

TEST(BucketCounts, CountsOfTwoAddUp) {
  BucketCounts one;
  BucketCounts two;
  one.record(300);
  two.record(300);
  two.record(5000);
  one.add(two);
  EXPECT_EQ(one.count(), 3U);
  EXPECT_EQ(one.sum, 5600U);
}

}  // namespace
}  // namespace sluice
