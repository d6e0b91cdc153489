#include "tools/sluicectl/line_reader.h"

#include <string>

#include <gtest/gtest.h>
#include <unistd.h>

namespace sluice::ctl {
namespace {

class LineReaderTest : public testing::Test {
 protected:
  LineReaderTest() { EXPECT_EQ(pipe(ends_), 0); }
  ~LineReaderTest() override {
    close(ends_[0]);
    close_writer();
  }
  void write(std::string_view text) {
    EXPECT_EQ(::write(ends_[1], text.data(), text.size()), static_cast<ssize_t>(text.size()));
  }
  void close_writer() {
    if (ends_[1] >= 0) close(ends_[1]);
    ends_[1] = -1;
  }
  int ends_[2] = {-1, -1};
};

using Kind = LineReader::Kind;

TEST_F(LineReaderTest, GivesLinesAndAsksForMoreInBetween) {
  LineReader reader(ends_[0]);
  EXPECT_EQ(reader.next().kind, Kind::NeedInput);
  write("one\ntw");
  reader.wait();
  EXPECT_EQ(reader.next().text, "one");
  EXPECT_EQ(reader.next().kind, Kind::NeedInput);
  write("o\r\n\nend");
  reader.wait();
  EXPECT_EQ(reader.next().text, "two");
  const LineReader::Line empty = reader.next();
  EXPECT_EQ(empty.kind, Kind::Text);
  EXPECT_EQ(empty.text, "");
  EXPECT_EQ(reader.next().kind, Kind::NeedInput);
  close_writer();
  reader.wait();
  EXPECT_EQ(reader.next().text, "end");
  EXPECT_EQ(reader.next().kind, Kind::End);
}

TEST_F(LineReaderTest, EndsAtOnceOnEmptyInput) {
  LineReader reader(ends_[0]);
  close_writer();
  EXPECT_EQ(reader.next().kind, Kind::NeedInput);
  reader.wait();
  EXPECT_EQ(reader.next().kind, Kind::End);
  EXPECT_EQ(reader.next().kind, Kind::End);
}

}  // namespace
}  // namespace sluice::ctl
