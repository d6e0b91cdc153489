#include "rules/policy/policy.h"

#include "io/base/ascii.h"
#include "io/base/check.h"
#include "rules/policy/domain_name.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace sluice::policy {
namespace {

bool is_exempt_mailbox(std::string_view local_part) {
  return equals_ignore_case(local_part, "postmaster") || equals_ignore_case(local_part, "abuse");
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
  return route == first.route && rule == first.rule && exempt == first.exempt &&
         std::ranges::equal(next_hops, first.next_hops);
}

Policy::Policy(PolicySections sections, PolicyVersion version)
    : sections_(std::move(sections)), version_(version) {
  SLUICE_CHECK(!sections_.rules.empty() && sections_.rules.front().is_default);
  std::ranges::sort(sections_.domains, {}, &ManagedDomain::name);
  for (const ManagedDomain& domain : sections_.domains) {
    SLUICE_CHECK(domain.rule_index < sections_.rules.size() && !domain.next_hops.empty());
    rules_in_use_.push_back(domain.rule_index);
  }
  std::ranges::sort(rules_in_use_);
  const auto repeated = std::ranges::unique(rules_in_use_);
  rules_in_use_.erase(repeated.begin(), repeated.end());
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
    if (direction == Direction::Inbound) binding.rule = &rule_for(*binding.domain);
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
