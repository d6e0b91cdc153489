#include "engine/pipeline/live_policy.h"

#include <algorithm>

namespace sluice::pipeline {

std::vector<OpenListener> listeners_that_stay(const LivePolicy& running, const policy::Policy& next) {
  std::vector<OpenListener> listeners;
  for (const policy::Listener& wanted : next.listeners()) {
    OpenListener open{0, wanted.address};
    const auto before = running.policy.listeners();
    for (size_t i = 0; i < before.size() && open.number == 0; ++i) {
      const OpenListener& candidate = running.listeners[i];
      // Several listeners may ask for any free port: each of them goes to one of those that were open.
      const bool taken =
          std::ranges::find(listeners, candidate.number, &OpenListener::number) != listeners.end();
      if (before[i].address == wanted.address && !taken) open = candidate;
    }
    listeners.push_back(open);
  }
  return listeners;
}

}  // namespace sluice::pipeline
