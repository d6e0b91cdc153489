// The journal on a simulated disk: what is durable when, and what happens when the disk refuses.
#include "engine/store/journal.h"

#include "io/reactor/sim_world.h"

#include <algorithm>
#include <array>
#include <optional>

#include <gtest/gtest.h>

namespace sluice::store {
namespace {

using reactor::Shard;
using runtime::Task;
using namespace std::chrono_literals;

constexpr std::string_view kPath = "/journal";

class JournalOnDisk : public ::testing::Test {
 protected:
  JournalOnDisk() : world_(7), shard_(ShardId{0}, world_.make_reactor("node")), shards_{&shard_} {}

  void open(JournalOptions options = {}) {
    options.path = kPath;
    journal_.emplace(std::move(options));
    run(&JournalOnDisk::started);
  }
  Appended append(std::string rows, Durability durability) {
    Appended outcome = Appended::Refused;
    bool done = false;
    EXPECT_TRUE(
        group_.spawn(shard_, append_one(shard_, *journal_, std::move(rows), durability, outcome, done)));
    EXPECT_TRUE(world_.run_until(shards_, [&] { return done; }, world_.now() + 20s));
    return outcome;
  }
  void close() { run(&JournalOnDisk::stopped); }
  void run(Task<void> (*step)(Shard&, Journal&, bool&)) {
    bool done = false;
    EXPECT_TRUE(group_.spawn(shard_, step(shard_, *journal_, done)));
    EXPECT_TRUE(world_.run_until(shards_, [&] { return done; }, world_.now() + 10s));
  }
  std::string content(std::string_view path = kPath) {
    return world_.file_content("node", std::string(path)).value_or("(none)");
  }
  void refuse_writes() {
    reactor::SimDiskFaults faults;
    faults.capacity = 1;
    world_.set_disk_faults("node", faults);
  }

  // Operations that begin from now on take an hour.
  void hang_disk() {
    reactor::SimDiskFaults faults;
    faults.latency_min = faults.latency_max = std::chrono::hours(1);
    world_.set_disk_faults("node", faults);
  }

  static Task<void> started(Shard& shard, Journal& journal, bool& done) {
    const Result<void> result = co_await journal.start(shard);
    EXPECT_TRUE(result.has_value());
    done = true;
  }
  static Task<void> stopped(Shard& shard, Journal& journal, bool& done) {
    co_await journal.stop(shard);
    done = true;
  }
  static Task<void> append_one(Shard& shard, Journal& journal, std::string rows, Durability durability,
                               Appended& outcome, bool& done) {
    outcome = co_await journal.append(shard, std::move(rows), 1, durability);
    done = true;
  }

  reactor::SimWorld world_;
  Shard shard_;
  std::vector<Shard*> shards_;
  runtime::TaskGroup group_;
  std::optional<Journal> journal_;
};

TEST_F(JournalOnDisk, GroupsTheRowsThatWaitIntoOneSync) {
  open();
  std::vector<Appended> outcomes(20, Appended::Refused);
  std::array<bool, 20> done{};
  for (size_t i = 0; i < 20; ++i) {
    EXPECT_TRUE(group_.spawn(
        shard_, append_one(shard_, *journal_, "row\n", Durability::Synced, outcomes[i], done[i])));
  }
  EXPECT_TRUE(
      world_.run_until(shards_, [&] { return std::ranges::count(done, false) == 0; }, world_.now() + 10s));
  EXPECT_LE(journal_->counters().syncs, 2U);
  EXPECT_EQ(journal_->counters().rows_written, 20U);
  close();
}

// Shows: W-17
TEST_F(JournalOnDisk, ASyncedRowSurvivesACrash) {
  open();
  EXPECT_EQ(append("synced\n", Durability::Synced), Appended::Durable);
  world_.crash("node");
  EXPECT_EQ(content(), "synced\n");
  close();
}

// Shows: W-17
TEST_F(JournalOnDisk, KeepsRelayRowsAndRefusesDeletionsWhileTheDiskIsFull) {
  open();
  refuse_writes();
  EXPECT_EQ(append("relay\n", Durability::Written), Appended::Kept);
  EXPECT_EQ(append("delete\n", Durability::Synced), Appended::Refused);
  EXPECT_EQ(journal_->counters().rows_kept, 1U);
  world_.set_disk_faults("node", {});
  EXPECT_EQ(append("after\n", Durability::Written), Appended::Durable);
  close();
  EXPECT_NE(content().find("relay\nafter\n"), std::string::npos) << content();
  EXPECT_EQ(content().find("delete"), std::string::npos);
}

// Shows: W-17
TEST_F(JournalOnDisk, TheRingIsBoundedAndCountsWhatItDrops) {
  JournalOptions options;
  options.ring_octets = 10;
  open(std::move(options));
  refuse_writes();
  for (const char* row : {"1111\n", "2222\n", "3333\n"})
    EXPECT_EQ(append(row, Durability::Written), Appended::Kept);
  EXPECT_EQ(journal_->counters().rows_dropped, 1U);
  EXPECT_EQ(journal_->counters().rows_kept, 2U);
  world_.set_disk_faults("node", {});
  close();
  EXPECT_NE(content().find("2222\n3333\n"), std::string::npos);
  EXPECT_EQ(content().find("1111"), std::string::npos);
}

TEST_F(JournalOnDisk, ASyncThatFailsRefusesTheDeletionAndKeepsTheRelaysRow) {
  open();
  reactor::SimDiskFaults faults;
  faults.sync_error = 1;
  world_.set_disk_faults("node", faults);
  EXPECT_EQ(append("delete\n", Durability::Synced), Appended::Refused);
  EXPECT_EQ(append("relay\n", Durability::Written), Appended::Durable);
  close();
}

TEST_F(JournalOnDisk, ARowDoesNotContinueALineThatAnotherShardsRefusedWriteTore) {
  JournalOptions options;
  options.shared = true;
  open(options);
  // What the other shard has just left behind, before its word of it arrives.
  world_.put_file("node", std::string(kPath), "{\"row\":\"of anoth");
  journal_->reopen();
  EXPECT_EQ(append("{\"row\":1}\n", Durability::Synced), Appended::Durable);
  close();
  EXPECT_EQ(content(), "{\"row\":\"of anoth\n{\"row\":1}\n");
}

TEST_F(JournalOnDisk, ARowIsNotSyncedBeforeTheNameOfItsFile) {
  open();
  reactor::SimDiskFaults faults;
  faults.sync_error = 1;
  world_.set_disk_faults("node", faults);
  world_.remove_file("node", std::string(kPath));
  journal_->reopen();
  EXPECT_EQ(append("{\"row\":1}\n", Durability::Written), Appended::Durable);  // opens it; the folder refuses
  world_.set_disk_faults("node", {});
  EXPECT_EQ(append("{\"row\":2}\n", Durability::Synced), Appended::Durable);
  EXPECT_EQ(journal_->counters().folder_syncs, 2U);  // at the start, and before the row
  close();
}

// Shows: W-17
TEST_F(JournalOnDisk, RotatesBySizeAndGoesOnInANewFile) {
  JournalOptions options;
  options.rotate_octets = 8;
  int told = 0;
  options.on_event = [&told](JournalEvent event, uint64_t) {
    told += event == JournalEvent::Rotated ? 1 : 0;
  };
  open(std::move(options));
  append("first of all\n", Durability::Written);
  append("second\n", Durability::Written);
  close();
  EXPECT_EQ(content(), "second\n");
  EXPECT_EQ(told, 1);
  const std::vector<std::string> names = world_.file_names("node");
  const auto ended =
      std::ranges::find_if(names, [](const std::string& name) { return name.starts_with("/journal."); });
  ASSERT_NE(ended, names.end());
  EXPECT_EQ(content(*ended), "first of all\n");
}

// Shows: W-17
TEST_F(JournalOnDisk, RotatesAtTheFirstRowOfANewDay) {
  JournalOptions options;
  options.rotate_daily = true;
  open(std::move(options));
  append("today\n", Durability::Written);
  world_.run(shards_, world_.now() + std::chrono::hours(25));
  append("tomorrow\n", Durability::Written);
  append("and on\n", Durability::Written);
  close();
  EXPECT_EQ(journal_->counters().rotations, 1U);
}

// Shows: W-17
TEST_F(JournalOnDisk, AReopenThatFailsIsTriedWithTheNextBatchAndNotInBetween) {
  open();
  append("before\n", Durability::Written);
  reactor::SimDiskFaults faults;
  faults.open_error = 1;
  world_.set_disk_faults("node", faults);
  journal_->reopen();
  const uint64_t events = world_.events();
  world_.run(shards_, world_.now() + 10s);
  EXPECT_LT(world_.events() - events, 20U) << "it spins";
  EXPECT_EQ(append("old file\n", Durability::Written), Appended::Durable);
  world_.set_disk_faults("node", {});
  world_.remove_file("node", std::string(kPath));
  append("new file\n", Durability::Written);
  close();
  EXPECT_EQ(content(), "new file\n");
}

// Shows: W-17
TEST_F(JournalOnDisk, ReopenFindsTheFileThatOthersRenamed) {
  open();
  append("before\n", Durability::Written);
  const std::string old = content();
  world_.remove_file("node", std::string(kPath));
  journal_->reopen();
  append("after\n", Durability::Written);
  close();
  EXPECT_EQ(old, "before\n");
  EXPECT_EQ(content(), "after\n");
}

// --- a disk that hangs ---

// Shows: W-17
TEST_F(JournalOnDisk, ADiskThatHangsIsWaitedForOnceAndNoLongerThanItsTime) {
  int refused = 0;
  int takes_again = 0;
  JournalOptions options;
  options.on_event = [&](JournalEvent event, uint64_t) {
    refused += event == JournalEvent::Refused ? 1 : 0;
    takes_again += event == JournalEvent::TakesAgain ? 1 : 0;
  };
  open(std::move(options));
  hang_disk();
  const MonoTime began = world_.now();
  EXPECT_EQ(append("relay\n", Durability::Written), Appended::Kept);
  EXPECT_LE(world_.now() - began, limits::kJournalWait + 1s);
  const MonoTime next = world_.now();
  EXPECT_EQ(append("delete\n", Durability::Synced), Appended::Refused);
  EXPECT_EQ(append("second relay\n", Durability::Written), Appended::Kept);
  EXPECT_LT(world_.now() - next, 1s) << "nobody waits again for a disk that is known to hang";
  EXPECT_TRUE(journal_->refuses());
  EXPECT_EQ(refused, 1);
  world_.set_disk_faults("node", {});
  world_.run(shards_, world_.now() + 2h);  // the disk speaks at last
  EXPECT_FALSE(journal_->refuses());
  EXPECT_EQ(takes_again, 1);
  EXPECT_EQ(append("after\n", Durability::Synced), Appended::Durable);
  close();
  EXPECT_EQ(content(), "relay\nsecond relay\nafter\n");
  EXPECT_EQ(journal_->counters().rows_kept, 0U);
}

// Shows: W-17
TEST_F(JournalOnDisk, ADeletionThatTheHangingDiskHoldsIsRefusedInTime) {
  open();
  hang_disk();
  EXPECT_EQ(append("delete\n", Durability::Synced), Appended::Refused);
  world_.set_disk_faults("node", {});
  world_.run(shards_, world_.now() + 3h);
  EXPECT_EQ(append("its deferral\n", Durability::Written), Appended::Durable);
  close();
  // The kernel had the row when the client was told otherwise: the later row stands.
  EXPECT_TRUE(content() == "delete\nits deferral\n" || content() == "its deferral\n") << content();
}

// The row of the deferral lies in the ring, and what is in the ring is written first.
// Shows: W-17
TEST_F(JournalOnDisk, ADeletionThatIsRefusedWhileTheFileOpensIsNotWrittenBehindItsDeferral) {
  open();
  hang_disk();
  Appended outcome = Appended::Durable;
  bool done = false;
  EXPECT_TRUE(
      group_.spawn(shard_, append_one(shard_, *journal_, "delete\n", Durability::Synced, outcome, done)));
  journal_->reopen();  // before the batch that holds it
  EXPECT_TRUE(world_.run_until(shards_, [&] { return done; }, world_.now() + 20s));
  EXPECT_EQ(outcome, Appended::Refused);
  EXPECT_EQ(append("its deferral\n", Durability::Written), Appended::Kept);
  world_.set_disk_faults("node", {});
  world_.run(shards_, world_.now() + 3h);
  close();
  EXPECT_EQ(content(), "its deferral\n");
}

// Shows: W-17
TEST_F(JournalOnDisk, RowsThatComeWhileTheRingIsBeingWrittenAreNotLostWithIt) {
  open();
  refuse_writes();
  EXPECT_EQ(append("first\n", Durability::Written), Appended::Kept);
  hang_disk();
  EXPECT_EQ(append("second\n", Durability::Written),
            Appended::Kept);  // the ring is with the kernel, and hangs
  EXPECT_EQ(append("third\n", Durability::Written), Appended::Kept);
  EXPECT_EQ(journal_->counters().rows_kept, 2U) << "the second one is with the kernel too";
  world_.set_disk_faults("node", {});
  world_.run(shards_, world_.now() + 3h);
  EXPECT_EQ(journal_->counters().rows_kept, 0U);
  close();
  EXPECT_NE(content().find("first\nsecond\nthird\n"), std::string::npos) << content();
}

// Shows: W-17
TEST_F(JournalOnDisk, RowsInTheRingAreWrittenWhenThereIsRoomAgainWithoutANewOne) {
  open();
  refuse_writes();
  EXPECT_EQ(append("relay\n", Durability::Written), Appended::Kept);
  world_.set_disk_faults("node", {});
  world_.run(shards_, world_.now() + 10s);
  EXPECT_EQ(journal_->counters().rows_kept, 0U);
  EXPECT_FALSE(journal_->refuses());
  close();
  EXPECT_NE(content().find("relay\n"), std::string::npos);
}

// Shows: W-17
TEST_F(JournalOnDisk, AReopenThatFailsIsTold) {
  uint64_t problem = 0;
  JournalOptions options;
  options.on_event = [&](JournalEvent event, uint64_t number) {
    if (event == JournalEvent::ReopenFailed) problem = number;
  };
  open(std::move(options));
  reactor::SimDiskFaults faults;
  faults.open_error = 1;
  world_.set_disk_faults("node", faults);
  journal_->reopen();
  world_.run(shards_, world_.now() + 1s);
  EXPECT_EQ(problem, static_cast<uint64_t>(EIO));
  EXPECT_EQ(journal_->counters().reopens_failed, 1U);
  close();
}

}  // namespace
}  // namespace sluice::store
