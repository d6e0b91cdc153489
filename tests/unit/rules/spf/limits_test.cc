// The limits of RFC 7208 section 4.6.4 from both sides, and input made to break them.
#include "io/base/limits.h"

#include "rules/spf/evaluator.h"
#include "tests/unit/rules/spf/fake_dns.h"

#include <string>

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace sluice::spf {
namespace {

using auth::SpfResult;
using dns::AnswerStatus;
using dns::RecordType;

// A chain of records, each including the next; the last passes.
FakeDns chain(unsigned includes) {
  FakeDns dns;
  for (unsigned i = 0; i < includes; ++i) {
    dns.txt(fmt::format("r{}.example", i), fmt::format("v=spf1 include:r{}.example -all", i + 1));
  }
  dns.txt(fmt::format("r{}.example", includes), "v=spf1 +all");
  return dns;
}

// Shows: SPF-11
TEST(SpfLimits, AllowsTenTermsThatAskTheDns) {
  FakeDns dns = chain(10);
  const Outcome outcome = run(dns, "192.0.2.1", "x@r0.example");
  EXPECT_EQ(outcome.result, SpfResult::Pass);
  EXPECT_EQ(outcome.lookups, 10U);
  EXPECT_EQ(dns.log.size(), 11U);
}

// Shows: SPF-11
TEST(SpfLimits, StopsAtTheEleventhTermAndNamesIt) {
  FakeDns dns = chain(11);
  const Outcome outcome = run(dns, "192.0.2.1", "x@r0.example");
  EXPECT_EQ(outcome.result, SpfResult::PermError);
  EXPECT_EQ(outcome.lookups, 11U);
  EXPECT_EQ(outcome.problem_domain, "r10.example");
  EXPECT_EQ(outcome.problem_term, "include:r11.example");
  EXPECT_EQ(outcome.problem_offset, 7U);
  EXPECT_EQ(dns.log.size(), 11U);  // the eleventh is not asked
  EXPECT_EQ(outcome.mechanism, "default");
}

// Shows: SPF-11
TEST(SpfLimits, CountsEveryKindOfTermTogether) {
  FakeDns dns;
  dns.txt("a.example", "v=spf1 a mx exists:a.example ptr include:b.example a a a a redirect=c.example")
      .address("a.example", "198.51.100.1")
      .mx("a.example", "a.example")
      .ptr("1.2.0.192.in-addr.arpa", "a.example")
      .txt("b.example", "v=spf1 -all")
      .txt("c.example", "v=spf1 ?all");
  dns.txt("d.example",
          "v=spf1 -exists:none.d.example a:a.example mx:a.example ptr include:b.example a:a.example "
          "a:a.example a:a.example a:a.example a:a.example redirect=c.example");
  dns.txt("e.example",
          "v=spf1 ip4:10.0.0.1 -a:a.example -mx:a.example ptr include:b.example redirect=c.example");
  Outcome outcome = run(dns, "192.0.2.1", "x@e.example");
  EXPECT_EQ(outcome.result, SpfResult::Neutral);
  EXPECT_EQ(outcome.lookups, 5U);
  outcome = run(dns, "192.0.2.1", "x@d.example");
  EXPECT_EQ(outcome.result, SpfResult::PermError);
  EXPECT_EQ(outcome.lookups, 11U);
  EXPECT_EQ(outcome.problem_term, "redirect=c.example");
}

// Shows: SPF-12
TEST(SpfLimits, CountsANestedIncludeTwice) {
  FakeDns dns;
  dns.txt("a.example", "v=spf1 include:vendor.example ~all")
      .txt("vendor.example", "v=spf1 ip4:192.0.2.0/24 include:nested.example ~all")
      .txt("nested.example", "v=spf1 ip4:198.51.100.0/24 ~all");
  const Outcome outcome = run(dns, "198.51.100.1", "x@a.example");
  EXPECT_EQ(outcome.result, SpfResult::Pass);
  EXPECT_EQ(outcome.lookups, 2U);
}

TEST(SpfLimits, CountsNoTermThatWasNotReached) {
  FakeDns dns;
  dns.txt("a.example", "v=spf1 ip4:192.0.2.1 a a a a a a a a a a a a a -all");
  const Outcome outcome = run(dns, "192.0.2.1", "x@a.example");
  EXPECT_EQ(outcome.result, SpfResult::Pass);
  EXPECT_EQ(outcome.lookups, 0U);
}

// Shows: SPF-11
TEST(SpfLimits, AllowsTwoVoidLookupsAndStopsAtTheThird) {
  FakeDns dns;
  dns.txt("two.example", "v=spf1 a:n1.example exists:n2.example ?all")
      .txt("three.example", "v=spf1 a:n1.example exists:n2.example mx:n3.example ?all");
  Outcome outcome = run(dns, "192.0.2.1", "x@two.example");
  EXPECT_EQ(outcome.result, SpfResult::Neutral);
  EXPECT_EQ(outcome.void_lookups, 2U);
  outcome = run(dns, "192.0.2.1", "x@three.example");
  EXPECT_EQ(outcome.result, SpfResult::PermError);
  EXPECT_EQ(outcome.void_lookups, 3U);
  EXPECT_EQ(outcome.problem_term, "mx:n3.example");
}

TEST(SpfLimits, CountsBothKindsOfVoidAnswer) {
  FakeDns dns;
  dns.txt("a.example", "v=spf1 a:n1.example a:n2.example a:n3.example -all")
      .status("n1.example", RecordType::A, AnswerStatus::NoData)
      .status("n2.example", RecordType::A, AnswerStatus::NxDomain)
      .status("n3.example", RecordType::A, AnswerStatus::NoData);
  EXPECT_EQ(run(dns, "192.0.2.1", "x@a.example").result, SpfResult::PermError);
}

TEST(SpfLimits, DoesNotCountTheFirstRecordAsVoid) {
  FakeDns dns;
  const Outcome outcome = run(dns, "192.0.2.1", "x@nothing.example");
  EXPECT_EQ(outcome.result, SpfResult::None);
  EXPECT_EQ(outcome.void_lookups, 0U);
  EXPECT_EQ(outcome.lookups, 0U);
}

TEST(SpfLimits, CountsVoidNamesUnderMxUntilTheMatch) {
  FakeDns dns;
  dns.txt("late.example", "v=spf1 mx -all").txt("early.example", "v=spf1 mx -all");
  for (const char* name : {"n1.example", "n2.example", "n3.example", "m.example"})
    dns.mx("late.example", name);
  for (const char* name : {"n1.example", "n2.example", "m.example", "n3.example"})
    dns.mx("early.example", name);
  dns.address("m.example", "192.0.2.1");
  EXPECT_EQ(run(dns, "192.0.2.1", "x@late.example").result, SpfResult::PermError);
  const Outcome outcome = run(dns, "192.0.2.1", "x@early.example");
  EXPECT_EQ(outcome.result, SpfResult::Pass);
  EXPECT_EQ(outcome.void_lookups, 2U);
}

TEST(SpfLimits, CountsVoidNamesUnderPtrAndTheMacro) {
  FakeDns dns;
  dns.txt("a.example", "v=spf1 ptr ?all").txt("b.example", "v=spf1 exists:%{p}.x.example ?all");
  for (const char* name : {"n1.example", "n2.example", "n3.example"}) dns.ptr("1.2.0.192.in-addr.arpa", name);
  EXPECT_EQ(run(dns, "192.0.2.1", "x@a.example").result, SpfResult::PermError);
  const Outcome outcome = run(dns, "192.0.2.2", "x@b.example");
  EXPECT_EQ(outcome.result, SpfResult::Neutral);
  EXPECT_EQ(outcome.void_lookups, 2U);  // the PTR question, and exists
}

// Shows: SPF-11
TEST(SpfLimits, AllowsTenExchangesAndRefusesTheEleventh) {
  for (const unsigned count : {10U, 11U, 100U}) {
    FakeDns dns;
    dns.txt("a.example", "v=spf1 mx -all");
    for (unsigned i = 0; i < count; ++i) {
      dns.mx("a.example", fmt::format("m{}.example", i));
      dns.address(fmt::format("m{}.example", i), i == 9 ? "192.0.2.1" : "198.51.100.1");
    }
    const Outcome outcome = run(dns, "192.0.2.1", "x@a.example");
    EXPECT_EQ(outcome.result, count == 10 ? SpfResult::Pass : SpfResult::PermError) << count;
    EXPECT_EQ(dns.log.size(), count == 10 ? 12U : 2U);
    EXPECT_EQ(outcome.problem_term, count == 10 ? "" : "mx");
  }
}

// Shows: SPF-11
TEST(SpfLimits, IgnoresPtrNamesBeyondTen) {
  for (const unsigned good : {9U, 10U}) {
    FakeDns dns;
    dns.txt("a.example", "v=spf1 ptr ~all");
    for (unsigned i = 0; i < 500; ++i) {
      const std::string name = fmt::format("h{}.a.example", i);
      dns.ptr("1.2.0.192.in-addr.arpa", name).address(name, i == good ? "192.0.2.1" : "198.51.100.1");
    }
    EXPECT_EQ(run(dns, "192.0.2.1", "x@a.example").result, good == 9 ? SpfResult::Pass : SpfResult::SoftFail);
    EXPECT_EQ(dns.log.size(), 12U);
  }
}

TEST(SpfLimits, HasNoLimitOnAddresses) {
  FakeDns dns;
  dns.txt("a.example", "v=spf1 a -all");
  for (unsigned i = 0; i < 250; ++i) dns.address("a.example", fmt::format("198.51.100.{}", i).c_str());
  dns.address("a.example", "192.0.2.1");
  EXPECT_EQ(run(dns, "192.0.2.1", "x@a.example").result, SpfResult::Pass);
}

// Shows: conformance 5, loops and fan-out
TEST(SpfLimits, EndsLoopsOfIncludeAndRedirect) {
  FakeDns dns;
  dns.txt("i.example", "v=spf1 include:i.example -all")
      .txt("r.example", "v=spf1 redirect=r.example")
      .txt("p1.example", "v=spf1 include:p2.example")
      .txt("p2.example", "v=spf1 redirect=p1.example");
  for (const char* sender : {"x@i.example", "x@r.example", "x@p1.example"}) {
    dns.log.clear();
    const Outcome outcome = run(dns, "192.0.2.1", sender);
    EXPECT_EQ(outcome.result, SpfResult::PermError) << sender;
    EXPECT_EQ(outcome.lookups, 11U) << sender;
    EXPECT_EQ(dns.log.size(), 11U) << sender;
  }
}

TEST(SpfLimits, EndsAFanOutOfAThousand) {
  FakeDns dns;
  std::string text = "v=spf1";
  for (unsigned i = 0; i < 1000; ++i) {
    text += fmt::format(" include:f{}.example", i);
    dns.txt(fmt::format("f{}.example", i), "v=spf1 -all");
  }
  ASSERT_GT(text.size(), limits::kSpfRecord);
  text.resize(text.rfind(' ', limits::kSpfRecord));
  dns.txt("a.example", text);
  const Outcome outcome = run(dns, "192.0.2.1", "x@a.example");
  EXPECT_EQ(outcome.result, SpfResult::PermError);
  EXPECT_EQ(outcome.problem_term, "include:f10.example");
  EXPECT_EQ(dns.log.size(), 11U);
}

// Shows: conformance 5, a record of 60 kB, 2000 TXT
TEST(SpfLimits, RefusesARecordOfSixtyKilobytes) {
  FakeDns dns;
  std::string text = "v=spf1";
  while (text.size() < 60000) text += " ip4:192.0.2.1";
  dns.txt("a.example", text + " +all");
  const Outcome outcome = run(dns, "192.0.2.1", "x@a.example");
  EXPECT_EQ(outcome.result, SpfResult::PermError);
  EXPECT_EQ(outcome.problem_domain, "a.example");
}

TEST(SpfLimits, FindsTheRecordAmongTwoThousandTexts) {
  FakeDns dns;
  for (unsigned i = 0; i < 2000; ++i) dns.txt("a.example", fmt::format("text {}", i));
  dns.txt("a.example", "v=spf1 -all");
  EXPECT_EQ(run(dns, "192.0.2.1", "x@a.example").result, SpfResult::Fail);
}

TEST(SpfLimits, RefusesTwoThousandRecords) {
  FakeDns dns;
  for (unsigned i = 0; i < 2000; ++i)
    dns.txt("a.example", fmt::format("v=spf1 ip4:192.0.2.{} -all", i % 256));
  EXPECT_EQ(run(dns, "192.0.2.1", "x@a.example").result, SpfResult::PermError);
}

// A CNAME loop is a fault of the answer: temperror, but no match under ptr.
TEST(SpfLimits, TreatsACnameLoopAsAFault) {
  FakeDns dns;
  dns.txt("a.example", "v=spf1 a:loop.example -all")
      .status("loop.example", RecordType::A, AnswerStatus::ServFail);
  EXPECT_EQ(run(dns, "192.0.2.1", "x@a.example").result, SpfResult::TempError);
}

TEST(SpfLimits, BoundsTheQuestionsOfTheWorstRecord) {
  FakeDns dns;
  dns.txt("a.example", "v=spf1 mx mx mx mx mx mx mx mx mx mx mx -all");
  for (unsigned i = 0; i < 10; ++i) {
    dns.mx("a.example", fmt::format("m{}.example", i)).address(fmt::format("m{}.example", i), "198.51.100.1");
  }
  EXPECT_EQ(run(dns, "192.0.2.1", "x@a.example").result, SpfResult::PermError);
  EXPECT_EQ(dns.log.size(), 111U);  // the record, and ten times MX with its ten names
}

TEST(SpfLimits, GivesTempErrorWhenTheBudgetOfTheSenderOfQuestionsIsUsedUp) {
  for (const AnswerStatus status : {AnswerStatus::OverBudget, AnswerStatus::Timeout}) {
    FakeDns dns;
    dns.txt("a.example", "v=spf1 a:b.example +all").status("b.example", RecordType::A, status);
    const Outcome outcome = run(dns, "192.0.2.1", "x@a.example");
    EXPECT_EQ(outcome.result, SpfResult::TempError);
    EXPECT_EQ(outcome.problem_term, "a:b.example");
    EXPECT_FALSE(outcome.problem.empty());
  }
}

}  // namespace
}  // namespace sluice::spf
