// The budget of a node whose shards share it by mail, in the simulator.
#include "engine/message/budget.h"

#include "io/reactor/sim_world.h"
#include "io/runtime/task_group.h"

#include <memory>
#include <optional>
#include <vector>

#include <gtest/gtest.h>

namespace sluice::message {
namespace {

using runtime::Task;
using namespace std::chrono_literals;

constexpr uint64_t kMiB = 1024ULL * 1024;

class Budgets : public ::testing::Test {
 protected:
  explicit Budgets(size_t shards = 3) {
    for (size_t i = 0; i < shards; ++i) {
      shards_.push_back(
          std::make_unique<Shard>(ShardId{static_cast<uint16_t>(i)}, world_.make_reactor("node")));
      pointers_.push_back(shards_.back().get());
    }
  }
  ~Budgets() override { EXPECT_EQ(running_, 0); }

  void open(const BudgetTotals& totals) {
    node_.emplace(totals, pointers_);
    for (Shard* shard : pointers_) budgets_.push_back(std::make_unique<ShardBudget>(*shard, *node_));
  }
  void pass(std::chrono::nanoseconds time) { world_.run(pointers_, world_.now() + time); }
  uint64_t granted() const {
    uint64_t sum = 0;
    for (const auto& budget : budgets_) sum += budget->memory().granted();
    return sum;
  }

  struct Outcome {
    std::optional<bool> result;
    MonoTime at{};
  };
  void wait_on(size_t shard, ShardBudget::Waiter& waiter, Outcome& outcome,
               std::chrono::nanoseconds limit = 60s) {
    start(shard, wait_task(*pointers_[shard], *budgets_[shard], waiter, world_.now() + limit, outcome));
  }
  void reserve_on(size_t shard, uint64_t octets, Outcome& outcome) {
    start(shard, reserve_task(*pointers_[shard], *budgets_[shard], octets, world_.now() + 5s, outcome));
  }
  void start(size_t shard, Task<void> task) { EXPECT_TRUE(group_.spawn(*pointers_[shard], std::move(task))); }
  Task<void> wait_task(Shard& shard, ShardBudget& budget, ShardBudget::Waiter& waiter, MonoTime deadline,
                       Outcome& outcome) {
    ++running_;
    outcome.result = co_await budget.wait_for_memory(shard, waiter, deadline);
    outcome.at = shard.now();
    --running_;
  }
  Task<void> reserve_task(Shard& shard, ShardBudget& budget, uint64_t octets, MonoTime deadline,
                          Outcome& outcome) {
    ++running_;
    outcome.result = co_await budget.reserve_disk(shard, octets, deadline);
    outcome.at = shard.now();
    --running_;
  }

  reactor::SimWorld world_{3};
  std::vector<std::unique_ptr<Shard>> shards_;
  std::vector<Shard*> pointers_;
  std::optional<NodeBudget> node_;
  std::vector<std::unique_ptr<ShardBudget>> budgets_;
  runtime::TaskGroup group_;
  int running_ = 0;
};

TEST_F(Budgets, AShardGetsWhatOthersDoNotNeed) {
  open({.memory = 64 * kMiB, .shard_memory = 48 * kMiB, .disk = 0});
  for (int i = 0; i < 45; ++i) {
    budgets_[1]->take_memory(kMiB);
    pass(1s);
    EXPECT_FALSE(budgets_[1]->over_memory()) << i;
  }
  EXPECT_LE(granted(), 64 * kMiB);
  budgets_[1]->give_memory(45 * kMiB);
}

TEST_F(Budgets, TheShardsBudgetIsAWallAlthoughTheNodeHasMore) {
  open({.memory = 64 * kMiB, .shard_memory = 8 * kMiB, .disk = 0});
  budgets_[2]->take_memory(9 * kMiB);
  pass(1s);
  EXPECT_TRUE(budgets_[2]->over_memory());
  EXPECT_FALSE(budgets_[2]->node_exhausted());
  budgets_[2]->give_memory(9 * kMiB);
}

TEST_F(Budgets, TheNodesBudgetIsAWallForAllShardsTogether) {
  open({.memory = 16 * kMiB, .shard_memory = 16 * kMiB, .disk = 0});
  budgets_[0]->take_memory(7 * kMiB);
  budgets_[1]->take_memory(7 * kMiB);
  pass(1s);
  budgets_[2]->take_memory(6 * kMiB);
  pass(1s);
  budgets_[2]->take_memory(1);
  pass(1s);
  EXPECT_TRUE(budgets_[2]->over_memory());
  EXPECT_TRUE(budgets_[2]->node_exhausted());
  EXPECT_LE(granted(), 16 * kMiB);
  budgets_[2]->give_memory(6 * kMiB + 1);
  budgets_[1]->give_memory(7 * kMiB);
  budgets_[0]->give_memory(7 * kMiB);
}

TEST_F(Budgets, WhoWaitsGoesOnWhenAnotherShardGivesBack) {
  open({.memory = 16 * kMiB, .shard_memory = 16 * kMiB, .disk = 0});
  budgets_[1]->take_memory(14 * kMiB);
  pass(1s);
  budgets_[2]->take_memory(4 * kMiB);
  ShardBudget::Waiter waiter;
  Outcome outcome;
  wait_on(2, waiter, outcome);
  pass(10s);
  EXPECT_FALSE(outcome.result.has_value());
  budgets_[1]->give_memory(14 * kMiB);
  pass(1s);
  EXPECT_EQ(outcome.result, true);
  budgets_[2]->give_memory(4 * kMiB);
}

TEST_F(Budgets, TheOldestGoesFirstAndNotAllAtOnce) {
  open({.memory = 16 * kMiB, .shard_memory = kMiB, .disk = 0});
  budgets_[0]->take_memory(2 * kMiB);
  std::vector<ShardBudget::Waiter> waiters(4);
  std::vector<Outcome> outcomes(4);
  for (size_t i = 0; i < 4; ++i) {
    wait_on(0, waiters[i], outcomes[i]);
    pass(10ms);
  }
  budgets_[0]->give_memory(kMiB + 1000);
  pass(1s);
  EXPECT_EQ(outcomes[0].result, true);
  EXPECT_FALSE(outcomes[1].result.has_value());
  budgets_[0]->give_memory(kMiB - 1000);
  pass(1s);
  for (const Outcome& outcome : outcomes) EXPECT_EQ(outcome.result, true);
}

TEST_F(Budgets, AWaitEndsAtItsDeadlineOrWhenItIsCanceled) {
  open({.memory = 16 * kMiB, .shard_memory = kMiB, .disk = 0});
  budgets_[0]->take_memory(2 * kMiB);
  std::vector<ShardBudget::Waiter> waiters(2);
  std::vector<Outcome> outcomes(2);
  const MonoTime begin = world_.now();
  wait_on(0, waiters[0], outcomes[0], 20s);
  wait_on(0, waiters[1], outcomes[1], 60s);
  pass(1s);
  waiters[1].cancel();
  pass(30s);
  EXPECT_EQ(outcomes[0].result, false);
  EXPECT_GE(outcomes[0].at - begin, 20s);
  EXPECT_EQ(outcomes[1].result, false);
  EXPECT_LT(outcomes[1].at - begin, 2s);
  EXPECT_EQ(budgets_[0]->waiting(), 0U);
  budgets_[0]->give_memory(2 * kMiB);
}

TEST_F(Budgets, DiskIsReservedUntilTheNodeHasNoMore) {
  open({.memory = 16 * kMiB, .shard_memory = kMiB, .disk = 100 * kMiB});
  std::vector<Outcome> outcomes(4);
  reserve_on(0, 40 * kMiB, outcomes[0]);
  reserve_on(1, 40 * kMiB, outcomes[1]);
  pass(1s);
  reserve_on(2, 40 * kMiB, outcomes[2]);
  pass(1s);
  EXPECT_EQ(outcomes[0].result, true);
  EXPECT_EQ(outcomes[1].result, true);
  EXPECT_EQ(outcomes[2].result, false);
  budgets_[0]->give_disk(40 * kMiB);
  pass(1s);
  reserve_on(2, 40 * kMiB, outcomes[3]);
  pass(1s);
  EXPECT_EQ(outcomes[3].result, true);
  budgets_[1]->give_disk(40 * kMiB);
  budgets_[2]->give_disk(40 * kMiB);
}

TEST_F(Budgets, OneShardAloneHasItAllAndAsksNobody) {
  ShardBudget alone(*pointers_[0], {.memory = 8 * kMiB, .shard_memory = 16 * kMiB, .disk = kMiB});
  alone.take_memory(8 * kMiB);
  EXPECT_FALSE(alone.over_memory());
  alone.take_memory(1);
  EXPECT_TRUE(alone.over_memory());
  EXPECT_TRUE(alone.node_exhausted());
  alone.give_memory(8 * kMiB + 1);
}

}  // namespace
}  // namespace sluice::message
