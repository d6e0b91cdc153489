// run_task: runs one Task on a bare scheduler until it ends, letting virtual time pass.
#pragma once

#include "io/runtime/scheduler.h"
#include "io/runtime/task.h"
#include "io/runtime/task_group.h"

#include <chrono>
#include <utility>

#include <gtest/gtest.h>

namespace sluice::runtime::test {

inline constexpr MonoTime kStart{std::chrono::seconds(100)};

inline MonoTime at(int64_t milliseconds) { return kStart + std::chrono::milliseconds(milliseconds); }

// Turns every millisecond until the group is empty, for at most `limit` of them.
inline void turn_until_done(Scheduler& scheduler, const TaskGroup& tasks, int limit = 10'000) {
  MonoTime now = scheduler.now();
  for (int i = 0; i < limit && tasks.size() != 0; ++i) {
    scheduler.turn(now);
    now += std::chrono::milliseconds(1);
  }
  EXPECT_EQ(tasks.size(), 0U);
}

inline void run_task(Scheduler& scheduler, Task<void> task) {
  TaskGroup tasks;
  ASSERT_TRUE(tasks.spawn(scheduler, std::move(task)));
  turn_until_done(scheduler, tasks);
}

}  // namespace sluice::runtime::test
