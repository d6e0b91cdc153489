// FileOperation: one file operation of a reactor as something to await. Made by the functions below, awaited
// at once:
//
//   FileOperation writing = write_file(shard, file, 0, slices);
//   const int64_t result = co_await writing;         // >= 0, or -errno
//
// The operation has no deadline and cannot be cancelled: the kernel owns its buffers until it reports. It
// must be awaited before it is destroyed.
#pragma once

#include "io/reactor/shard.h"

#include <coroutine>
#include <cstdint>
#include <span>
#include <string>

namespace sluice::reactor {

class FileOperation final : private FileHandler {
 public:
  FileOperation(const FileOperation&) = delete;
  FileOperation& operator=(const FileOperation&) = delete;
  ~FileOperation() { SLUICE_CHECK(done_); }

  bool await_ready() const noexcept { return done_; }
  void await_suspend(std::coroutine_handle<> waiting) { waiting_ = waiting; }
  int64_t await_resume() const { return result_; }

 private:
  friend FileOperation open_file(Shard&, const std::string&, int, uint32_t);
  friend FileOperation read_file(Shard&, FileId, uint64_t, std::span<char>);
  friend FileOperation write_file(Shard&, FileId, uint64_t, std::span<const iovec>);
  friend FileOperation sync_file(Shard&, FileId, SyncMode);
  friend FileOperation close_file(Shard&, FileId);
  friend FileOperation rename_file(Shard&, const std::string&, const std::string&);
  friend FileOperation unlink_file(Shard&, const std::string&);

  template <class Start>
  FileOperation(Shard& shard, Start start) : shard_(shard) {
    start(shard.reactor(), static_cast<FileHandler&>(*this));
  }
  void on_file_result(int64_t result) override {
    result_ = result;
    done_ = true;
    if (waiting_) shard_.run_queue().post(waiting_);
  }

  Shard& shard_;
  std::coroutine_handle<> waiting_;
  int64_t result_ = 0;
  bool done_ = false;
};

[[nodiscard]] FileOperation open_file(Shard& shard, const std::string& path, int flags, uint32_t mode);
[[nodiscard]] FileOperation read_file(Shard& shard, FileId file, uint64_t offset, std::span<char> into);
[[nodiscard]] FileOperation write_file(Shard& shard, FileId file, uint64_t offset,
                                       std::span<const iovec> slices);
[[nodiscard]] FileOperation sync_file(Shard& shard, FileId file, SyncMode mode);
[[nodiscard]] FileOperation close_file(Shard& shard, FileId file);
[[nodiscard]] FileOperation rename_file(Shard& shard, const std::string& from, const std::string& to);
[[nodiscard]] FileOperation unlink_file(Shard& shard, const std::string& path);

}  // namespace sluice::reactor
