#include "engine/node/system_file.h"

#include "io/base/limits.h"

#include <cstdlib>
#include <fstream>
#include <string>

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

namespace sluice::node {
namespace {

// A folder of this test alone, gone with it.
class SecretFile : public testing::Test {
 protected:
  SecretFile() {
    folder_ = testing::TempDir() + "secret_file.XXXXXX";
    EXPECT_NE(mkdtemp(folder_.data()), nullptr);
    path_ = folder_ + "/key.pem";
    link_ = folder_ + "/link.pem";
  }
  ~SecretFile() override {
    unlink(link_.c_str());
    unlink(path_.c_str());
    rmdir(folder_.c_str());
  }
  void write(const std::string& text, mode_t mode = 0600) {
    std::ofstream(path_, std::ios::binary) << text;
    EXPECT_EQ(chmod(path_.c_str(), mode), 0);
  }

  std::string folder_, path_, link_;
};

TEST_F(SecretFile, IsReadWhole) {
  const std::string text(100000, 'x');
  write(text + "\n", 0640);
  EXPECT_EQ(read_secret_file(path_), text + "\n");
  EXPECT_EQ(symlink(path_.c_str(), link_.c_str()), 0);
  EXPECT_EQ(read_secret_file(link_), text + "\n");
  write("");
  EXPECT_EQ(read_secret_file(path_), "");
}

// Shows: P-11
TEST_F(SecretFile, ThatOthersMayReadOrChangeIsRefusedByName) {
  for (const mode_t mode : {0604U, 0620U, 0602U, 0644U}) {
    write("key", mode);
    const Result<std::string> read = read_secret_file(path_);
    ASSERT_FALSE(read) << mode;
    EXPECT_NE(read.error().message.find(path_), std::string::npos);
  }
}

// A FIFO that nobody writes would keep who opens it waiting.
TEST_F(SecretFile, IsARegularFile) {
  ASSERT_EQ(mkfifo(path_.c_str(), 0600), 0);
  const Result<std::string> fifo = read_secret_file(path_);
  ASSERT_FALSE(fifo);
  EXPECT_NE(fifo.error().message.find("not a regular file"), std::string::npos);
  EXPECT_FALSE(read_secret_file(folder_));
}

TEST_F(SecretFile, ThatIsTooLargeIsRefusedUnread) {
  write("");
  ASSERT_EQ(truncate(path_.c_str(), static_cast<off_t>(limits::kPolicyDocument) + 1), 0);
  const Result<std::string> read = read_secret_file(path_);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().kind, ErrorKind::Limit);
}

}  // namespace
}  // namespace sluice::node
