#include "rules/spf/evaluator.h"

#include "tests/unit/rules/spf/fake_dns.h"

#include <array>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sluice::spf {
namespace {

using auth::Identity;
using auth::Progress;
using auth::SpfResult;
using dns::AnswerStatus;
using dns::LookupKind;
using dns::RecordType;
using testing::ElementsAre;
using testing::HasSubstr;

SpfResult result_of(FakeDns& dns, const char* client, const char* sender = "x@a.example") {
  return run(dns, client, sender).result;
}

// --- Identities ---

// Shows: SPF-02
TEST(SpfEvaluator, ChecksTheDomainOfMailFrom) {
  FakeDns dns;
  dns.txt("a.example", "v=spf1 ip4:192.0.2.1 -all").txt("helo.example.org", "v=spf1 +all");
  const Outcome outcome = run(dns, "198.51.100.1", "x@a.example");
  EXPECT_EQ(outcome.result, SpfResult::Fail);
  EXPECT_EQ(outcome.identity, Identity::MailFrom);
  EXPECT_EQ(outcome.domain, "a.example");
  EXPECT_THAT(dns.log, ElementsAre("a.example TXT"));
}

// Shows: SPF-03
TEST(SpfEvaluator, ChecksPostmasterAtHeloForTheNullSender) {
  FakeDns dns;
  dns.txt("mta.example.org", "v=spf1 exists:%{l}.%{o}.%{h}.x.example -all")
      .address("postmaster.mta.example.org.mta.example.org.x.example", "127.0.0.2");
  Outcome outcome = run(dns, check_of("192.0.2.1", "", "mta.example.org"));
  EXPECT_EQ(outcome.result, SpfResult::Pass);
  EXPECT_EQ(outcome.identity, Identity::Helo);
  EXPECT_EQ(outcome.domain, "mta.example.org");
  FakeDns refusing;
  refusing.txt("mta.example.org", "v=spf1 -all");
  EXPECT_EQ(run(refusing, check_of("192.0.2.1", "", "mta.example.org")).result, SpfResult::Fail);
}

// Shows: W-31, ESE-15
TEST(SpfEvaluator, GivesNoneForAHeloThatIsALiteralOrASingleLabel) {
  for (const char* helo : {"[192.0.2.1]", "[IPv6:2001:db8::1]", "localhost", "OEMCOMPUTER", "", "192"}) {
    FakeDns dns;
    Check check = check_of("192.0.2.1", "x@a.example", helo);
    check.identity = Identity::Helo;
    const Outcome outcome = run(dns, check);
    EXPECT_EQ(outcome.result, SpfResult::None) << helo;
    EXPECT_EQ(outcome.identity, Identity::Helo);
    EXPECT_EQ(outcome.mechanism, std::nullopt);
    EXPECT_TRUE(dns.log.empty());
  }
}

// Shows: ESE-15
TEST(SpfEvaluator, ChecksHeloOnItsOwnWhenAsked) {
  FakeDns dns;
  dns.txt("mta.example.org", "v=spf1 ip4:192.0.2.1 -all").txt("a.example", "v=spf1 -all");
  Check check = check_of("192.0.2.1", "x@a.example", "mta.example.org");
  check.identity = Identity::Helo;
  EXPECT_EQ(run(dns, check).result, SpfResult::Pass);
}

// Shows: ESE-16, D-2
TEST(SpfEvaluator, LabelsTheAuthorIdentity) {
  FakeDns dns;
  dns.txt("a.example", "v=spf1 ip4:192.0.2.1 -all");
  Check check = check_of("192.0.2.1", "author@a.example");
  check.identity = Identity::From;
  const Outcome outcome = run(dns, check);
  EXPECT_EQ(outcome.result, SpfResult::Pass);
  EXPECT_EQ(outcome.identity, Identity::From);
  check.sender.clear();
  EXPECT_EQ(run(dns, check).result, SpfResult::None);  // it does not fall back to HELO
}

TEST(SpfEvaluator, TakesPostmasterWhereThereIsNoLocalPart) {
  for (const char* sender : {"@a.example", "a.example"}) {
    FakeDns dns;
    dns.txt("a.example", "v=spf1 exists:%{l}.x.example -all").address("postmaster.x.example", "127.0.0.2");
    EXPECT_EQ(result_of(dns, "192.0.2.1", sender), SpfResult::Pass) << sender;
  }
}

TEST(SpfEvaluator, TakesTheDomainBehindTheLastAtSign) {
  FakeDns dns;
  dns.txt("a.example", "v=spf1 -all");
  EXPECT_EQ(run(dns, "192.0.2.1", "\"x@b.example\"@a.example").domain, "a.example");
}

// Shows: conformance 5, odd senders
TEST(SpfEvaluator, GivesNoneForSendersWithoutAUsableDomain) {
  for (const char* sender : {"x@[192.0.2.1]", "x@localhost", "x@a..example", "x@(y.legit.example",
                             "x@a\"b.example", "x@b c.example", "x@", "@"}) {
    FakeDns dns;
    EXPECT_EQ(result_of(dns, "192.0.2.1", sender), SpfResult::None) << sender;
    EXPECT_TRUE(dns.log.empty()) << sender;
  }
}

TEST(SpfEvaluator, AsksForALabelsAndReportsLowerCase) {
  FakeDns dns;
  dns.txt("xn--bcher-kva.example", "v=spf1 exists:%{o}.x.example -all")
      .address("xn--bcher-kva.example.x.example", "127.0.0.2");
  const Outcome outcome = run(dns, "192.0.2.1",
                              "x@B\xC3\xBC"
                              "cher.example");
  EXPECT_EQ(outcome.result, SpfResult::Pass);
  EXPECT_EQ(outcome.domain, "xn--bcher-kva.example");
}

TEST(SpfEvaluator, NeverMatchesTermsWithALocalPartThatIsNotAscii) {
  FakeDns dns;
  dns.txt("a.example",
          "v=spf1 exists:%{l}.x.example include:%{s}.x.example a:%{L}.x.example ip4:192.0.2.1 -all");
  const Outcome outcome = run(dns, "192.0.2.1", "\xC3\xA4@a.example");
  EXPECT_EQ(outcome.result, SpfResult::Pass);
  EXPECT_EQ(outcome.lookups, 3U);
  EXPECT_THAT(dns.log, ElementsAre("a.example TXT"));
}

// --- Results ---

// Shows: SPF-07, SPF-13
TEST(SpfEvaluator, GivesEachOfTheSevenResults) {
  FakeDns dns;
  dns.txt("pass.example", "v=spf1 +all")
      .txt("fail.example", "v=spf1 -all")
      .txt("softfail.example", "v=spf1 ~all")
      .txt("neutral.example", "v=spf1 ?all")
      .txt("permerror.example", "v=spf1 all.")
      .txt("none.example", "not a record")
      .status("temperror.example", RecordType::Txt, AnswerStatus::ServFail);
  for (const SpfResult result : {SpfResult::Pass, SpfResult::Fail, SpfResult::SoftFail, SpfResult::Neutral,
                                 SpfResult::PermError, SpfResult::None, SpfResult::TempError}) {
    const std::string sender = "x@" + std::string(auth::rfc_word(result)) + ".example";
    EXPECT_EQ(run(dns, "192.0.2.1", sender).result, result) << sender;
  }
}

TEST(SpfEvaluator, GivesNeutralByDefault) {
  FakeDns dns;
  dns.txt("a.example", "v=spf1 ip4:192.0.2.1");
  const Outcome outcome = run(dns, "192.0.2.2", "x@a.example");
  EXPECT_EQ(outcome.result, SpfResult::Neutral);
  EXPECT_EQ(outcome.mechanism, "default");
}

// Shows: SPF-09
TEST(SpfEvaluator, StopsAtTheFirstMatch) {
  FakeDns dns;
  dns.txt("a.example", "v=spf1 a:one.example -ip4:192.0.2.0/24 a:two.example include:three.example mx -all")
      .address("one.example", "198.51.100.1");
  const Outcome outcome = run(dns, "192.0.2.9", "x@a.example");
  EXPECT_EQ(outcome.result, SpfResult::Fail);
  EXPECT_EQ(outcome.mechanism, "ip4:192.0.2.0/24");
  EXPECT_THAT(dns.log, ElementsAre("a.example TXT", "one.example A"));
}

// Shows: SPF-09
TEST(SpfEvaluator, AsksOnlyForTheNextTerm) {
  Evaluator evaluator;
  FakeDns dns;
  dns.txt("a.example", "v=spf1 a:one.example a:two.example -all");
  evaluator.start(check_of("192.0.2.1", "x@a.example"));
  ASSERT_EQ(evaluator.step(), Progress::NeedAnswers);
  ASSERT_EQ(evaluator.questions().size(), 1U);
  evaluator.answer(evaluator.questions()[0].id, dns.lookup(evaluator.questions()[0].question));
  ASSERT_EQ(evaluator.step(), Progress::NeedAnswers);
  ASSERT_EQ(evaluator.questions().size(), 1U);
  EXPECT_EQ(evaluator.questions()[0].question.name.to_text(), "one.example");
}

TEST(SpfEvaluator, SelectsTheOneRecord) {
  const auto with = [](std::vector<std::string> texts) {
    FakeDns dns;
    for (std::string& text : texts) dns.txt("a.example", std::move(text));
    return run(dns, "192.0.2.1", "x@a.example").result;
  };
  EXPECT_EQ(with({"v=spf10 +all", "v=spf1 -all", "other"}), SpfResult::Fail);
  EXPECT_EQ(with({"v=spf1", "google-site-verification=x"}), SpfResult::Neutral);
  EXPECT_EQ(with({"v=spf1 -all", "V=SPF1 +all"}), SpfResult::PermError);
  EXPECT_EQ(with({"v=spf1 -all", "v=spf1 -all"}), SpfResult::PermError);
  EXPECT_EQ(with({"v=spf1-all"}), SpfResult::None);
  EXPECT_EQ(with({"\xC3\xA4", "v=spf1 -all"}), SpfResult::Fail);
}

TEST(SpfEvaluator, NamesTheDomainOfTwoRecords) {
  FakeDns dns;
  dns.txt("a.example", "v=spf1 include:b.example -all")
      .txt("b.example", "v=spf1 -all")
      .txt("b.example", "v=spf1 a");
  const Outcome outcome = run(dns, "192.0.2.1", "x@a.example");
  EXPECT_EQ(outcome.result, SpfResult::PermError);
  EXPECT_EQ(outcome.problem_domain, "b.example");
  EXPECT_EQ(outcome.problem, "more than one SPF record");
}

// Shows: SPF-05, SPF-17
TEST(SpfEvaluator, LocatesASyntaxErrorAnywhere) {
  FakeDns dns;
  dns.txt("a.example", "v=spf1 ip4:192.0.2.1 -all moo");
  const Outcome outcome = run(dns, "192.0.2.1", "x@a.example");
  EXPECT_EQ(outcome.result, SpfResult::PermError);
  EXPECT_EQ(outcome.problem_domain, "a.example");
  EXPECT_EQ(outcome.problem_term, "moo");
  EXPECT_EQ(outcome.problem_offset, 26U);
  EXPECT_EQ(outcome.mechanism, std::nullopt);
  EXPECT_EQ(outcome.lookups, 0U);
}

// Shows: SPF-08
TEST(SpfEvaluator, AppliesTheTableOfInclude) {
  struct Row {
    const char* included;
    SpfResult result;
  };
  for (const Row& row : {Row{"v=spf1 +all", SpfResult::Pass}, Row{"v=spf1 -all", SpfResult::SoftFail},
                         Row{"v=spf1 ~all", SpfResult::SoftFail}, Row{"v=spf1 ?all", SpfResult::SoftFail},
                         Row{"v=spf1", SpfResult::SoftFail}, Row{"v=spf1 oops", SpfResult::PermError},
                         Row{"no record", SpfResult::PermError}}) {
    FakeDns dns;
    dns.txt("a.example", "v=spf1 include:b.example ~all").txt("b.example", row.included);
    EXPECT_EQ(result_of(dns, "192.0.2.1"), row.result) << row.included;
  }
}

// Shows: SPF-08
TEST(SpfEvaluator, PassesFaultsOfAnIncludedRecordOn) {
  for (const AnswerStatus status :
       {AnswerStatus::ServFail, AnswerStatus::Timeout, AnswerStatus::OverBudget}) {
    FakeDns dns;
    dns.txt("a.example", "v=spf1 include:b.example ~all").status("b.example", RecordType::Txt, status);
    const Outcome outcome = run(dns, "192.0.2.1", "x@a.example");
    EXPECT_EQ(outcome.result, SpfResult::TempError);
    EXPECT_EQ(outcome.mechanism, "default");
    EXPECT_EQ(outcome.problem_term, "include:b.example");
    EXPECT_THAT(outcome.problem, HasSubstr("b.example TXT"));
  }
  for (const AnswerStatus status : {AnswerStatus::NxDomain, AnswerStatus::NoData}) {
    FakeDns dns;
    dns.txt("a.example", "v=spf1 include:b.example ~all").status("b.example", RecordType::Txt, status);
    const Outcome outcome = run(dns, "192.0.2.1", "x@a.example");
    EXPECT_EQ(outcome.result, SpfResult::PermError);
    EXPECT_EQ(outcome.problem_domain, "a.example");
    EXPECT_EQ(outcome.problem_term, "include:b.example");
    EXPECT_EQ(outcome.void_lookups, 1U);
  }
}

TEST(SpfEvaluator, ReportsTheOutermostTermOfAMatch) {
  FakeDns dns;
  dns.txt("a.example", "v=spf1 mx ?include:b.example -all")
      .txt("b.example", "v=spf1 include:c.example -all")
      .txt("c.example", "v=spf1 ip4:192.0.2.0/24 -all")
      .mx("a.example", "mail.a.example")
      .address("mail.a.example", "198.51.100.1");
  const Outcome outcome = run(dns, "192.0.2.1", "x@a.example");
  EXPECT_EQ(outcome.result, SpfResult::Neutral);
  EXPECT_EQ(outcome.mechanism, "include:b.example");
  EXPECT_EQ(outcome.domain, "a.example");
  EXPECT_EQ(outcome.lookups, 3U);
}

TEST(SpfEvaluator, RefusesToIncludeASingleLabel) {
  FakeDns dns;
  dns.txt("a.example", "v=spf1 include:%{h} -all");
  EXPECT_EQ(run(dns, check_of("192.0.2.1", "x@a.example", "localhost")).result, SpfResult::PermError);
  EXPECT_EQ(run(dns, check_of("192.0.2.1", "x@a.example", "a..b")).result, SpfResult::PermError);
}

// --- redirect ---

TEST(SpfEvaluator, FollowsRedirectWhenNothingMatched) {
  FakeDns dns;
  dns.txt("a.example", "v=spf1 redirect=b.example ip4:192.0.2.1")
      .txt("b.example", "v=spf1 ip4:192.0.2.2 -a:%{d} -all");
  Outcome outcome = run(dns, "192.0.2.1", "x@a.example");
  EXPECT_EQ(outcome.result, SpfResult::Pass);
  EXPECT_EQ(outcome.lookups, 0U);
  outcome = run(dns, "192.0.2.2", "x@a.example");
  EXPECT_EQ(outcome.result, SpfResult::Pass);
  EXPECT_EQ(outcome.mechanism, "ip4:192.0.2.2");
  EXPECT_EQ(outcome.domain, "a.example");
  EXPECT_EQ(outcome.lookups, 1U);
  outcome = run(dns, "192.0.2.3", "x@a.example");
  EXPECT_EQ(outcome.result, SpfResult::Fail);
  EXPECT_TRUE(dns.asked("b.example A"));  // the current domain is the target's
}

TEST(SpfEvaluator, IgnoresRedirectBesideAll) {
  FakeDns dns;
  dns.txt("a.example", "v=spf1 redirect=b.example ~all");
  EXPECT_EQ(result_of(dns, "192.0.2.1"), SpfResult::SoftFail);
  EXPECT_THAT(dns.log, ElementsAre("a.example TXT"));
}

TEST(SpfEvaluator, GivesPermErrorForARedirectToNothing) {
  FakeDns dns;
  dns.txt("a.example", "v=spf1 ip4:192.0.2.1 redirect=b.example");
  const Outcome outcome = run(dns, "192.0.2.2", "x@a.example");
  EXPECT_EQ(outcome.result, SpfResult::PermError);
  EXPECT_EQ(outcome.problem_term, "redirect=b.example");
  EXPECT_EQ(outcome.problem_domain, "a.example");
}

TEST(SpfEvaluator, LeavesAnIncludeThroughItsRedirect) {
  FakeDns dns;
  dns.txt("a.example", "v=spf1 include:b.example ~all")
      .txt("b.example", "v=spf1 redirect=c.example")
      .txt("c.example", "v=spf1 ip4:192.0.2.1 -all");
  EXPECT_EQ(result_of(dns, "192.0.2.1"), SpfResult::Pass);
  EXPECT_EQ(run(dns, "192.0.2.1", "x@a.example").mechanism, "include:b.example");
  EXPECT_EQ(result_of(dns, "192.0.2.2"), SpfResult::SoftFail);
}

// --- Mechanisms ---

TEST(SpfEvaluator, AsksOnlyTheFamilyOfTheClient) {
  FakeDns dns;
  dns.txt("a.example", "v=spf1 a mx:m.example -all")
      .address("a.example", "192.0.2.1")
      .address("a.example", "2001:db8::1")
      .mx("m.example", "a.example");
  EXPECT_EQ(result_of(dns, "2001:db8::2"), SpfResult::Fail);
  EXPECT_THAT(dns.log, ElementsAre("a.example TXT", "a.example AAAA", "m.example MX", "a.example AAAA"));
  EXPECT_EQ(result_of(dns, "2001:db8::1"), SpfResult::Pass);
  EXPECT_EQ(result_of(dns, "192.0.2.1"), SpfResult::Pass);
}

TEST(SpfEvaluator, CountsMappedClientsAsIpv4) {
  FakeDns dns;
  dns.txt("a.example", "v=spf1 ip6:::ffff:0:0/96 ip4:192.0.2.1 -all");
  const Outcome outcome = run(dns, "::ffff:192.0.2.1", "x@a.example");
  EXPECT_EQ(outcome.mechanism, "ip4:192.0.2.1");
}

TEST(SpfEvaluator, MatchesIp4AndIp6OnTheEdges) {
  FakeDns dns;
  dns.txt("a.example", "v=spf1 ip4:192.0.2.64/26 ip6:2001:db8:1::/48 -all");
  EXPECT_EQ(result_of(dns, "192.0.2.63"), SpfResult::Fail);
  EXPECT_EQ(result_of(dns, "192.0.2.64"), SpfResult::Pass);
  EXPECT_EQ(result_of(dns, "192.0.2.127"), SpfResult::Pass);
  EXPECT_EQ(result_of(dns, "192.0.2.128"), SpfResult::Fail);
  EXPECT_EQ(result_of(dns, "2001:db8:1:ffff::"), SpfResult::Pass);
  EXPECT_EQ(result_of(dns, "2001:db8:2::"), SpfResult::Fail);
}

TEST(SpfEvaluator, AppliesPrefixLengthsToAAndMx) {
  FakeDns dns;
  dns.txt("a.example", "v=spf1 a/24//64 mx:m.example/30 -all")
      .address("a.example", "192.0.2.200")
      .address("a.example", "2001:db8::1")
      .mx("m.example", "mail.example")
      .address("mail.example", "198.51.100.4");
  EXPECT_EQ(result_of(dns, "192.0.2.1"), SpfResult::Pass);
  EXPECT_EQ(result_of(dns, "2001:db8::ffff"), SpfResult::Pass);
  EXPECT_EQ(result_of(dns, "198.51.100.7"), SpfResult::Pass);
  EXPECT_EQ(result_of(dns, "198.51.100.8"), SpfResult::Fail);
}

TEST(SpfEvaluator, NeverMatchesAnAbsentNameEvenWithZeroLength) {
  FakeDns dns;
  dns.txt("a.example", "v=spf1 a:nothing.example/0 mx:nothing.example/0 -all");
  EXPECT_EQ(result_of(dns, "192.0.2.1"), SpfResult::Fail);
}

TEST(SpfEvaluator, AsksExistsForAAlsoForIpv6Clients) {
  FakeDns dns;
  dns.txt("a.example", "v=spf1 exists:%{ir}.x.example -all")
      .address("1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.x.example", "127.0.0.2");
  EXPECT_EQ(result_of(dns, "2001:db8::1"), SpfResult::Pass);
}

TEST(SpfEvaluator, AsksForAllExchangesAtOnce) {
  Evaluator evaluator;
  FakeDns dns;
  dns.txt("a.example", "v=spf1 mx -all");
  for (const char* name : {"m1.example", "m2.example", "m3.example"}) dns.mx("a.example", name);
  evaluator.start(check_of("192.0.2.1", "x@a.example"));
  for (int i = 0; i < 2; ++i) {
    ASSERT_EQ(evaluator.step(), Progress::NeedAnswers);
    ASSERT_EQ(evaluator.questions().size(), 1U);
    const auth::PendingQuestion asked = evaluator.questions()[0];
    evaluator.answer(asked.id, dns.lookup(asked.question));
  }
  ASSERT_EQ(evaluator.step(), Progress::NeedAnswers);
  EXPECT_EQ(evaluator.questions().size(), 3U);
}

TEST(SpfEvaluator, AsksNothingOfANullMx) {
  FakeDns dns;
  dns.txt("a.example", "v=spf1 mx -all").mx("a.example", "");
  const Outcome outcome = run(dns, "192.0.2.1", "x@a.example");
  EXPECT_EQ(outcome.result, SpfResult::Fail);
  EXPECT_EQ(outcome.void_lookups, 0U);
  EXPECT_EQ(dns.log.size(), 2U);
}

TEST(SpfEvaluator, ValidatesPtrNamesByTheirAddresses) {
  FakeDns dns;
  dns.txt("a.example", "v=spf1 ptr -all")
      .ptr("1.2.0.192.in-addr.arpa", "fake.a.example")
      .ptr("1.2.0.192.in-addr.arpa", "host.a.example")
      .address("fake.a.example", "192.0.2.99")
      .address("host.a.example", "192.0.2.1")
      .ptr("2.2.0.192.in-addr.arpa", "fake.a.example")
      .ptr("3.2.0.192.in-addr.arpa", "xa.example")
      .address("xa.example", "192.0.2.3");
  EXPECT_EQ(result_of(dns, "192.0.2.1"), SpfResult::Pass);
  EXPECT_EQ(result_of(dns, "192.0.2.2"), SpfResult::Fail);
  EXPECT_EQ(result_of(dns, "192.0.2.3"), SpfResult::Fail);  // "xa.example" is not below "a.example"
}

TEST(SpfEvaluator, TreatsFaultsUnderPtrAsNoMatch) {
  FakeDns dns;
  dns.txt("a.example", "v=spf1 ptr ~all")
      .status("1.2.0.192.in-addr.arpa", RecordType::Ptr, AnswerStatus::ServFail)
      .ptr("2.2.0.192.in-addr.arpa", "broken.a.example")
      .ptr("2.2.0.192.in-addr.arpa", "good.a.example")
      .status("broken.a.example", RecordType::A, AnswerStatus::Timeout)
      .address("good.a.example", "192.0.2.2");
  EXPECT_EQ(result_of(dns, "192.0.2.1"), SpfResult::SoftFail);
  EXPECT_EQ(result_of(dns, "192.0.2.2"), SpfResult::Pass);
}

TEST(SpfEvaluator, ChoosesTheValidatedNameByTheDomain) {
  FakeDns dns;
  dns.txt("a.example", "v=spf1 exists:%{p}.x.example -all");
  const auto with = [&](std::vector<const char*> names) {
    FakeDns copy = dns;
    for (const char* name : names) copy.ptr("1.2.0.192.in-addr.arpa", name).address(name, "192.0.2.1");
    (void)run(copy, "192.0.2.1", "x@a.example");
    return copy.log.back();
  };
  EXPECT_EQ(with({"other.example", "h.a.example", "a.example"}), "a.example.x.example A");
  EXPECT_EQ(with({"other.example", "h.a.example"}), "h.a.example.x.example A");
  EXPECT_EQ(with({"other.example", "more.example"}), "other.example.x.example A");
  EXPECT_EQ(with({}), "unknown.x.example A");
}

TEST(SpfEvaluator, UsesTheValidatedNameInPtrAndRedirectToo) {
  FakeDns dns;
  dns.txt("a.example", "v=spf1 ptr:%{p} redirect=%{p}.r.example")
      .ptr("1.2.0.192.in-addr.arpa", "h.b.example")
      .address("h.b.example", "192.0.2.1")
      .txt("unknown.r.example", "v=spf1 ?all");
  EXPECT_EQ(result_of(dns, "192.0.2.1"), SpfResult::Pass);
  EXPECT_EQ(dns.log.size(), 3U);                               // the names are known when ptr wants them
  EXPECT_EQ(result_of(dns, "192.0.2.9"), SpfResult::Neutral);  // by unknown.r.example
}

TEST(SpfEvaluator, TreatsNamesThatCannotBeAskedAsAbsent) {
  const std::string label(64, 'x');
  FakeDns dns;
  dns.txt("a.example",
          "v=spf1 a:a..b.example a:" + label + ".example exists:%{h}.x.example mx:%{h}.x.example ~all");
  const Outcome outcome = run(dns, check_of("192.0.2.1", "x@a.example", label));
  EXPECT_EQ(outcome.result, SpfResult::SoftFail);
  EXPECT_EQ(outcome.lookups, 4U);
  EXPECT_EQ(outcome.void_lookups, 0U);
  EXPECT_EQ(dns.log.size(), 1U);
}

TEST(SpfEvaluator, GivesTempErrorForFaultsOfAddressTerms) {
  for (const char* term : {"a", "mx", "exists:a.example"}) {
    for (const RecordType type : {RecordType::A, RecordType::Mx}) {
      FakeDns dns;
      dns.txt("a.example", std::string("v=spf1 ") + term + " +all")
          .address("a.example", "198.51.100.1")
          .status("a.example", type, AnswerStatus::ServFail);
      const bool concerned = (std::string(term) == "mx") == (type == RecordType::Mx);
      const SpfResult expected = concerned ? SpfResult::TempError : SpfResult::Pass;
      const Outcome outcome = run(dns, "192.0.2.1", "x@a.example");
      EXPECT_EQ(outcome.result, expected) << term;
      if (concerned) {
        EXPECT_EQ(outcome.problem_term, term);
        EXPECT_THAT(outcome.problem, HasSubstr("a.example"));
      }
    }
  }
}

// --- Order of answers ---

struct Machine {
  Evaluator evaluator;
  FakeDns dns;
  std::vector<auth::PendingQuestion> names;

  // Brings a check of three exchanges to the point where their addresses are asked for.
  Machine() {
    dns.txt("a.example", "v=spf1 mx -all");
    for (const char* name : {"m1.example", "m2.example", "m3.example"}) dns.mx("a.example", name);
    evaluator.start(check_of("192.0.2.1", "x@a.example"));
    for (int i = 0; i < 2; ++i) {
      (void)evaluator.step();
      const auth::PendingQuestion asked = evaluator.questions()[0];
      evaluator.answer(asked.id, dns.lookup(asked.question));
    }
    (void)evaluator.step();
    names.assign(evaluator.questions().begin(), evaluator.questions().end());
  }
  void answer(size_t index, dns::Answer answer) { evaluator.answer(names.at(index).id, std::move(answer)); }
};

dns::Answer address_answer(const char* text) {
  dns::Answer answer;
  answer.status = AnswerStatus::Records;
  answer.records.emplace_back(*IpAddress::parse(text));
  return answer;
}
dns::Answer status_answer(AnswerStatus status) {
  dns::Answer answer;
  answer.status = status;
  return answer;
}

TEST(SpfEvaluator, ConsumesAnswersInRecordOrderWhateverTheirArrival) {
  Machine machine;
  machine.answer(2, address_answer("192.0.2.1"));
  EXPECT_EQ(machine.evaluator.step(), Progress::NeedAnswers);
  EXPECT_TRUE(machine.evaluator.questions().empty());
  machine.answer(1, status_answer(AnswerStatus::ServFail));
  EXPECT_EQ(machine.evaluator.step(), Progress::NeedAnswers);
  machine.answer(0, address_answer("198.51.100.1"));
  EXPECT_EQ(machine.evaluator.step(), Progress::Done);
  EXPECT_EQ(machine.evaluator.outcome().result, SpfResult::TempError);
}

TEST(SpfEvaluator, EndsWithoutTheAnswersItNoLongerNeeds) {
  Machine machine;
  machine.answer(0, address_answer("192.0.2.1"));
  EXPECT_EQ(machine.evaluator.step(), Progress::Done);
  EXPECT_EQ(machine.evaluator.outcome().result, SpfResult::Pass);
  machine.answer(1, status_answer(AnswerStatus::NxDomain));
  EXPECT_EQ(machine.evaluator.step(), Progress::Done);
  EXPECT_EQ(machine.evaluator.outcome().void_lookups, 0U);
}

TEST(SpfEvaluator, IgnoresAnswersTwiceOrUnderUnknownIds) {
  Machine machine;
  machine.answer(0, address_answer("198.51.100.1"));
  machine.answer(0, address_answer("192.0.2.1"));
  machine.evaluator.answer(12345, address_answer("192.0.2.1"));
  machine.evaluator.answer(0, address_answer("192.0.2.1"));  // the first record's, long consumed
  EXPECT_EQ(machine.evaluator.step(), Progress::NeedAnswers);
  machine.answer(1, status_answer(AnswerStatus::NoData));
  machine.answer(2, status_answer(AnswerStatus::NoData));
  EXPECT_EQ(machine.evaluator.step(), Progress::Done);
  EXPECT_EQ(machine.evaluator.outcome().result, SpfResult::Fail);
}

TEST(SpfEvaluator, IsReusableAndForgetsTheLastCheck) {
  Machine machine;
  const auth::QuestionId stale = machine.names[0].id;
  machine.evaluator.start(check_of("192.0.2.1", "x@b.example"));
  EXPECT_EQ(machine.evaluator.step(), Progress::NeedAnswers);
  ASSERT_EQ(machine.evaluator.questions().size(), 1U);
  EXPECT_NE(machine.evaluator.questions()[0].id, stale);
  machine.evaluator.answer(stale, address_answer("192.0.2.1"));
  EXPECT_EQ(machine.evaluator.step(), Progress::NeedAnswers);
}

TEST(SpfEvaluator, SaysWhatEachQuestionCostsTheBudget) {
  FakeDns dns;
  dns.txt("a.example", "v=spf1 mx include:b.example ptr:%{p} -all exp=e.example")
      .mx("a.example", "m1.example")
      .mx("a.example", "m2.example")
      .txt("b.example", "v=spf1 -all")
      .ptr("1.2.0.192.in-addr.arpa", "h.example")
      .txt("e.example", "no");
  std::vector<std::string> kinds;
  Evaluator evaluator;
  evaluator.start(check_of("192.0.2.1", "x@a.example"));
  while (evaluator.step() == Progress::NeedAnswers) {
    const std::vector<auth::PendingQuestion> asked(evaluator.questions().begin(),
                                                   evaluator.questions().end());
    for (const auth::PendingQuestion& question : asked) {
      const char* kind = question.kind == LookupKind::Uncounted ? "free"
                         : question.kind == LookupKind::Term    ? "term"
                                                                : "name";
      kinds.push_back(question.question.name.to_text() + " " + kind);
      dns::Answer answer = dns.lookup(question.question);
      if (dns::is_void(answer.status)) answer = address_answer("198.51.100.1");
      evaluator.answer(question.id, std::move(answer));
    }
  }
  EXPECT_THAT(kinds, ElementsAre("a.example free", "a.example term", "m1.example name", "m2.example name",
                                 "b.example term", "1.2.0.192.in-addr.arpa term", "h.example name",
                                 "e.example free"));
}

}  // namespace
}  // namespace sluice::spf
