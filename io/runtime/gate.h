// Gate: counts what is still running inside an object, so that it can be stopped and waited for.
//
// A member coroutine of a long-lived object takes a Holder first; stop() closes the gate and waits until all
// Holders are gone. Entering a closed gate gives an empty Holder: the caller leaves at once. One shard.
#pragma once

#include "io/base/check.h"
#include "io/runtime/signal.h"

#include <cstddef>
#include <utility>

namespace sluice::runtime {

class Gate {
 public:
  class Holder {
   public:
    Holder() = default;
    Holder(Holder&& other) noexcept : gate_(std::exchange(other.gate_, nullptr)) {}
    Holder& operator=(Holder&& other) noexcept {
      if (this != &other) {
        leave();
        gate_ = std::exchange(other.gate_, nullptr);
      }
      return *this;
    }
    Holder(const Holder&) = delete;
    Holder& operator=(const Holder&) = delete;
    ~Holder() { leave(); }
    explicit operator bool() const { return gate_ != nullptr; }

   private:
    friend class Gate;
    explicit Holder(Gate* gate) : gate_(gate) {}
    void leave() {
      if (gate_ != nullptr) std::exchange(gate_, nullptr)->leave();
    }
    Gate* gate_ = nullptr;
  };

  Gate() = default;
  Gate(const Gate&) = delete;
  Gate& operator=(const Gate&) = delete;
  ~Gate() { SLUICE_CHECK(inside_ == 0); }

  [[nodiscard]] Holder enter() {
    if (closed_) return Holder();
    ++inside_;
    return Holder(this);
  }
  bool closed() const { return closed_; }
  size_t inside() const { return inside_; }
  void close() {
    closed_ = true;
    if (inside_ == 0) empty_.notify();
  }
  // After close(): waits until the last Holder is gone. One waiter.
  [[nodiscard]] Signal::Wait wait_empty(Scheduler& scheduler, MonoTime deadline) {
    SLUICE_CHECK(closed_);
    return empty_.wait_until(scheduler, deadline);
  }

 private:
  void leave() {
    --inside_;
    if (closed_ && inside_ == 0) empty_.notify();
  }

  Signal empty_;
  size_t inside_ = 0;
  bool closed_ = false;
};

}  // namespace sluice::runtime
