#include "engine/node/journal_end.h"

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>

#include <gtest/gtest.h>
#include <unistd.h>

namespace sluice::node {
namespace {

// A file of this test alone, gone with it.
class JournalEnd : public testing::Test {
 protected:
  JournalEnd() {
    path_ = testing::TempDir() + "journal_end.XXXXXX";
    const int file = mkstemp(path_.data());
    if (file >= 0) close(file);
  }
  ~JournalEnd() override { unlink(path_.c_str()); }

  std::string after(const std::string& text) {
    std::ofstream(path_, std::ios::binary) << text;
    EXPECT_TRUE(end_last_row(path_));
    std::ifstream file(path_, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }

  std::string path_;
};

TEST_F(JournalEnd, HalfARowGetsALineEnd) { EXPECT_EQ(after("{\"v\":1}\n{\"v\":"), "{\"v\":1}\n{\"v\":\n"); }

TEST_F(JournalEnd, WholeRowsStayAsTheyAre) {
  EXPECT_EQ(after("{\"v\":1}\n"), "{\"v\":1}\n");
  EXPECT_EQ(after(""), "");
}

TEST_F(JournalEnd, FileThatIsNotThereIsNotMade) {
  unlink(path_.c_str());
  EXPECT_TRUE(end_last_row(path_));
  EXPECT_NE(access(path_.c_str(), F_OK), 0);
}

TEST_F(JournalEnd, FileThatCannotBeOpenedIsNamed) {
  const Result<void> ended = end_last_row(testing::TempDir());
  ASSERT_FALSE(ended);
  EXPECT_NE(ended.error().message.find(testing::TempDir()), std::string::npos);
}

}  // namespace
}  // namespace sluice::node
