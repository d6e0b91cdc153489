// Task<T>: a coroutine that runs when it is awaited, on the shard whose memory its frame came from.
//
// Every coroutine that returns a Task takes its shard (any Scheduler) as first parameter, after `this`:
//
//   Task<int> Session::read_line(Shard& shard, MonoTime deadline);
//
// A Task is owned by whoever holds it; destroying one that has not ended destroys its frame, so whoever does
// that must know that nothing will resume it. Nothing here throws; an exception that reaches a coroutine's
// edge ends the process. Misuse that must not compile: copying, awaiting an lvalue, a coroutine without a
// shard.
#pragma once

#include "io/base/check.h"
#include "io/runtime/frame_pool.h"

#include <concepts>
#include <coroutine>
#include <cstddef>
#include <exception>
#include <optional>
#include <utility>

namespace sluice::runtime {

template <class S>
concept HasFramePool = requires(S& scheduler) {
  { scheduler.frame_pool() } -> std::same_as<FramePool&>;
};

template <class T>
class Task;

namespace detail {

class PromiseBase {
 public:
  template <HasFramePool S, class... Args>
  static void* operator new(size_t size, S& scheduler, Args&&...) {
    return scheduler.frame_pool().allocate(size);
  }
  template <class Self, HasFramePool S, class... Args>
  static void* operator new(size_t size, Self&&, S& scheduler, Args&&...) {
    return scheduler.frame_pool().allocate(size);
  }
  static void operator delete(void* frame) noexcept { FramePool::deallocate(frame); }

  std::suspend_always initial_suspend() noexcept { return {}; }
  auto final_suspend() noexcept { return Resume{}; }
  [[noreturn]] void unhandled_exception() noexcept { std::terminate(); }

  void set_continuation(std::coroutine_handle<> continuation) { continuation_ = continuation; }

 private:
  struct Resume {
    bool await_ready() noexcept { return false; }
    template <class Promise>
    std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> ended) noexcept {
      return static_cast<PromiseBase&>(ended.promise()).continuation_;
    }
    void await_resume() noexcept {}
  };

  std::coroutine_handle<> continuation_ = std::noop_coroutine();
};

template <class T>
class Promise final : public PromiseBase {
 public:
  Task<T> get_return_object();
  template <class U>
  void return_value(U&& value) {
    value_.emplace(std::forward<U>(value));
  }
  T take() { return std::move(*value_); }

 private:
  std::optional<T> value_;
};

template <>
class Promise<void> final : public PromiseBase {
 public:
  Task<void> get_return_object();
  void return_void() {}
  void take() {}
};

}  // namespace detail

template <class T = void>
class [[nodiscard]] Task {
 public:
  using promise_type = detail::Promise<T>;

  Task(Task&& other) noexcept : coroutine_(std::exchange(other.coroutine_, nullptr)) {}
  Task& operator=(Task&& other) noexcept {
    if (this != &other) {
      if (coroutine_) coroutine_.destroy();
      coroutine_ = std::exchange(other.coroutine_, nullptr);
    }
    return *this;
  }
  Task(const Task&) = delete;
  Task& operator=(const Task&) = delete;
  ~Task() {
    if (coroutine_) coroutine_.destroy();
  }

  class Awaiter {
   public:
    explicit Awaiter(std::coroutine_handle<promise_type> coroutine) : coroutine_(coroutine) {}
    bool await_ready() const noexcept { return false; }
    std::coroutine_handle<> await_suspend(std::coroutine_handle<> awaiting) noexcept {
      coroutine_.promise().set_continuation(awaiting);
      return coroutine_;
    }
    [[nodiscard]] T await_resume() { return coroutine_.promise().take(); }

   private:
    std::coroutine_handle<promise_type> coroutine_;
  };
  // The Task must live until the await is over, as a temporary of the full expression or a moved name does.
  Awaiter operator co_await() && {
    SLUICE_CHECK(static_cast<bool>(coroutine_));
    return Awaiter(coroutine_);
  }

 private:
  friend promise_type;
  explicit Task(std::coroutine_handle<promise_type> coroutine) : coroutine_(coroutine) {}

  std::coroutine_handle<promise_type> coroutine_;
};

namespace detail {

template <class T>
Task<T> Promise<T>::get_return_object() {
  return Task<T>(std::coroutine_handle<Promise<T>>::from_promise(*this));
}
inline Task<void> Promise<void>::get_return_object() {
  return Task<void>(std::coroutine_handle<Promise<void>>::from_promise(*this));
}

}  // namespace detail

}  // namespace sluice::runtime
