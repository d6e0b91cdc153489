// RunQueue: the coroutines of one shard that may go on. Resuming is never done where the reason arises
// (inside a completion, a timer, a notify), but here, one after the other: complete everything, then act.
#pragma once

#include <coroutine>
#include <cstddef>
#include <vector>

namespace sluice::runtime {

class RunQueue {
 public:
  void post(std::coroutine_handle<> coroutine) { ready_.push_back(coroutine); }
  bool empty() const { return ready_.empty(); }
  // Resumes what was ready at the call, and what became ready meanwhile, for at most kRoundsPerTurn rounds,
  // so that coroutines that keep each other busy cannot starve the network. Returns how many were resumed.
  size_t run();

 private:
  static constexpr int kRoundsPerTurn = 16;
  std::vector<std::coroutine_handle<>> ready_;
  std::vector<std::coroutine_handle<>> running_;
};

}  // namespace sluice::runtime
