#include "io/reactor/epoll_files.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <iterator>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/uio.h>
#include <unistd.h>

namespace sluice::reactor {
namespace {

constexpr size_t kSlicesAtOnce = 64;

int64_t result_of(int64_t returned) { return returned < 0 ? -errno : returned; }

// The kernel may take less than asked for, and takes at most so many slices at once.
int64_t write_all(int file, uint64_t offset, std::span<const iovec> slices) {
  int64_t total = 0;
  size_t skip = 0;  // of the first slice
  while (!slices.empty()) {
    std::array<iovec, kSlicesAtOnce> batch;
    size_t count = 0;
    for (; count < batch.size() && count < slices.size(); ++count) batch[count] = slices[count];
    batch[0].iov_base = static_cast<char*>(batch[0].iov_base) + skip;
    batch[0].iov_len -= skip;
    const ssize_t written = pwritev(file, batch.data(), static_cast<int>(count), static_cast<off_t>(offset));
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return -errno;
    total += written;
    offset += static_cast<uint64_t>(written);
    size_t rest = static_cast<size_t>(written) + skip;
    const size_t slices_before = slices.size();
    while (!slices.empty() && rest >= slices.front().iov_len) {
      rest -= slices.front().iov_len;
      slices = slices.subspan(1);
    }
    if (written == 0 && slices.size() == slices_before) return -EIO;  // the kernel makes no progress
    skip = rest;
  }
  return total;
}

}  // namespace

EpollFiles::~EpollFiles() {
  if (!worker_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  work_came_.notify_one();
  worker_.join();
}

void EpollFiles::ask(Operation operation) {
  ++in_flight_;
  asked_.push_back(std::move(operation));
}

void EpollFiles::submit() {
  if (asked_.empty()) return;
  if (!worker_.joinable()) {
    try {
      worker_ = std::thread([this] { work(); });
    } catch (const std::system_error& refused) {
      for (Operation& operation : asked_) operation.result = -refused.code().value();
      const std::lock_guard lock(mutex_);
      std::ranges::move(asked_, std::back_inserter(done_));
      asked_.clear();
      eventfd_write(bell_, 1);
      return;
    }
  }
  {
    const std::lock_guard lock(mutex_);
    std::ranges::move(asked_, std::back_inserter(to_do_));
  }
  asked_.clear();
  work_came_.notify_one();
}

size_t EpollFiles::report() {
  if (in_flight_ == 0) return 0;
  std::vector<Operation> done;
  {
    const std::lock_guard lock(mutex_);
    std::swap(done, done_);
  }
  for (const Operation& operation : done) {
    --in_flight_;
    operation.handler->on_file_result(operation.result);
  }
  return done.size();
}

void EpollFiles::work() {
  std::unique_lock lock(mutex_);
  for (;;) {
    work_came_.wait(lock, [this] { return stopping_ || !to_do_.empty(); });
    if (to_do_.empty()) return;
    Operation operation = std::move(to_do_.front());
    to_do_.pop_front();
    lock.unlock();
    operation.result = perform(operation);
    lock.lock();
    done_.push_back(std::move(operation));
    // The reactor takes all that is done at once; one ring is enough until it has.
    if (done_.size() == 1) eventfd_write(bell_, 1);
  }
}

int64_t EpollFiles::perform(const Operation& operation) {
  switch (operation.kind) {
    case Operation::Kind::Open:
      return result_of(open(operation.path.c_str(), operation.flags | O_CLOEXEC, operation.mode));
    case Operation::Kind::Read:
      for (;;) {
        const ssize_t got = pread(operation.file, operation.into.data(), operation.into.size(),
                                  static_cast<off_t>(operation.offset));
        if (got >= 0 || errno != EINTR) return result_of(got);
      }
    case Operation::Kind::Write:
      return write_all(operation.file, operation.offset, operation.slices);
    case Operation::Kind::Sync:
      return result_of(operation.sync == SyncMode::Data ? fdatasync(operation.file) : fsync(operation.file));
    case Operation::Kind::Close:
      return result_of(close(operation.file));
    case Operation::Kind::Rename:
      return result_of(rename(operation.path.c_str(), operation.new_path.c_str()));
    case Operation::Kind::Unlink:
      return result_of(unlink(operation.path.c_str()));
  }
  return -EINVAL;
}

}  // namespace sluice::reactor
