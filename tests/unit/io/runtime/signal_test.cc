#include "io/runtime/signal.h"

#include "tests/unit/io/runtime/run_task.h"

#include <vector>

namespace sluice::runtime {
namespace {

using test::at;
using test::kStart;

struct Waiter {
  Scheduler shard{kStart};
  Signal signal;
  TaskGroup tasks;
  std::vector<Wake> wakes;

  Task<void> wait(Scheduler& on, MonoTime deadline) {
    wakes.push_back(co_await signal.wait_until(on, deadline));
  }
  void start(MonoTime deadline) {
    EXPECT_TRUE(tasks.spawn(shard, wait(shard, deadline)));
    shard.turn(shard.now());
  }
};

TEST(Signal, WakesItsWaiter) {
  Waiter waiter;
  waiter.start(kNever);
  EXPECT_TRUE(waiter.signal.has_waiter());
  waiter.signal.notify();
  EXPECT_TRUE(waiter.wakes.empty());  // not inside notify(), but at the next run of the queue
  waiter.shard.turn(kStart);
  EXPECT_EQ(waiter.wakes, std::vector{Wake::Notified});
  EXPECT_EQ(waiter.shard.timers().armed_count(), 0U);
}

TEST(Signal, TimesOutAtTheDeadlineAndNotBefore) {
  Waiter waiter;
  waiter.start(at(10));
  waiter.shard.turn(at(9));
  EXPECT_TRUE(waiter.wakes.empty());
  waiter.shard.turn(at(10));
  EXPECT_EQ(waiter.wakes, std::vector{Wake::TimedOut});
  EXPECT_FALSE(waiter.signal.has_waiter());
}

TEST(Signal, DeadlineThatHasPassedTimesOutInTheNextTick) {
  Waiter waiter;
  waiter.start(at(-5));
  waiter.shard.turn(at(1));
  EXPECT_EQ(waiter.wakes, std::vector{Wake::TimedOut});
}

TEST(Signal, CancelEndsTheWaitAndLeavesNothing) {
  Waiter waiter;
  waiter.signal.cancel();  // nobody waits: nothing is remembered
  waiter.start(at(50));
  waiter.signal.cancel();
  waiter.shard.turn(kStart);
  EXPECT_EQ(waiter.wakes, std::vector{Wake::Canceled});
  waiter.start(at(60));
  waiter.shard.turn(at(60));
  EXPECT_EQ(waiter.wakes, (std::vector{Wake::Canceled, Wake::TimedOut}));
}

TEST(Signal, NotifyWithoutWaiterIsRememberedOnce) {
  Waiter waiter;
  waiter.signal.notify();
  waiter.signal.notify();
  waiter.start(at(10));
  EXPECT_EQ(waiter.wakes, std::vector{Wake::Notified});
  waiter.start(at(10));
  waiter.shard.turn(at(10));
  EXPECT_EQ(waiter.wakes, (std::vector{Wake::Notified, Wake::TimedOut}));
}

TEST(Signal, ResetForgetsWhatWasRemembered) {
  Waiter waiter;
  waiter.signal.notify();
  waiter.signal.reset();
  waiter.start(at(10));
  waiter.shard.turn(at(10));
  EXPECT_EQ(waiter.wakes, std::vector{Wake::TimedOut});
}

TEST(Signal, NotifyAfterTimeOutInTheSameTurnIsKeptForTheNextWait) {
  Waiter waiter;
  waiter.start(at(1));
  waiter.shard.timers().advance(at(1));  // the time-out is decided, the waiter has not run yet
  waiter.signal.notify();
  waiter.shard.turn(at(1));
  waiter.start(at(10));
  EXPECT_EQ(waiter.wakes, (std::vector{Wake::TimedOut, Wake::Notified}));
}

}  // namespace
}  // namespace sluice::runtime
