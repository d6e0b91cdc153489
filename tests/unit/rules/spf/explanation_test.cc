// exp= (RFC 7208 section 6.2): text from others that may end in an SMTP reply.
#include "io/base/limits.h"
#include "rules/spf/evaluator.h"
#include "tests/unit/rules/spf/fake_dns.h"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sluice::spf {
namespace {

using auth::SpfResult;
using dns::AnswerStatus;
using dns::RecordType;
using testing::ElementsAre;

// The explanation for 192.0.2.1 from x@a.example whose record is "v=spf1 -all exp=e.example".
std::optional<std::string> explanation_of(const std::string& text) {
  FakeDns dns;
  dns.txt("a.example", "v=spf1 -all exp=e.example").txt("e.example", text);
  const Outcome outcome = run(dns, "192.0.2.1", "x@a.example");
  EXPECT_EQ(outcome.result, SpfResult::Fail);
  return outcome.explanation;
}

TEST(SpfExplanation, ExpandsTheText) {
  EXPECT_EQ(explanation_of("%{c} is not one of %{d}'s, see http://%{d}/why?s=%{S}&r=%{r}"),
            "192.0.2.1 is not one of a.example's, see http://a.example/why?s=x%40a.example&r=unknown");
}

// Shows: conformance 5, CR LF in an exp= text
TEST(SpfExplanation, NeverHoldsAControlCharacter) {
  EXPECT_EQ(explanation_of("No\r\n250 OK"), std::nullopt);
  EXPECT_EQ(explanation_of("No\n"), std::nullopt);
  EXPECT_EQ(explanation_of(std::string("a\0b", 3)), std::nullopt);
  EXPECT_EQ(explanation_of("tab\there"), std::nullopt);
  EXPECT_EQ(explanation_of("\x7f"), std::nullopt);
  EXPECT_EQ(explanation_of("\xC3\xA4"), std::nullopt);
}

TEST(SpfExplanation, IsDroppedWhenAMacroBringsInMore) {
  FakeDns dns;
  dns.txt("a.example", "v=spf1 -all exp=e.example").txt("e.example", "from %{l} by %{h}");
  EXPECT_EQ(run(dns, "192.0.2.1", "x\r\ny@a.example").explanation, std::nullopt);
  EXPECT_EQ(run(dns, check_of("192.0.2.1", "x@a.example", "h\r\n250 ok")).explanation, std::nullopt);
  EXPECT_EQ(run(dns, "192.0.2.1", "\xC3\xA4@a.example").explanation, std::nullopt);
}

TEST(SpfExplanation, IsDroppedWhenItIsMalformedOrEmpty) {
  for (const char* text : {"", "%", "%{x}", "%{d", "50% off"})
    EXPECT_EQ(explanation_of(text), std::nullopt) << text;
}

TEST(SpfExplanation, IsCutToWhatAReplyHolds) {
  const auto text = explanation_of(std::string(2000, 'x'));
  ASSERT_TRUE(text);
  EXPECT_EQ(text->size(), limits::kSpfExplanation);
}

TEST(SpfExplanation, LeavesTheResultWhenItCannotBeHad) {
  for (const AnswerStatus status : {AnswerStatus::NxDomain, AnswerStatus::NoData, AnswerStatus::ServFail,
                                    AnswerStatus::Timeout, AnswerStatus::OverBudget}) {
    FakeDns dns;
    dns.txt("a.example", "v=spf1 -all exp=e.example").status("e.example", RecordType::Txt, status);
    const Outcome outcome = run(dns, "192.0.2.1", "x@a.example");
    EXPECT_EQ(outcome.result, SpfResult::Fail);
    EXPECT_EQ(outcome.explanation, std::nullopt);
    EXPECT_EQ(outcome.mechanism, "all");
    EXPECT_EQ(outcome.void_lookups, 0U);
    EXPECT_EQ(outcome.lookups, 0U);
  }
}

TEST(SpfExplanation, IsDroppedWhenThereAreTwo) {
  FakeDns dns;
  dns.txt("a.example", "v=spf1 -all exp=e.example").txt("e.example", "one").txt("e.example", "two");
  EXPECT_EQ(run(dns, "192.0.2.1", "x@a.example").explanation, std::nullopt);
}

TEST(SpfExplanation, IsFetchedOnlyOnFailAndOnlyWhenWanted) {
  FakeDns dns;
  dns.txt("a.example", "v=spf1 ip4:192.0.2.2 ~ip4:192.0.2.3 -all exp=e.example").txt("e.example", "no");
  (void)run(dns, "192.0.2.2", "x@a.example");
  (void)run(dns, "192.0.2.3", "x@a.example");
  Check check = check_of("192.0.2.1", "x@a.example");
  check.explain = Explain::Skip;
  const Outcome outcome = run(dns, check);
  EXPECT_EQ(outcome.result, SpfResult::Fail);
  EXPECT_FALSE(dns.asked("e.example TXT"));
}

TEST(SpfExplanation, ComesFromTheRedirectTargetAndNeverFromAnInclude) {
  FakeDns dns;
  dns.txt("a.example", "v=spf1 include:b.example redirect=c.example exp=ea.example")
      .txt("b.example", "v=spf1 -all exp=eb.example")
      .txt("c.example", "v=spf1 -all exp=e.%{d}")
      .txt("e.c.example", "c says no to %{d}");
  const Outcome outcome = run(dns, "192.0.2.1", "x@a.example");
  EXPECT_EQ(outcome.result, SpfResult::Fail);
  EXPECT_EQ(outcome.explanation, "c says no to c.example");
  EXPECT_THAT(dns.log, ElementsAre("a.example TXT", "b.example TXT", "c.example TXT", "e.c.example TXT"));
}

TEST(SpfExplanation, KeepsTheTextOfTheOuterRecordWhenAnIncludeMatches) {
  FakeDns dns;
  dns.txt("a.example", "v=spf1 -include:b.example exp=ea.example")
      .txt("b.example", "v=spf1 +all exp=eb.example")
      .txt("ea.example", "outer");
  EXPECT_EQ(run(dns, "192.0.2.1", "x@a.example").explanation, "outer");
}

TEST(SpfExplanation, LooksForTheValidatedNameWithoutCountingIt) {
  FakeDns dns;
  dns.txt("a.example", "v=spf1 a:n1.example a:n2.example -all exp=%{p}.e.example")
      .ptr("1.2.0.192.in-addr.arpa", "h.example")
      .ptr("1.2.0.192.in-addr.arpa", "nothing.example")
      .address("h.example", "192.0.2.1")
      .txt("h.example.e.example", "you are %{p}")
      .txt("unknown.e.example", "you are %{p}");
  EXPECT_EQ(run(dns, "192.0.2.1", "x@a.example").explanation, "you are h.example");
  const Outcome outcome = run(dns, "192.0.2.2", "x@a.example");
  EXPECT_EQ(outcome.explanation, "you are unknown");
  EXPECT_EQ(outcome.void_lookups, 2U);
}

TEST(SpfExplanation, LooksForTheValidatedNameThatOnlyItsTextWants) {
  FakeDns dns;
  dns.txt("a.example", "v=spf1 -all exp=e.example")
      .ptr("1.2.0.192.in-addr.arpa", "h.a.example")
      .address("h.a.example", "192.0.2.1")
      .txt("e.example", "you are %{p}");
  EXPECT_EQ(run(dns, "192.0.2.1", "x@a.example").explanation, "you are h.a.example");
}

TEST(SpfExplanation, IsNotSoughtUnderANameThatCannotBeAsked) {
  FakeDns dns;
  dns.txt("a.example", "v=spf1 -all exp=%{l}.e..example").txt("b.example", "v=spf1 -all exp=%{l}.e.example");
  EXPECT_EQ(run(dns, "192.0.2.1", "x@a.example").explanation, std::nullopt);
  EXPECT_EQ(run(dns, "192.0.2.1", "\xC3\xA4@b.example").explanation, std::nullopt);
  EXPECT_EQ(dns.log.size(), 2U);
}

}  // namespace
}  // namespace sluice::spf
