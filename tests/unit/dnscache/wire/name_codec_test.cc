#include "dnscache/wire/name_codec.h"

#include <string>

#include <gtest/gtest.h>

namespace sluice::dns {
namespace {

using namespace std::string_literals;

// Reads the name that starts at `at`; where it ends is checked too.
std::optional<DnsName> read(const std::string& message, size_t at, size_t end) {
  Cursor cursor(message);
  cursor.skip(at);
  const auto name = read_name(message, cursor);
  EXPECT_EQ(cursor.ok(), name.has_value());
  if (name) {
    EXPECT_EQ(cursor.position(), end);
  }
  Cursor skipping(message);
  skipping.skip(at);
  if (name) {
    EXPECT_TRUE(skip_name(skipping));
    EXPECT_EQ(skipping.position(), end);
  }
  return name;
}

DnsName name(std::string_view text) { return DnsName::from_text(text).value(); }

TEST(NameCodec, ReadsPlainNames) {
  EXPECT_EQ(read("\x01"
                 "A\x02"
                 "bc\0rest"s,
                 0, 6),
            name("a.bc"));
  EXPECT_EQ(read("\0"s, 0, 1), DnsName());
}

TEST(NameCodec, FollowsPointersBackwards) {
  const std::string message =
      "\x02"
      "bc\0\x01"
      "a\xC0\x00\xC0\x04!"s;
  EXPECT_EQ(read(message, 4, 8), name("a.bc"));
  EXPECT_EQ(read(message, 8, 10), name("a.bc"));
}

TEST(NameCodec, PointersToThemselvesForwardOrInCirclesAreRefused) {
  EXPECT_FALSE(read("\xC0\x00"s, 0, 0));
  EXPECT_FALSE(read("\xC0\x02\x00"s, 0, 0));
  EXPECT_FALSE(read("\xC0\x02\xC0\x00"s, 2, 0));
  EXPECT_FALSE(
      read("\x01"
           "a\xC0\x00"s,
           0, 0));
  EXPECT_FALSE(
      read("\x01"
           "a\xC0\x00\xC0\x00"s,
           4, 0));
}

TEST(NameCodec, OtherLabelTypesAreRefused) {
  EXPECT_FALSE(
      read("\x40"
           "a\0"s,
           0, 0));
  EXPECT_FALSE(
      read("\x80"
           "a\0"s,
           0, 0));
  const std::string message = "\x40\x01\0"s;
  Cursor cursor(message);
  EXPECT_FALSE(skip_name(cursor));
}

TEST(NameCodec, CutNamesAreRefused) {
  for (const auto& message : {""s, "\x01"s,
                              "\x01"
                              "a"s,
                              "\x02"
                              "a\0"s,
                              "\xC0"s}) {
    EXPECT_FALSE(read(message, 0, 0));
    Cursor cursor(message);
    EXPECT_FALSE(skip_name(cursor));
  }
}

// RFC 1035 2.3.4: 255 octets, whether plain or put together by pointers.
TEST(NameCodec, LengthIsBounded) {
  std::string labels;
  for (int i = 0; i < 3; ++i) labels += "\x3F" + std::string(63, 'x');
  const std::string fits = labels + "\x3D" + std::string(61, 'y') + "\0"s;
  ASSERT_EQ(fits.size(), 255U);
  EXPECT_TRUE(read(fits, 0, 255));
  EXPECT_FALSE(read(labels + "\x3E" + std::string(62, 'y') + "\0"s, 0, 0));
  EXPECT_TRUE(read(labels + "\x3C" + std::string(60, 'y') + "\0\x3D"s + std::string(61, 'z') + "\xC0\x40"s,
                   254, 318));
  EXPECT_FALSE(
      read(labels + "\x3C" + std::string(60, 'y') + "\0\x3D"s + std::string(61, 'z') + "\xC0\x00"s, 254, 0));
}

}  // namespace
}  // namespace sluice::dns
