#include "io/reactor/sim_disk.h"

#include <cerrno>
#include <set>

#include <fcntl.h>
#include <gtest/gtest.h>

namespace sluice::reactor {
namespace {

int64_t write(SimDisk& disk, FileId file, uint64_t offset, std::string octets, uint64_t most = UINT64_MAX) {
  const std::vector<iovec> slices = {{octets.data(), octets.size()}};
  return disk.write(file, offset, slices, most);
}

FileId create(SimDisk& disk, const std::string& path, int flags = O_RDWR | O_CREAT) {
  return {static_cast<int32_t>(disk.open(path, flags))};
}

TEST(SimDisk, SyncedOctetsSurviveEveryCrash) {
  for (uint64_t seed = 0; seed < 50; ++seed) {
    Random random(seed);
    SimDisk disk;
    const FileId file = create(disk, "/journal", O_WRONLY | O_CREAT | O_APPEND);
    EXPECT_EQ(write(disk, file, 0, "row 1\n"), 6);
    EXPECT_EQ(disk.sync(file), 0);
    EXPECT_EQ(write(disk, file, 0, "row 2\n"), 6);
    disk.crash(random);
    ASSERT_TRUE(disk.content("/journal").has_value());
    EXPECT_TRUE(disk.content("/journal")->starts_with("row 1\n"));
    EXPECT_EQ(disk.sync(file), -EBADF) << "a crash closes what was open";
  }
}

TEST(SimDisk, UnsyncedOctetsAreLostKeptOrTorn) {
  std::set<std::string> seen;
  for (uint64_t seed = 0; seed < 200; ++seed) {
    Random random(seed);
    SimDisk disk;
    disk.put("/journal", "row 1\n");
    const FileId file = create(disk, "/journal", O_WRONLY | O_APPEND);
    EXPECT_EQ(write(disk, file, 0, "row 2\n"), 6);
    disk.crash(random);
    seen.insert(*disk.content("/journal"));
  }
  EXPECT_TRUE(seen.contains("row 1\n"));
  EXPECT_TRUE(seen.contains("row 1\nrow 2\n"));
  EXPECT_GT(seen.size(), 2U);
  for (const std::string& content : seen) EXPECT_TRUE(std::string("row 1\nrow 2\n").starts_with(content));
}

TEST(SimDisk, NewFileMayBeGoneUntilItIsSynced) {
  std::set<bool> seen;
  for (uint64_t seed = 0; seed < 50; ++seed) {
    Random random(seed);
    SimDisk disk;
    create(disk, "/new");
    disk.crash(random);
    seen.insert(disk.content("/new").has_value());
  }
  EXPECT_EQ(seen.size(), 2U);
}

TEST(SimDisk, RenameIsOldOrNewAfterACrashAndNewAfterASync) {
  std::set<std::string> seen;
  for (uint64_t seed = 0; seed < 50; ++seed) {
    Random random(seed);
    SimDisk disk;
    disk.put("/policy", "old");
    const FileId file = create(disk, "/policy.tmp");
    EXPECT_EQ(write(disk, file, 0, "new"), 3);
    EXPECT_EQ(disk.sync(file), 0);
    EXPECT_EQ(disk.rename("/policy.tmp", "/policy"), 0);
    if (seed % 2 == 0) {
      const FileId folder{static_cast<int32_t>(disk.open("/", O_RDONLY | O_DIRECTORY))};
      EXPECT_EQ(disk.sync(folder), 0);
      disk.crash(random);
      EXPECT_EQ(disk.content("/policy"), "new");
      continue;
    }
    disk.crash(random);
    seen.insert(disk.content("/policy").value_or("none"));
  }
  EXPECT_EQ(seen, (std::set<std::string>{"new", "old"}));
}

TEST(SimDisk, FullDiskTakesWhatFits) {
  SimDisk disk;
  disk.faults.capacity = 10;
  const FileId file = create(disk, "/a");
  EXPECT_EQ(write(disk, file, 0, "0123456789"), 10);
  EXPECT_EQ(write(disk, file, 10, "x"), -ENOSPC);
  EXPECT_EQ(write(disk, file, 0, "over"), 4) << "no more room is needed";
  const FileId other = create(disk, "/b");
  EXPECT_EQ(write(disk, other, 0, "y"), -ENOSPC);
  disk.remove("/a");
  EXPECT_EQ(disk.close(file), 0);
  EXPECT_EQ(write(disk, other, 0, "y"), 1);
}

TEST(SimDisk, FailingWriteLeavesAPart) {
  SimDisk disk;
  const FileId file = create(disk, "/a");
  EXPECT_EQ(write(disk, file, 0, "0123456789", 4), -EIO);
  EXPECT_EQ(disk.content("/a"), "0123");
}

TEST(SimDisk, UnlinkedFileLivesWhileItIsOpen) {
  SimDisk disk;
  const FileId file = create(disk, "/", O_RDWR | O_TMPFILE);
  EXPECT_EQ(write(disk, file, 0, "spill"), 5);
  std::string read(5, '\0');
  EXPECT_EQ(disk.read(file, 0, read), 5);
  EXPECT_EQ(read, "spill");
  EXPECT_TRUE(disk.names().empty());
  EXPECT_EQ(disk.close(file), 0);
  EXPECT_EQ(disk.read(file, 0, read), -EBADF);
}

TEST(SimDisk, UnlinkedFileLeavesNothingBehindOnceItIsClosed) {
  SimDisk disk;
  const FileId file = create(disk, "/spill");
  EXPECT_EQ(disk.unlink("/spill"), 0);
  EXPECT_EQ(write(disk, file, 0, "octets"), 6);
  EXPECT_EQ(disk.octets_used(), 6U);
  EXPECT_EQ(disk.close(file), 0);
  EXPECT_EQ(disk.octets_used(), 0U);
  EXPECT_EQ(disk.unlink("/spill"), -ENOENT);
}

TEST(SimDisk, UnlinkedNameMayBeBackAfterACrash) {
  std::set<bool> seen;
  for (uint64_t seed = 0; seed < 50; ++seed) {
    Random random(seed);
    SimDisk disk;
    disk.put("/old", "octets");
    EXPECT_EQ(disk.unlink("/old"), 0);
    EXPECT_FALSE(disk.content("/old").has_value());
    disk.crash(random);
    seen.insert(disk.content("/old").has_value());
  }
  EXPECT_EQ(seen.size(), 2U);
}

TEST(SimDisk, UnnamedFilesCanBeRefused) {
  SimDisk disk;
  EXPECT_GE(disk.open("/folder", O_TMPFILE | O_RDWR), 0);
  disk.faults.no_unnamed_files = true;
  EXPECT_EQ(disk.open("/folder", O_TMPFILE | O_RDWR), -EOPNOTSUPP);
}

}  // namespace
}  // namespace sluice::reactor
