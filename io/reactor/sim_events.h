// SimEvents: the clock of a simulated world, what is going to happen in it, its chance, and the trace of what
// was reported. Events of the same time happen in the order in which they were planned. One thread.
#pragma once

#include "io/base/clock.h"
#include "io/base/random.h"
#include "io/reactor/sim_faults.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string_view>
#include <utility>

namespace sluice::reactor {

class SimEvents {
 public:
  explicit SimEvents(uint64_t seed);

  MonoTime now() const { return now_; }
  WallTime wall_now() const;

  void after(std::chrono::nanoseconds delay, std::function<void()> act) { at(now_ + delay, std::move(act)); }
  void at(MonoTime time, std::function<void()> act);
  MonoTime next() const { return planned_.empty() ? kNever : planned_.begin()->first.first; }
  // Lets the next event happen at its time. There must be one.
  void step();
  void run_due();             // what is due now
  void advance(MonoTime to);  // all that is due until then, in its time

  Random& random() { return random_; }
  bool chance(double probability);
  std::chrono::nanoseconds between(std::chrono::nanoseconds low, std::chrono::nanoseconds high);
  // 1 <= result <= most.
  size_t up_to(size_t most);

  // As chance(), and counted when it is so.
  bool inject(SimInjection kind, double probability);
  void count(SimInjection kind, uint64_t times = 1) { injected_[static_cast<size_t>(kind)] += times; }
  const std::array<uint64_t, kSimInjections>& injected() const { return injected_; }

  void trace(uint64_t word);
  void trace(std::string_view octets);
  uint64_t trace_hash() const { return trace_; }
  uint64_t happened() const { return happened_; }

 private:
  MonoTime start_;
  MonoTime now_;
  Random random_;
  std::map<std::pair<MonoTime, uint64_t>, std::function<void()>> planned_;
  std::array<uint64_t, kSimInjections> injected_{};
  uint64_t sequence_ = 0;
  uint64_t happened_ = 0;
  uint64_t trace_ = 0xCBF29CE484222325U;
};

}  // namespace sluice::reactor
