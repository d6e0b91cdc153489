#include "rules/policy/draft.h"
#include "rules/policy/spf_rule.h"

#include <algorithm>
#include <cstddef>

#include <fmt/format.h>

namespace sluice::policy {
namespace {

constexpr unsigned kWidePrefixV4 = 8;  // shorter prefixes are hardly ever one organisation's
constexpr unsigned kWidePrefixV6 = 16;

// W-11: would a connection to the hop arrive at the listener? A wildcard listener has every address of the
// machine, of which we know the loopback ones and those of our other listeners.
bool arrives_at(const NextHop& hop, const Listener& listener, const Draft& draft) {
  if (hop.port != listener.address.port) return false;
  const IpAddress& ours = listener.address.address;
  const bool wildcard = ours.is_unspecified();
  if (!hop.address) {
    if (hop.host == "localhost") return wildcard || ours.is_loopback();
    return hop.host == listener.hostname || hop.host == draft.sections.node.hostname;
  }
  if (*hop.address == ours || hop.address->is_unspecified()) return true;
  if (!wildcard) return false;
  if (hop.address->is_loopback()) return true;
  return std::ranges::any_of(draft.sections.listeners,
                             [&hop](const Listener& other) { return other.address.address == *hop.address; });
}

void check_loops(const Draft& draft, Diagnostics& diagnostics) {
  for (const PlacedHop& placed : draft.hops) {
    for (size_t i = 0; i < draft.sections.listeners.size(); ++i) {
      const Listener& listener = draft.sections.listeners[i];
      if (!arrives_at(placed.hop, listener, draft)) continue;
      const Place& place = draft.listeners[i];
      diagnostics.error(
          placed.place.position, placed.place.path,
          fmt::format("{} is our own listener {} ({} in line {}, column {}): mail would go round in "
                      "circles; name the mail system behind us",
                      placed.hop.to_string(), listener.address.to_string(), place.path, place.position.line,
                      place.position.column));
      break;
    }
  }
}

void check_trusted(const Draft& draft, Diagnostics& diagnostics) {
  const auto is_public = [](const Listener& listener) { return !listener.address.address.is_private(); };
  const auto open = std::ranges::find_if(draft.sections.listeners, is_public);
  for (const Cidr& network : draft.sections.trusted_networks) {
    const unsigned wide = network.network.is_v4() ? kWidePrefixV4 : kWidePrefixV6;
    if (network.length > 0 && network.length < wide) {
      diagnostics.warning(
          draft.trusted_networks.position, draft.trusted_networks.path,
          fmt::format("{} is a very large network to trust: every client in it may relay anywhere",
                      network.to_string()));
    } else if (network.network.is_private() && open != draft.sections.listeners.end()) {
      diagnostics.warning(
          draft.trusted_networks.position, draft.trusted_networks.path,
          fmt::format("{} is a private network, and the listener {} can be reached from outside: a "
                      "proxy or NAT in front of it would make every sender trusted",
                      network.to_string(), open->address.to_string()));
    }
  }
}

void check_deletions(const Draft& draft, Diagnostics& diagnostics) {
  for (size_t i = 0; i < draft.sections.rules.size(); ++i) {
    const SpfRule& rule = draft.sections.rules[i];
    if (!rule.enabled || !rule.deletes()) continue;
    std::string results;
    for (const SpfResult result : kActionableResults) {
      if (rule.actions.at(result) != Action::Delete) continue;
      if (!results.empty()) results += ", ";
      results += auth::header_word(result);
    }
    diagnostics.warning(
        draft.rules[i].position, draft.rules[i].path,
        fmt::format("deletes silently after 250 ({}): neither sender nor recipient learns of it; "
                    "\"reject\" tells the sender",
                    results));
  }
}

void settle_postmaster(Draft& draft, Diagnostics& diagnostics) {
  PolicySections& sections = draft.sections;
  if (sections.postmaster_domain.empty()) {
    if (!sections.domains.empty()) sections.postmaster_domain = sections.domains.front().name;
    return;
  }
  const auto found = std::ranges::find(sections.domains, sections.postmaster_domain, &ManagedDomain::name);
  if (found != sections.domains.end()) return;
  diagnostics.error(draft.postmaster_domain.position, draft.postmaster_domain.path,
                    fmt::format("\"{}\" is not a managed domain; name one, or add a [[domain]] for it",
                                sections.postmaster_domain));
}

void settle_outage(Draft& draft) {
  if (draft.on_outage_given) return;
  const bool refuses = std::ranges::any_of(draft.sections.rules, [](const SpfRule& rule) {
    return rule.enabled && (rule.preset == Preset::Reject || rule.preset == Preset::Imsva);
  });
  draft.sections.dns.on_outage = refuses ? OnOutage::Defer : OnOutage::Accept;
}

}  // namespace

void check_draft(Draft& draft, Diagnostics& diagnostics) {
  if (draft.sections.listeners.empty()) {
    diagnostics.error({}, "listener",
                      "there is none, so no mail could come in; add [[listener]] with an address");
  }
  const auto inbound = [](const Listener& listener) { return listener.direction == Direction::Inbound; };
  if (draft.sections.domains.empty() && std::ranges::any_of(draft.sections.listeners, inbound)) {
    diagnostics.warning({}, "domain", "there is none: all mail from outside is refused; add [[domain]]");
  }
  check_loops(draft, diagnostics);
  check_trusted(draft, diagnostics);
  check_deletions(draft, diagnostics);
  settle_postmaster(draft, diagnostics);
  settle_outage(draft);
}

}  // namespace sluice::policy
