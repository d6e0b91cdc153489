// HopHealth: what one shard remembers of one address of a next hop: does it work, and if not, when is it
// tried again. Pure; per shard.
//
//   failed()    a fault between us and it (W-6): it is failing, and left alone until retry_at(): 10 s after
//               the first fault, twice as long after each further one, five minutes at most, with a jitter of
//               a quarter, so that shards and nodes do not come back together
//   answered()  greeting and EHLO went well: it may be used, but the faults are not forgotten
//   spoke()     a word on a recipient: it works
//   served()    a word on a message: its faults are forgotten
//
// When retry_at() has passed, one connection is let through (begin_probe) while others work; whoever chooses
// an address (hop_selection.h) never leaves one out, it only puts those that fail behind the others.
#pragma once

#include "io/base/clock.h"
#include "io/base/limits.h"
#include "io/base/random.h"

#include <chrono>

namespace sluice::serve {

struct HopBackoff {
  std::chrono::nanoseconds first = limits::kHopUnhealthyWait;
  std::chrono::nanoseconds longest = limits::kHopUnhealthyWaitMax;
};

class HopHealth {
 public:
  // The last that was seen of it was a fault.
  bool failing() const { return failing_; }
  // It may be preferred to one that fails.
  bool usable() const { return !failing_ || answered_; }
  bool probe_due(MonoTime now) const { return !usable() && !probing_ && now >= retry_at_; }
  MonoTime retry_at() const { return retry_at_; }
  unsigned failures() const { return failures_; }

  void failed(MonoTime now, const HopBackoff& backoff, Random& random);
  void answered() {
    answered_ = true;
    probing_ = false;
  }
  void spoke() { failing_ = false; }
  void served() {
    failing_ = false;
    failures_ = 0;
  }
  void begin_probe() { probing_ = true; }
  void probe_broken_off() { probing_ = false; }  // by us: it says nothing of the hop

 private:
  MonoTime retry_at_{};
  MonoTime last_failure_{};
  unsigned failures_ = 0;  // in a row; steps of the back-off
  bool failing_ = false;
  bool answered_ = false;  // since the last failure
  bool probing_ = false;
};

}  // namespace sluice::serve
