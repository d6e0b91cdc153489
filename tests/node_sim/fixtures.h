// The policies and the zone that the node's simulated tests share.
#pragma once

#include <string>
#include <string_view>

#include <fmt/format.h>

namespace sluice::testing {

// Sections that every policy begins with; @words are addresses of the world (node_world.cc).
inline constexpr std::string_view kBase = R"(
[node]
hostname = "mx.node.example"
[journal]
path = "@journal"
rotate_daily = false
[dns]
servers = ["@dns"]
timeout_seconds = 2
spf_evaluation_seconds = 10
[[listener]]
address = "@node"
direction = "inbound"
xclient_peers = ["@client"]
[[domain]]
name = "managed.example"
next_hops = ["@hop"]
[[domain]]
name = "second.example"
next_hops = ["@hop"]
[[domain]]
name = "other.example"
next_hops = ["@other"]
)";

// One enabled rule for managed.example with a preset and any further lines.
inline std::string policy_with(std::string_view preset, std::string_view more = "",
                               std::string_view sections = "") {
  return fmt::format(
      "{}\n{}\n[[spf.rule]]\nname = \"the rule\"\ndomains = [\"managed.example\"]\nenabled = true\n"
      "preset = \"{}\"\n{}\n",
      kBase, sections, preset, more);
}

inline constexpr std::string_view kZone = R"(
sender.example:
  - SPF: "v=spf1 ip4:198.51.100.0/24 -all"
soft.example:
  - SPF: "v=spf1 ~all"
neutral.example:
  - SPF: "v=spf1 ?all"
broken.example:
  - SPF: "v=spf1 nonsense -all"
slow.example:
  - TXT: TIMEOUT
helo-fails.example:
  - SPF: "v=spf1 -all"
client.example:
  - SPF: "v=spf1 ip4:198.51.100.7 -all"
7.100.51.198.in-addr.arpa:
  - PTR: named.helo-fails.example
named.helo-fails.example:
  - A: 198.51.100.7
  - SPF: "v=spf1 -all"
explained.example:
  - SPF: "v=spf1 -all exp=why.explained.example"
why.explained.example:
  - TXT: "%{i} may not send for %{d}"
deep.example:
  - SPF: "v=spf1 include:d1.example include:d2.example include:d3.example include:d4.example include:d5.example include:d6.example include:d7.example include:d8.example include:d9.example include:d10.example include:d11.example -all"
d1.example: [{SPF: "v=spf1 ?all"}]
d2.example: [{SPF: "v=spf1 ?all"}]
d3.example: [{SPF: "v=spf1 ?all"}]
d4.example: [{SPF: "v=spf1 ?all"}]
d5.example: [{SPF: "v=spf1 ?all"}]
d6.example: [{SPF: "v=spf1 ?all"}]
d7.example: [{SPF: "v=spf1 ?all"}]
d8.example: [{SPF: "v=spf1 ?all"}]
d9.example: [{SPF: "v=spf1 ?all"}]
d10.example: [{SPF: "v=spf1 ?all"}]
d11.example: [{SPF: "v=spf1 ?all"}]
)";

inline constexpr std::string_view kForger = "203.0.113.9";  // in nobody's record
inline constexpr std::string_view kPermitted = "198.51.100.7";

}  // namespace sluice::testing
