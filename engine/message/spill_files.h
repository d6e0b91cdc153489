// SpillFiles: files without a name, in which one shard keeps what messages hold beyond their share of memory.
// Made with O_TMPFILE where the file system offers it, else created under a random name that is taken away at
// once; so a crash leaves nothing behind, and nobody else can open them. Nothing is synced: a file never
// lives longer than its transaction, whose client still has the message.
//
// start() finds out which way it goes and whether the directory can be written to at all. discard() closes in
// the background; stop() waits for that. One shard.
#pragma once

#include "io/base/result.h"
#include "io/reactor/file_operation.h"
#include "io/reactor/shard.h"
#include "io/runtime/signal.h"
#include "io/runtime/task.h"

#include <cstddef>
#include <cstdint>
#include <expected>
#include <string>

namespace sluice::message {

class ShardBudget;

class SpillFiles {
 public:
  // The budget gets room back when a file is gone. It outlives the files.
  SpillFiles(ShardBudget& budget, std::string directory)
      : budget_(budget), directory_(std::move(directory)) {}
  ~SpillFiles() { SLUICE_CHECK(closing_ == 0); }
  SpillFiles(const SpillFiles&) = delete;
  SpillFiles& operator=(const SpillFiles&) = delete;

  // An error names the directory and the setting.
  [[nodiscard]] runtime::Task<Result<void>> start(reactor::Shard& shard);
  // A new file, empty; or an errno.
  [[nodiscard]] runtime::Task<std::expected<reactor::FileId, int>> open(reactor::Shard& shard);
  // Closes it; `octets` of the disk's budget are free when that is done.
  void discard(reactor::Shard& shard, reactor::FileId file, uint64_t octets);
  // Waits until every file is closed. Nothing may be opened any more.
  [[nodiscard]] runtime::Task<void> stop(reactor::Shard& shard);

  bool unnamed() const { return unnamed_; }  // O_TMPFILE works here
  size_t open_files() const { return open_; }

 private:
  class Closing;
  [[nodiscard]] runtime::Task<int64_t> open_named(reactor::Shard& shard);
  void closed(uint64_t octets);

  ShardBudget& budget_;
  std::string directory_;
  runtime::Signal all_closed_;
  size_t open_ = 0;
  size_t closing_ = 0;
  bool unnamed_ = true;
};

}  // namespace sluice::message
