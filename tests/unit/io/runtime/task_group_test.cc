#include "io/runtime/task_group.h"

#include "io/runtime/when_all.h"
#include "tests/unit/io/runtime/run_task.h"

#include <string>
#include <vector>

namespace sluice::runtime {
namespace {

using test::at;
using test::kStart;

Task<void> sleep_until(Scheduler& shard, MonoTime deadline, std::vector<int>& order, int name) {
  Signal never;
  static_cast<void>(co_await never.wait_until(shard, deadline));
  order.push_back(name);
}

TEST(TaskGroup, RunsSideBySideAndCounts) {
  Scheduler shard(kStart);
  TaskGroup tasks;
  std::vector<int> order;
  ASSERT_TRUE(tasks.spawn(shard, sleep_until(shard, at(20), order, 1)));
  ASSERT_TRUE(tasks.spawn(shard, sleep_until(shard, at(10), order, 2)));
  EXPECT_EQ(tasks.size(), 2U);
  EXPECT_TRUE(order.empty());
  test::turn_until_done(shard, tasks);
  EXPECT_EQ(order, (std::vector{2, 1}));
  EXPECT_EQ(shard.frame_pool().frames_in_use(), 0U);
}

TEST(TaskGroup, ClosedDropsTheTaskUnstarted) {
  Scheduler shard(kStart);
  TaskGroup tasks;
  tasks.close();
  std::vector<int> order;
  EXPECT_FALSE(tasks.spawn(shard, sleep_until(shard, at(1), order, 1)));
  shard.turn(at(5));
  EXPECT_TRUE(order.empty());
  EXPECT_EQ(shard.frame_pool().frames_in_use(), 0U);
}

Task<void> stop_group(Scheduler& shard, TaskGroup& tasks, std::vector<int>& order) {
  tasks.close();
  static_cast<void>(co_await tasks.wait_empty(shard, kNever));
  order.push_back(99);
}

TEST(TaskGroup, StopWaitsForAllFrames) {
  Scheduler shard(kStart);
  TaskGroup tasks;
  std::vector<int> order;
  ASSERT_TRUE(tasks.spawn(shard, sleep_until(shard, at(5), order, 1)));
  test::run_task(shard, stop_group(shard, tasks, order));
  EXPECT_EQ(order, (std::vector{1, 99}));
}

Task<std::string> later(Scheduler& shard, MonoTime deadline, std::string text) {
  Signal never;
  static_cast<void>(co_await never.wait_until(shard, deadline));
  co_return text;
}

Task<void> gather(Scheduler& shard, std::string& out) {
  std::vector<Task<std::string>> tasks;
  tasks.push_back(later(shard, at(30), "a"));
  tasks.push_back(later(shard, at(10), "b"));
  tasks.push_back(later(shard, at(20), "c"));
  const std::vector<std::string> texts = co_await when_all(shard, std::move(tasks));
  for (const std::string& text : texts) out += text;
  out += std::to_string((shard.now() - kStart) / std::chrono::milliseconds(1));
}

TEST(WhenAll, GivesResultsInOrderWhenTheSlowestIsDone) {
  Scheduler shard(kStart);
  std::string out;
  test::run_task(shard, gather(shard, out));
  EXPECT_EQ(out, "abc30");
}

Task<int> number(Scheduler& /*shard*/, int value) { co_return value; }

Task<void> gather_two(Scheduler& shard, std::string& out) {
  Task<std::string> text = later(shard, at(3), "x");
  Task<int> value = number(shard, 7);
  const std::pair<std::string, int> both = co_await when_all(shard, std::move(text), std::move(value));
  out = both.first + std::to_string(both.second);
  std::vector<Task<std::string>> none;
  const std::vector<std::string> nothing = co_await when_all(shard, std::move(none));
  out += std::to_string(nothing.size());
}

TEST(WhenAll, TakesTwoOfDifferentKindsAndNoneAtAll) {
  Scheduler shard(kStart);
  std::string out;
  test::run_task(shard, gather_two(shard, out));
  EXPECT_EQ(out, "x70");
}

Task<void> gather_void(Scheduler& shard, std::vector<int>& order) {
  std::vector<Task<void>> tasks;
  tasks.push_back(sleep_until(shard, at(2), order, 1));
  tasks.push_back(sleep_until(shard, at(1), order, 2));
  co_await when_all(shard, std::move(tasks));
  order.push_back(3);
}

TEST(WhenAll, WaitsForTasksWithoutAValue) {
  Scheduler shard(kStart);
  std::vector<int> order;
  test::run_task(shard, gather_void(shard, order));
  EXPECT_EQ(order, (std::vector{2, 1, 3}));
}

}  // namespace
}  // namespace sluice::runtime
