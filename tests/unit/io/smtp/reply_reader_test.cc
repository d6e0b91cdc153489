#include "io/smtp/reply_reader.h"

#include "io/base/limits.h"

#include <string>
#include <string_view>

#include <gtest/gtest.h>

namespace sluice::smtp {
namespace {

using State = ReplyReader::State;

TEST(ReplyReader, TakesOneReplyAndNoMore) {
  ReplyReader reader;
  EXPECT_EQ(reader.feed("250 2.1.0 Ok\r\n354 Go\r\n"), 14U);
  ASSERT_EQ(reader.state(), State::Complete);
  EXPECT_EQ(reader.reply(), (Reply{250, {2, 1, 0}, "Ok"}));
  EXPECT_EQ(reader.feed("354 Go\r\n"), 0U);
  reader.next_reply();
  EXPECT_FALSE(reader.in_the_middle());
  reader.feed("354 G");
  EXPECT_TRUE(reader.in_the_middle());
  reader.feed("o\r\n");
  EXPECT_EQ(reader.reply(), (Reply{354, {}, "Go"}));
}

TEST(ReplyReader, JoinsLines) {
  for (const size_t piece : {size_t{1}, size_t{3}, size_t{100}}) {
    ReplyReader reader;
    std::string_view wire = "550-5.7.1 one\r\n550-5.7.1 two\r\n550 5.7.1 three\r\n";
    while (!wire.empty()) wire.remove_prefix(reader.feed(wire.substr(0, piece)));
    EXPECT_EQ(reader.reply(), (Reply{550, {5, 7, 1}, "one\ntwo\nthree"}));
  }
}

struct Case {
  std::string wire;
  Reply reply;
};

TEST(ReplyReader, IsTolerantWhereNextHopsAre) {
  const std::vector<Case> cases = {
      {"250\r\n", {250, {}, ""}},
      {"250 \r\n", {250, {}, ""}},
      {"250 ok\n", {250, {}, "ok"}},
      {"250-\r\n250\r\n", {250, {}, "\n"}},
      {"250 5.7.1 not its class\r\n", {250, {}, "5.7.1 not its class"}},
      {"250 2.0.0\r\n", {250, {2, 0, 0}, ""}},
      {"550-5.1.1 one\r\n550 5.1.2 two\r\n", {550, {5, 1, 1}, "one\n5.1.2 two"}},
      {"550-one\r\n550 5.1.2 two\r\n", {550, {}, "one\n5.1.2 two"}},
      {"450 \xff\x01\r\n", {450, {}, "\xff\x01"}},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(testing::PrintToString(c.wire));
    ReplyReader reader;
    EXPECT_EQ(reader.feed(c.wire), c.wire.size());
    ASSERT_EQ(reader.state(), State::Complete);
    EXPECT_EQ(reader.reply(), c.reply) << reader.reply().to_line();
  }
}

TEST(ReplyReader, IsBrokenByWhatIsNoReply) {
  for (const std::string_view bad : {"\r\n", "25\r\n", "hello\r\n", "250_x\r\n", "25x ok\r\n", "150 no\r\n",
                                     "650 no\r\n", "250-a\r\n251 b\r\n", "250-a\r\n\r\n", "999\r\n"}) {
    ReplyReader reader;
    reader.feed(bad);
    EXPECT_EQ(reader.state(), State::Broken) << bad;
  }
}

TEST(ReplyReader, IsBrokenByRepliesWithoutEnd) {
  ReplyReader lines;
  for (size_t i = 0; i < limits::kHopReplyLines - 1; ++i) lines.feed("250-x\r\n");
  EXPECT_EQ(lines.state(), State::Reading);
  lines.feed("250 x\r\n");
  EXPECT_EQ(lines.state(), State::Complete);
  lines.reset();
  for (size_t i = 0; i <= limits::kHopReplyLines; ++i) lines.feed("250-x\r\n");
  EXPECT_EQ(lines.state(), State::Broken);

  const std::string longest = "250 " + std::string(limits::kHopReplyLine - 6, 'x') + "\r\n";
  ReplyReader line;
  line.feed(longest);
  EXPECT_EQ(line.state(), State::Complete);
  for (const size_t piece : {size_t{1}, size_t{5000}}) {
    ReplyReader over;
    std::string_view wire = longest;
    const std::string longer = "250 x" + longest.substr(4);
    for (wire = longer; !wire.empty() && over.state() == State::Reading;)
      wire.remove_prefix(over.feed(wire.substr(0, piece)));
    EXPECT_EQ(over.state(), State::Broken);
  }
}

}  // namespace
}  // namespace sluice::smtp
