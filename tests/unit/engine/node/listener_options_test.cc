#include "engine/node/listener_options.h"

#include "tests/unit/rules/policy/policy_text.h"

#include <gtest/gtest.h>

namespace sluice::node {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view kBase = R"toml(
[node]
hostname = "mx.example.com"
[clients]
max_connections = 7
max_connections_per_client = 5
max_connections_per_second = 4
max_errors = 3
max_refused_recipients = 2
max_delay_seconds = 0
[[listener]]
address = "0.0.0.0:25"
max_recipients = 150
[[domain]]
name = "a.example"
next_hops = ["192.0.2.10:25"]
[[domain]]
name = "b.example"
next_hops = ["@HOP"]
)toml";

policy::Policy policy_with_hop(std::string_view hop) {
  std::string text(kBase);
  text.replace(text.find("@HOP"), 4, hop);
  return policy::policy_of(text);
}

TEST(ListenerOptions, SharesTheNodesConnectionsOut) {
  const policy::Policy policy = policy_with_hop("192.0.2.10:25");
  const serve::ClientLimits limits = client_limits(policy.clients(), 2);
  EXPECT_EQ(limits.sessions_max, 4U);
  EXPECT_EQ(limits.sessions_per_client_max, 5U);
  EXPECT_EQ(limits.connections_per_second, 4U);
  EXPECT_EQ(limits.delay_max, 0s);
  EXPECT_EQ(limits.times.command_wait, 300s);
  EXPECT_EQ(limits.times.data_rate_min, 500U);
}

TEST(ListenerOptions, TakesTheSessionsLimitsFromThePolicy) {
  const policy::Policy policy = policy_with_hop("192.0.2.10:25");
  const smtp::ServerOptions options = session_options(policy, policy.listeners()[0]);
  EXPECT_EQ(options.recipients, 150U);
  EXPECT_EQ(options.errors, 3U);
  EXPECT_EQ(options.refused_recipients, 2U);
}

TEST(ListenerOptions, NormalizesBareLineEndsBySettingOnly) {
  const policy::Policy policy = policy_with_hop("192.0.2.10:25");
  policy::Listener listener = policy.listeners()[0];
  EXPECT_EQ(session_options(policy, listener).bare_line_ends, smtp::BareLineEnds::Refuse);
  listener.bare_line_ends = policy::BareLineEnds::Normalize;
  EXPECT_EQ(session_options(policy, listener).bare_line_ends, smtp::BareLineEnds::Normalize);
}

// Shows: W-4
TEST(ListenerOptions, OffersOneDomainATransactionWhereDomainsDiffer) {
  const policy::Policy alike = policy_with_hop("192.0.2.10:25");
  EXPECT_EQ(session_options(alike, alike.listeners()[0]).recipient_domains, 0U);
  const policy::Policy different = policy_with_hop("192.0.2.11:25");
  EXPECT_EQ(session_options(different, different.listeners()[0]).recipient_domains, 1U);
}

}  // namespace
}  // namespace sluice::node
