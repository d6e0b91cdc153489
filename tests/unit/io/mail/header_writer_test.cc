#include "io/mail/header_writer.h"

#include "io/base/ascii.h"
#include "io/base/random.h"
#include "io/mail/header_block.h"

#include <algorithm>
#include <chrono>
#include <string>

#include <gtest/gtest.h>

namespace sluice::mail {
namespace {

using namespace std::chrono;

TEST(FieldWriter, WritesOneLine) {
  std::string out;
  FieldWriter field(out, "X-Result");
  field.text("Pass (domain of ")
      .in_comment("a@b.example")
      .text("); helo=")
      .identity("h.example")
      .text("; n=")
      .number(7);
  field.end();
  EXPECT_EQ(out, "X-Result: Pass (domain of a@b.example); helo=h.example; n=7\r\n");
}

// Shows: W-21
TEST(FieldWriter, QuotesIdentitiesThatAreNotPlain) {
  const auto written = [](std::string_view value) {
    std::string out;
    FieldWriter(out, "X").identity(value);
    return out.substr(3);
  };
  EXPECT_EQ(written("user@example.com"), "user@example.com");
  EXPECT_EQ(written("postmaster@[192.0.2.1]"), "postmaster@[192.0.2.1]");
  EXPECT_EQ(written("[IPv6:2001:db8::1]"), "[IPv6:2001:db8::1]");
  EXPECT_EQ(written("192.0.2.1"), "192.0.2.1");
  EXPECT_EQ(written("2001:db8::1"), "2001:db8::1");
  EXPECT_EQ(written(""), "\"\"");
  EXPECT_EQ(written("a b"), "\"a b\"");
  EXPECT_EQ(written("\"a b\"@c"), "\"\\\"a b\\\"@c\"");
  EXPECT_EQ(written("a;b=c@d"), "\"a;b=c@d\"");
  EXPECT_EQ(written("a)b"), "\"a)b\"");
  EXPECT_EQ(written("a\r\nX: y"), "\"a??X: y\"");
  EXPECT_EQ(written("\xc3\xbc@d"), "\"??@d\"");
  EXPECT_EQ(written("[x]"), "\"[x]\"");
  EXPECT_EQ(written(std::string(300, 'a')).size(), limits::kHeaderIdentity);
}

TEST(FieldWriter, EscapesWhatCouldEndAComment) {
  std::string out;
  FieldWriter field(out, "X");
  field.text("(").in_comment("a)b(c\\d\"e").text(")").end();
  EXPECT_EQ(out, "X: (a\\)b\\(c\\\\d\\\"e)\r\n");
}

// Header injection by any value: one field in, one field out, printable ASCII only.
TEST(FieldWriter, CannotBeBrokenByAnyOctets) {
  Random random(3);
  for (int round = 0; round < 2000; ++round) {
    std::string value;
    for (uint32_t i = random.below(40); i > 0; --i) value += static_cast<char>(random.below(256));
    std::string out;
    FieldWriter field(out, "X-Test");
    field.text(value).quoted(value).text(" ").identity(value).text(" (").in_comment(value).text(")").end();
    HeaderReader reader;
    reader.feed(out + "\r\n");
    ASSERT_EQ(reader.block().size(), 1U);
    ASSERT_TRUE(std::ranges::all_of(out.substr(0, out.size() - 2), is_ascii_printable));
  }
}

TEST(FieldWriter, ChecksNamesOfOurs) {
  std::string out;
  EXPECT_DEATH(FieldWriter(out, "Bad name"), "");
  EXPECT_DEATH(FieldWriter(out, ""), "");
}

TEST(HeaderDate, IsRfc5322InUtc) {
  EXPECT_EQ(format_date(sys_days{2026y / November / 21} + 18h + 37min + 44s),
            "Sat, 21 Nov 2026 18:37:44 +0000");
  EXPECT_EQ(format_date(WallTime{}), "Thu, 01 Jan 1970 00:00:00 +0000");
  EXPECT_EQ(format_date(sys_days{2024y / February / 29} + 999999us), "Thu, 29 Feb 2024 00:00:00 +0000");
  EXPECT_EQ(format_date(WallTime{-1us}), "Wed, 31 Dec 1969 23:59:59 +0000");
  EXPECT_EQ(format_date(WallTime::max()), "Fri, 31 Dec 9999 23:59:59 +0000");
  EXPECT_EQ(format_date(WallTime::min()), "Mon, 01 Jan 1900 00:00:00 +0000");
}

ReceivedTrace trace() {
  ReceivedTrace t;
  t.helo = "client.example";
  t.client = *IpAddress::parse("192.0.2.7");
  t.by = "mx.example.net";
  t.id = "4F2A";
  t.time = sys_days{2026y / November / 21} + 18h;
  return t;
}

TEST(Received, IsTraceInformation) {
  std::string out;
  append_received(out, trace());
  EXPECT_EQ(out,
            "Received: from client.example ([192.0.2.7])\r\n\tby mx.example.net with ESMTP id 4F2A;\r\n"
            "\tSat, 21 Nov 2026 18:00:00 +0000\r\n");
}

// Shows: W-11
TEST(Received, NamesTheRecipientOnlyWhenGiven) {
  ReceivedTrace t = trace();
  t.client = *IpAddress::parse("2001:db8::7");
  t.client_name = "real.example";
  t.protocol = ReceivedProtocol::Utf8Smtp;
  t.only_recipient = "user@example.net";
  std::string out;
  append_received(out, t);
  EXPECT_EQ(out,
            "Received: from client.example (real.example [IPv6:2001:db8::7])\r\n"
            "\tby mx.example.net with UTF8SMTP id 4F2A\r\n\tfor <user@example.net>;\r\n"
            "\tSat, 21 Nov 2026 18:00:00 +0000\r\n");
}

TEST(Received, CannotBeBrokenByTheHeloName) {
  ReceivedTrace t = trace();
  t.helo = "x) by evil\r\nX-Evil: 1";
  t.client_name = "a)\r\nb";
  std::string out;
  append_received(out, t);
  HeaderReader reader;
  reader.feed(out + "\r\n");
  ASSERT_EQ(reader.block().size(), 1U);
  EXPECT_NE(out.find("from \"x) by evil??X-Evil: 1\" (a\\)??b ["), std::string::npos) << out;
  t.helo = "";
  t.protocol = ReceivedProtocol::Smtp;
  out.clear();
  append_received(out, t);
  EXPECT_TRUE(out.starts_with("Received: from unknown ("));
  EXPECT_NE(out.find(" with SMTP id"), std::string::npos);
}

}  // namespace
}  // namespace sluice::mail
