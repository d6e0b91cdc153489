// EpollFiles: the worker thread of one epoll reactor, which does its file operations one after the other. The
// reactor's thread asks and collects; between the two stands one queue under a mutex, for epoll has no way of
// doing files without blocking.
#pragma once

#include "io/reactor/reactor.h"

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <span>
#include <string>
#include <thread>
#include <vector>

namespace sluice::reactor {

class EpollFiles {
 public:
  // Something was done: writes to this eventfd, which outlives the object.
  explicit EpollFiles(int bell) : bell_(bell) {}
  ~EpollFiles();  // finishes what was asked for; it is not reported any more
  EpollFiles(const EpollFiles&) = delete;
  EpollFiles& operator=(const EpollFiles&) = delete;

  struct Operation {
    enum class Kind : uint8_t { Open, Read, Write, Sync, Close, Rename, Unlink };
    Kind kind = Kind::Open;
    FileHandler* handler = nullptr;
    int file = -1;
    int flags = 0;
    uint32_t mode = 0;
    SyncMode sync = SyncMode::Data;
    uint64_t offset = 0;
    std::span<char> into;
    std::span<const iovec> slices;
    std::string path;
    std::string new_path;
    int64_t result = 0;
  };

  void ask(Operation operation);
  // To the worker; from poll(), so that a turn's operations wake it once.
  void submit();
  // Calls the handlers of what was done. Returns how many.
  size_t report();
  size_t in_flight() const { return in_flight_; }

 private:
  void work();
  static int64_t perform(const Operation& operation);

  const int bell_;
  // The reactor's thread only.
  std::vector<Operation> asked_;
  size_t in_flight_ = 0;
  std::thread worker_;  // started by the first operation

  std::mutex mutex_;  // for what follows
  std::condition_variable work_came_;
  std::deque<Operation> to_do_;
  std::vector<Operation> done_;
  bool stopping_ = false;
};

}  // namespace sluice::reactor
