#include "rules/policy/policy.h"

#include "io/base/ascii.h"
#include "io/base/check.h"
#include "rules/policy/domain_name.h"

#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include <fmt/format.h>

namespace sluice::policy {
namespace {

bool is_exempt_mailbox(std::string_view local_part) {
  return equals_ignore_case(local_part, "postmaster") || equals_ignore_case(local_part, "abuse");
}

template <class Rule>
Rule default_rule_of() {
  Rule rule;
  rule.name = "default";
  rule.is_default = true;
  return rule;
}

}  // namespace

std::string PolicyVersion::to_string() const { return fmt::format("{:016x}-{}", hash, serial); }

uint64_t hash_of_document(std::string_view text) {
  // FNV-1a: names a version, protects nothing.
  uint64_t hash = 0xcbf29ce484222325ULL;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
  return hash;
}

std::string NextHop::to_string() const {
  if (address) return Endpoint{*address, port}.to_string();
  return fmt::format("{}:{}", host, port);
}

bool RecipientBinding::same_group_as(const RecipientBinding& first) const {
  return route == first.route && rule == first.rule && dkim_rule == first.dkim_rule &&
         dmarc_rule == first.dmarc_rule && exempt == first.exempt &&
         std::ranges::equal(next_hops, first.next_hops);
}

Policy::Policy(PolicySections sections, PolicyVersion version)
    : sections_(std::move(sections)), version_(version), version_text_(version.to_string()) {
  SLUICE_CHECK(!sections_.rules.empty() && sections_.rules.front().is_default);
  // A document always has these two; a Policy that is made by hand need not name what it does not use.
  if (sections_.dkim_rules.empty()) sections_.dkim_rules.push_back(default_rule_of<DkimRule>());
  if (sections_.dmarc_rules.empty()) sections_.dmarc_rules.push_back(default_rule_of<DmarcRule>());
  std::ranges::sort(sections_.domains, {}, &ManagedDomain::name);
  std::set<std::array<unsigned, 3>> seen;
  for (unsigned i = 0; i < sections_.domains.size(); ++i) {
    const ManagedDomain& domain = sections_.domains[i];
    SLUICE_CHECK(domain.rule_index < sections_.rules.size() && !domain.next_hops.empty());
    SLUICE_CHECK(domain.dkim_rule_index < sections_.dkim_rules.size() &&
                 domain.dmarc_rule_index < sections_.dmarc_rules.size());
    const std::array indexes = {domain.rule_index, domain.dkim_rule_index, domain.dmarc_rule_index};
    if (seen.insert(indexes).second) rule_set_domains_.push_back(i);
  }
}

const ManagedDomain* Policy::find_domain(std::string_view domain) const {
  const std::optional<std::string> name = to_domain_name(domain);
  if (!name) return nullptr;
  const auto found = std::ranges::lower_bound(sections_.domains, *name, {}, &ManagedDomain::name);
  return found != sections_.domains.end() && found->name == *name ? &*found : nullptr;
}

const SpfRule& Policy::rule_for(const ManagedDomain& domain) const {
  return sections_.rules[domain.rule_index];
}

Policy::RuleSet Policy::rules_of(const ManagedDomain& domain) const {
  return {&sections_.rules[domain.rule_index], &sections_.dkim_rules[domain.dkim_rule_index],
          &sections_.dmarc_rules[domain.dmarc_rule_index]};
}

bool Policy::is_trusted(const IpAddress& client) const {
  return contains(sections_.trusted_networks, client);
}

RecipientBinding Policy::bind(const IpAddress& client, Direction direction, RecipientView recipient) const {
  RecipientBinding binding;
  const bool bare_postmaster =
      recipient.domain.empty() && equals_ignore_case(recipient.local_part, "postmaster");
  if (bare_postmaster && sections_.postmaster_domain.empty()) {
    binding.route = RouteKind::NoSuchDestination;
    return binding;
  }
  const std::string_view wanted = bare_postmaster ? sections_.postmaster_domain : recipient.domain;
  binding.recipient_domain = to_domain_name(wanted).value_or(std::string());
  binding.domain = find_domain(wanted);
  if (binding.domain != nullptr) {
    binding.route = RouteKind::Relay;
    binding.next_hops = binding.domain->next_hops;
    binding.exempt = sections_.spf.exempt_postmaster && is_exempt_mailbox(recipient.local_part);
    if (direction == Direction::Inbound) {
      const RuleSet rules = rules_of(*binding.domain);
      binding.rule = rules.spf;
      binding.dkim_rule = rules.dkim;
      binding.dmarc_rule = rules.dmarc;
    }
    return binding;
  }
  // An address literal is nobody's domain: not even a trusted client's mail goes there.
  if (binding.recipient_domain.empty()) return binding;
  if (is_trusted(client) && sections_.outbound_next_hop) {
    binding.route = RouteKind::Outbound;
    binding.next_hops = {&*sections_.outbound_next_hop, 1};
  }
  return binding;
}

bool contains(std::span<const Cidr> networks, const IpAddress& address) {
  const IpAddress plain = address.unmap();
  return std::ranges::any_of(networks, [&plain](const Cidr& network) { return network.contains(plain); });
}

}  // namespace sluice::policy
