#include "tests/reactor_conformance/conformance.h"

#include <algorithm>
#include <cerrno>

#include <fcntl.h>

namespace sluice::reactor {
namespace {

class FileConformance : public Conformance {
 protected:
  int64_t wait(RecordedFile& handler) {
    EXPECT_FALSE(handler.result.has_value()) << "reported outside poll()";
    return wait_any(handler);
  }
  int64_t wait_any(RecordedFile& handler) {
    EXPECT_TRUE(until([&] { return handler.result.has_value(); }));
    return handler.result.value_or(-ETIMEDOUT);
  }
  int64_t open_result(const std::string& path, int flags) {
    RecordedFile handler;
    reactor().open_file(path, flags, 0600, handler);
    return wait(handler);
  }
  FileId open(const std::string& path, int flags) {
    const int64_t result = open_result(path, flags);
    EXPECT_GE(result, 0);
    return {static_cast<int32_t>(result)};
  }
  int64_t write(FileId file, uint64_t offset, std::string_view octets) {
    std::string copy(octets);
    const std::vector<iovec> slices = {{copy.data(), copy.size()}};
    RecordedFile handler;
    reactor().write_file(file, offset, slices, handler);
    return wait(handler);
  }
  std::string read(FileId file, uint64_t offset, size_t most) {
    std::string octets(most, '\0');
    RecordedFile handler;
    reactor().read_file(file, offset, octets, handler);
    const int64_t result = wait(handler);
    EXPECT_GE(result, 0);
    octets.resize(static_cast<size_t>(std::max<int64_t>(result, 0)));
    return octets;
  }
  int64_t sync(FileId file, SyncMode mode) {
    RecordedFile handler;
    reactor().sync_file(file, mode, handler);
    return wait(handler);
  }
  int64_t close(FileId file) {
    RecordedFile handler;
    reactor().close_file(file, handler);
    return wait(handler);
  }
  int64_t unlink(const std::string& path) {
    RecordedFile handler;
    reactor().unlink_file(path, handler);
    return wait(handler);
  }
  int64_t rename(const std::string& from, const std::string& to) {
    RecordedFile handler;
    reactor().rename_file(from, to, handler);
    return wait(handler);
  }
};

TEST_P(FileConformance, WrittenOctetsAreReadBack) {
  const FileId file = open(rig().path("one"), O_RDWR | O_CREAT | O_EXCL);
  EXPECT_EQ(write(file, 0, "0123456789"), 10);
  EXPECT_EQ(read(file, 0, 100), "0123456789");
  EXPECT_EQ(read(file, 3, 4), "3456");
  EXPECT_EQ(read(file, 10, 4), "");
  EXPECT_EQ(write(file, 4, "abc"), 3);
  EXPECT_EQ(read(file, 0, 100), "0123abc789");
  EXPECT_EQ(sync(file, SyncMode::Data), 0);
  EXPECT_EQ(sync(file, SyncMode::All), 0);
  EXPECT_EQ(close(file), 0);
}

TEST_P(FileConformance, AppendIgnoresTheOffset) {
  const FileId file = open(rig().path("journal"), O_WRONLY | O_CREAT | O_APPEND);
  EXPECT_EQ(write(file, 0, "first\n"), 6);
  EXPECT_EQ(write(file, 0, "second\n"), 7);
  EXPECT_EQ(close(file), 0);
  const FileId again = open(rig().path("journal"), O_RDWR | O_APPEND);
  EXPECT_EQ(write(again, 3, "third\n"), 6);
  EXPECT_EQ(read(again, 0, 100), "first\nsecond\nthird\n");
  EXPECT_EQ(close(again), 0);
}

TEST_P(FileConformance, OneWriteTakesManySlicesAndManyOctets) {
  const FileId file = open(rig().path("big"), O_RDWR | O_CREAT);
  std::string octets = pattern(6UL * 1024 * 1024);
  std::vector<iovec> slices;
  for (size_t from = 0; from < octets.size(); from += 4096) {
    slices.push_back({octets.data() + from, 4096});
    slices.push_back({nullptr, 0});
  }
  RecordedFile handler;
  reactor().write_file(file, 0, slices, handler);
  EXPECT_EQ(wait(handler), static_cast<int64_t>(octets.size()));
  EXPECT_TRUE(read(file, 0, octets.size() + 1) == octets);
  EXPECT_EQ(close(file), 0);
}

TEST_P(FileConformance, WritingNothingSucceeds) {
  const FileId file = open(rig().path("empty"), O_RDWR | O_CREAT);
  RecordedFile handler;
  reactor().write_file(file, 0, {}, handler);
  EXPECT_EQ(wait(handler), 0);
  EXPECT_EQ(read(file, 0, 10), "");
  EXPECT_EQ(close(file), 0);
}

TEST_P(FileConformance, OpenSaysWhyItFails) {
  EXPECT_EQ(open_result(rig().path("missing"), O_RDONLY), -ENOENT);
  EXPECT_EQ(close(open(rig().path("there"), O_WRONLY | O_CREAT)), 0);
  EXPECT_EQ(open_result(rig().path("there"), O_WRONLY | O_CREAT | O_EXCL), -EEXIST);
}

TEST_P(FileConformance, TruncatingOpenEmptiesTheFile) {
  const FileId file = open(rig().path("short"), O_WRONLY | O_CREAT);
  EXPECT_EQ(write(file, 0, "old"), 3);
  EXPECT_EQ(close(file), 0);
  const FileId again = open(rig().path("short"), O_RDWR | O_TRUNC);
  EXPECT_EQ(read(again, 0, 10), "");
  EXPECT_EQ(close(again), 0);
}

TEST_P(FileConformance, UnnamedFileIsWrittenAndRead) {
  const FileId file = open(rig().path(""), O_RDWR | O_TMPFILE);
  EXPECT_EQ(write(file, 0, "spilled"), 7);
  EXPECT_EQ(read(file, 0, 100), "spilled");
  EXPECT_EQ(close(file), 0);
}

TEST_P(FileConformance, RenameReplaces) {
  const FileId first = open(rig().path("new"), O_WRONLY | O_CREAT);
  EXPECT_EQ(write(first, 0, "new"), 3);
  EXPECT_EQ(close(first), 0);
  const FileId second = open(rig().path("old"), O_WRONLY | O_CREAT);
  EXPECT_EQ(write(second, 0, "old"), 3);
  EXPECT_EQ(close(second), 0);
  EXPECT_EQ(rename(rig().path("new"), rig().path("old")), 0);
  EXPECT_EQ(open_result(rig().path("new"), O_RDONLY), -ENOENT);
  const FileId file = open(rig().path("old"), O_RDONLY);
  EXPECT_EQ(read(file, 0, 100), "new");
  EXPECT_EQ(close(file), 0);
  EXPECT_EQ(rename(rig().path("missing"), rig().path("old")), -ENOENT);
}

TEST_P(FileConformance, UnlinkedFileIsThereForWhoHasItOpen) {
  const FileId file = open(rig().path("gone"), O_RDWR | O_CREAT | O_EXCL);
  EXPECT_EQ(write(file, 0, "still"), 5);
  EXPECT_EQ(unlink(rig().path("gone")), 0);
  EXPECT_EQ(open_result(rig().path("gone"), O_RDONLY), -ENOENT);
  EXPECT_EQ(write(file, 5, " here"), 5);
  EXPECT_EQ(read(file, 0, 100), "still here");
  EXPECT_EQ(close(file), 0);
  EXPECT_EQ(unlink(rig().path("gone")), -ENOENT);
}

TEST_P(FileConformance, DirectoryIsSynced) {
  const FileId file = open(rig().path(""), O_RDONLY | O_DIRECTORY);
  EXPECT_EQ(sync(file, SyncMode::All), 0);
  EXPECT_EQ(close(file), 0);
}

TEST_P(FileConformance, WrongDirectionIsEbadf) {
  const FileId file = open(rig().path("read-only"), O_RDONLY | O_CREAT);
  EXPECT_EQ(write(file, 0, "x"), -EBADF);
  EXPECT_EQ(close(file), 0);
  EXPECT_EQ(write(file, 0, "x"), -EBADF);
}

TEST_P(FileConformance, ManyOperationsAtOnceReportOnceEach) {
  constexpr size_t kFiles = 64;
  std::vector<RecordedFile> opened(kFiles);
  for (size_t i = 0; i < kFiles; ++i)
    reactor().open_file(rig().path("many" + std::to_string(i)), O_RDWR | O_CREAT, 0600, opened[i]);
  EXPECT_EQ(reactor().in_flight(), kFiles);
  for (RecordedFile& handler : opened) ASSERT_GE(wait_any(handler), 0);
  std::vector<RecordedFile> closed(kFiles);
  for (size_t i = 0; i < kFiles; ++i)
    reactor().close_file(FileId{static_cast<int32_t>(*opened[i].result)}, closed[i]);
  for (RecordedFile& handler : closed) EXPECT_EQ(wait_any(handler), 0);
  EXPECT_EQ(reactor().in_flight(), 0U);
}

INSTANTIATE_TEST_SUITE_P(All, FileConformance, testing::ValuesIn(backends_under_test()), backend_of);

}  // namespace
}  // namespace sluice::reactor
