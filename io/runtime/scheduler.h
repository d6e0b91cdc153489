// Scheduler: what a coroutine needs of its shard and nothing more: memory for frames, the queue of what may
// go on, and timers. A Shard (io/reactor) is a Scheduler with a reactor; tests use a bare one.
#pragma once

#include "io/base/clock.h"
#include "io/runtime/frame_pool.h"
#include "io/runtime/run_queue.h"
#include "io/runtime/timer_wheel.h"

namespace sluice::runtime {

class Scheduler {
 public:
  explicit Scheduler(MonoTime start) : timers_(start), now_(start) {}
  Scheduler(const Scheduler&) = delete;
  Scheduler& operator=(const Scheduler&) = delete;

  FramePool& frame_pool() { return frames_; }
  RunQueue& run_queue() { return ready_; }
  TimerWheel& timers() { return timers_; }
  // The time at which this turn of the loop began. It does not move within a turn.
  MonoTime now() const { return now_; }

  // One turn without a network: time passes, timers fire, what is ready runs.
  void turn(MonoTime now) {
    now_ = now;
    timers_.advance(now);
    ready_.run();
  }

  ~Scheduler() = default;

 protected:
  void set_now(MonoTime now) { now_ = now; }

 private:
  FramePool frames_;  // first: frames end before it
  RunQueue ready_;
  TimerWheel timers_;
  MonoTime now_;
};

}  // namespace sluice::runtime
