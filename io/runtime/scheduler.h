// Scheduler: what a coroutine needs of its shard and nothing more: memory for frames, the queue of what may
// go on, timers, and a bell that other threads ring. A Shard (io/reactor) is a Scheduler with a reactor;
// tests use a bare one.
#pragma once

#include "io/base/clock.h"
#include "io/runtime/frame_pool.h"
#include "io/runtime/post.h"
#include "io/runtime/run_queue.h"
#include "io/runtime/timer_wheel.h"

#include <atomic>
#include <cstdint>

namespace sluice::runtime {

class Scheduler {
 public:
  explicit Scheduler(MonoTime start) : timers_(start), now_(start) {}
  virtual ~Scheduler();
  Scheduler(const Scheduler&) = delete;
  Scheduler& operator=(const Scheduler&) = delete;

  FramePool& frame_pool() { return frames_; }
  RunQueue& run_queue() { return ready_; }
  TimerWheel& timers() { return timers_; }
  // The time at which this turn of the loop began. It does not move within a turn.
  MonoTime now() const { return now_; }

  // One turn without a network: post is collected, time passes, timers fire, what is ready runs.
  void turn(MonoTime now);

  // Boxes are collected in no particular order. The box must be detached before it goes.
  void attach(PostBox& box);
  void detach(PostBox& box);

  // --- for any thread, while the Scheduler lives ---
  // There is something in a box: it will be collected soon. The first ring since the last turn wakes.
  void ring() noexcept {
    if (doorbell_.ring()) wake_up();
  }
  // The coroutine goes on in one of the next turns. It may do so, and the Scheduler be destroyed by its
  // owner, before this returns; the destructor waits for us.
  void resume_remote(RemoteReady& ready) noexcept {
    resuming_.fetch_add(1, std::memory_order_acquire);
    remote_.push(ready);
    ring();
    resuming_.fetch_sub(1, std::memory_order_release);
  }

 protected:
  // From any thread: a turn must come soon.
  virtual void wake_up() noexcept {}
  // The first thing in the destructor of whoever overrides wake_up().
  void wait_for_resumers() noexcept;

 private:
  void collect_post();

  FramePool frames_;  // first: frames end before it
  RunQueue ready_;
  TimerWheel timers_;
  MonoTime now_;
  Doorbell doorbell_;
  RemoteReadyList remote_;
  std::atomic<uint32_t> resuming_{0};
  PostBox* boxes_ = nullptr;
};

}  // namespace sluice::runtime
