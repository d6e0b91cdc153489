#include "tools/sluicectl/spf_breadth.h"

#include "dnscache/zone/zone_file.h"
#include "tools/sluicectl/spf_report.h"
#include "tools/sluicectl/spf_trace.h"

#include <span>
#include <string>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace sluice::ctl {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr std::string_view kZone = R"json({
  "company.example":[{"TXT":"v=spf1 ip4:10.0.0.0/18 a:mail.company.example include:spf.vendor.example ~all"}],
  "mail.company.example":[{"A":"203.0.113.9"}],
  "spf.vendor.example":[{"TXT":"v=spf1 ip4:198.51.100.0/24 ip6:2001:db8::/63 -all"}],
  "macro.example":[{"TXT":"v=spf1 ip4:192.0.2.0/24 exists:%{i}.x.example -all"}],
  "slow.example":[{"TXT":"v=spf1 ip4:192.0.2.1 a:down.example include:spf.vendor.example -all"}],
  "failing.example":[{"TXT":"v=spf1 -ip4:192.0.2.9 ip4:192.0.2.1 a:mail.company.example ~all exp=down.example"}],
  "down.example":["TIMEOUT"],
  "open.example":[{"TXT":"v=spf1 +all"}],
  "nobody.example":[{"TXT":"v=spf1 -all"}],
  "malformed.example":[{"TXT":"v=spf1 ip4:1.2.3 -all"}],
  "two.example":[{"TXT":"v=spf1 -all"},{"TXT":"v=spf1 +all"}],
  "none.example":[{"TXT":"nothing of SPF"}]
})json";

// Counts what is asked; `silent`: what a replay does without the recording of an answer.
class CountingSource final : public AnswerSource {
 public:
  explicit CountingSource(const dns::Zone& zone) : zone_(zone) {}
  dns::Answer ask(const dns::Question& question) override {
    ++asked;
    return zone_.lookup(question);
  }
  std::optional<dns::Answer> ask_aside(const dns::Question& question) override {
    if (question.name.to_text() == silent) return std::nullopt;
    return ask(question);
  }
  size_t asked = 0;
  std::string silent;

 private:
  const dns::Zone& zone_;
};

class SpfBreadthTest : public testing::Test {
 protected:
  SpfBreadthTest() : zone_(*dns::zone_from_json(kZone)), source_(zone_) {}
  std::string text(const std::string& domain) {
    const auto breadth = breadth_of(domain, {}, source_);
    return breadth ? breadth_text(*breadth) : "";
  }
  dns::Zone zone_;
  CountingSource source_;
};

TEST_F(SpfBreadthTest, CountsAllThatARecordAndItsIncludesAuthorise) {
  EXPECT_EQ(text("company.example"), "16,641 IPv4 addresses, 2 IPv6 /64 networks");
  EXPECT_EQ(source_.asked, 4U);  // two records, A and AAAA
  EXPECT_EQ(text("open.example"), "all IPv4 addresses, all IPv6 /64 networks");
  EXPECT_EQ(text("nobody.example"), "no IPv4 address, no IPv6 /64 network");
}

TEST_F(SpfBreadthTest, SaysAtLeastWhereSomeCannotBeCounted) {
  EXPECT_EQ(text("macro.example"), "at least 256 IPv4 addresses, at least 0 IPv6 /64 networks");
}

TEST_F(SpfBreadthTest, AsksNoMoreBehindASecondFailure) {
  EXPECT_EQ(text("slow.example"), "at least 1 IPv4 address, at least 0 IPv6 /64 networks");
  EXPECT_EQ(source_.asked, 3U);  // the record, A and AAAA
}

TEST_F(SpfBreadthTest, AFailureOfTheEvaluationIsTheFirst) {
  const Exchange known{{*dns::DnsName::from_text("down.example"), dns::RecordType::A},
                       {.status = dns::AnswerStatus::Timeout}};
  const auto breadth = breadth_of("slow.example", std::span(&known, 1), source_);
  EXPECT_EQ(breadth_text(*breadth), "at least 1 IPv4 address, at least 0 IPv6 /64 networks");
  EXPECT_EQ(source_.asked, 2U);  // the record and AAAA
}

TEST_F(SpfBreadthTest, DoesNotDependOnAnExplanationThatFails) {
  EXPECT_EQ(text("failing.example"), "2 IPv4 addresses, no IPv6 /64 network");
}

TEST_F(SpfBreadthTest, IsAFloorWhereAReplayDoesNotHoldAnAnswer) {
  source_.silent = "spf.vendor.example";
  EXPECT_EQ(text("company.example"), "at least 16,385 IPv4 addresses, at least 0 IPv6 /64 networks");
  source_.silent = "company.example";
  EXPECT_EQ(text("company.example"), "");
}

TEST_F(SpfBreadthTest, IsNoneWithoutAnSpfRecord) {
  for (const char* domain : {"none.example", "absent.example", "two.example", "malformed.example",
                             "down.example", "not a name", ""}) {
    EXPECT_EQ(breadth_of(domain, {}, source_), std::nullopt) << domain;
  }
}

TEST_F(SpfBreadthTest, StandsInTheReportAndInItsJson) {
  spf::Check check;
  check.client = *IpAddress::parse("192.0.2.77");
  check.sender = "user@macro.example";
  SpfTrace trace = trace_spf(check, source_);
  EXPECT_THAT(trace_report(check, trace), Not(HasSubstr("authorises")));
  EXPECT_THAT(trace_json(check, trace), HasSubstr("\"breadth\":null"));
  const size_t asked = source_.asked;
  trace.breadth = breadth_of(trace.outcome.domain, exchanges_of(trace), source_);
  EXPECT_EQ(source_.asked, asked) << "what the evaluation asked is not asked again";
  EXPECT_THAT(trace_report(check, trace),
              HasSubstr("\nauthorises   at least 256 IPv4 addresses, at least 0 IPv6 /64 networks\n"));
  const auto json = nlohmann::json::parse(trace_json(check, trace), nullptr, false);
  EXPECT_EQ(json["breadth"]["ipv4"], (nlohmann::json{{"addresses", 256}, {"at_least", true}}));
  EXPECT_EQ(json["breadth"]["ipv6"], (nlohmann::json{{"networks", 0}, {"at_least", true}}));
}

}  // namespace
}  // namespace sluice::ctl
