#include "io/reactor/uring_ring.h"

#include "io/base/check.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <string>

#include <sched.h>

namespace sluice::reactor {
namespace {

// What a submission or a wait may end with although nothing is wrong. Anything else would be a misuse of ours
// (the wrong thread, a closed ring).
bool is_passing(int result) {
  return result >= 0 || result == -ETIME || result == -EINTR || result == -EAGAIN || result == -EBUSY ||
         result == -ENOMEM;
}

__kernel_timespec to_timespec(std::chrono::nanoseconds time) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(time);
  return {.tv_sec = seconds.count(), .tv_nsec = (time - seconds).count()};
}

}  // namespace

Result<void> UringRing::open(unsigned submission_entries, unsigned completion_entries) {
  io_uring_params parameters{};
  // DEFER_TASKRUN: completions are worked on when we ask, in our one call per turn, not in between.
  parameters.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_SUBMIT_ALL |
                     IORING_SETUP_CQSIZE | IORING_SETUP_CLAMP;
  parameters.cq_entries = completion_entries;
  const int result = io_uring_queue_init_params(submission_entries, &ring_, &parameters);
  if (result < 0) return fail_system(-result, "cannot set up io_uring");
  open_ = true;
  // Saves a reference to the ring's descriptor per call; it is as well without.
  static_cast<void>(io_uring_register_ring_fd(&ring_));
  keep_workers_here();
  return {};
}

// What the kernel cannot do without waiting (a write to most file systems) it hands to a worker thread. On
// the shard's own processor that costs a switch; on another one a wake-up across processors. Guessed to be
// cheaper: no quiet measurement told the two apart. Not being able to is no fault.
void UringRing::keep_workers_here() {
  cpu_set_t ours;
  CPU_ZERO(&ours);
  if (sched_getaffinity(0, sizeof ours, &ours) != 0) return;
  static_cast<void>(io_uring_register_iowq_aff(&ring_, sizeof ours, &ours));
}

UringRing::~UringRing() {
  if (open_) io_uring_queue_exit(&ring_);
}

void UringRing::cancel_all() {
  if (!open_) return;
  io_uring_sync_cancel_reg request{};
  request.fd = -1;
  request.flags = IORING_ASYNC_CANCEL_ALL | IORING_ASYNC_CANCEL_ANY;
  request.timeout = to_timespec(std::chrono::seconds(1));
  static_cast<void>(io_uring_register_sync_cancel(&ring_, &request));
}

io_uring_sqe& UringRing::next() {
  if (backlog_.empty()) {
    io_uring_sqe* entry = io_uring_get_sqe(&ring_);
    if (entry == nullptr) {
      submit();
      entry = io_uring_get_sqe(&ring_);
    }
    if (entry != nullptr) return *entry;
  }
  return backlog_.emplace_back();
}

void UringRing::submit() {
  ++enters_;
  SLUICE_CHECK(is_passing(io_uring_submit(&ring_)));
}

void UringRing::move_backlog() {
  while (!backlog_.empty()) {
    io_uring_sqe* entry = io_uring_get_sqe(&ring_);
    if (entry == nullptr) return;  // the rest goes with the next turn
    *entry = backlog_.front();
    backlog_.pop_front();
  }
}

void UringRing::enter(std::chrono::nanoseconds wait) {
  move_backlog();
  ++enters_;
  int result = 0;
  if (wait == std::chrono::nanoseconds::zero() || !backlog_.empty()) {
    result = io_uring_submit_and_get_events(&ring_);
  } else {
    __kernel_timespec limit = to_timespec(wait);
    io_uring_cqe* first = nullptr;
    result =
        io_uring_submit_and_wait_timeout(&ring_, &first, 1, wait.count() < 0 ? nullptr : &limit, nullptr);
  }
  SLUICE_CHECK(is_passing(result));
}

size_t UringRing::take(std::span<io_uring_cqe> into) {
  std::array<io_uring_cqe*, 128> entries{};
  const auto most = static_cast<unsigned>(std::min(entries.size(), into.size()));
  // Asks the kernel for what it kept back when the completion queue overflowed.
  const unsigned count = io_uring_peek_batch_cqe(&ring_, entries.data(), most);
  for (unsigned i = 0; i < count; ++i) {
    into[i].user_data = entries[i]->user_data;
    into[i].res = entries[i]->res;
    into[i].flags = entries[i]->flags;
  }
  io_uring_cq_advance(&ring_, count);
  return count;
}

}  // namespace sluice::reactor
