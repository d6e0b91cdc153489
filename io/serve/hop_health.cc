#include "io/serve/hop_health.h"

#include <algorithm>

namespace sluice::serve {
namespace {

constexpr unsigned kStepsMax = 30;  // of doubling: far beyond any longest wait

}  // namespace

void HopHealth::failed(MonoTime now, const HopBackoff& backoff, Random& random) {
  const bool same_outage = failing_ && !answered_ && now < retry_at_;
  failing_ = true;
  answered_ = false;
  probing_ = false;
  // Many transactions may run into one outage: that is one step, not many.
  if (same_outage) return;
  if (failures_ != 0 && now - last_failure_ > 2 * backoff.longest) failures_ = 0;  // an old story
  last_failure_ = now;
  std::chrono::nanoseconds wait = backoff.first;
  for (unsigned step = 0; step < std::min(failures_, kStepsMax) && wait < backoff.longest; ++step) wait *= 2;
  wait = std::min(wait, backoff.longest);
  ++failures_;
  // Three quarters to five quarters of it.
  const auto half_ms = std::chrono::duration_cast<std::chrono::milliseconds>(wait / 2).count();
  const auto jitter = std::chrono::milliseconds(random.below(static_cast<uint32_t>(half_ms) + 1));
  retry_at_ = now + wait / 4 * 3 + jitter;
}

}  // namespace sluice::serve
