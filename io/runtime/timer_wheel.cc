#include "io/runtime/timer_wheel.h"

#include "io/base/check.h"

#include <algorithm>
#include <bit>

namespace sluice::runtime {

void Timer::disarm() {
  if (wheel_ != nullptr) wheel_->unlink(*this);
}

TimerWheel::~TimerWheel() {
  for (Timer* list : lists_) {
    while (list != nullptr) {
      Timer* next = list->next_;
      list->wheel_ = nullptr;
      list = next;
    }
  }
}

uint64_t TimerWheel::tick_at_or_after(MonoTime time) const {
  if (time <= start_) return 0;
  const auto elapsed = time - start_;
  return static_cast<uint64_t>(std::chrono::ceil<std::chrono::milliseconds>(elapsed).count());
}

void TimerWheel::arm(Timer& timer, MonoTime deadline) {
  timer.disarm();
  if (deadline == kNever) return;
  // A deadline that has passed fires at the next advance, never inside arm().
  timer.tick_ = std::max(tick_at_or_after(deadline), now_tick_ + 1);
  timer.wheel_ = this;
  link(timer);
  ++armed_;
}

// The level is that of the highest group of bits in which the tick differs from now; so a list of level n > 0
// is redistributed exactly when the wheel enters it. What is further away than the wheel reaches goes round
// the top level more than once.
void TimerWheel::link(Timer& timer) {
  const uint64_t difference = timer.tick_ ^ now_tick_;
  const unsigned top = static_cast<unsigned>(std::bit_width(difference | 1)) - 1;
  const unsigned level = std::min(top / kSlotBits, kLevels - 1);
  const unsigned slot = static_cast<unsigned>(timer.tick_ >> (level * kSlotBits)) & (kSlots - 1);
  timer.list_ = static_cast<uint16_t>(level * kSlots + slot);
  Timer*& head = lists_[timer.list_];
  timer.next_ = head;
  timer.previous_link_ = &head;
  if (head != nullptr) head->previous_link_ = &timer.next_;
  head = &timer;
  occupied_[level] |= uint64_t{1} << slot;
}

void TimerWheel::unlink(Timer& timer) {
  SLUICE_CHECK(timer.wheel_ == this);
  *timer.previous_link_ = timer.next_;
  if (timer.next_ != nullptr) timer.next_->previous_link_ = timer.previous_link_;
  timer.wheel_ = nullptr;
  if (lists_[timer.list_] == nullptr)
    occupied_[timer.list_ / kSlots] &= ~(uint64_t{1} << (timer.list_ % kSlots));
  --armed_;
}

void TimerWheel::redistribute(unsigned level) {
  const unsigned slot = static_cast<unsigned>(now_tick_ >> (level * kSlotBits)) & (kSlots - 1);
  Timer* list = lists_[level * kSlots + slot];
  lists_[level * kSlots + slot] = nullptr;
  occupied_[level] &= ~(uint64_t{1} << slot);
  while (list != nullptr) {
    Timer* next = list->next_;
    link(*list);
    list = next;
  }
}

void TimerWheel::fire_slot(unsigned slot) {
  while (lists_[slot] != nullptr) {
    Timer& timer = *lists_[slot];
    unlink(timer);
    timer.on_timer();
  }
}

void TimerWheel::advance(MonoTime now) {
  if (now <= start_) return;
  const auto target =
      static_cast<uint64_t>(std::chrono::floor<std::chrono::milliseconds>(now - start_).count());
  while (now_tick_ < target) {
    if (armed_ == 0) {
      now_tick_ = target;
      return;
    }
    now_tick_ = std::min(next_event_tick(), target);
    for (unsigned level = 1; level < kLevels; ++level) {
      if ((now_tick_ & ((uint64_t{1} << (level * kSlotBits)) - 1)) != 0) break;
      // Highest first would be wrong only if a lower one were filled later; link() puts each in its final
      // place.
      redistribute(level);
    }
    fire_slot(static_cast<unsigned>(now_tick_) & (kSlots - 1));
  }
}

MonoTime TimerWheel::next_wakeup() const {
  return armed_ == 0 ? kNever : start_ + std::chrono::milliseconds(next_event_tick());
}

// Where the next occupied slot begins: its timers fire (lowest level) or are redistributed there. What lies
// between is empty on every level, so it can be jumped over.
uint64_t TimerWheel::next_event_tick() const {
  for (unsigned level = 0; level < kLevels; ++level) {
    const unsigned shift = level * kSlotBits;
    const unsigned position = static_cast<unsigned>(now_tick_ >> shift) & (kSlots - 1);
    const uint64_t ahead = position + 1 < kSlots ? occupied_[level] >> (position + 1) : 0;
    if (ahead != 0)
      return ((now_tick_ >> shift) + static_cast<uint64_t>(std::countr_zero(ahead)) + 1) << shift;
  }
  // Only the top level can hold slots behind its position: go on to its next slot until it has turned.
  constexpr unsigned kTopShift = (kLevels - 1) * kSlotBits;
  return ((now_tick_ >> kTopShift) + 1) << kTopShift;
}

}  // namespace sluice::runtime
