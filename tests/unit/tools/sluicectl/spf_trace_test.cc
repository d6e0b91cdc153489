#include "tools/sluicectl/spf_trace.h"

#include "dnscache/zone/zone_file.h"
#include "tools/sluicectl/spf_impostor.h"
#include "tools/sluicectl/spf_notice.h"
#include "tools/sluicectl/spf_report.h"

#include <algorithm>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace sluice::ctl {
namespace {

using auth::SpfResult;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

constexpr std::string_view kZone = R"json({
  "company.example":[{"TXT":"v=spf1 ip4:203.0.113.1 a:mail.company.example include:spf.vendor.example ~all"}],
  "mail.company.example":[{"A":"203.0.113.9"}],
  "spf.vendor.example":[{"TXT":"v=spf1 ip4:18.208.22.64/26 include:nested.vendor.example -all"}],
  "nested.vendor.example":[{"TXT":"v=spf1 ip4:18.188.9.192/26 -all"}],
  "void.example":[{"TXT":"v=spf1 a:n1.example a:n2.example mx:n3.example -all"}],
  "redirect.example":[{"TXT":"v=spf1 ip4:192.0.2.9 redirect=company.example"}],
  "none.example":[{"TXT":"nothing of SPF"}],
  "two.example":[{"TXT":"v=spf1 -all"},{"TXT":"v=spf1 +all"}],
  "bad.example":[{"TXT":"v=spf1 ip4:1.2.3 -all"}],
  "down.example":["TIMEOUT"],
  "refusing.example":[{"TXT":"v=spf1 -ip4:192.0.2.0/24 ip4:192.0.0.0/8 ?all"}],
  "wall.example":[{"TXT":"v=spf1 -a:mail.wall All"}],
  "mail.wall":[{"A":"192.0.2.1"}],
  "mixed.example":[{"TXT":"v=spf1 ip4:203.0.113.1 ?All"}],
  "open.example":[{"TXT":"v=spf1 ip4:0.0.0.0/0 -all"}],
  "noend.example":[{"TXT":"v=spf1 ip4:203.0.113.1"}],
  "v6void.example":[{"TXT":"v=spf1 a:h1.example a:h2.example a:h3.example ~all"}],
  "h1.example":[{"A":"203.0.113.1"}],"h2.example":[{"A":"203.0.113.2"}],"h3.example":[{"A":"203.0.113.3"}],
  "eleven.example":[{"TXT":"v=spf1 include:five.example a:h1.example include:five.example -all"}],
  "five.example":[{"TXT":"v=spf1 a:h1.example a:h2.example a:h3.example a:mail.company.example ?all"}],
  "evil.example":[{"TXT":"v=spf1 include:\u001b[2J.example -all"}]
})json";

class SpfTraceTest : public testing::Test {
 protected:
  SpfTraceTest() : zone_(*dns::zone_from_json(kZone)), source_(zone_) {}

  spf::Check check(const std::string& domain, const char* client) const {
    spf::Check made;
    made.client = *IpAddress::parse(client);
    made.helo = "helo.example";
    made.sender = "user@" + domain;
    return made;
  }
  SpfTrace trace(const std::string& domain, const char* client) {
    return trace_spf(check(domain, client), source_);
  }
  // "level term verdict lookups/voids questions"
  std::vector<std::string> terms(const std::string& domain, const char* client) {
    std::vector<std::string> lines;
    for (const TraceStep& step : trace(domain, client).steps) {
      if (step.kind != TraceStep::Kind::Term) continue;
      const char* verdict = !step.matches ? "?" : (*step.matches ? "yes" : "no");
      lines.push_back(fmt::format("{} {} {} {}/{} {}", step.level, step.text, verdict, step.lookups,
                                  step.void_lookups, step.asked.size()));
    }
    return lines;
  }
  std::string notice(const std::string& domain, const char* client) {
    return spf_notice(check(domain, client), trace(domain, client));
  }

  std::string change(const std::string& domain, const char* client) {
    return suggested_change(check(domain, client), trace(domain, client));
  }

  dns::Zone zone_;
  ZoneSource source_;
};

TEST_F(SpfTraceTest, ShowsEachTermWithWhatItAskedAndTheRunningCounts) {
  EXPECT_THAT(terms("company.example", "18.188.9.193"),
              ElementsAre("1 ip4:203.0.113.1 no 0/0 0", "1 a:mail.company.example no 1/0 1",
                          "1 include:spf.vendor.example yes 3/0 1", "2 ip4:18.208.22.64/26 no 2/0 0",
                          "2 include:nested.vendor.example yes 3/0 1", "3 ip4:18.188.9.192/26 yes 3/0 0"));
}

TEST_F(SpfTraceTest, FollowsARedirectAtTheSameLevel) {
  const SpfTrace found = trace("redirect.example", "203.0.113.1");
  std::vector<std::string> records;
  for (const TraceStep& step : found.steps) {
    if (step.kind == TraceStep::Kind::Record)
      records.push_back(fmt::format("{} {}", step.level, step.domain));
  }
  EXPECT_THAT(records, ElementsAre("1 redirect.example", "1 company.example"));
  EXPECT_EQ(found.outcome.result, SpfResult::Pass);
}

// Shows: P-04
TEST_F(SpfTraceTest, NamesTheTermThatBrokeALimit) {
  const std::string voids =
      trace_report(check("void.example", "192.0.2.1"), trace("void.example", "192.0.2.1"));
  EXPECT_THAT(voids, HasSubstr("mx:n3.example                            PermError: more than 2 lookups"));
  EXPECT_THAT(voids, HasSubstr("3 of 2 without an answer so far"));
  const std::string terms =
      trace_report(check("eleven.example", "192.0.2.1"), trace("eleven.example", "192.0.2.1"));
  EXPECT_THAT(terms, HasSubstr("a:mail.company.example                   PermError: more than 10 terms"));
  EXPECT_THAT(terms,
              HasSubstr("include:five.example                     no match; lookup 1 of 10, 5 with all"));
}

TEST_F(SpfTraceTest, GivesAllOfItAsJson) {
  const auto json = nlohmann::json::parse(
      trace_json(check("void.example", "192.0.2.1"), trace("void.example", "192.0.2.1")), nullptr, false);
  ASSERT_TRUE(json.is_object());
  EXPECT_EQ(json["result"], "permerror");
  EXPECT_EQ(json["problem_term"], "mx:n3.example");
  ASSERT_EQ(json["steps"].size(), 4U);
  EXPECT_EQ(json["steps"][3]["problem"], "more than 2 lookups without an answer");
  EXPECT_EQ(json["steps"][3]["matches"], nullptr);
  EXPECT_EQ(json["steps"][1]["asked"][0]["status"], "nx_domain");
  EXPECT_THAT(json["notice"], HasSubstr("To the administrator of void.example"));
}

TEST_F(SpfTraceTest, LetsNothingOfOthersActOnATerminal) {
  for (const char* domain : {"evil.example", "bad.example"}) {
    for (const std::string& text : {notice(domain, "192.0.2.1"),
                                    trace_report(check(domain, "192.0.2.1"), trace(domain, "192.0.2.1"))}) {
      EXPECT_TRUE(std::ranges::all_of(text, [](char c) { return c == '\n' || (c >= ' ' && c <= '~'); }))
          << text;
    }
  }
}

// --- What goes to the sending administrator ---

// Shows: SPF-17
TEST_F(SpfTraceTest, TellsTheSenderTheRecordTheTermTheClientAndTheChange) {
  const std::string text = notice("company.example", "192.0.2.77");
  EXPECT_THAT(text,
              AllOf(HasSubstr("192.0.2.77"), HasSubstr("Result:          SoftFail"),
                    HasSubstr("Decided by:      \"~all\" of the record of company.example"),
                    HasSubstr("\"v=spf1 ip4:203.0.113.1 a:mail.company.example include:spf.vendor.example"),
                    HasSubstr("include:spf.vendor.example ip4:192.0.2.77 ~all\"")));
  for (size_t begin = 0; begin < text.size(); begin = text.find('\n', begin) + 1)
    EXPECT_LE(text.find('\n', begin) - begin, 100U);
}

TEST_F(SpfTraceTest, SuggestsAChangeForEachKindOfFailure) {
  EXPECT_THAT(change("void.example", "192.0.2.1"), HasSubstr("n1.example A, n2.example A, n3.example MX"));
  EXPECT_THAT(change("eleven.example", "192.0.2.1"), HasSubstr("include:five.example (5)"));
  EXPECT_THAT(change("two.example", "192.0.2.1"), HasSubstr("exactly one TXT record"));
  EXPECT_THAT(change("bad.example", "192.0.2.1"), HasSubstr("Correct the term \"ip4:1.2.3\""));
  EXPECT_THAT(change("down.example", "192.0.2.1"), HasSubstr("Make sure that the name servers answer"));
  EXPECT_THAT(change("none.example", "192.0.2.1"), HasSubstr("Publish a TXT record at none.example"));
  EXPECT_THAT(change("refusing.example", "192.0.2.1"), HasSubstr("The term \"-ip4:192.0.2.0/24\""));
  EXPECT_THAT(change("wall.example", "192.0.2.1"), HasSubstr("The term \"-a:mail.wall\""));
  EXPECT_THAT(change("mixed.example", "192.0.2.1"), HasSubstr("ip4:203.0.113.1 ip4:192.0.2.1 ?All\""));
  EXPECT_THAT(change("noend.example", "192.0.2.1"), HasSubstr("\"v=spf1 ip4:192.0.2.1 ip4:203.0.113.1\""));
  EXPECT_THAT(change("company.example", "203.0.113.1"), HasSubstr("None: the address is listed"));
  EXPECT_THAT(change("company.example", "2001:db8::1"), HasSubstr("ip6:2001:db8::1"));
}

// --- What an impostor gets ---

// Shows: SPF-10, WF-01
TEST_F(SpfTraceTest, GivesTheImpostorTheQualifierOfAll) {
  EXPECT_EQ(impostor_of("company.example", source_).v4.result, SpfResult::SoftFail);
  EXPECT_EQ(impostor_of("redirect.example", source_).v6.result, SpfResult::SoftFail);
  EXPECT_EQ(impostor_of("nested.vendor.example", source_).v4.result, SpfResult::Fail);
  EXPECT_EQ(impostor_of("refusing.example", source_).v4.result, SpfResult::Neutral);
  EXPECT_EQ(impostor_of("noend.example", source_).v4.result, SpfResult::Neutral);
  EXPECT_EQ(impostor_of("none.example", source_).v4.result, SpfResult::None);
  EXPECT_EQ(impostor_of("open.example", source_).v4.result, SpfResult::Pass);
}

TEST_F(SpfTraceTest, KnowsThatARecordCanFailForImpostorsOfOneFamily) {
  const Impostor found = impostor_of("v6void.example", source_);
  EXPECT_EQ(found.v4.result, SpfResult::SoftFail);
  EXPECT_EQ(found.v6.result, SpfResult::PermError);
  EXPECT_EQ(found.v6.as_written, SpfResult::SoftFail);
  EXPECT_THAT(found.v6.reason, HasSubstr("lookups without an answer"));
}

}  // namespace
}  // namespace sluice::ctl
