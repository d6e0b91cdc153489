#include "io/runtime/gate.h"

#include "tests/unit/io/runtime/run_task.h"

#include <utility>

namespace sluice::runtime {
namespace {

using test::at;
using test::kStart;

Task<void> wait_empty(Scheduler& shard, Gate& gate, MonoTime deadline, Wake& wake) {
  wake = co_await gate.wait_empty(shard, deadline);
}

TEST(Gate, ClosedLetsNobodyIn) {
  Gate gate;
  EXPECT_TRUE(gate.enter());
  gate.close();
  EXPECT_FALSE(gate.enter());
  EXPECT_TRUE(gate.closed());
}

TEST(Gate, HolderThatMovesCountsOnce) {
  Gate gate;
  Gate::Holder first = gate.enter();
  Gate::Holder second = std::move(first);
  EXPECT_EQ(gate.inside(), 1U);
  first = gate.enter();
  EXPECT_EQ(gate.inside(), 2U);
  first = std::move(second);
  EXPECT_EQ(gate.inside(), 1U);
  first = Gate::Holder();
  EXPECT_EQ(gate.inside(), 0U);
}

TEST(Gate, WaitsForTheLastHolder) {
  Scheduler shard(kStart);
  Gate gate;
  Gate::Holder first = gate.enter();
  Gate::Holder second = gate.enter();
  gate.close();
  Wake wake = Wake::Canceled;
  TaskGroup tasks;
  ASSERT_TRUE(tasks.spawn(shard, wait_empty(shard, gate, kNever, wake)));
  shard.turn(at(0));
  first = Gate::Holder();
  shard.turn(at(1));
  EXPECT_EQ(tasks.size(), 1U);
  second = Gate::Holder();
  shard.turn(at(2));
  EXPECT_EQ(tasks.size(), 0U);
  EXPECT_EQ(wake, Wake::Notified);
}

TEST(Gate, EmptyWhenClosedNeedsNoWait) {
  Scheduler shard(kStart);
  Gate gate;
  gate.close();
  Wake wake = Wake::Canceled;
  test::run_task(shard, wait_empty(shard, gate, at(5), wake));
  EXPECT_EQ(wake, Wake::Notified);
}

TEST(Gate, WaitHasADeadline) {
  Scheduler shard(kStart);
  Gate gate;
  Gate::Holder holder = gate.enter();
  gate.close();
  Wake wake = Wake::Notified;
  test::run_task(shard, wait_empty(shard, gate, at(5), wake));
  EXPECT_EQ(wake, Wake::TimedOut);
}

}  // namespace
}  // namespace sluice::runtime
