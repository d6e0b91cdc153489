#include "io/runtime/metric_cells.h"

#include "io/runtime/per_shard.h"

#include <thread>

#include <gtest/gtest.h>

namespace sluice::runtime {
namespace {

TEST(MetricCells, SumsOverShards) {
  MetricRegistry registry(2);
  const Counter mails = registry.counter("sluice_mails_total", "Mails.", "result=\"pass\"");
  const Gauge sessions = registry.gauge("sluice_sessions", "Sessions.");
  registry.freeze();
  registry.cells(0).add(mails);
  registry.cells(1).add(mails, 4);
  registry.cells(2).add(mails, 10);  // the control thread's
  registry.cells(0).add(sessions, 3);
  registry.cells(1).add(sessions, -1);
  const std::vector<MetricSample> samples = registry.read();
  ASSERT_EQ(samples.size(), 2U);
  EXPECT_EQ(samples[0].name, "sluice_mails_total");
  EXPECT_EQ(samples[0].labels, "result=\"pass\"");
  EXPECT_EQ(samples[0].value, 15U);
  EXPECT_EQ(samples[1].level, 2);
  registry.cells(1).set(sessions, -7);
  EXPECT_EQ(registry.read()[1].level, -4);
}

TEST(MetricCells, HistogramBucketsHoldTheirEdges) {
  MetricRegistry registry(1);
  const HistogramCell delay = registry.histogram("sluice_delay_seconds", "Delay.", 1e-6, 4);
  registry.freeze();
  MetricCells& cells = registry.cells(0);
  for (const uint64_t value : {0U, 16U, 17U, 32U, 33U}) cells.record(delay, value);
  cells.record(delay, uint64_t{1} << 60);
  const MetricSample sample = registry.read()[0];
  EXPECT_EQ(sample.buckets[0], 2U);  // up to 2^4
  EXPECT_EQ(sample.buckets[1], 2U);  // up to 2^5
  EXPECT_EQ(sample.buckets[2], 1U);
  EXPECT_EQ(sample.buckets.back(), 1U);  // greater than all
  EXPECT_EQ(sample.value, 6U);
  EXPECT_EQ(sample.sum, 98U + (uint64_t{1} << 60));
}

TEST(MetricCells, ReadersMayLookWhileShardsCount) {
  MetricRegistry registry(1);
  const Counter counter = registry.counter("c", "C.");
  registry.freeze();
  std::thread shard([&registry, counter] {
    for (int i = 0; i < 10'000; ++i) registry.cells(0).add(counter);
  });
  uint64_t last = 0;
  while (last < 10'000) {
    const uint64_t value = registry.read()[0].value;
    ASSERT_GE(value, last);
    last = value;
  }
  shard.join();
}

TEST(MetricCellsDeathTest, ChecksThatNothingIsDeclaredLate) {
  MetricRegistry registry(1);
  registry.freeze();
  EXPECT_DEATH(static_cast<void>(registry.counter("late", "Late.")), "cells_.empty");
}

struct FakeShard {
  ShardId number;
  ShardId id() const { return number; }
};

TEST(PerShard, KeepsOneForEachShard) {
  PerShard<int> values(2);
  const FakeShard first{{0}};
  const FakeShard second{{1}};
  values.emplace(first, 10);
  values.emplace(second, 20);
  EXPECT_EQ(values.on(first), 10);
  EXPECT_EQ(values.on(second), 20);
  values.reset(first);
  EXPECT_FALSE(values.has(first));
  EXPECT_TRUE(values.has(second));
  EXPECT_DEATH(static_cast<void>(values.on(first)), "has_value");
}

}  // namespace
}  // namespace sluice::runtime
