#include "rules/spf/program.h"

#include "tests/unit/rules/spf/cached_dns.h"

#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sluice::spf {

// What a failing comparison shows.
void PrintTo(const Outcome& outcome, std::ostream* out) {
  *out << auth::rfc_word(outcome.result) << " by " << outcome.mechanism.value_or("-") << ", explanation "
       << outcome.explanation.value_or("-") << ", " << outcome.lookups << " lookups, " << outcome.void_lookups
       << " void; " << outcome.problem << " in " << outcome.problem_domain << " at " << outcome.problem_term
       << " (" << outcome.problem_offset << ")";
}

namespace {

// Written over by each call, as in the node.
const Outcome* outcome_of(const Program& program, const IpAddress& client, Explain explain) {
  static Outcome into;
  return program.run(client, explain, into);
}

using auth::SpfResult;
using dns::AnswerStatus;
using dns::RecordType;
using testing::ElementsAre;

bool same(const Outcome& a, const Outcome& b) {
  return a.result == b.result && a.identity == b.identity && a.domain == b.domain &&
         a.mechanism == b.mechanism && a.explanation == b.explanation && a.lookups == b.lookups &&
         a.void_lookups == b.void_lookups && a.problem == b.problem && a.problem_domain == b.problem_domain &&
         a.problem_term == b.problem_term && a.problem_offset == b.problem_offset;
}

// Compiles a.example for the family of each client and compares with the evaluator, with explanations and
// without. Returns the outcomes with explanations.
std::vector<Outcome> agreed(FakeDns& dns, const std::vector<const char*>& clients) {
  std::vector<Outcome> outcomes;
  CachedDns cache(dns);
  const Program v4 = cache.compile("a.example", IpFamily::V4);
  const Program v6 = cache.compile("a.example", IpFamily::V6);
  for (const char* client : clients) {
    Check check = check_of(client, "x@a.example");
    const Program& program = check.client.is_v4() ? v4 : v6;
    for (const Explain explain : {Explain::Skip, Explain::Fetch}) {
      check.explain = explain;
      const Outcome expected = run(dns, check);
      const Outcome* got = outcome_of(program, check.client, explain);
      if (got == nullptr) {
        ADD_FAILURE() << client << ": not answered; expected " << testing::PrintToString(expected);
        return outcomes;
      }
      EXPECT_TRUE(same(*got, expected)) << client << "\n program:   " << testing::PrintToString(*got)
                                        << "\n evaluator: " << testing::PrintToString(expected);
      if (explain == Explain::Fetch) outcomes.push_back(*got);
    }
  }
  EXPECT_TRUE(v4.whole());
  EXPECT_TRUE(v6.whole());
  return outcomes;
}

std::vector<SpfResult> results(const std::vector<Outcome>& outcomes) {
  std::vector<SpfResult> list;
  for (const Outcome& outcome : outcomes) list.push_back(outcome.result);
  return list;
}

constexpr auto kPass = SpfResult::Pass;
constexpr auto kFail = SpfResult::Fail;
constexpr auto kSoftFail = SpfResult::SoftFail;
constexpr auto kNeutral = SpfResult::Neutral;
constexpr auto kPermError = SpfResult::PermError;

TEST(SpfProgram, TakesTheFirstPrefixThatHoldsTheClient) {
  FakeDns dns;
  dns.txt("a.example", "v=spf1 -ip4:192.0.2.64/26 ip4:192.0.2.0/24 ~ip4:192.0.2.65 ip6:2001:db8::/32 ?all");
  EXPECT_THAT(results(agreed(dns, {"192.0.2.63", "192.0.2.64", "192.0.2.65", "192.0.2.127", "192.0.2.128",
                                   "192.0.3.0", "2001:db8::1", "2001:db9::"})),
              ElementsAre(kPass, kFail, kFail, kFail, kPass, kNeutral, kPass, kNeutral));
}

TEST(SpfProgram, NamesTheOutermostTermAndCountsAlongTheWay) {
  FakeDns dns;
  dns.txt("a.example", "v=spf1 ip4:192.0.2.1 include:b.example ip4:192.0.2.4 -all")
      .txt("b.example", "v=spf1 ip4:192.0.2.2 include:c.example ~all")
      .txt("c.example", "v=spf1 ip4:192.0.2.3 -all");
  const auto outcomes = agreed(dns, {"192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4", "192.0.2.5"});
  EXPECT_THAT(results(outcomes), ElementsAre(kPass, kPass, kPass, kPass, kFail));
  EXPECT_EQ(outcomes[2].mechanism, "include:b.example");
  EXPECT_THAT((std::vector{outcomes[0].lookups, outcomes[1].lookups, outcomes[2].lookups, outcomes[3].lookups,
                           outcomes[4].lookups}),
              ElementsAre(0, 1, 2, 2, 2));
}

// A match that does not pass ends an include before what follows in it is booked.
TEST(SpfProgram, BooksLessForAClientThatLeftAnIncludeEarly) {
  FakeDns dns;
  dns.txt("a.example", "v=spf1 include:b.example a:void.example ip4:192.0.2.0/28 -all")
      .txt("b.example", "v=spf1 -ip4:192.0.2.1 ?ip4:192.0.2.2 include:c.example a:void.example ~all")
      .txt("c.example", "v=spf1 -ip4:192.0.2.3 a:void.example +ip4:192.0.2.4 ?all");
  const auto outcomes =
      agreed(dns, {"192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4", "192.0.2.5", "198.51.100.1"});
  EXPECT_THAT(results(outcomes), ElementsAre(kPass, kPass, kPass, kPass, kPermError, kPermError));
  EXPECT_EQ(outcomes[0].lookups, 2U);
  EXPECT_EQ(outcomes[0].void_lookups, 1U);
  EXPECT_EQ(outcomes[2].lookups, 4U);
  EXPECT_EQ(outcomes[2].void_lookups, 2U);
  EXPECT_EQ(outcomes[3].lookups, 3U);
}

TEST(SpfProgram, JoinsTheMainLineWhereNothingWasBookedBetween) {
  FakeDns dns;
  dns.txt("a.example", "v=spf1 include:b.example ip4:192.0.2.0/24 -all")
      .txt("b.example", "v=spf1 -ip4:192.0.2.1 ip4:192.0.2.2 -all");
  EXPECT_THAT(results(agreed(dns, {"192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.3.1"})),
              ElementsAre(kPass, kPass, kPass, kFail));
  CachedDns cache(dns);
  const Program program = cache.compile("a.example");
  EXPECT_EQ(program.blocks(), 2U);
  EXPECT_EQ(program.rows(), 3U);
}

TEST(SpfProgram, FollowsRedirectsOutsideAndInsideOfIncludes) {
  FakeDns dns;
  dns.txt("a.example", "v=spf1 include:b.example redirect=d.example")
      .txt("b.example", "v=spf1 ip4:192.0.2.1 redirect=c.example")
      .txt("c.example", "v=spf1 -ip4:192.0.2.2 ip4:192.0.2.3 -all")
      .txt("d.example", "v=spf1 ip4:192.0.2.2 ~ip4:192.0.2.4 -all exp=e.example")
      .txt("e.example", "not from d");
  const auto outcomes = agreed(dns, {"192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4", "192.0.2.5"});
  EXPECT_THAT(results(outcomes), ElementsAre(kPass, kPass, kPass, kSoftFail, kFail));
  EXPECT_EQ(outcomes[1].mechanism, "ip4:192.0.2.2");
  EXPECT_EQ(outcomes[1].lookups, 3U);
  EXPECT_EQ(outcomes[4].explanation, "not from d");
}

TEST(SpfProgram, AsksOnlyTheFamilyOfTheClientUnderAAndMx) {
  FakeDns dns;
  dns.txt("a.example", "v=spf1 a/24//64 mx:b.example//48 -all")
      .address("a.example", "192.0.2.9")
      .address("a.example", "2001:db8:1::9")
      .mx("b.example", "m1.example")
      .mx("b.example", "m2.example")
      .address("m1.example", "198.51.100.1")
      .address("m2.example", "2001:db8:2::1");
  const auto outcomes =
      agreed(dns, {"192.0.2.255", "192.0.3.0", "198.51.100.1", "198.51.100.2", "2001:db8:1::ffff",
                   "2001:db8:1:1::1", "2001:db8:2:ffff::1", "2001:db8:3::1"});
  EXPECT_THAT(results(outcomes), ElementsAre(kPass, kFail, kPass, kFail, kPass, kFail, kPass, kFail));
  EXPECT_EQ(outcomes[2].void_lookups, 0U);
  EXPECT_EQ(outcomes[3].void_lookups, 1U);  // m2 has no A
  EXPECT_EQ(outcomes[6].void_lookups, 1U);  // m1 has no AAAA, and comes first
}

TEST(SpfProgram, CountsVoidNamesUnderMxUntilTheMatch) {
  FakeDns dns;
  dns.txt("a.example", "v=spf1 mx -all");
  for (const char* name :
       {"n1.example", "m1.example", "n2.example", "m2.example", "n3.example", "m3.example"})
    dns.mx("a.example", name);
  dns.address("m1.example", "192.0.2.1")
      .address("m2.example", "192.0.2.2")
      .address("m3.example", "192.0.2.3");
  const auto outcomes = agreed(dns, {"192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4"});
  EXPECT_THAT(results(outcomes), ElementsAre(kPass, kPass, kPermError, kPermError));
  EXPECT_EQ(outcomes[0].void_lookups, 1U);
  EXPECT_EQ(outcomes[1].void_lookups, 2U);
}

struct Ending {
  const char* what;
  std::vector<std::pair<const char*, const char*>> texts;
  SpfResult result;
  const char* problem_term;
};

// 198.51.100.1 comes to the end, 192.0.2.1 is listed before it.
TEST(SpfProgram, EndsAsTheEvaluatorEnds) {
  const std::vector<Ending> endings{
      {"nothing at the end", {{"a.example", "v=spf1 ip4:192.0.2.1"}}, kNeutral, ""},
      {"all, and terms behind it",
       {{"a.example", "v=spf1 ip4:192.0.2.1 ~all include:x.example -all"}},
       kSoftFail,
       ""},
      {"the whole family",
       {{"a.example", "v=spf1 ip4:192.0.2.1 ?ip4:0.0.0.0/0 ?ip6:::/0 ptr"}},
       kNeutral,
       ""},
      {"include of none",
       {{"a.example", "v=spf1 ip4:192.0.2.1 include:void.example"}},
       kPermError,
       "include:void.example"},
      {"include of other texts",
       {{"a.example", "v=spf1 ip4:192.0.2.1 include:b.example"}, {"b.example", "text"}},
       kPermError,
       "include:b.example"},
      {"include of none in capitals",
       {{"a.example", "v=spf1 ip4:192.0.2.1 include:B.example"},
        {"b.example", "v=spf1 include:void.example"}},
       kPermError,
       "include:void.example"},
      {"redirect to none",
       {{"a.example", "v=spf1 ip4:192.0.2.1 redirect=B.example"}},
       kPermError,
       "redirect=B.example"},
      {"a single label", {{"a.example", "v=spf1 ip4:192.0.2.1 include:%{v}"}}, kPermError, "include:%{v}"},
      {"no name",
       {{"a.example", "v=spf1 ip4:192.0.2.1 include:a..example"}},
       kPermError,
       "include:a..example"},
      {"redirect to no name",
       {{"a.example", "v=spf1 ip4:192.0.2.1 redirect=a..example"}},
       kPermError,
       "redirect=a..example"},
      {"several records",
       {{"a.example", "v=spf1 ip4:192.0.2.1 include:b.example"},
        {"b.example", "v=spf1"},
        {"b.example", "v=spf1 -all"}},
       kPermError,
       ""},
      {"malformed",
       {{"a.example", "v=spf1 ip4:192.0.2.1 include:b.example"}, {"b.example", "v=spf1 +all ip4:x"}},
       kPermError,
       "ip4:x"},
      {"malformed below",
       {{"a.example", "v=spf1 ip4:192.0.2.1 redirect=b.example"},
        {"b.example", "v=spf1 include:c.example"},
        {"c.example", "v=spf1 foo"}},
       kPermError,
       "foo"},
      {"a loop of includes",
       {{"a.example", "v=spf1 ip4:192.0.2.1 include:a.example -all"}},
       kPermError,
       "include:a.example"},
      {"a loop of redirects",
       {{"a.example", "v=spf1 ip4:192.0.2.1 redirect=a.example"}},
       kPermError,
       "redirect=a.example"},
      {"a name that cannot be asked",
       {{"a.example",
         "v=spf1 ip4:192.0.2.1 a:a..example mx:a..example exists:a..example ptr:a..example -all"}},
       kFail,
       ""},
      {"exists",
       {{"a.example", "v=spf1 ip4:192.0.2.1 exists:void.example ~exists:there.example ptr"}},
       kSoftFail,
       ""},
      {"the third void",
       {{"a.example", "v=spf1 ip4:192.0.2.1 a:v1.example mx:v2.example exists:v3.example -all"}},
       kPermError,
       "exists:v3.example"},
      {"the third void is a record",
       {{"a.example", "v=spf1 ip4:192.0.2.1 a:v1.example mx:v2.example include:v3.example -all"}},
       kPermError,
       "include:v3.example"},
      {"the eleventh term",
       {{"a.example", "v=spf1 ip4:192.0.2.1 a a a a a a a a a a a:b.example -all"}},
       kPermError,
       "a:b.example"},
      {"the eleventh is ptr",
       {{"a.example", "v=spf1 ip4:192.0.2.1 a a a a a a a a a a ptr:%{l}.example -all"}},
       kPermError,
       "ptr:%{l}.example"},
      {"the eleventh is redirect",
       {{"a.example", "v=spf1 ip4:192.0.2.1 a a a a a a a a a a redirect=b.example"}},
       kPermError,
       "redirect=b.example"},
      {"macros of the domain",
       {{"a.example", "v=spf1 ip4:192.0.2.1 include:%{v}._spf.%{d} include:_spf.%{o} -all"},
        {"in-addr._spf.a.example", "v=spf1 ~all"},
        {"ip6._spf.a.example", "v=spf1 ~all"},
        {"_spf.a.example", "v=spf1 all"}},
       kPass,
       ""},
      {"a dot at the end",
       {{"a.example", "v=spf1 ip4:192.0.2.1 include:B.example. -all"}, {"b.example", "v=spf1 ?all"}},
       kFail,
       ""},
  };
  for (const Ending& ending : endings) {
    SCOPED_TRACE(ending.what);
    FakeDns dns;
    dns.address("a.example", "203.0.113.1").address("a.example", "2001:db8:ffff::1");
    dns.address("there.example", "127.0.0.2");
    for (const auto& [name, text] : ending.texts) dns.txt(name, text);
    const auto outcomes = agreed(dns, {"192.0.2.1", "198.51.100.1", "2001:db8::1"});
    ASSERT_EQ(outcomes.size(), 3U);
    EXPECT_EQ(outcomes[0].result, kPass);
    for (const size_t i : {1U, 2U}) {
      EXPECT_EQ(outcomes[i].result, ending.result);
      EXPECT_EQ(outcomes[i].problem_term, ending.problem_term);
    }
  }
}

TEST(SpfProgram, HasTheOutcomeOfADomainWithoutAUsableRecord) {
  FakeDns none;
  none.txt("a.example", "something else");
  EXPECT_THAT(results(agreed(none, {"192.0.2.1", "2001:db8::1"})),
              ElementsAre(SpfResult::None, SpfResult::None));
  FakeDns nothing;
  EXPECT_THAT(results(agreed(nothing, {"192.0.2.1"})), ElementsAre(SpfResult::None));
  FakeDns several;
  several.txt("a.example", "v=spf1 -all").txt("a.example", "V=SPF1");
  EXPECT_THAT(results(agreed(several, {"192.0.2.1"})), ElementsAre(kPermError));
  FakeDns malformed;
  malformed.txt("a.example", "v=spf1 all:");
  EXPECT_THAT(results(agreed(malformed, {"192.0.2.1"})), ElementsAre(kPermError));
}

TEST(SpfProgram, RefusesTheEleventhExchangeAndSkipsTheRoot) {
  for (const unsigned count : {9U, 10U}) {
    FakeDns dns;
    dns.txt("a.example", "v=spf1 mx -all").mx("a.example", ".");
    for (unsigned i = 0; i < count; ++i) {
      dns.mx("a.example", fmt::format("m{}.example", i));
      dns.address(fmt::format("m{}.example", i), "192.0.2.1");
    }
    EXPECT_THAT(results(agreed(dns, {"192.0.2.1", "192.0.2.2"})),
                count == 9 ? ElementsAre(kPass, kFail) : ElementsAre(kPermError, kPermError));
  }
}

TEST(SpfProgram, KnowsAnExplanationThatIsTheSameForAll) {
  struct Case {
    const char* exp;
    std::optional<std::string> text;
  };
  for (const Case& test : std::vector<Case>{{"plain.%{d}", "not from here"},
                                            {"family.example", "no in-addr 100%"},
                                            {"two.example", std::nullopt},
                                            {"wrong.example", std::nullopt},
                                            {"control.example", std::nullopt},
                                            {"void.example", std::nullopt},
                                            {"a..example", std::nullopt}}) {
    SCOPED_TRACE(test.exp);
    FakeDns dns;
    dns.txt("a.example", fmt::format("v=spf1 include:b.example -all exp={}", test.exp))
        .txt("b.example", "v=spf1 -all exp=other.example")
        .txt("other.example", "of an include")
        .txt("plain.a.example", "not from here")
        .txt("family.example", "no %{v}%_100%%")
        .txt("two.example", "one")
        .txt("two.example", "two")
        .txt("wrong.example", "%{x}")
        .txt("control.example", "a\r\nb");
    const auto outcomes = agreed(dns, {"192.0.2.1"});
    ASSERT_EQ(outcomes.size(), 1U);
    EXPECT_EQ(outcomes[0].explanation, test.text);
  }
}

// An answer lasts until the next question, and an explanation is one that comes in between.
TEST(SpfProgram, KeepsTheAddressesOfATermWhoseExplanationItAsksFor) {
  for (const char* term : {"-a", "-mx", "-a:mail.example/31", "-mx:a.example//127"}) {
    SCOPED_TRACE(term);
    FakeDns dns;
    dns.txt("a.example", fmt::format("v=spf1 {} ?all exp=e.example", term)).txt("e.example", "not from here");
    dns.mx("a.example", "mail.example").mx("a.example", "more.example");
    for (const char* name : {"a.example", "mail.example"}) {
      dns.address(name, "192.0.2.1").address(name, "192.0.2.3").address(name, "2001:db8::1");
    }
    dns.address("more.example", "192.0.2.5");
    const auto outcomes = agreed(dns, {"192.0.2.1", "192.0.2.3", "2001:db8::1", "192.0.2.9"});
    ASSERT_THAT(results(outcomes), ElementsAre(kFail, kFail, kFail, kNeutral));
    EXPECT_EQ(outcomes[0].explanation, "not from here");
  }
}

TEST(SpfProgram, LeavesAnExplanationThatDiffersToTheEvaluator) {
  for (const char* exp : {"e.example", "%{i}.example"}) {
    FakeDns dns;
    dns.txt("a.example", fmt::format("v=spf1 ip4:192.0.2.1 ~ip4:192.0.2.2 -all exp={}", exp));
    dns.txt("e.example", "%{d} does not list %{i}");
    CachedDns cache(dns);
    const Program program = cache.compile("a.example");
    EXPECT_TRUE(program.gaps().macros);
    EXPECT_NE(outcome_of(program, *IpAddress::parse("192.0.2.2"), Explain::Fetch), nullptr);
    const IpAddress other = *IpAddress::parse("192.0.2.3");
    EXPECT_EQ(outcome_of(program, other, Explain::Fetch), nullptr);
    ASSERT_NE(outcome_of(program, other, Explain::Skip), nullptr);
    EXPECT_EQ(outcome_of(program, other, Explain::Skip)->result, kFail);
  }
}

TEST(SpfProgram, LeavesAnExplanationThatIsNotThereToTheEvaluator) {
  for (const bool is_fault : {false, true}) {
    FakeDns dns;
    dns.txt("a.example", "v=spf1 -all exp=e.example");
    CachedDns cache(dns);
    if (is_fault) {
      dns.status("e.example", RecordType::Txt, AnswerStatus::Timeout);
    } else {
      cache.without("e.example TXT");
    }
    const Program program = cache.compile("a.example");
    EXPECT_EQ(program.gaps().temporary, is_fault);
    EXPECT_EQ(program.gaps().missing, !is_fault);
    EXPECT_EQ(program.missing().empty(), is_fault);
    EXPECT_EQ(outcome_of(program, *IpAddress::parse("192.0.2.1"), Explain::Fetch), nullptr);
    EXPECT_NE(outcome_of(program, *IpAddress::parse("192.0.2.1"), Explain::Skip), nullptr);
  }
}

// --- What is left to the evaluator ---

struct Left {
  const char* term;
  bool ProgramGaps::* gap;
};

TEST(SpfProgram, AnswersWhatStandsBeforeAGap) {
  for (const Left& left : std::vector<Left>{{"ptr", &ProgramGaps::names},
                                            {"a:%{l}.example", &ProgramGaps::macros},
                                            {"include:%{i}.example", &ProgramGaps::macros},
                                            {"exists:%{ir}.b.example", &ProgramGaps::macros},
                                            {"redirect=%{p}.example", &ProgramGaps::macros},
                                            {"a:gone.example", &ProgramGaps::missing},
                                            {"mx:gone.example", &ProgramGaps::missing},
                                            {"mx:b.example", &ProgramGaps::missing},
                                            {"include:gone.example", &ProgramGaps::missing},
                                            {"redirect=gone.example", &ProgramGaps::missing},
                                            {"exists:gone.example", &ProgramGaps::missing},
                                            {"a:fault.example", &ProgramGaps::temporary},
                                            {"include:fault.example", &ProgramGaps::temporary},
                                            {"a:old.example", &ProgramGaps::temporary}}) {
    SCOPED_TRACE(left.term);
    FakeDns dns;
    dns.txt("a.example", fmt::format("v=spf1 ip4:192.0.2.1 -include:c.example {}", left.term))
        .txt("c.example", "v=spf1 ip4:192.0.2.2 -all")
        .mx("b.example", "m.example")
        .mx("b.example", "gone.example")
        .address("m.example", "192.0.2.3")
        .address("old.example", "192.0.2.4")
        .status("fault.example", RecordType::A, AnswerStatus::ServFail)
        .status("fault.example", RecordType::Txt, AnswerStatus::Timeout);
    CachedDns cache(dns);
    for (const char* type : {"A", "MX", "TXT"}) cache.without(fmt::format("gone.example {}", type));
    const Program program = cache.stale("old.example A").compile("a.example");
    ProgramGaps expected;
    expected.*left.gap = true;
    EXPECT_EQ(program.gaps().names, expected.names);
    EXPECT_EQ(program.gaps().macros, expected.macros);
    EXPECT_EQ(program.gaps().missing, expected.missing);
    EXPECT_EQ(program.gaps().temporary, expected.temporary);
    EXPECT_FALSE(program.whole());
    EXPECT_EQ(!program.missing().empty(), expected.missing);
    if (!program.missing().empty()) {
      EXPECT_EQ(program.missing().front().name.to_text(), "gone.example");
    }
    for (const char* client : {"192.0.2.1", "192.0.2.2"}) {
      const Outcome* got = outcome_of(program, *IpAddress::parse(client), Explain::Fetch);
      ASSERT_NE(got, nullptr);
      EXPECT_TRUE(same(*got, run(dns, client, "x@a.example"))) << client;
    }
    EXPECT_EQ(outcome_of(program, *IpAddress::parse("198.51.100.1"), Explain::Fetch), nullptr);
    const bool is_mx = std::string_view(left.term) == "mx:b.example";
    EXPECT_EQ(outcome_of(program, *IpAddress::parse("192.0.2.3"), Explain::Fetch) != nullptr, is_mx);
  }
}

TEST(SpfProgram, IsEmptyWithoutTheFirstRecord) {
  for (const bool there : {true, false}) {
    FakeDns dns;
    dns.status("a.example", RecordType::Txt, AnswerStatus::ServFail);
    CachedDns cache(dns);
    if (!there) cache.without("a.example TXT");
    const Program program = cache.compile("a.example");
    EXPECT_EQ(program.gaps().missing, !there);
    EXPECT_EQ(program.gaps().temporary, there);
    EXPECT_EQ(outcome_of(program, *IpAddress::parse("192.0.2.1"), Explain::Skip), nullptr);
  }
}

TEST(SpfProgram, AnswersNoClientOfTheOtherFamily) {
  FakeDns dns;
  dns.txt("a.example", "v=spf1 +all");
  CachedDns cache(dns);
  EXPECT_EQ(
      outcome_of(cache.compile("a.example", IpFamily::V6), *IpAddress::parse("192.0.2.1"), Explain::Skip),
      nullptr);
  EXPECT_EQ(outcome_of(cache.compile("a.example", IpFamily::V4), *IpAddress::parse("::"), Explain::Skip),
            nullptr);
}

// A record is asked for once, however many ways lead to it.
TEST(SpfProgram, AsksNothingBehindTheEndAndEachRecordOnce) {
  FakeDns dns;
  dns.txt("a.example", "v=spf1 include:b.example include:c.example all a:d.example")
      .txt("b.example", "v=spf1 -ip4:192.0.2.1 ?ip4:192.0.2.2 a ~all")
      .txt("c.example", "v=spf1 -ip4:192.0.2.3 ~all")
      .address("b.example", "192.0.2.4");
  CachedDns cache(dns);
  dns.log.clear();
  const Program program = cache.compile("a.example");
  EXPECT_TRUE(program.whole());
  EXPECT_THAT(dns.log, ElementsAre("a.example TXT", "b.example TXT", "b.example A", "c.example TXT"));
}

// --- Breadth ---

TEST(SpfProgram, CountsTheAddressesThatPass) {
  struct Case {
    const char* terms;
    uint64_t addresses;
    uint64_t networks;
  };
  for (const Case& test : std::vector<Case>{
           {"-all", 0, 0},
           {"+all", uint64_t{1} << 32, UINT64_MAX},
           {"ip4:192.0.2.0/24 -all", 256, 0},
           {"ip4:192.0.2.0/24 ip4:192.0.2.128/25 ip4:192.0.3.0/24 -all", 512, 0},
           {"-ip4:192.0.2.64/26 ip4:192.0.2.0/24 ~all", 192, 0},
           {"ip4:0.0.0.0/1 ip4:255.255.255.255 -all", (uint64_t{1} << 31) + 1, 0},
           {"-ip4:10.0.0.0/8 all", (uint64_t{1} << 32) - (uint64_t{1} << 24), UINT64_MAX},
           {"include:b.example -all", 15, 1},
           {"ip6:2001:db8::/32 -all", 0, uint64_t{1} << 32},
           {"ip6:2001:db8::1 ip6:2001:db8::3 ip6:2001:db8:0:1::/65 -all", 0, 2},
           {"-ip6:2001:db8::3 ip6:2001:db8::/63 -all", 0, 2},
           {"ip6:2001:db8::/63 -ip6:2001:db8::/48 ip6:ffff::/16 -all", 0, (uint64_t{1} << 48) + 2},
           {"ip6:::/1 -all", 0, uint64_t{1} << 63},
       }) {
    FakeDns dns;
    dns.txt("a.example", fmt::format("v=spf1 {}", test.terms))
        .txt("b.example", "v=spf1 -ip4:192.0.2.3 ip4:192.0.2.0/28 ip6:2001:db8::5 -all");
    CachedDns cache(dns);
    const ProgramBreadth v4 = cache.compile("a.example", IpFamily::V4).breadth();
    const ProgramBreadth v6 = cache.compile("a.example", IpFamily::V6).breadth();
    EXPECT_EQ(v4.addresses, test.addresses) << test.terms;
    EXPECT_EQ(v6.networks, test.networks) << test.terms;
    EXPECT_TRUE(v4.complete && v6.complete);
    EXPECT_EQ(v4.networks + v6.addresses, 0U);
  }
}

TEST(SpfProgram, SaysWhenTheBreadthIsOnlyAFloor) {
  FakeDns dns;
  dns.txt("a.example", "v=spf1 ip4:192.0.2.0/24 ptr -all");
  CachedDns cache(dns);
  const ProgramBreadth breadth = cache.compile("a.example").breadth();
  EXPECT_EQ(breadth.addresses, 256U);
  EXPECT_FALSE(breadth.complete);
}

}  // namespace
}  // namespace sluice::spf
