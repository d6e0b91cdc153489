#include "engine/store/journal.h"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <utility>

#include <fcntl.h>
#include <fmt/chrono.h>
#include <fmt/format.h>

namespace sluice::store {

using reactor::FileOperation;
using reactor::Shard;
using runtime::Task;
using runtime::Wake;

namespace {

constexpr uint32_t kJournalMode = 0640;
constexpr int kJournalFlags = O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC;

constexpr uint64_t kTellOctets = 64 * 1024;

int64_t day_of(WallTime time) {
  return std::chrono::floor<std::chrono::days>(time).time_since_epoch().count();
}

}  // namespace

void JournalCounters::add(const JournalCounters& other) {
  rows_written += other.rows_written;
  rows_kept += other.rows_kept;
  rows_dropped += other.rows_dropped;
  writes_refused += other.writes_refused;
  syncs += other.syncs;
  folder_syncs += other.folder_syncs;
  rotations += other.rotations;
  octets_written += other.octets_written;
  syncs_refused += other.syncs_refused;
  reopens_failed += other.reopens_failed;
}

Task<Result<void>> Journal::start(Shard& shard) {
  FileOperation opening = open_file(shard, options_.path, kJournalFlags, kJournalMode);
  const int64_t opened = co_await opening;
  if (opened < 0) {
    co_return fail_system(static_cast<int>(-opened), fmt::format("journal: cannot open {}", options_.path));
  }
  file_ = {static_cast<int32_t>(opened)};
  file_day_ = day_of(shard.wall_now());
  name_synced_ = co_await sync_folder(shard);
  const bool spawned = writer_.spawn(shard, write_batches(shard));
  SLUICE_CHECK(spawned);
  co_return Result<void>();
}

Task<Appended> Journal::append(Shard& shard, std::string rows, uint32_t count, Durability durability) {
  SLUICE_CHECK(!stopping_);
  if (hung_) {
    if (durability == Durability::Synced) co_return Appended::Refused;
    keep(std::move(rows), count);
    co_return Appended::Kept;
  }
  auto pending = runtime::make_in_pool<Pending>(shard.frame_pool());
  pending->rows = std::move(rows);
  pending->count = count;
  pending->durability = durability;
  waiting_.push_back(pending.get());
  wake_.notify();
  const MonoTime deadline = shard.now() + options_.wait;
  const Wake done = co_await pending->done.wait_until(shard, deadline);
  if (done == Wake::Notified) {
    texts_.give_back(std::move(pending->rows));
    co_return pending->outcome;
  }
  co_return give_up(shard, std::move(pending));
}

// What the kernel has stays where it is until the kernel gives it back.
Appended Journal::give_up(Shard& shard, PendingPtr pending) {
  if (!hung_) report(shard, Written::Refused, 0);
  hung_ = true;
  const Appended outcome = pending->durability == Durability::Synced ? Appended::Refused : Appended::Kept;
  if (std::erase(waiting_, pending.get()) == 0) {
    pending->abandoned = true;
    (void)pending.release();
  } else if (outcome == Appended::Kept) {
    keep(std::move(pending->rows), pending->count);
  }
  return outcome;
}

void Journal::end_hang(const Shard& shard, Written written) {
  if (!std::exchange(hung_, false)) return;
  if (written == Written::Done && refused_) report(shard, Written::Done, 0);
}

Task<void> Journal::stop(Shard& shard) {
  stopping_ = true;
  wake_.notify();
  writer_.close();
  const Wake ended = co_await writer_.wait_empty(shard, kNever);
  SLUICE_CHECK(ended == Wake::Notified);
}

void Journal::reopen() {
  reopen_ = true;
  reopen_failed_ = false;
  wake_.notify();
}

Task<void> Journal::write_batches(Shard& shard) {
  while (!stopping_ || !waiting_.empty()) {
    const bool reopen_now = reopen_ && !reopen_failed_;
    if (waiting_.empty() && !reopen_now && !rotation_due(shard)) {
      const MonoTime retry = ring_.empty() ? kNever : shard.now() + kRingRetry;
      const Wake woken = co_await wake_.wait_until(shard, retry);
      if (woken == Wake::Notified) continue;
    }
    std::swap(waiting_, batch_);
    const bool sync =
        std::ranges::any_of(batch_, [](Pending* p) { return p->durability == Durability::Synced; });
    const Written written = co_await write_batch(shard, sync);
    for (Pending* pending : batch_) settle(*pending, written);
    batch_.clear();
    if (rotation_due(shard)) co_await rotate(shard);
    end_hang(shard, written);
  }
  const Written rest = co_await write_batch(shard, true);  // what the ring still holds
  if (rest == Written::Refused) counters_.rows_dropped += std::exchange(counters_.rows_kept, 0);
  if (file_) {
    FileOperation closing = close_file(shard, file_);
    (void)co_await closing;
    file_ = {};
  }
}

void Journal::settle(Pending& pending, Written written) {
  if (pending.durability == Durability::Synced) {
    if (written != Written::Done) pending.outcome = Appended::Refused;
  } else if (written == Written::Refused) {
    pending.outcome = Appended::Kept;
    keep(std::move(pending.rows), pending.count);
  }
  if (pending.abandoned) {
    const PendingPtr ours(&pending);
  } else {
    pending.done.notify();
  }
}

void Journal::keep(std::string rows, uint32_t count) {
  ring_octets_ += rows.size();
  counters_.rows_kept += count;
  ring_.emplace_back(std::move(rows), count);
  trim_ring();
}

void Journal::trim_ring() {
  while (ring_octets_ > options_.ring_octets) {
    ring_octets_ -= ring_.front().first.size();
    counters_.rows_kept -= ring_.front().second;
    counters_.rows_dropped += ring_.front().second;
    ring_.pop_front();
  }
}

Task<bool> Journal::ensure_open(Shard& shard) {
  if (file_ && !reopen_) co_return true;
  FileOperation opening = open_file(shard, options_.path, kJournalFlags, kJournalMode);
  const int64_t opened = co_await opening;
  reopen_failed_ = opened < 0;
  if (reopen_failed_) {  // the old file, if any, is kept
    ++counters_.reopens_failed;
    if (options_.on_event) options_.on_event(JournalEvent::ReopenFailed, static_cast<uint64_t>(-opened));
    co_return false;
  }
  reopen_ = false;
  if (file_) {
    FileOperation closing = close_file(shard, file_);
    (void)co_await closing;
  }
  file_ = {static_cast<int32_t>(opened)};
  file_octets_ = 0;
  file_day_ = day_of(shard.wall_now());
  name_synced_ = co_await sync_folder(shard);
  co_return true;
}

Task<Journal::Written> Journal::write_batch(Shard& shard, bool sync) {
  const bool open = co_await ensure_open(shard);
  slices_.clear();
  uint64_t octets = 0;
  uint64_t rows = 0;
  std::string line_feed = "\n";
  const auto add = [&](std::string& text) {
    slices_.push_back({text.data(), text.size()});
    octets += text.size();
  };
  if (torn_ || options_.shared) add(line_feed);
  std::swap(writing_, ring_);  // rows that come to be kept meanwhile are the next batch's
  const size_t kept_octets = std::exchange(ring_octets_, 0);
  uint64_t kept_rows = 0;
  for (auto& [kept, count] : writing_) {
    add(kept);
    kept_rows += count;
  }
  rows += kept_rows;
  const auto put_back = [&] {
    for (auto& row : ring_) writing_.push_back(std::move(row));
    ring_ = std::exchange(writing_, {});
    ring_octets_ += kept_octets;
    trim_ring();
  };
  for (Pending* pending : batch_) {
    // Opening took too long: who waited was told that it is not written, and says so in a row of the ring.
    if (pending->abandoned && pending->durability == Durability::Synced) continue;
    add(pending->rows);
    rows += pending->count;
  }
  if (rows == 0) co_return Written::Done;
  if (!open && !file_) {
    put_back();
    ++counters_.writes_refused;
    report(shard, Written::Refused, 0);
    co_return Written::Refused;
  }
  FileOperation writing = write_file(shard, file_, 0, slices_);
  const int64_t wrote = co_await writing;
  if (wrote < 0) {
    torn_ = true;
    put_back();
    ++counters_.writes_refused;
    report(shard, Written::Refused, 0);
    co_return Written::Refused;
  }
  torn_ = false;
  writing_.clear();
  counters_.rows_kept -= kept_rows;
  counters_.rows_written += rows;
  counters_.octets_written += octets;
  file_octets_ += octets;
  if (!sync) {
    report(shard, Written::Done, octets);
    co_return Written::Done;
  }
  ++counters_.syncs;
  // The folder first: it holds the names of the files before this one, too.
  if (!name_synced_) name_synced_ = co_await sync_folder(shard);
  Written written = Written::Unsynced;
  if (name_synced_) {
    FileOperation syncing = sync_file(shard, file_, reactor::SyncMode::Data);
    const int64_t synced = co_await syncing;
    if (synced >= 0) written = Written::Done;
  }
  if (written != Written::Done) ++counters_.syncs_refused;
  report(shard, written, octets);
  co_return written;
}

bool Journal::rotation_due(const Shard& shard) const {
  if (!options_.rotates || !file_ || reopen_) return false;
  const bool by_size = options_.rotate_octets != 0 && file_octets_ >= options_.rotate_octets;
  return by_size || (options_.rotate_daily && file_octets_ != 0 && day_of(shard.wall_now()) != file_day_);
}

// The ended file is named by the moment of its end, to the microsecond, so that names sort and do not
// collide.
Task<void> Journal::rotate(Shard& shard) {
  const auto microseconds = shard.wall_now().time_since_epoch().count();
  const auto second = std::chrono::floor<std::chrono::seconds>(shard.wall_now());
  const std::string ended =
      fmt::format("{}.{:%Y%m%dT%H%M%S}.{:06}", options_.path, second, microseconds % 1000000);
  FileOperation renaming = rename_file(shard, options_.path, ended);
  const int64_t renamed = co_await renaming;
  file_octets_ = 0;  // also when it failed: tried again when as much has come together anew
  file_day_ = day_of(shard.wall_now());
  if (renamed < 0) co_return;
  ++counters_.rotations;
  reopen();
  if (options_.on_event) options_.on_event(JournalEvent::Rotated, 0);
}

// A new name is durable once its folder is: a synced row in a file that nobody can find is lost.
Task<bool> Journal::sync_folder(Shard& shard) {
  const std::string folder = std::filesystem::path(options_.path).parent_path().string();
  FileOperation opening =
      open_file(shard, folder.empty() ? "." : folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
  const int64_t opened = co_await opening;
  if (opened < 0) co_return false;
  const reactor::FileId id{static_cast<int32_t>(opened)};
  FileOperation syncing = sync_file(shard, id, reactor::SyncMode::All);
  const int64_t synced = co_await syncing;
  FileOperation closing = close_file(shard, id);
  (void)co_await closing;
  if (synced >= 0) ++counters_.folder_syncs;
  co_return synced >= 0;
}

void Journal::set_rotation(uint64_t octets, bool daily) {
  options_.rotate_octets = octets;
  options_.rotate_daily = daily;
}

void Journal::note_written_elsewhere(uint64_t octets) {
  file_octets_ += octets;
  wake_.notify();
}

// Others are told of our octets in portions, and at the first ones of a day.
void Journal::report(const Shard& shard, Written written, uint64_t octets) {
  const bool refused = written != Written::Done;
  const bool changed = std::exchange(refused_, refused) != refused;
  untold_octets_ += octets;
  if (!options_.on_event) return;
  if (changed) options_.on_event(refused ? JournalEvent::Refused : JournalEvent::TakesAgain, 0);
  const bool new_day = day_of(shard.wall_now()) != told_day_;
  if (untold_octets_ >= kTellOctets || (new_day && untold_octets_ != 0)) {
    told_day_ = day_of(shard.wall_now());
    options_.on_event(JournalEvent::Wrote, std::exchange(untold_octets_, 0));
  }
}

}  // namespace sluice::store
