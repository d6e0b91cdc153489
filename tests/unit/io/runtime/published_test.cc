#include "io/runtime/published.h"

#include "tests/unit/io/runtime/run_task.h"

#include <atomic>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

namespace sluice::runtime {
namespace {

using test::at;
using test::kStart;

class TestShard : public Scheduler {
 public:
  explicit TestShard(uint16_t id) : Scheduler(kStart), id_{id} {}
  ShardId id() const { return id_; }

 private:
  ShardId id_;
};

struct Policy {
  int number = 0;
};
std::unique_ptr<const Policy> policy(int number) { return std::make_unique<const Policy>(Policy{number}); }

TEST(Published, ShardsSeeANewVersionAtTheirNextTurn) {
  Published<Policy> published(1, policy(1));
  TestShard shard(0);
  published.attach(shard);
  published.publish(policy(2));
  EXPECT_EQ(published.pin(shard)->number, 1);
  shard.turn(at(1));
  EXPECT_EQ(published.pin(shard)->number, 2);
  EXPECT_EQ(published.pin(shard).number(), 2U);
  published.detach(shard);
}

TEST(Published, BoxToldByTheSameRingTakesTheNewestFirst) {
  Published<Policy> published(1, policy(1));
  TestShard shard(0);
  published.attach(shard);
  auto first = published.pin(shard);
  published.publish(policy(2));
  published.take_newest(shard);
  EXPECT_EQ(published.pin(shard)->number, 2);
  EXPECT_EQ(first->number, 1);
  EXPECT_EQ(published.collect(), 2U);
  first = {};
  shard.turn(at(1));
  EXPECT_EQ(published.pin(shard)->number, 2);
  EXPECT_EQ(published.collect(), 1U);
  published.detach(shard);
}

TEST(Published, PinnedVersionLivesUntilTheLastPinGoes) {
  Published<Policy> published(1, policy(1));
  TestShard shard(0);
  published.attach(shard);
  auto first = published.pin(shard);
  published.publish(policy(2));
  shard.turn(at(1));
  EXPECT_EQ(published.collect(), 2U);
  auto second = first.again();
  first = published.pin(shard);
  EXPECT_EQ(second->number, 1);
  EXPECT_EQ(first->number, 2);
  EXPECT_EQ(published.collect(), 2U);
  second = {};
  EXPECT_EQ(published.collect(), 1U);
  first = {};
  EXPECT_EQ(published.collect(), 1U);  // the current one stays
  published.detach(shard);
}

TEST(Published, FreedOnlyWhenEveryShardHasLetGo) {
  Published<Policy> published(2, policy(1));
  TestShard a(0);
  TestShard b(1);
  published.attach(a);
  published.attach(b);
  published.publish(policy(2));
  a.turn(at(1));
  EXPECT_EQ(published.collect(), 2U);
  b.turn(at(1));
  EXPECT_EQ(published.collect(), 1U);
  EXPECT_EQ(published.newest().number, 2);
  published.detach(a);
  published.detach(b);
}

TEST(Published, VersionThatAShardNeverSawDoesNotWaitForIt) {
  Published<Policy> published(1, policy(1));
  TestShard shard(0);
  published.attach(shard);
  published.publish(policy(2));
  published.publish(policy(3));
  EXPECT_EQ(published.collect(), 2U);  // 1 is in use, 3 is on its way, 2 was skipped
  shard.turn(at(1));
  EXPECT_EQ(published.collect(), 1U);
  EXPECT_EQ(published.pin(shard)->number, 3);
  EXPECT_EQ(published.newest_number(), 3U);
  published.detach(shard);
}

TEST(Published, TwoThreadsNeverReadAFreedVersion) {
  constexpr size_t kShards = 2;
  Published<Policy> published(kShards, policy(1));
  std::atomic<size_t> attached{0};
  std::atomic<bool> stop{false};
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (uint16_t i = 0; i < kShards; ++i) {
    threads.emplace_back([&, i] {
      TestShard shard(i);
      published.attach(shard);
      ++attached;
      std::vector<Published<Policy>::Pin> pins;
      int last = 0;
      for (int64_t turn = 1; !stop.load(); ++turn) {
        shard.turn(at(turn));
        auto pin = published.pin(shard);
        if (pin->number < last) ++wrong;
        last = pin->number;
        pins.push_back(std::move(pin));
        if (pins.size() == 50) pins.clear();
      }
      pins.clear();
      published.detach(shard);
    });
  }
  while (attached.load() != kShards) std::this_thread::yield();
  for (int number = 2; number < 2000; ++number) published.publish(policy(number));
  stop = true;
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong.load(), 0);
  published.collect();
}

}  // namespace
}  // namespace sluice::runtime
