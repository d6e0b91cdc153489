// Records made to amplify or to exhaust (conformance 5): what compiling them costs is counted, in questions,
// rows, blocks and bytes, not timed; what a program answers is what the evaluator answers.
#include "io/base/limits.h"
#include "rules/spf/program.h"
#include "tests/unit/rules/spf/cached_dns.h"

#include <string>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace sluice::spf {
namespace {

// Written over by each call, as in the node.
const Outcome* outcome_of(const Program& program, const IpAddress& client, Explain explain) {
  static Outcome into;
  return program.run(client, explain, into);
}

using auth::SpfResult;

struct Compiled {
  Program program;
  size_t questions;
};

Compiled compiled(FakeDns& dns, IpFamily family = IpFamily::V4) {
  CachedDns cache(dns);
  dns.log.clear();
  Program program = cache.compile("a.example", family);
  return {std::move(program), dns.log.size()};
}

// Where the program answers, it answers as the evaluator does. False: it left the client to it.
bool agrees(const Program& program, FakeDns& dns, const char* client) {
  const Outcome* got = outcome_of(program, *IpAddress::parse(client), Explain::Fetch);
  if (got == nullptr) return false;
  const Outcome expected = run(dns, client, "x@a.example");
  EXPECT_EQ(got->result, expected.result) << client;
  EXPECT_EQ(got->mechanism, expected.mechanism) << client;
  EXPECT_EQ(got->lookups, expected.lookups) << client;
  EXPECT_EQ(got->void_lookups, expected.void_lookups) << client;
  EXPECT_EQ(got->problem, expected.problem) << client;
  EXPECT_EQ(got->problem_term, expected.problem_term) << client;
  return true;
}

SpfResult result_of(const Program& program, const char* client) {
  const Outcome* got = outcome_of(program, *IpAddress::parse(client), Explain::Fetch);
  return got == nullptr ? SpfResult::TempError : got->result;
}

TEST(SpfProgramLimits, EndsLoopsAndAFanOutAtTheEleventhTerm) {
  std::string fan_out = "v=spf1";
  for (unsigned i = 0; i < 700; ++i) fan_out += fmt::format(" include:f{}.example", i);
  for (const std::string& text :
       {std::string("v=spf1 include:a.example -all"), std::string("v=spf1 redirect=a.example"),
        std::string("v=spf1 include:b.example"), fan_out}) {
    FakeDns dns;
    dns.txt("a.example", text).txt("b.example", "v=spf1 redirect=a.example");
    for (unsigned i = 0; i < 700; ++i) dns.txt(fmt::format("f{}.example", i), "v=spf1 ip4:192.0.2.1 -all");
    const Compiled made = compiled(dns);
    EXPECT_TRUE(made.program.whole());
    EXPECT_EQ(made.questions, 11U);
    EXPECT_TRUE(agrees(made.program, dns, "198.51.100.1"));
    EXPECT_TRUE(agrees(made.program, dns, "192.0.2.1"));
    EXPECT_EQ(result_of(made.program, "198.51.100.1"), SpfResult::PermError);
  }
}

// A tree of includes that each may be left early: as many ways as there are sums up to ten.
TEST(SpfProgramLimits, GivesUpWaysBehindIncludesBeyondItsBlocks) {
  FakeDns dns;
  std::string all_of_them = "v=spf1";
  for (unsigned i = 0; i < 10; ++i) all_of_them += fmt::format(" ?ip4:192.0.2.{} include:a.example", i);
  dns.txt("a.example", all_of_them + " -all");
  const Compiled made = compiled(dns);
  EXPECT_TRUE(made.program.gaps().limits);
  EXPECT_EQ(made.program.blocks(), limits::kSpfProgramBlocks);
  EXPECT_LE(made.program.rows(), limits::kSpfProgramRows);
  EXPECT_LE(made.questions, limits::kSpfProgramBlocks * (limits::kSpfTerms + 1));
  unsigned answered = 0;
  for (unsigned i = 0; i < 11; ++i) {
    answered += agrees(made.program, dns, fmt::format("192.0.2.{}", i).c_str()) ? 1U : 0U;
  }
  EXPECT_GE(answered, 2U);
}

TEST(SpfProgramLimits, RefusesTheEleventhExchangeOfAHundredWithoutAskingForAny) {
  FakeDns dns;
  dns.txt("a.example", "v=spf1 ip4:192.0.2.1 mx -all");
  for (unsigned i = 0; i < 100; ++i) {
    dns.mx("a.example", fmt::format("m{}.example", i)).address(fmt::format("m{}.example", i), "192.0.2.2");
  }
  const Compiled made = compiled(dns);
  EXPECT_EQ(made.questions, 2U);
  EXPECT_TRUE(agrees(made.program, dns, "192.0.2.1"));
  EXPECT_TRUE(agrees(made.program, dns, "192.0.2.2"));
  EXPECT_EQ(result_of(made.program, "192.0.2.2"), SpfResult::PermError);
}

TEST(SpfProgramLimits, HoldsTenTimesTwoHundredAndFiftyAddresses) {
  FakeDns dns;
  dns.txt("a.example", "v=spf1 mx -all");
  for (unsigned m = 0; m < 10; ++m) {
    dns.mx("a.example", fmt::format("m{}.example", m));
    for (unsigned i = 0; i < 250; ++i) {
      dns.address(fmt::format("m{}.example", m), fmt::format("10.{}.0.{}", m, i).c_str());
    }
  }
  const Compiled made = compiled(dns);
  EXPECT_TRUE(made.program.whole());
  EXPECT_EQ(made.questions, 12U);
  EXPECT_EQ(made.program.rows(), 2500U);
  EXPECT_EQ(made.program.breadth().addresses, 2500U);
  for (const char* client : {"10.0.0.0", "10.9.0.249", "10.9.0.250", "192.0.2.1"}) {
    EXPECT_TRUE(agrees(made.program, dns, client));
  }
}

// Ten mx terms with ten names of a thousand addresses each.
TEST(SpfProgramLimits, StopsAtItsRowsAndAnswersWhatFits) {
  FakeDns dns;
  dns.txt("a.example", "v=spf1 mx mx mx mx mx mx mx mx mx mx -all");
  for (unsigned m = 0; m < 10; ++m) {
    dns.mx("a.example", fmt::format("m{}.example", m));
    for (unsigned i = 0; i < 1000; ++i) {
      dns.address(fmt::format("m{}.example", m), fmt::format("10.{}.{}.{}", m, i / 250, i % 250).c_str());
    }
  }
  const Compiled made = compiled(dns);
  EXPECT_TRUE(made.program.gaps().limits);
  EXPECT_EQ(made.program.rows(), limits::kSpfProgramRows);
  EXPECT_LE(made.questions, 1U + 11);
  EXPECT_LE(made.program.bytes(), limits::kSpfProgramBytes);
  EXPECT_TRUE(agrees(made.program, dns, "10.0.0.0"));
  EXPECT_FALSE(agrees(made.program, dns, "10.9.0.0"));
  EXPECT_FALSE(made.program.breadth().complete);
}

// The largest record there is, each term with an outcome of its own.
TEST(SpfProgramLimits, KeepsToItsBytes) {
  FakeDns dns;
  std::string text = "v=spf1";
  for (unsigned i = 0; i < 900; ++i) text += fmt::format(" -ip4:1.1.{}.{}", i / 250, i % 250);
  dns.txt("a.example", text + " exp=e.example").txt("e.example", std::string(400, 'x'));
  const Compiled made = compiled(dns);
  EXPECT_TRUE(made.program.gaps().limits);
  EXPECT_LE(made.program.bytes(), limits::kSpfProgramBytes);
  EXPECT_TRUE(agrees(made.program, dns, "1.1.0.0"));
  EXPECT_FALSE(agrees(made.program, dns, "1.1.3.149"));
}

// Terms that make no row cost time all the same.
TEST(SpfProgramLimits, StopsAtItsTerms) {
  FakeDns dns;
  std::string idle;
  for (unsigned i = 0; i < 900; ++i) idle += " ip6:2001:db8::1";
  dns.txt(
      "a.example",
      "v=spf1 ?ip4:192.0.2.0 include:b.example include:b.example include:b.example include:b.example -all");
  dns.txt("b.example", "v=spf1 ?ip4:192.0.2.64/26 include:c.example" + idle + " -all");
  dns.txt("c.example", "v=spf1 -ip4:192.0.2.128/25 include:d.example" + idle + " -all");
  dns.txt("d.example", "v=spf1 ip4:192.0.2.10" + idle + " -all");
  const Compiled made = compiled(dns);
  EXPECT_TRUE(made.program.gaps().limits);
  EXPECT_LT(made.program.blocks(), limits::kSpfProgramBlocks);
  EXPECT_TRUE(agrees(made.program, dns, "192.0.2.0"));
}

// Shows: conformance 5, a record of 60 kB, 2000 TXT
TEST(SpfProgramLimits, RefusesARecordOfSixtyKilobytesAndTwoThousandRecords) {
  FakeDns large;
  std::string text = "v=spf1";
  while (text.size() < 60000) text += " ip4:192.0.2.1";
  large.txt("a.example", text + " +all");
  FakeDns many;
  for (unsigned i = 0; i < 2000; ++i)
    many.txt("a.example", fmt::format("v=spf1 ip4:192.0.2.{} -all", i % 256));
  FakeDns below;
  below.txt("a.example", "v=spf1 include:b.example -all").txt("b.example", text);
  for (FakeDns* dns : {&large, &many, &below}) {
    const Compiled made = compiled(*dns);
    EXPECT_TRUE(made.program.whole());
    EXPECT_EQ(made.program.rows(), 0U);
    EXPECT_TRUE(agrees(made.program, *dns, "192.0.2.1"));
    EXPECT_EQ(result_of(made.program, "192.0.2.1"), SpfResult::PermError);
  }
  FakeDns among;
  for (unsigned i = 0; i < 2000; ++i) among.txt("a.example", fmt::format("text {}", i));
  among.txt("a.example", "v=spf1 ip4:192.0.2.1 -all");
  EXPECT_TRUE(agrees(compiled(among).program, among, "192.0.2.1"));
}

// ptr and a loop of CNAMEs (a fault of the answer) are the evaluator's; what stands before is not.
TEST(SpfProgramLimits, AsksNothingForPtrAndStopsAtAFault) {
  FakeDns dns;
  dns.txt("a.example", "v=spf1 ip4:192.0.2.1 a:loop.example -all")
      .status("loop.example", dns::RecordType::A, dns::AnswerStatus::ServFail);
  const Compiled looped = compiled(dns);
  EXPECT_TRUE(looped.program.gaps().temporary);
  EXPECT_TRUE(agrees(looped.program, dns, "192.0.2.1"));
  FakeDns names;
  names.txt("a.example", "v=spf1 ip4:192.0.2.1 ptr -all");
  const Compiled left = compiled(names);
  EXPECT_EQ(left.questions, 1U);
  EXPECT_TRUE(agrees(left.program, names, "192.0.2.1"));
  EXPECT_FALSE(agrees(left.program, names, "198.51.100.1"));
}

// Shows: conformance 5, ranges that half the world shares, +all
TEST(SpfProgramLimits, PassesARecordOfSharedRangesAndShowsItsBreadth) {
  FakeDns dns;
  std::string clouds = "v=spf1";
  for (unsigned i = 0; i < 40; ++i) clouds += fmt::format(" ip4:{}.0.0.0/10", 2 * i + 1);
  dns.txt("a.example", "v=spf1 include:clouds.example ip6:2600::/12 ~all")
      .txt("clouds.example", clouds + " -all");
  const Compiled v4 = compiled(dns);
  EXPECT_TRUE(agrees(v4.program, dns, "3.1.2.3"));
  EXPECT_EQ(result_of(v4.program, "3.1.2.3"), SpfResult::Pass);
  EXPECT_EQ(v4.program.breadth().addresses, 40U << 22);
  const Compiled v6 = compiled(dns, IpFamily::V6);
  EXPECT_EQ(v6.program.breadth().networks, uint64_t{1} << 52);
}

}  // namespace
}  // namespace sluice::spf
