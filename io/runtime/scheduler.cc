#include "io/runtime/scheduler.h"

#include "io/base/check.h"

#include <thread>

namespace sluice::runtime {

Scheduler::~Scheduler() {
  wait_for_resumers();
  SLUICE_CHECK(boxes_ == nullptr);
}

// A few instructions of another thread at most.
void Scheduler::wait_for_resumers() noexcept {
  while (resuming_.load(std::memory_order_acquire) != 0) std::this_thread::yield();
}

void Scheduler::turn(MonoTime now) {
  now_ = now;
  if (doorbell_.answer()) collect_post();
  timers_.advance(now);
  ready_.run();
}

void Scheduler::attach(PostBox& box) {
  SLUICE_CHECK(!box.attached_);
  box.attached_ = true;
  box.next_ = boxes_;
  boxes_ = &box;
  ring();  // what was put in before it was attached
}

void Scheduler::detach(PostBox& box) {
  SLUICE_CHECK(box.attached_);
  PostBox** link = &boxes_;
  while (*link != &box) link = &(*link)->next_;
  *link = box.next_;
  box.next_ = nullptr;
  box.attached_ = false;
}

void Scheduler::collect_post() {
  for (RemoteReady* ready = remote_.take_all(); ready != nullptr;) {
    RemoteReady* next = ready->next;
    ready_.post(ready->coroutine);
    ready = next;
  }
  // collect() may attach boxes (seen at the next ring) and detach its own.
  for (PostBox* box = boxes_; box != nullptr;) {
    PostBox* next = box->next_;
    box->collect();
    box = next;
  }
}

}  // namespace sluice::runtime
