// TaskGroup: background work that is owned and awaited. spawn() starts a Task at the next run of the shard's
// queue and keeps its frame until it ends; close() and wait_empty() are those of Gate. One shard.
#pragma once

#include "io/runtime/gate.h"
#include "io/runtime/task.h"

#include <coroutine>
#include <exception>
#include <utility>

namespace sluice::runtime {

class TaskGroup {
 public:
  // False, and the task is dropped unstarted, when the group is closed.
  template <class S>
  [[nodiscard]] bool spawn(S& shard, Task<void> task) {
    Gate::Holder holder = gate_.enter();
    if (!holder) return false;
    const std::coroutine_handle<> root = run(shard, std::move(task), std::move(holder)).coroutine;
    shard.run_queue().post(root);
    return true;
  }
  void close() { gate_.close(); }
  bool closed() const { return gate_.closed(); }
  size_t size() const { return gate_.inside(); }
  [[nodiscard]] Signal::Wait wait_empty(Scheduler& scheduler, MonoTime deadline) {
    return gate_.wait_empty(scheduler, deadline);
  }

 private:
  // A root owns itself: its frame is destroyed when it ends.
  struct Root {
    struct promise_type {
      template <HasFramePool S, class... Args>
      static void* operator new(size_t size, S& scheduler, Args&&...) {
        return scheduler.frame_pool().allocate(size);
      }
      static void operator delete(void* frame) noexcept { FramePool::deallocate(frame); }
      Root get_return_object() { return {std::coroutine_handle<promise_type>::from_promise(*this)}; }
      std::suspend_always initial_suspend() noexcept { return {}; }
      std::suspend_never final_suspend() noexcept { return {}; }
      void return_void() {}
      [[noreturn]] void unhandled_exception() noexcept { std::terminate(); }
    };
    std::coroutine_handle<> coroutine;
  };

  template <class S>
  static Root run(S& /*shard*/, Task<void> task, Gate::Holder holder) {
    co_await std::move(task);  // moves nothing: the frame stays with `task`
    // The frame of the task goes before the holder does, so that what wait_empty() guards is truly over.
    {
      const Task<void> ended = std::move(task);  // NOLINT(bugprone-use-after-move): see the line above
    }
    const Gate::Holder leaving = std::move(holder);
  }

  Gate gate_;
};

}  // namespace sluice::runtime
