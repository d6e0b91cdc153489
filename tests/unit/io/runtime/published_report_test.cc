#include "io/runtime/published_report.h"

#include <atomic>
#include <thread>

#include <gtest/gtest.h>

namespace sluice::runtime {
namespace {

struct Counts {
  uint64_t turns = 0;
};

class TestShard final : public Scheduler, public Reports<Counts>::Source {
 public:
  explicit TestShard(uint16_t id) : Scheduler(MonoTime{}), id_(id) {}
  ShardId id() const { return id_; }
  std::unique_ptr<const Counts> make_report() override { return std::make_unique<const Counts>(counts); }
  void run() {
    ++counts.turns;
    turn(MonoTime{});
  }
  Counts counts;

 private:
  ShardId id_;
};

TEST(Reports, AShardAnswersAtItsNextTurnAndNotBefore) {
  Reports<Counts> reports(1);
  TestShard shard(0);
  reports.attach(shard, shard);
  shard.run();
  EXPECT_EQ(reports.newest(0), nullptr);
  reports.ask();
  EXPECT_FALSE(reports.answered(0));
  shard.run();
  ASSERT_TRUE(reports.answered(0));
  EXPECT_EQ(reports.newest(0)->turns, 2U);
  shard.run();
  EXPECT_EQ(reports.newest(0)->turns, 2U) << "nobody asked again";
  reports.detach(shard);
  EXPECT_EQ(reports.newest(0)->turns, 3U) << "the last report";
}

TEST(Reports, AShardThatDoesNotTurnHasNotAnswered) {
  Reports<Counts> reports(2);
  TestShard turning(0);
  TestShard stuck(1);
  reports.attach(turning, turning);
  reports.attach(stuck, stuck);
  reports.ask();
  turning.run();
  EXPECT_TRUE(reports.answered(0));
  EXPECT_FALSE(reports.answered(1));
  reports.detach(turning);
  reports.detach(stuck);
}

TEST(Reports, WhatNobodyReadsIsReplaced) {
  Reports<Counts> reports(1);
  TestShard shard(0);
  reports.attach(shard, shard);
  reports.give(shard, std::make_unique<const Counts>(Counts{1}));
  reports.give(shard, std::make_unique<const Counts>(Counts{2}));
  EXPECT_EQ(reports.newest(0)->turns, 2U);
  EXPECT_EQ(reports.newest(0)->turns, 2U) << "it stays until there is another";
  reports.detach(shard);
}

TEST(Reports, AReaderOnAnotherThreadSeesWholeReports) {
  Reports<Counts> reports(1);
  TestShard shard(0);
  reports.attach(shard, shard);
  std::atomic<bool> done{false};
  std::thread reader([&] {
    uint64_t last = 0;
    for (int i = 0; i < 1000; ++i) {
      reports.ask();
      while (!reports.answered(0)) std::this_thread::yield();
      const Counts* counts = reports.newest(0);
      EXPECT_GT(counts->turns, last);
      last = counts->turns;
    }
    done = true;
  });
  while (!done) shard.run();
  reader.join();
  reports.detach(shard);
}

}  // namespace
}  // namespace sluice::runtime
