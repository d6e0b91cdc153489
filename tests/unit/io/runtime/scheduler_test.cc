#include "io/runtime/scheduler.h"

#include "tests/unit/io/runtime/run_task.h"

#include <coroutine>
#include <thread>

namespace sluice::runtime {
namespace {

using test::at;
using test::kStart;

class CountingScheduler : public Scheduler {
 public:
  using Scheduler::Scheduler;
  int wakes = 0;

 private:
  void wake_up() noexcept override { ++wakes; }
};

struct CountingBox final : PostBox {
  int collected = 0;
  void collect() override { ++collected; }
};

TEST(Scheduler, OnlyTheFirstRingOfATurnWakes) {
  CountingScheduler shard(kStart);
  shard.ring();
  shard.ring();
  EXPECT_EQ(shard.wakes, 1);
  shard.turn(at(1));
  shard.ring();
  EXPECT_EQ(shard.wakes, 2);
}

TEST(Scheduler, CollectsBoxesOnlyAfterARing) {
  Scheduler shard(kStart);
  CountingBox box;
  shard.attach(box);
  shard.turn(at(1));
  EXPECT_EQ(box.collected, 1);  // what was put in before it was attached
  shard.turn(at(2));
  EXPECT_EQ(box.collected, 1);
  shard.ring();
  shard.turn(at(3));
  EXPECT_EQ(box.collected, 2);
  shard.detach(box);
  shard.ring();
  shard.turn(at(4));
  EXPECT_EQ(box.collected, 2);
}

TEST(Scheduler, DetachesFromTheMiddle) {
  Scheduler shard(kStart);
  CountingBox boxes[3];
  for (CountingBox& box : boxes) shard.attach(box);
  shard.detach(boxes[1]);
  shard.turn(at(1));
  EXPECT_EQ(boxes[0].collected + boxes[2].collected, 2);
  EXPECT_EQ(boxes[1].collected, 0);
  shard.detach(boxes[0]);
  shard.detach(boxes[2]);
}

// Goes to the end of the queue.
struct RunAgain {
  Scheduler& shard;
  bool await_ready() const { return false; }
  void await_suspend(std::coroutine_handle<> waiting) { shard.run_queue().post(waiting); }
  void await_resume() const {}
};

Task<void> spin(Scheduler& shard, int& rounds) {
  RunAgain again{shard};
  while (rounds < 1000) {
    ++rounds;
    co_await again;
  }
}

TEST(Scheduler, BusyCoroutinesCannotKeepATurnFromEnding) {
  Scheduler shard(kStart);
  TaskGroup tasks;
  int rounds = 0;
  ASSERT_TRUE(tasks.spawn(shard, spin(shard, rounds)));
  shard.turn(at(1));
  EXPECT_GT(rounds, 0);
  EXPECT_LT(rounds, 100);
  EXPECT_FALSE(shard.run_queue().empty());
  test::turn_until_done(shard, tasks);
  EXPECT_EQ(rounds, 1000);
}

struct RemoteWait : RemoteReady {
  bool await_ready() const { return false; }
  void await_suspend(std::coroutine_handle<> waiting) { coroutine = waiting; }
  void await_resume() const {}
};

Task<void> wait_for_remote(Scheduler& /*shard*/, RemoteWait& wait) { co_await wait; }

TEST(Scheduler, AnotherThreadLetsCoroutinesGoOn) {
  Scheduler shard(kStart);
  TaskGroup tasks;
  RemoteWait waits[8];
  for (RemoteWait& wait : waits) ASSERT_TRUE(tasks.spawn(shard, wait_for_remote(shard, wait)));
  shard.turn(at(1));
  std::thread other([&] {
    for (RemoteWait& wait : waits) shard.resume_remote(wait);
  });
  while (tasks.size() != 0) shard.turn(at(2));
  other.join();
}

TEST(SchedulerDeathTest, ChecksThatBoxesAreDetached) {
  EXPECT_DEATH(
      {
        CountingBox box;
        Scheduler shard(kStart);
        shard.attach(box);
      },
      "boxes_ == nullptr");
}

}  // namespace
}  // namespace sluice::runtime
