#include "io/runtime/run_queue.h"

#include <utility>

namespace sluice::runtime {

size_t RunQueue::run() {
  size_t resumed = 0;
  for (int round = 0; round < kRoundsPerTurn && !ready_.empty(); ++round) {
    std::swap(ready_, running_);
    for (const std::coroutine_handle<> coroutine : running_) coroutine.resume();
    resumed += running_.size();
    running_.clear();
  }
  return resumed;
}

}  // namespace sluice::runtime
