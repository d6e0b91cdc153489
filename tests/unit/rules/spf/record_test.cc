#include "rules/spf/record.h"

#include "io/base/limits.h"

#include <string>

#include <gtest/gtest.h>

namespace sluice::spf {
namespace {

using auth::SpfResult;

// Shows: SPF-05
TEST(SpfRecord, ParsesToDirectivesWithPositions) {
  const std::string text = "v=spf1 ip4:203.0.113.1 ip4:198.51.100.0/24 include:_spf.example.net ~all";
  const auto record = Record::parse(text);
  ASSERT_TRUE(record);
  ASSERT_EQ(record->directives().size(), 4U);
  const Directive& include = record->directives()[2];
  EXPECT_EQ(include.mechanism, Mechanism::Include);
  EXPECT_EQ(include.term.offset, text.find("include"));
  EXPECT_EQ(record->text_of(include.term), "include:_spf.example.net");
  EXPECT_EQ(record->text_of(include.domain), "_spf.example.net");
  EXPECT_EQ(record->directives()[1].network.to_string(), "198.51.100.0/24");
  EXPECT_EQ(record->name_of(record->directives()[3]), "all");
}

// Shows: SPF-06
TEST(SpfRecord, TakesPlusWhereNoQualifierIsWritten) {
  const auto bare = Record::parse("v=spf1 ip4:192.0.2.1");
  const auto plus = Record::parse("v=spf1 +ip4:192.0.2.1");
  ASSERT_TRUE(bare && plus);
  EXPECT_EQ(bare->directives()[0].on_match, SpfResult::Pass);
  EXPECT_EQ(plus->directives()[0].on_match, SpfResult::Pass);
  EXPECT_EQ(bare->directives()[0].network, plus->directives()[0].network);
}

// Shows: SPF-07
TEST(SpfRecord, MapsTheFourQualifiers) {
  const auto record = Record::parse("v=spf1 +a -a ~a ?a");
  ASSERT_TRUE(record);
  EXPECT_EQ(record->directives()[0].on_match, SpfResult::Pass);
  EXPECT_EQ(record->directives()[1].on_match, SpfResult::Fail);
  EXPECT_EQ(record->directives()[2].on_match, SpfResult::SoftFail);
  EXPECT_EQ(record->directives()[3].on_match, SpfResult::Neutral);
}

// Shows: SPF-10
TEST(SpfRecord, TellsWhatAnUnlistedClientGets) {
  EXPECT_EQ(Record::parse("v=spf1 mx ~all")->unlisted_result(), SpfResult::SoftFail);
  EXPECT_EQ(Record::parse("v=spf1 mx -all")->unlisted_result(), SpfResult::Fail);
  EXPECT_EQ(Record::parse("v=spf1 mx ?all")->unlisted_result(), SpfResult::Neutral);
  EXPECT_EQ(Record::parse("v=spf1 mx all")->unlisted_result(), SpfResult::Pass);
  EXPECT_EQ(Record::parse("v=spf1 mx")->unlisted_result(), SpfResult::Neutral);
  EXPECT_EQ(Record::parse("v=spf1 mx redirect=a.example")->unlisted_result(), std::nullopt);
  EXPECT_EQ(Record::parse("v=spf1 -all redirect=a.example")->unlisted_result(), SpfResult::Fail);
}

TEST(SpfRecord, IsToldByItsVersion) {
  EXPECT_TRUE(Record::is_record("v=spf1"));
  EXPECT_TRUE(Record::is_record("V=SpF1 -all"));
  EXPECT_FALSE(Record::is_record("v=spf10"));
  EXPECT_FALSE(Record::is_record("v=spf1\t-all"));
  EXPECT_FALSE(Record::is_record("v=spf"));
  EXPECT_FALSE(Record::is_record(" v=spf1"));
  EXPECT_FALSE(Record::is_record(""));
}

TEST(SpfRecord, TakesEveryWellFormedTerm) {
  for (const char* terms : {"",
                            " ",
                            "  a  ",
                            "ALL",
                            "a:%{d}",
                            "a:%{d}/24",
                            "a:%{d}//64",
                            "a/0//0",
                            "a/32//128",
                            "A:e.example/24//64",
                            "mx",
                            "MX:e.example",
                            "mx/24",
                            "mx//64",
                            "ptr",
                            "PTR:e.example",
                            "ip4:192.0.2.1",
                            "ip4:0.0.0.0/0",
                            "ip6:2001:db8::/32",
                            "ip6:::1",
                            "ip6:::/0",
                            "ip6:::ffff:192.0.2.1",
                            "exists:%{ir}.e.example",
                            "include:%{o}",
                            "include:e.example.",
                            "redirect=e.example",
                            "exp=%{d}",
                            "moo=",
                            "moo.cow-far_out=man:dog/cat",
                            "x=%{s}%%%_%-",
                            "a:foo:bar/baz.example.com",
                            "a:foo.example.xn--zckzah",
                            "a:a.b1c",
                            "a:%{d2r.-+,/_=}.x.example",
                            "exists:e.1a-b",
                            "all=1",
                            "all.=x"}) {
    const auto record = Record::parse(std::string("v=spf1 ") + terms);
    EXPECT_TRUE(record) << terms << ": " << (record ? "" : record.error().problem);
  }
}

TEST(SpfRecord, RefusesEveryMalformedTerm) {
  for (const char* terms : {"foo",
                            "all.",
                            "-all:x",
                            "all/8",
                            "include",
                            "include:",
                            "include:e.example/24",
                            "include/24",
                            "a:",
                            "a/",
                            "a//",
                            "a/33",
                            "a//129",
                            "a/024",
                            "a//064",
                            "a/24/64",
                            "a/-1",
                            "a/99999999999999999999",
                            "a:museum",
                            "a:museum.",
                            "a:abc.123",
                            "a:111.222.33.44",
                            "a:e.-com",
                            "a:e.com-",
                            "a:e.com..",
                            "a:.",
                            "a:example.com:8080",
                            "ptr:",
                            "ptr/0",
                            "ptr/24",
                            "ip4",
                            "ip4:",
                            "ip4/24",
                            "ip4:1.2.3",
                            "ip4:1.2.3.4.5",
                            "ip4:1.2.3.256",
                            "ip4:1.2.3.4/33",
                            "ip4:1.2.3.4/",
                            "ip4:1.2.3.4/032",
                            "ip4:1.2.3.4//32",
                            "ip4:1.2.3.4:25",
                            "ip4:2001:db8::1",
                            "ip6:1.2.3.4",
                            "ip6",
                            "ip6:",
                            "ip6:2001:db8::/129",
                            "ip6:2001::db8::1",
                            "ip6:2001:db8::1//64",
                            "exists",
                            "exists:",
                            "exists:e.example/24",
                            "redirect:e.example",
                            "redirect",
                            "redirect=",
                            "redirect=museum",
                            "exp=",
                            "exp:e.example",
                            "-exp=e.example",
                            "redirect=a.example redirect=b.example",
                            "exp=a.example Exp=a.example",
                            "moo=%",
                            "moo=%x",
                            "moo=%{x}",
                            "moo.cow/far=x",
                            "1moo=x",
                            "=x",
                            "--all",
                            "-",
                            ":",
                            "/",
                            "a:%{c}.example",
                            "a:%{d",
                            "a:%{d}x",
                            "a:%{d0}",
                            "a:%{}",
                            "a:%{d!}",
                            "a:%{dr2}",
                            "a:%(d).example",
                            "a:\x80.example",
                            "\x96"
                            "all",
                            "a\tmx",
                            "ip4:192.0.2.5\n",
                            "all\r"}) {
    EXPECT_FALSE(Record::parse(std::string("v=spf1 ") + terms)) << terms;
  }
}

// Shows: SPF-05
TEST(SpfRecord, LocatesAnErrorByTermAndOffset) {
  const auto record = Record::parse("v=spf1 mx ip4:192.0.2.0/33 -all");
  ASSERT_FALSE(record);
  EXPECT_EQ(record.error().term, "ip4:192.0.2.0/33");
  EXPECT_EQ(record.error().offset, 23U);  // of "/33"
  EXPECT_EQ(record.error().problem, "an IPv4 prefix length is 0 to 32");
  const auto macro = Record::parse("v=spf1 exists:a.%{z}.example -all");
  ASSERT_FALSE(macro);
  EXPECT_EQ(macro.error().offset, 16U);
  EXPECT_EQ(macro.error().term, "exists:a.%{z}.example");
}

TEST(SpfRecord, KeepsDualPrefixLengthsApart) {
  const auto record = Record::parse("v=spf1 a:%{d}/24//64 mx//48 a/8");
  ASSERT_TRUE(record);
  EXPECT_EQ(record->directives()[0].v4_length, 24);
  EXPECT_EQ(record->directives()[0].v6_length, 64);
  EXPECT_EQ(record->text_of(record->directives()[0].domain), "%{d}");
  EXPECT_EQ(record->directives()[1].v4_length, 32);
  EXPECT_EQ(record->directives()[1].v6_length, 48);
  EXPECT_EQ(record->directives()[2].v4_length, 8);
  EXPECT_EQ(record->directives()[2].v6_length, 128);
  EXPECT_EQ(record->name_of(record->directives()[0]), "a:%{d}/24//64");
}

TEST(SpfRecord, KeepsRedirectAndExplanationWhereverTheyStand) {
  const auto record = Record::parse("v=spf1 redirect=r.example a exp=e.example");
  ASSERT_TRUE(record);
  EXPECT_EQ(record->text_of(record->redirect()->value), "r.example");
  EXPECT_EQ(record->text_of(record->explanation()->value), "e.example");
  EXPECT_EQ(record->directives().size(), 1U);
}

TEST(SpfRecord, IsBoundedInOctets) {
  const std::string head = "v=spf1 x=";
  EXPECT_TRUE(Record::parse(head + std::string(limits::kSpfRecord - head.size(), 'a')));
  const auto over = Record::parse(head + std::string(limits::kSpfRecord - head.size() + 1, 'a'));
  ASSERT_FALSE(over);
  EXPECT_NE(over.error().problem.find("16385 octets"), std::string::npos);
}

TEST(SpfRecord, IsBoundedInTerms) {
  std::string text = "v=spf1";
  for (size_t i = 0; i < limits::kSpfRecordTerms; ++i) text += " a";
  EXPECT_TRUE(Record::parse(text));
  EXPECT_FALSE(Record::parse(text + " a"));
}

TEST(SpfRecord, SurvivesBeingCopiedAndMoved) {
  auto parsed = Record::parse("v=spf1 -mx");
  ASSERT_TRUE(parsed);
  const Record copy = *parsed;
  const Record moved = std::move(*parsed);
  EXPECT_EQ(copy.name_of(copy.directives()[0]), "mx");
  EXPECT_EQ(moved.name_of(moved.directives()[0]), "mx");
}

}  // namespace
}  // namespace sluice::spf
