// How other threads reach a shard: they put something where the shard will look, then ring.
//
// Doorbell   one bit "there is post"; only the first ring of a batch wakes the shard.
// PostBox    something of the shard that can be filled from elsewhere (mailboxes, a new version, answers of a
//            Worker); collect() is called on the shard at the start of the turn after a ring.
// RemoteReady coroutines of the shard that another thread lets go on (a Worker's ended job).
//
// All of them belong to a Scheduler; Scheduler::ring() is the one call that any thread may make.
#pragma once

#include <atomic>
#include <coroutine>

namespace sluice::runtime {

class Doorbell {
 public:
  // Any thread. True: nobody had rung since the last answer, so the shard must be woken.
  [[nodiscard]] bool ring() noexcept { return !rung_.exchange(true, std::memory_order_acq_rel); }
  // The shard. True: look into every box. What was put in before the ring is visible.
  [[nodiscard]] bool answer() noexcept {
    return rung_.load(std::memory_order_relaxed) && rung_.exchange(false, std::memory_order_acq_rel);
  }

 private:
  std::atomic<bool> rung_{false};
};

// Intrusive and of one shard. Detached (Scheduler::detach) before it goes.
class PostBox {
 public:
  PostBox() = default;
  PostBox(const PostBox&) = delete;
  PostBox& operator=(const PostBox&) = delete;

  virtual void collect() = 0;

 protected:
  ~PostBox() = default;

 private:
  friend class Scheduler;
  PostBox* next_ = nullptr;
  bool attached_ = false;
};

// A coroutine that waits for another thread; lies in its frame. Not abandoned: the other thread will touch
// it.
struct RemoteReady {
  std::coroutine_handle<> coroutine;
  RemoteReady* next = nullptr;
};

// Many threads push, the shard takes all.
class RemoteReadyList {
 public:
  void push(RemoteReady& ready) noexcept {
    ready.next = top_.load(std::memory_order_relaxed);
    while (!top_.compare_exchange_weak(ready.next, &ready, std::memory_order_release,
                                       std::memory_order_relaxed)) {
    }
  }
  // Oldest first.
  RemoteReady* take_all() noexcept {
    if (top_.load(std::memory_order_relaxed) == nullptr) return nullptr;
    RemoteReady* newest = top_.exchange(nullptr, std::memory_order_acquire);
    RemoteReady* oldest = nullptr;
    while (newest != nullptr) {
      RemoteReady* next = newest->next;
      newest->next = oldest;
      oldest = newest;
      newest = next;
    }
    return oldest;
  }

 private:
  std::atomic<RemoteReady*> top_{nullptr};
};

}  // namespace sluice::runtime
