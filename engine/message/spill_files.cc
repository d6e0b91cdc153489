#include "engine/message/spill_files.h"

#include "engine/message/budget.h"

#include <cerrno>

#include <fcntl.h>
#include <fmt/format.h>

namespace sluice::message {

using reactor::FileId;
using reactor::FileOperation;
using reactor::Shard;
using runtime::Task;

namespace {

constexpr uint32_t kMode = 0600;

// What a file system or kernel without O_TMPFILE answers; the older ones take it for opening the directory.
bool is_unknown(int64_t result) {
  return result == -EOPNOTSUPP || result == -EISDIR || result == -ENOENT || result == -EINVAL;
}

}  // namespace

// Lives until the kernel has closed the file.
class SpillFiles::Closing final : private reactor::FileHandler {
 public:
  Closing(SpillFiles& files, uint64_t octets) : files_(files), octets_(octets) {}
  void start(Shard& shard, FileId file) { shard.reactor().close_file(file, *this); }

 private:
  void on_file_result(int64_t /*result*/) override {
    files_.closed(octets_);
    delete this;
  }
  ~Closing() = default;

  SpillFiles& files_;
  uint64_t octets_;
};

Task<Result<void>> SpillFiles::start(Shard& shard) {
  const std::expected<FileId, int> tried = co_await open(shard);
  if (!tried) {
    co_return fail_system(tried.error(),
                          fmt::format("memory.spill_directory: cannot make a file in {}", directory_));
  }
  discard(shard, *tried, 0);
  co_await stop(shard);
  co_return Result<void>();
}

Task<std::expected<FileId, int>> SpillFiles::open(Shard& shard) {
  int64_t opened = -EOPNOTSUPP;
  if (unnamed_) {
    FileOperation opening = open_file(shard, directory_, O_TMPFILE | O_RDWR | O_CLOEXEC, kMode);
    opened = co_await opening;
    unnamed_ = !is_unknown(opened);
  }
  if (!unnamed_) opened = co_await open_named(shard);
  if (opened < 0) co_return std::unexpected(static_cast<int>(-opened));
  ++open_;
  co_return FileId{static_cast<int32_t>(opened)};
}

Task<int64_t> SpillFiles::open_named(Shard& shard) {
  const std::string path = fmt::format("{}/sluice-{:016x}", directory_, shard.random()());
  FileOperation opening = open_file(shard, path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, kMode);
  const int64_t opened = co_await opening;
  if (opened < 0) co_return opened;
  FileOperation unlinking = unlink_file(shard, path);
  (void)co_await unlinking;  // the octets are as safe from others with a name: mode 0600
  co_return opened;
}

void SpillFiles::discard(Shard& shard, FileId file, uint64_t octets) {
  ++closing_;
  auto* closing = new Closing(*this, octets);
  closing->start(shard, file);
}

void SpillFiles::closed(uint64_t octets) {
  --open_;
  --closing_;
  if (octets != 0) budget_.give_disk(octets);
  if (closing_ == 0) all_closed_.notify();
}

Task<void> SpillFiles::stop(Shard& shard) {
  while (closing_ != 0) (void)co_await all_closed_.wait_until(shard, kNever);
}

}  // namespace sluice::message
