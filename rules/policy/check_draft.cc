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

void check_dkim_deletions(const Draft& draft, Diagnostics& diagnostics) {
  for (size_t i = 0; i < draft.sections.dkim_rules.size(); ++i) {
    const DkimRule& rule = draft.sections.dkim_rules[i];
    if (!rule.enabled || !rule.deletes()) continue;
    diagnostics.warning(draft.dkim_rules[i].position, draft.dkim_rules[i].path,
                        "deletes silently after 250 (fail): neither sender nor recipient learns of it; "
                        "\"reject\" tells the sender");
  }
}

// Who needs the signatures, in words; empty: nobody.
std::string_view needs_signatures(const PolicySections& sections) {
  const auto enabled = [](const auto& rule) { return rule.enabled; };
  if (std::ranges::any_of(sections.dkim_rules, enabled)) return "an enabled DKIM rule";
  if (std::ranges::any_of(sections.dmarc_rules, enabled)) return "an enabled DMARC rule";
  if (sections.dmarc.reports.enabled) return "dmarc.reports";
  if (sections.arc.seal) return "arc.seal";
  const auto by_preset = [](const SpfRule& rule) { return rule.enabled && rule.unless_authenticated; };
  if (std::ranges::any_of(sections.rules, by_preset))
    return "an SPF rule with the preset \"reject-authenticated\"";
  return {};
}

void check_signatures(const Draft& draft, Diagnostics& diagnostics) {
  const PolicySections& sections = draft.sections;
  if (const std::string_view who = needs_signatures(sections); !sections.dkim.verify && !who.empty()) {
    diagnostics.error(draft.dkim_verify.position, draft.dkim_verify.path,
                      fmt::format("{} needs the DKIM signatures; remove this line", who));
  }
  if (!sections.dkim.sign.empty() && sections.trusted_networks.empty()) {
    diagnostics.warning(draft.dkim_sign.position, draft.dkim_sign.path,
                        "nothing will be signed: only mail of trusted_networks is, and there are none");
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
  const bool spf_refuses = std::ranges::any_of(draft.sections.rules, [](const SpfRule& rule) {
    return rule.enabled && (rule.preset == Preset::Reject || rule.preset == Preset::Imsva ||
                            rule.preset == Preset::RejectAuthenticated);
  });
  const bool dkim_refuses = std::ranges::any_of(draft.sections.dkim_rules, [](const DkimRule& rule) {
    return rule.enabled && rule.on_fail == Action::Reject;
  });
  const bool dmarc_refuses = std::ranges::any_of(draft.sections.dmarc_rules, [](const DmarcRule& rule) {
    return rule.enabled && (rule.on_quarantine == Action::Reject || rule.on_reject == Action::Reject);
  });
  const bool refuses = spf_refuses || dkim_refuses || dmarc_refuses;
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
  check_dkim_deletions(draft, diagnostics);
  check_signatures(draft, diagnostics);
  settle_postmaster(draft, diagnostics);
  settle_outage(draft);
}

}  // namespace sluice::policy
