// Worker: the only way off a shard. A job that would block (a database call, a name service, compiling a
// policy) runs on a thread of its own, and the coroutine that asked goes on, on its shard, with the result.
//
//   auto compile = [text = std::move(text)] { return compile_policy(text); };
//   Result<Policy> policy = co_await run_on(worker, shard, std::move(compile));
//
// While the job runs the coroutine is suspended and its frame must stay: a job cannot be cancelled or
// abandoned, so it needs a bound of its own. Jobs run one after the other, oldest first. A job touches no
// shard and does not throw.
//
// ThreadWorker is the real one. SimulatedWorker runs the job at once on the caller's thread and delivers
// after a delay of the shard's (virtual) time, so that a seeded run repeats.
#pragma once

#include "io/base/clock.h"
#include "io/runtime/scheduler.h"

#include <atomic>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>

namespace sluice::runtime {

// One job, in the frame of the coroutine that waits for it.
class Job : private Timer {
 protected:
  explicit Job(Scheduler& shard) : shard_(shard) {}
  ~Job() = default;
  void set_waiting(std::coroutine_handle<> waiting) { ready_.coroutine = waiting; }

 private:
  friend class ThreadWorker;
  friend class SimulatedWorker;
  virtual void run() noexcept = 0;
  void on_timer() override { shard_.run_queue().post(ready_.coroutine); }  // of the simulated worker

  Scheduler& shard_;
  RemoteReady ready_;
  Job* next_ = nullptr;
};

class Worker {
 public:
  virtual ~Worker() = default;
  // From any shard. Never waits and never refuses; what bounds the queue is that each waiting coroutine has
  // at most one job in it.
  virtual void submit(Job& job) noexcept = 0;
};

class ThreadWorker final : public Worker {
 public:
  explicit ThreadWorker(std::string thread_name);  // shown by the kernel; 15 octets at most
  ~ThreadWorker() override;                        // runs what is queued, then joins
  void submit(Job& job) noexcept override;

 private:
  void loop();

  std::string name_;
  std::atomic<Job*> newest_{nullptr};  // a stack; the thread takes all and turns it round
  std::atomic<uint32_t> submissions_{0};
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

class SimulatedWorker final : public Worker {
 public:
  explicit SimulatedWorker(MonoClock::duration delay) : delay_(delay) {}
  void submit(Job& job) noexcept override;

 private:
  MonoClock::duration delay_;
};

template <class Function>
class [[nodiscard]] JobAwaiter final : private Job {
 public:
  using Value = std::invoke_result_t<Function&>;
  static_assert(!std::is_void_v<Value> && !std::is_reference_v<Value>, "a job returns a value");

  JobAwaiter(Worker& worker, Scheduler& shard, Function function)
      : Job(shard), worker_(worker), function_(std::move(function)) {}

  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> waiting) noexcept {
    set_waiting(waiting);
    worker_.submit(*this);  // from here on the job may already have ended on the other thread
  }
  [[nodiscard]] Value await_resume() { return std::move(*value_); }

 private:
  void run() noexcept override { value_.emplace(function_()); }

  Worker& worker_;
  Function function_;
  std::optional<Value> value_;
};

template <class Function>
JobAwaiter<Function> run_on(Worker& worker, Scheduler& shard, Function function) {
  return JobAwaiter<Function>(worker, shard, std::move(function));
}

}  // namespace sluice::runtime
