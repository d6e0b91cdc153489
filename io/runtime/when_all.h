// when_all: runs several Tasks of one shard side by side and waits for all of them; the results come in the
// order of the tasks. There is no early end: a task that should stop when another has failed is told so by
// what they share.
#pragma once

#include "io/runtime/task.h"
#include "io/runtime/task_group.h"

#include <cstddef>
#include <optional>
#include <utility>
#include <vector>

namespace sluice::runtime {

namespace detail {

template <class S, class T>
Task<void> keep_result(S& /*shard*/, Task<T> task, std::optional<T>& result) {
  result.emplace(co_await std::move(task));
}

}  // namespace detail

template <class S, class T>
Task<std::vector<T>> when_all(S& shard, std::vector<Task<T>> tasks) {
  std::vector<std::optional<T>> results(tasks.size());
  TaskGroup branches;
  for (size_t i = 0; i < tasks.size(); ++i) {
    Task<void> branch = detail::keep_result(shard, std::move(tasks[i]), results[i]);
    SLUICE_CHECK(branches.spawn(shard, std::move(branch)));
  }
  branches.close();
  static_cast<void>(co_await branches.wait_empty(shard, kNever));
  std::vector<T> values;
  values.reserve(results.size());
  for (std::optional<T>& result : results) values.push_back(std::move(*result));
  co_return std::move(values);
}

template <class S>
Task<void> when_all(S& shard, std::vector<Task<void>> tasks) {
  TaskGroup branches;
  for (Task<void>& task : tasks) SLUICE_CHECK(branches.spawn(shard, std::move(task)));
  branches.close();
  static_cast<void>(co_await branches.wait_empty(shard, kNever));
}

template <class S, class A, class B>
Task<std::pair<A, B>> when_all(S& shard, Task<A> first, Task<B> second) {
  std::optional<A> a;
  std::optional<B> b;
  TaskGroup branches;
  Task<void> run_first = detail::keep_result(shard, std::move(first), a);
  Task<void> run_second = detail::keep_result(shard, std::move(second), b);
  SLUICE_CHECK(branches.spawn(shard, std::move(run_first)));
  SLUICE_CHECK(branches.spawn(shard, std::move(run_second)));
  branches.close();
  static_cast<void>(co_await branches.wait_empty(shard, kNever));
  co_return std::pair<A, B>(std::move(*a), std::move(*b));
}

}  // namespace sluice::runtime
