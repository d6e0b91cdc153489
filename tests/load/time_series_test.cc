#include "tools/sluice_load/time_series.h"

#include <chrono>

#include <gtest/gtest.h>

namespace sluice::load {
namespace {

using namespace std::chrono_literals;

uint64_t total(const TimeSeries& series) {
  uint64_t sum = 0;
  for (const TimeBucket& bucket : series.buckets()) sum += bucket.accepted;
  return sum;
}

TEST(TimeSeries, CountsInTheSecond) {
  TimeSeries series;
  ++series.at(0ns).accepted;
  ++series.at(999ms).accepted;
  ++series.at(2s).accepted;
  ++series.at(-5ms).accepted;  // a clock that is a turn behind
  ASSERT_EQ(series.buckets().size(), 3U);
  EXPECT_EQ(series.buckets()[0].accepted, 3U);
  EXPECT_EQ(series.buckets()[1].accepted, 0U);
}

TEST(TimeSeries, StaysBoundedAndLosesNothing) {
  TimeSeries series;
  constexpr uint64_t kSeconds = TimeSeries::kBucketsMax * 3;
  for (uint64_t second = 0; second < kSeconds; ++second) ++series.at(std::chrono::seconds(second)).accepted;
  EXPECT_LE(series.buckets().size(), TimeSeries::kBucketsMax);
  EXPECT_EQ(series.width_seconds(), 4U);
  EXPECT_EQ(total(series), kSeconds);
  for (size_t i = 0; i + 1 < series.buckets().size(); ++i) EXPECT_EQ(series.buckets()[i].accepted, 4U);
}

TEST(TimeSeries, MergesDifferentWidths) {
  TimeSeries longer;
  for (uint64_t second = 0; second < 1000; ++second) ++longer.at(std::chrono::seconds(second)).accepted;
  TimeSeries shorter;
  for (uint64_t second = 0; second < 10; ++second) shorter.at(std::chrono::seconds(second)).accepted += 2;
  TimeSeries sum = shorter;
  sum.merge(longer);
  longer.merge(shorter);
  EXPECT_EQ(sum.width_seconds(), 2U);
  EXPECT_EQ(sum.buckets().size(), longer.buckets().size());
  EXPECT_EQ(sum.buckets()[4].accepted, 6U);
  EXPECT_EQ(longer.buckets()[4].accepted, 6U);
  EXPECT_EQ(total(sum), 1020U);
}

}  // namespace
}  // namespace sluice::load
