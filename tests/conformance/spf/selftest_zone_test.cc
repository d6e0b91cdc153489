// The frozen example: every term of both fixture records lets its own clients in and nobody beside them.
#include "tools/sluicectl/selftest_zone.h"

#include "dnscache/zone/zone_file.h"
#include "rules/spf/record.h"
#include "tools/sluicectl/spf_run.h"

#include <string>

#include <gtest/gtest.h>

namespace sluice::ctl {
namespace {

using auth::SpfResult;

class SelftestZoneTest : public testing::Test {
 protected:
  SelftestZoneTest() : zone_(*dns::zone_from_yaml(kSelftestZone)), source_(zone_) {}

  spf::Outcome check(const IpAddress& client) {
    spf::Check check;
    check.client = client;
    check.sender = "user@" + std::string(kSelftestDomain);
    return run_spf(check, source_);
  }
  spf::Outcome check(const char* client) { return check(*IpAddress::parse(client)); }
  spf::Record record(const char* name) {
    const dns::Answer answer = zone_.lookup({*dns::DnsName::from_text(name), dns::RecordType::Txt});
    EXPECT_EQ(answer.ttl, 300U);
    return *spf::Record::parse(std::get<std::string>(answer.records.at(0)));
  }

  dns::Zone zone_;
  ZoneSource source_;
};

// Shows: SPF-14
TEST_F(SelftestZoneTest, HasFourOutcomes) {
  EXPECT_EQ(check("203.0.113.1").result, SpfResult::Pass);
  EXPECT_EQ(check("198.51.100.200").result, SpfResult::Pass);
  EXPECT_EQ(check("34.225.87.138").result, SpfResult::Pass);
  EXPECT_EQ(check("203.0.113.2").result, SpfResult::SoftFail);
}

// Shows: SPF-12
TEST_F(SelftestZoneTest, CostsTwoLookups) {
  EXPECT_EQ(check("34.225.87.138").lookups, 2U);
  EXPECT_EQ(check("192.0.2.1").lookups, 2U);
}

// Shows: SPF-15
TEST_F(SelftestZoneTest, HoldsTheFixtureRecords) {
  EXPECT_EQ(record("spf.vendor.example").directives().size(), 12U);
  EXPECT_EQ(record("spf-nested.vendor.example").directives().size(), 13U);
  EXPECT_EQ(record("spf.vendor.example").unlisted_result(), SpfResult::SoftFail);
  size_t networks = 0;
  for (const char* name : {"spf.vendor.example", "spf-nested.vendor.example"}) {
    const spf::Record fixture = record(name);  // named: before C++23 a temporary ends before the loop
    for (const spf::Directive& directive : fixture.directives()) {
      if (directive.mechanism != spf::Mechanism::Ip4) continue;
      ++networks;
      const spf::Outcome outcome = check(directive.network.network);
      EXPECT_EQ(outcome.result, SpfResult::Pass) << directive.network.to_string();
      EXPECT_EQ(outcome.mechanism, "include:spf.vendor.example");
    }
  }
  EXPECT_EQ(networks, 22U);
}

// Shows: SPF-10
TEST_F(SelftestZoneTest, TellsWhatAnImpostorGets) {
  EXPECT_EQ(unlisted_result(kSelftestDomain, source_), SpfResult::SoftFail);
  EXPECT_EQ(unlisted_result("nothing.example", source_), std::nullopt);
}

TEST_F(SelftestZoneTest, FollowsRedirectsForThatWithoutEnd) {
  const dns::Zone zone = *dns::zone_from_yaml(
      "a.example:\n  - TXT: v=spf1 redirect=b.example\nb.example:\n  - TXT: v=spf1 -all\n"
      "loop.example:\n  - TXT: v=spf1 redirect=loop.example\nm.example:\n  - TXT: v=spf1 redirect=%{d}\n");
  ZoneSource source(zone);
  EXPECT_EQ(unlisted_result("a.example", source), SpfResult::Fail);
  EXPECT_EQ(unlisted_result("loop.example", source), std::nullopt);
  EXPECT_EQ(unlisted_result("m.example", source), std::nullopt);
}

}  // namespace
}  // namespace sluice::ctl
