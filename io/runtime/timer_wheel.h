// TimerWheel: deadlines of one shard. Setting and cancelling cost O(1); a timer fires at the first advance()
// at or after its deadline, rounded up to the wheel's tick of one millisecond, in the order of ticks.
#pragma once

#include "io/base/clock.h"

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace sluice::runtime {

class TimerWheel;

// Intrusive: the owner embeds or derives. Destroying an armed timer disarms it. Not movable.
class Timer {
 public:
  Timer() = default;
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

  bool armed() const { return wheel_ != nullptr; }
  void disarm();

 protected:
  ~Timer() { disarm(); }

 private:
  friend class TimerWheel;
  // Called disarmed; may arm itself again or destroy itself.
  virtual void on_timer() = 0;

  TimerWheel* wheel_ = nullptr;
  Timer* next_ = nullptr;
  Timer** previous_link_ = nullptr;  // what points at this timer
  uint64_t tick_ = 0;
  uint16_t list_ = 0;  // which list of the wheel it stands in
};

class TimerWheel {
 public:
  static constexpr std::chrono::milliseconds kTick{1};

  explicit TimerWheel(MonoTime start) : start_(start) {}
  ~TimerWheel();  // disarms what is still armed
  TimerWheel(const TimerWheel&) = delete;
  TimerWheel& operator=(const TimerWheel&) = delete;

  // Arms, or moves an armed timer. kNever leaves it disarmed.
  void arm(Timer& timer, MonoTime deadline);
  // Fires all timers whose tick has passed. `now` never goes back.
  void advance(MonoTime now);
  // When advance() should be called next: at or before the earliest deadline's tick; kNever when nothing is
  // armed.
  MonoTime next_wakeup() const;
  size_t armed_count() const { return armed_; }

 private:
  friend class Timer;
  static constexpr unsigned kSlotBits = 6;
  static constexpr unsigned kSlots = 1U << kSlotBits;
  static constexpr unsigned kLevels = 6;  // 2^36 ms: two years

  uint64_t tick_at_or_after(MonoTime time) const;
  uint64_t next_event_tick() const;  // something must be armed
  void link(Timer& timer);
  void unlink(Timer& timer);
  void redistribute(unsigned level);
  void fire_slot(unsigned slot);

  MonoTime start_;
  uint64_t now_tick_ = 0;
  size_t armed_ = 0;
  std::array<uint64_t, kLevels> occupied_{};  // bit per slot
  std::array<Timer*, static_cast<size_t>(kLevels) * kSlots> lists_{};
};

}  // namespace sluice::runtime
