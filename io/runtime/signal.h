// Signal: one coroutine waits, with a deadline, until somebody of the same shard notifies it. The building
// stone of every wait in the node: streams, answers, gates.
//
//   Wake wake = co_await signal.wait_until(shard, deadline);
//
// A notify without a waiter is remembered (once), so nothing is missed between a check and the wait. One
// waiter at most. The Signal must outlive the wait; whoever owns it calls cancel() before it goes and lets
// the waiter run.
#pragma once

#include "io/base/check.h"
#include "io/base/clock.h"
#include "io/runtime/scheduler.h"

#include <coroutine>

namespace sluice::runtime {

enum class Wake : uint8_t { Notified, TimedOut, Canceled };

class Signal {
 public:
  Signal() = default;
  Signal(const Signal&) = delete;
  Signal& operator=(const Signal&) = delete;
  ~Signal() { SLUICE_CHECK(waiter_ == nullptr); }

  void notify() { wake(Wake::Notified); }
  // Ends the present wait, if any, with Canceled; leaves nothing behind for a later one.
  void cancel() {
    if (waiter_ != nullptr) wake(Wake::Canceled);
  }
  // Forgets a notify that nobody waited for.
  void reset() { notified_ = false; }
  bool has_waiter() const { return waiter_ != nullptr; }

  class Wait final : public Timer {
   public:
    Wait(Signal& signal, Scheduler& scheduler, MonoTime deadline)
        : signal_(signal), scheduler_(scheduler), deadline_(deadline) {}
    bool await_ready() {
      if (!signal_.notified_) return false;
      signal_.notified_ = false;
      return true;
    }
    void await_suspend(std::coroutine_handle<> waiting) {
      SLUICE_CHECK(signal_.waiter_ == nullptr);
      signal_.waiter_ = this;
      waiting_ = waiting;
      scheduler_.timers().arm(*this, deadline_);
    }
    [[nodiscard]] Wake await_resume() const { return result_; }

   private:
    friend class Signal;
    void on_timer() override { finish(Wake::TimedOut); }
    void finish(Wake result) {
      disarm();
      signal_.waiter_ = nullptr;
      result_ = result;
      scheduler_.run_queue().post(waiting_);
    }

    Signal& signal_;
    Scheduler& scheduler_;
    MonoTime deadline_;
    std::coroutine_handle<> waiting_;
    Wake result_ = Wake::Notified;
  };
  [[nodiscard]] Wait wait_until(Scheduler& scheduler, MonoTime deadline) {
    return {*this, scheduler, deadline};
  }

 private:
  void wake(Wake result) {
    if (waiter_ == nullptr) {
      notified_ = true;
    } else {
      waiter_->finish(result);
    }
  }

  Wait* waiter_ = nullptr;
  bool notified_ = false;
};

}  // namespace sluice::runtime
