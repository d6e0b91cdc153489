// UringRing: the submission and completion queues of one shard. Owns the kernel's ring; knows nothing of what
// the operations mean. Private to the uring back end. One thread.
//
// Submissions are never refused: when the queue is full they are handed to the kernel early, and if that is
// not possible either (the kernel wants completions to be taken first) they wait in a backlog, in order.
#pragma once

#include "io/base/clock.h"
#include "io/base/result.h"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <span>

#include <liburing.h>

namespace sluice::reactor {

class UringRing {
 public:
  UringRing() = default;
  ~UringRing();
  UringRing(const UringRing&) = delete;
  UringRing& operator=(const UringRing&) = delete;

  Result<void> open(unsigned submission_entries, unsigned completion_entries);
  // Waits, for at most a second, until everything in flight has been cancelled.
  void cancel_all();

  // The next submission, to be filled at once by an io_uring_prep_... call and a user_data.
  io_uring_sqe& next();
  // Submits; waits until something has completed or for at most `wait` (zero: not at all; negative: for
  // ever).
  void enter(std::chrono::nanoseconds wait);
  // Copies out completions and frees their places. Returns how many.
  size_t take(std::span<io_uring_cqe> into);

  io_uring& raw() { return ring_; }
  uint64_t enter_count() const { return enters_; }

 private:
  void submit();
  void keep_workers_here();
  void move_backlog();

  io_uring ring_{};
  bool open_ = false;
  std::deque<io_uring_sqe> backlog_;
  uint64_t enters_ = 0;
};

}  // namespace sluice::reactor
