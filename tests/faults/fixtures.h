// The policies and zones of the runs; @words stand for addresses of the world (fault_run.cc).
#pragma once

#include <string_view>

namespace sluice::faults {

inline constexpr std::string_view kPolicyBase = R"(
[node]
hostname = "mx.node.example"
[journal]
path = "@journal"
rotate_daily = false
rotate_size = "@rotate"
[dns]
servers = ["@dns0", "@dns1"]
timeout_seconds = 3
spf_evaluation_seconds = 10
on_outage = "@outage"
[delivery]
connections = @connections
messages_per_connection = @messages
[spf]
private_peers = ["10.0.0.0/8"]
[[listener]]
address = "@node"
direction = "inbound"
bare_line_ends = "@bare"
[[domain]]
name = "plain.example"
next_hops = ["@hop0"]
[[domain]]
name = "tagged.example"
next_hops = ["@hop1"]
[[domain]]
name = "refused.example"
next_hops = ["@hop0"]
[[domain]]
name = "late.example"
next_hops = ["@hop1"]
[[domain]]
name = "deleted.example"
next_hops = ["@hop0"]
[[domain]]
name = "deferred.example"
next_hops = ["@hop1"]
[[domain]]
name = "twin.example"
next_hops = ["@hop0", "@hop2"]
[[domain]]
name = "named.example"
next_hops = ["mail.hops.example:25"]
[[spf.rule]]
name = "tag"
domains = ["tagged.example"]
enabled = true
preset = "observe"
[[spf.rule]]
name = "refuse"
domains = ["refused.example"]
enabled = true
preset = "reject"
[[spf.rule]]
name = "refuse late"
domains = ["late.example"]
enabled = true
preset = "reject"
enforce_at = "end-of-data"
[[spf.rule]]
name = "delete"
domains = ["deleted.example"]
enabled = true
preset = "tmems"
)";

// What a reload changes to and fro.
inline constexpr std::string_view kPolicyOne = R"(
[[spf.rule]]
name = "defer"
domains = ["deferred.example"]
enabled = true
preset = "imsva"
)";
inline constexpr std::string_view kPolicyTwo = R"(
[[spf.rule]]
name = "defer"
domains = ["deferred.example"]
enabled = true
preset = "reject"
enforce_at = "end-of-data"
actions.fail = "defer"
[[listener]]
address = "@second"
direction = "inbound"
)";

// One of four domains each; client_plan.cc knows what is true of them.
inline constexpr std::string_view kZoneOfSenders = R"(
passN.senders.example:
  - SPF: "v=spf1 a:hostN.senders.example ip4:10.0.0.0/8 -all"
hostN.senders.example:
  - A: 192.0.2.1
failN.senders.example:
  - SPF: "v=spf1 a:hostN.senders.example -all"
softN.senders.example:
  - SPF: "v=spf1 ~all"
noneN.senders.example:
  - A: 192.0.2.2
brokenN.senders.example:
  - SPF: "v=spf1 nonsense -all"
slowN.senders.example:
  - TXT: TIMEOUT
deepN.senders.example:
  - SPF: "v=spf1 include:incN.senders.example mx -all"
  - MX: [10, hostN.senders.example]
incN.senders.example:
  - SPF: "v=spf1 a:hostN.senders.example include:innerN.senders.example -all"
innerN.senders.example:
  - SPF: "v=spf1 ip4:192.0.2.77 ?all"
)";
inline constexpr std::string_view kZoneOfHops = R"(
mail.hops.example:
  - A: @hopaddress1
)";
inline constexpr std::string_view kLies = "*.example. 300 IN TXT \"v=spf1 ?all\"\n";

}  // namespace sluice::faults
