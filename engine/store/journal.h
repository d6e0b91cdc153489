// Journal: the durable record, one JSON object a line, appended to one file by every shard (protocol decision
// W-17).
//
// Each shard has a Journal of its own on the same path, opened for appending: a batch of whole lines leaves
// in one write, so lines of different shards never mix. Rows that arrive while a write is in flight form the
// next batch, and one fsync serves all rows of a batch that asked for it.
//
//   append(Written)  returns when the kernel has the rows: enough before the 250 of a relayed message, since
//   its next hop
//                    has the message. When the disk refuses, the rows wait in a bounded ring and are written
//                    first when it takes them again; the oldest are dropped and counted when the ring is
//                    full. The caller goes on.
//   append(Synced)   returns when the rows are on the disk: before the 250 of a deleted message, whose row is
//   all that is
//                    left of it. Fails when the disk refuses; the caller answers 452 4.3.1.
//
// A disk that neither writes nor refuses within JournalOptions::wait counts as one that refuses, until it has
// spoken: the rows of relays are in the ring or with the kernel, deletions fail. A deletion's row that was
// with the kernel then may still come into the file, and the row of its deferral comes behind it; one that
// was not is never written.
//
// A line that a refused write tore is ended by a line feed before the next row; readers skip what is not
// JSON. One shard. append() may be called from any number of coroutines; stop() after the last of them has
// returned.
#pragma once

#include "io/base/limits.h"
#include "io/base/result.h"
#include "io/base/spare_texts.h"
#include "io/reactor/file_operation.h"
#include "io/reactor/shard.h"
#include "io/runtime/frame_pool.h"
#include "io/runtime/signal.h"
#include "io/runtime/task.h"
#include "io/runtime/task_group.h"

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <sys/uio.h>

namespace sluice::store {

enum class Durability : uint8_t { Written, Synced };
enum class Appended : uint8_t {
  Durable,  // written, or synced where that was asked for
  Kept,     // Written only: the disk refuses, the rows are in the ring
  Refused,  // Synced only: the rows are not in the journal
};

// What the others must know: called on the journal's shard.
enum class JournalEvent : uint8_t {
  Rotated,       // the others reopen()
  Wrote,         // `octets` since the last one: for the shard that rotates
  Refused,       // a write or sync failed, or did not end in time, and none had before: an alarm
  TakesAgain,    // the end of that
  ReopenFailed,  // the file before it, if any, is kept; instead of octets comes the errno
};

struct JournalOptions {
  std::string path;
  size_t ring_octets = 16 * 1024 * 1024;            // rows kept while the disk refuses
  MonoClock::duration wait = limits::kJournalWait;  // for a disk that hangs
  uint64_t rotate_octets = 0;                       // 0: never by size
  bool rotate_daily = false;                        // at the first row of a new UTC day
  bool rotates = true;  // one shard rotates for all; the others are told to reopen()
  // Others append to the file. Then each batch begins with a line feed: a write of theirs may have been torn
  // a moment ago, and a row that continues such a line would be lost to readers, synced or not.
  bool shared = false;
  using Listener = std::function<void(JournalEvent, uint64_t octets)>;
  Listener on_event;
};

struct JournalCounters {
  uint64_t rows_written = 0;
  uint64_t rows_kept = 0;     // in the ring now
  uint64_t rows_dropped = 0;  // the ring was full
  uint64_t writes_refused = 0;
  uint64_t syncs = 0;
  uint64_t folder_syncs = 0;  // that succeeded
  uint64_t rotations = 0;
  uint64_t octets_written = 0;
  uint64_t syncs_refused = 0;
  uint64_t reopens_failed = 0;

  void add(const JournalCounters& other);
};

class Journal {
 public:
  explicit Journal(JournalOptions options) : options_(std::move(options)) {}
  Journal(const Journal&) = delete;
  Journal& operator=(const Journal&) = delete;

  // Opens the file and starts the writer. An error names the path.
  runtime::Task<Result<void>> start(reactor::Shard& shard);
  // `rows`: `count` whole lines, each ended by a line feed. Best in a text of texts().
  runtime::Task<Appended> append(reactor::Shard& shard, std::string rows, uint32_t count,
                                 Durability durability);
  SpareTexts& texts() { return texts_; }
  // Writes what is left and closes the file.
  runtime::Task<void> stop(reactor::Shard& shard);
  // The file is opened anew before the next batch (after a rename by others: SIGHUP, or the rotating shard).
  void reopen();

  // Another shard wrote so much into the file: what rotation by size and day is decided by.
  void note_written_elsewhere(uint64_t octets);
  // Another shard's write failed: the file may end inside a line.
  void note_refused_elsewhere() { torn_ = true; }

  // From now on; see JournalOptions.
  void set_rotation(uint64_t octets, bool daily);

  const std::string& path() const { return options_.path; }
  bool refuses() const { return refused_; }  // or hangs
  const JournalCounters& counters() const { return counters_; }

 private:
  static constexpr std::chrono::seconds kRingRetry{
      5};  // guessed: rows that wait are offered to the disk again

  // Owned by its append(), until that has given up waiting: then by the writer.
  struct Pending {
    std::string rows;
    uint32_t count;
    Durability durability;
    Appended outcome = Appended::Durable;
    runtime::Signal done;
    bool abandoned = false;
  };

  runtime::Task<void> write_batches(reactor::Shard& shard);
  enum class Written : uint8_t {
    Refused,
    Unsynced,
    Done
  };  // Unsynced: in the file, but the sync that was asked failed

  runtime::Task<Written> write_batch(reactor::Shard& shard, bool sync);
  runtime::Task<bool> ensure_open(reactor::Shard& shard);
  bool rotation_due(const reactor::Shard& shard) const;
  runtime::Task<void> rotate(reactor::Shard& shard);
  runtime::Task<bool> sync_folder(reactor::Shard& shard);
  void report(const reactor::Shard& shard, Written written, uint64_t octets);
  void settle(Pending& pending, Written written);
  void keep(std::string rows, uint32_t count);
  void trim_ring();
  using PendingPtr = runtime::FramePtr<Pending>;
  Appended give_up(reactor::Shard& shard, PendingPtr pending);
  void end_hang(const reactor::Shard& shard, Written written);

  JournalOptions options_;
  JournalCounters counters_;
  reactor::FileId file_;
  uint64_t file_octets_ = 0;    // known to have been written since the file was opened
  uint64_t untold_octets_ = 0;  // of ours, not yet reported
  bool refused_ = false;        // the last write or sync failed
  int64_t file_day_ = 0;
  int64_t told_day_ = 0;
  bool reopen_ = false;         // wanted
  bool reopen_failed_ = false;  // tried in vain: again with the next batch, not before
  bool torn_ = false;           // a write failed somewhere inside a line
  bool name_synced_ = false;    // a crash cannot take the file's name
  bool stopping_ = false;
  bool hung_ = false;  // somebody waited in vain: until the disk has spoken nobody else waits
  std::vector<Pending*> waiting_;
  std::vector<Pending*> batch_;  // with the kernel
  using Rows = std::deque<std::pair<std::string, uint32_t>>;
  Rows ring_;
  Rows writing_;               // of the ring, with the kernel
  std::vector<iovec> slices_;  // of the batch
  size_t ring_octets_ = 0;
  SpareTexts texts_;
  runtime::Signal wake_;
  runtime::TaskGroup writer_;
};

}  // namespace sluice::store
