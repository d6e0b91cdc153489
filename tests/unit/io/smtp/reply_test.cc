#include "io/smtp/reply.h"

#include <string>

#include <gtest/gtest.h>

namespace sluice::smtp {
namespace {

std::string wire(uint16_t code, EnhancedStatus status, std::string_view text) {
  std::string out;
  append_reply(out, code, status, text);
  return out;
}

TEST(Reply, IsWrittenWithItsStatusOnEveryLine) {
  EXPECT_EQ(wire(250, {2, 1, 0}, "Ok"), "250 2.1.0 Ok\r\n");
  EXPECT_EQ(wire(550, {5, 7, 123}, "one\ntwo"), "550-5.7.123 one\r\n550 5.7.123 two\r\n");
  EXPECT_EQ(wire(354, {}, "Go"), "354 Go\r\n");
  EXPECT_EQ(wire(250, {}, ""), "250\r\n");
  EXPECT_EQ(wire(250, {2, 0, 0}, ""), "250 2.0.0\r\n");
  EXPECT_EQ(wire(250, {}, "a\n"), "250-a\r\n250\r\n");
}

// Shows: W-14
TEST(Reply, CannotBeBrokenByItsText) {
  EXPECT_EQ(wire(550, {5, 7, 1}, std::string_view("a\r250 ok\0\t\x7f", 11)), "550 5.7.1 a?250 ok???\r\n");
  EXPECT_EQ(wire(550, {5, 7, 1}, "SPF\xe3\x83\x81"), "550 5.7.1 SPF???\r\n");
  const std::string longest(limits::kReplyText, 'x');
  EXPECT_EQ(wire(550, {5, 7, 1}, longest + "y"), "550 5.7.1 " + longest + "\r\n");
  EXPECT_LE(wire(550, {5, 999, 999}, longest).size(), limits::kSmtpReplyLine);
  EXPECT_EQ(printable_reply_text("a\r\nb" + longest).size(), limits::kReplyText);
  EXPECT_TRUE(printable_reply_text("a\r\nb").starts_with("a??b"));
}

TEST(Reply, HasABoundOnItsLines) {
  std::string text;
  for (int i = 0; i < 100; ++i) text += "x\n";
  const std::string out = wire(550, {}, text);
  EXPECT_EQ(out.size(), kReplyLinesMax * 7);
  EXPECT_TRUE(out.ends_with("550 x\r\n"));
}

TEST(Reply, SaysItselfOnOneLine) {
  EXPECT_EQ((Reply{550, {5, 7, 1}, "one\ntwo\r"}).to_line(), "550 5.7.1 one / two?");
  EXPECT_EQ((Reply{250, {}, ""}).to_line(), "250");
  EXPECT_TRUE((Reply{250, {}, ""}).positive());
  EXPECT_TRUE((Reply{354, {}, ""}).intermediate());
  EXPECT_TRUE((Reply{450, {}, ""}).temporary());
  EXPECT_TRUE((Reply{599, {}, ""}).permanent());
  EXPECT_TRUE((Reply{400, {}, ""}).refuses());
  EXPECT_FALSE((Reply{399, {}, ""}).refuses());
}

TEST(EnhancedStatus, IsReadStrictly) {
  EXPECT_EQ(EnhancedStatus::parse("5.7.26"), (EnhancedStatus{5, 7, 26}));
  EXPECT_EQ(EnhancedStatus::parse("2.0.0")->to_string(), "2.0.0");
  EXPECT_EQ(EnhancedStatus::parse("4.999.999"), (EnhancedStatus{4, 999, 999}));
  for (const std::string_view bad : {"", "5", "5.7", "5.7.", "5..1", "3.7.1", "5.7.1 ", "5.7.1000",
                                     "5.1000.1", "5.7.-1", "57.1", "5.7.1.1"}) {
    EXPECT_EQ(EnhancedStatus::parse(bad), std::nullopt) << bad;
  }
}

}  // namespace
}  // namespace sluice::smtp
