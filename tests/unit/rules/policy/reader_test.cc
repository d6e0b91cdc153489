#include "rules/policy/reader.h"

#include "tests/unit/rules/policy/policy_text.h"

#include <chrono>

#include <gtest/gtest.h>

namespace sluice::policy {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view kFull = R"toml(
trusted_networks = ["203.0.113.0/24"]
postmaster_domain = "b.example"

[node]
hostname = "MX.example.com"
shards = 2
backend = "epoll"
user = "sluice"

[journal]
path = "/tmp/j.jsonl"
rotate_size = "1 GiB"
rotate_daily = false

[memory]
bodies = "2 GiB"
shard_bodies = "1 GiB"
message = "2 MiB"
spill_directory = "/srv/spill"
spill_size = "20 GiB"

[dns]
servers = ["192.0.2.53", "[2001:db8::53]:5353"]
timeout_seconds = 3
spf_evaluation_seconds = 10
on_outage = "defer"
cache_size = "32 MiB"
ttl_min_seconds = 5
ttl_max_seconds = 7200
negative_ttl_max_seconds = 600
serve_stale_seconds = 0
refresh_percent = 20
mixed_case = true

[outbound]
next_hop = "relay.example.com:587"

[[listener]]
address = "0.0.0.0:25"
hostname = "in.example.com"
xclient_peers = ["127.0.0.1", "2001:db8::/64"]
max_message_size = 1048576
max_recipients = 100
bare_line_ends = "normalize"

[[listener]]
address = "[::1]:587"
direction = "outbound"

[[domain]]
name = "a.example"
next_hops = ["192.0.2.10:26", { host = "first.example", priority = 0 }, { host = "2001:db8::1", port = 24, priority = 5, weight = 3 }]

[[domain]]
name = "b.example"
next_hops = ["mail.b.example"]

[result_header]
name = "X-Our-SPF"
received_spf = true
authserv_id = "auth.example.com"

[delivery]
chunking = "never"
without_8bitmime = "refuse"

[clients]
max_connections = 1
max_connections_per_client = 2
max_connections_per_second = 3
command_seconds = 4
data_seconds = 5
message_grace_seconds = 6
min_data_rate = 7
message_seconds = 8
session_seconds = 9
write_seconds = 10
max_errors = 11
max_refused_recipients = 12
max_delay_seconds = 13

[events]
spf = "fail-only"

[authentication]
exempt_postmaster_and_abuse = false

[spf]
private_peers = ["10.0.0.0/8"]
check_helo = true
from_header_if_null_sender = true
prefetch = true

[spf.default_rule]
enabled = true
preset = "observe"

[[spf.rule]]
name = "strict"
domains = ["A.example"]
enabled = true
preset = "tmems"
enforce_at = "rcpt"
insert_header = false
excluded_peers = ["x@y.example", "192.0.2.0/24"]
sender_scope = [".example.org"]
actions = { fail = "reject", softfail = "defer", permerror = "delete" }
reject_reply = { code = 554, status = "5.7.23", message = "no" }
defer_reply = { code = 450, status = "4.7.24", message = "later" }
)toml";

TEST(PolicyReader, ReadsNodeJournalAndDns) {
  const Policy policy = policy_of(kFull);
  EXPECT_EQ(policy.node(), (NodeSettings{"mx.example.com", 2, Backend::Epoll, "sluice"}));
  EXPECT_EQ(policy.journal(), (JournalSettings{"/tmp/j.jsonl", 1073741824, false}));
  EXPECT_EQ(policy.memory(), (MemorySettings{2ULL << 30, 1ULL << 30, 2ULL << 20, "/srv/spill", 20ULL << 30}));
  ASSERT_EQ(policy.dns().servers.size(), 2U);
  EXPECT_EQ(policy.dns().servers[0].to_string(), "192.0.2.53:53");
  EXPECT_EQ(policy.dns().servers[1].to_string(), "[2001:db8::53]:5353");
  EXPECT_EQ(policy.dns().timeout, 3s);
  EXPECT_EQ(policy.dns().spf_evaluation, 10s);
  EXPECT_EQ(policy.dns().on_outage, OnOutage::Defer);
}

TEST(PolicyReader, ReadsHowAnswersOfTheDnsAreKept) {
  const DnsSettings dns = policy_of(kFull).dns();
  EXPECT_EQ(dns.cache_octets, 32U << 20U);
  EXPECT_EQ(dns.ttl_min, 5s);
  EXPECT_EQ(dns.ttl_max, 7200s);
  EXPECT_EQ(dns.negative_ttl_max, 600s);
  EXPECT_EQ(dns.serve_stale, 0s);
  EXPECT_EQ(dns.refresh_percent, 20U);
  EXPECT_TRUE(dns.mixed_case);
}

TEST(PolicyReader, ReadsTheLimitsOnClients) {
  EXPECT_EQ(policy_of(kFull).clients(), (ClientSettings{1, 2, 3, 4s, 5s, 6s, 7, 8s, 9s, 10s, 11, 12, 13s}));
}

TEST(PolicyReader, ReadsHowMailGoesOn) {
  const Policy policy = policy_of(kFull);
  EXPECT_FALSE(policy.delivery().chunking);
  EXPECT_TRUE(policy.delivery().refuse_eight_bit);
}

TEST(PolicyReader, ReadsListenersAndHops) {
  const Policy policy = policy_of(kFull);
  ASSERT_EQ(policy.listeners().size(), 2U);
  const Listener& inbound = policy.listeners()[0];
  EXPECT_EQ(inbound.address.to_string(), "0.0.0.0:25");
  EXPECT_EQ(inbound.direction, Direction::Inbound);
  EXPECT_EQ(inbound.hostname, "in.example.com");
  EXPECT_EQ(inbound.xclient_peers.size(), 2U);
  EXPECT_EQ(inbound.max_message_octets, 1048576U);
  EXPECT_EQ(inbound.max_recipients, 100U);
  EXPECT_EQ(inbound.bare_line_ends, BareLineEnds::Normalize);
  const Listener& outbound = policy.listeners()[1];
  EXPECT_EQ(outbound.direction, Direction::Outbound);
  EXPECT_EQ(outbound.hostname, "mx.example.com");
  EXPECT_EQ(policy.outbound_next_hop()->to_string(), "relay.example.com:587");
  EXPECT_EQ(policy.postmaster_domain(), "b.example");
  EXPECT_TRUE(policy.is_trusted(*IpAddress::parse("203.0.113.9")));

  const ManagedDomain& domain = *policy.find_domain("a.example");
  ASSERT_EQ(domain.next_hops.size(), 3U);
  EXPECT_EQ(domain.next_hops[0].to_string(), "192.0.2.10:26");
  EXPECT_EQ(domain.next_hops[1].to_string(), "first.example:25");
  EXPECT_EQ(domain.next_hops[2].to_string(), "[2001:db8::1]:24");
  EXPECT_EQ(domain.next_hops[2].weight, 3U);
}

TEST(PolicyReader, ReadsRules) {
  const Policy policy = policy_of(kFull);
  ASSERT_EQ(policy.rules().size(), 2U);
  EXPECT_EQ(policy.default_rule().preset, Preset::Observe);
  EXPECT_TRUE(policy.default_rule().enabled);
  const SpfRule& rule = policy.rules()[1];
  EXPECT_EQ(rule.name, "strict");
  EXPECT_EQ(rule.domains, std::vector<std::string>{"a.example"});
  EXPECT_EQ(rule.actions.at(SpfResult::Fail), Action::Reject);
  EXPECT_EQ(rule.actions.at(SpfResult::SoftFail), Action::Defer);
  EXPECT_EQ(rule.actions.at(SpfResult::PermError), Action::Delete);
  EXPECT_EQ(rule.actions.at(SpfResult::None), Action::Pass);
  EXPECT_EQ(rule.enforce_at, EnforceAt::Rcpt);
  EXPECT_FALSE(rule.insert_header);
  EXPECT_EQ(rule.excluded_peers.size(), 2U);
  EXPECT_EQ(rule.sender_scope.size(), 1U);
  EXPECT_EQ(rule.reject_reply.to_string(), "554 5.7.23 no");
  EXPECT_EQ(rule.defer_reply.to_string(), "450 4.7.24 later");
}

TEST(PolicyReader, ReadsTheSmallSections) {
  const Policy policy = policy_of(kFull);
  EXPECT_EQ(policy.result_header(), (ResultHeaderSettings{"X-Our-SPF", true, "auth.example.com"}));
  EXPECT_EQ(policy.spf().events, SpfEvents::FailOnly);
  EXPECT_FALSE(policy.spf().exempt_postmaster);
  EXPECT_TRUE(policy.spf().check_helo);
  EXPECT_TRUE(policy.spf().from_header_if_null_sender);
  EXPECT_TRUE(policy.spf().prefetch);
  EXPECT_EQ(policy.spf().private_peers.size(), 1U);
}

// Shows: RUL-02, RUL-03, RUL-08, D-1, D-6, D-7, D-8, ESE-09, ESE-11, ESE-15, ESE-16
TEST(PolicyReader, HasTheDocumentedDefaults) {
  const Policy policy = policy_of(kBase);
  EXPECT_EQ(policy.node(), (NodeSettings{"mx.test.example", 0, Backend::Auto, ""}));
  EXPECT_EQ(policy.dns().resolv_conf, "/etc/resolv.conf");
  EXPECT_TRUE(policy.dns().servers.empty());
  EXPECT_EQ(policy.dns().timeout, 5s);
  EXPECT_EQ(policy.dns().spf_evaluation, 20s);
  EXPECT_EQ(policy.dns().on_outage, OnOutage::Accept);
  EXPECT_EQ(policy.dns().cache_octets, 64U << 20U);
  EXPECT_EQ(policy.dns().ttl_min, 0s);
  EXPECT_EQ(policy.dns().ttl_max, 86400s);
  EXPECT_EQ(policy.dns().negative_ttl_max, 3600s);
  EXPECT_EQ(policy.dns().serve_stale, 3600s);
  EXPECT_EQ(policy.dns().refresh_percent, 10U);
  EXPECT_FALSE(policy.dns().mixed_case);
  EXPECT_EQ(policy.listeners()[0].hostname, "mx.test.example");
  EXPECT_EQ(policy.listeners()[0].max_message_octets, 52428800U);
  EXPECT_EQ(policy.listeners()[0].max_recipients, 1000U);
  EXPECT_EQ(policy.listeners()[0].bare_line_ends, BareLineEnds::Refuse);
  EXPECT_TRUE(policy.listeners()[0].xclient_peers.empty());
  EXPECT_EQ(policy.result_header(), (ResultHeaderSettings{"X-TM-Received-SPF", false, "mx.test.example"}));
  EXPECT_EQ(policy.spf(), SpfSettings{});
  const SpfRule& rule = policy.default_rule();
  EXPECT_FALSE(rule.enabled);
  EXPECT_TRUE(rule.insert_header);
  EXPECT_EQ(rule.actions, preset_table(Preset::Tmems).actions);
  EXPECT_EQ(rule.reject_reply.to_string(), "550 5.7.1 SPF check failed");
}

// Shows: D-1, D-7, RUL-06
TEST(PolicyReader, NewRuleHasHeaderOnAndRejects) {
  const Policy policy = policy_of(rule_text(""));
  EXPECT_EQ(policy.rules()[1].preset, Preset::Reject);
  EXPECT_TRUE(policy.rules()[1].insert_header);
}

// Shows: ESE-10
TEST(PolicyReader, TakesDnsServersOfBothFamiliesInOrder) {
  const Policy policy = policy_of(with_base("[dns]\nservers = [\"2001:db8::53\", \"192.0.2.53\"]\n"));
  ASSERT_EQ(policy.dns().servers.size(), 2U);
  EXPECT_EQ(policy.dns().servers[0].to_string(), "[2001:db8::53]:53");
}

TEST(PolicyReader, RuleWithoutANameIsCalledAfterItsDomain) {
  const Policy policy =
      policy_of(with_base("[[spf.rule]]\ndomains = [\"example.com\", \"other.example\"]\nenabled = true\n"));
  EXPECT_EQ(policy.rules()[1].name, "example.com");
  EXPECT_EQ(policy.rule_set_domains().size(), 1U);
}

TEST(PolicyReader, TwoListenersMayAskForAnyFreePort) {
  const Policy policy =
      policy_of("[[listener]]\naddress = \"127.0.0.1:0\"\n[[listener]]\naddress = \"127.0.0.1:0\"\n");
  EXPECT_EQ(policy.listeners().size(), 2U);
}

TEST(PolicyReader, VersionFollowsTheText) {
  EXPECT_NE(policy_of(kBase).version().hash, policy_of(with_base("\n")).version().hash);
  EXPECT_EQ(read_policy(kBase, 7).policy->version().serial, 7U);
}

}  // namespace
}  // namespace sluice::policy
