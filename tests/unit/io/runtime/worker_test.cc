#include "io/runtime/worker.h"

#include "tests/unit/io/runtime/run_task.h"

#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace sluice::runtime {
namespace {

using test::at;
using test::kStart;

Task<void> ask(Scheduler& shard, Worker& worker, int value, std::vector<int>& answers,
               std::thread::id& ran_on) {
  auto job = [value, &ran_on] {
    ran_on = std::this_thread::get_id();
    return std::make_unique<int>(value * 2);
  };
  const std::unique_ptr<int> answer = co_await run_on(worker, shard, std::move(job));
  answers.push_back(*answer);
}

TEST(ThreadWorker, RunsJobsInOrderOnItsOwnThread) {
  Scheduler shard(kStart);
  ThreadWorker worker("test-worker");
  TaskGroup tasks;
  std::vector<int> answers;
  std::thread::id ran_on;
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(tasks.spawn(shard, ask(shard, worker, i, answers, ran_on)));
  while (tasks.size() != 0) shard.turn(kStart);
  ASSERT_EQ(answers.size(), 100U);
  EXPECT_NE(ran_on, std::this_thread::get_id());
  for (int i = 0; i < 100; ++i) EXPECT_EQ(answers[static_cast<size_t>(i)], i * 2);
}

TEST(ThreadWorker, ServesSeveralShards) {
  ThreadWorker worker("test-worker");
  std::vector<std::thread> threads;
  std::vector<size_t> counts(3, 0);
  for (size_t i = 0; i < counts.size(); ++i) {
    threads.emplace_back([&worker, &count = counts[i]] {
      Scheduler shard(kStart);
      TaskGroup tasks;
      std::vector<int> answers;
      std::vector<std::thread::id> ran_on(200);
      for (int job = 0; job < 200; ++job)
        EXPECT_TRUE(tasks.spawn(shard, ask(shard, worker, job, answers, ran_on[static_cast<size_t>(job)])));
      while (tasks.size() != 0) shard.turn(kStart);
      count = answers.size();
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(counts, std::vector<size_t>(3, 200));
}

TEST(SimulatedWorker, DeliversAfterItsDelayInVirtualTime) {
  Scheduler shard(kStart);
  SimulatedWorker worker(std::chrono::milliseconds(20));
  TaskGroup tasks;
  std::vector<int> answers;
  std::thread::id ran_on;
  ASSERT_TRUE(tasks.spawn(shard, ask(shard, worker, 21, answers, ran_on)));
  shard.turn(at(0));
  shard.turn(at(19));
  EXPECT_TRUE(answers.empty());
  shard.turn(at(20));
  EXPECT_EQ(answers, std::vector{42});
  EXPECT_EQ(ran_on, std::this_thread::get_id());
}

}  // namespace
}  // namespace sluice::runtime
