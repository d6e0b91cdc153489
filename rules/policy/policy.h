// Policy: one compiled policy document. Shared immutable: made by the control thread, published to all
// shards; every const function may run anywhere. It holds no pointer to the document and does no I/O.
//
// Deciding what SPF means for a recipient is verdict.h; reading a document is reader.h.
#pragma once

#include "rules/policy/authentication_rules.h"
#include "rules/policy/authentication_settings.h"
#include "rules/policy/settings.h"
#include "rules/policy/spf_rule.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::policy {

// Which document: the hash of its text, and a number that the loader gives (1, 2, ... since start).
struct PolicyVersion {
  uint64_t hash = 0;
  uint64_t serial = 0;
  std::string to_string() const;  // "89abcdef01234567-1": stands in rows
  friend bool operator==(const PolicyVersion&, const PolicyVersion&) = default;
};
uint64_t hash_of_document(std::string_view text);

// All sections as values. What the reader fills in and Policy takes over; the first rule of each kind is the
// default rule.
struct PolicySections {
  NodeSettings node;
  JournalSettings journal;
  MemorySettings memory;
  AdminSettings admin;
  DnsSettings dns;
  ClientSettings clients;
  DeliverySettings delivery;
  std::vector<Listener> listeners;
  std::vector<Cidr> trusted_networks;
  std::string postmaster_domain;  // empty: <Postmaster> without a domain is refused
  std::optional<NextHop> outbound_next_hop;
  std::vector<ManagedDomain> domains;
  ResultHeaderSettings result_header;
  SpfSettings spf;
  std::vector<SpfRule> rules;
  DkimSettings dkim;
  std::vector<DkimRule> dkim_rules;
  ArcSettings arc;
  DmarcSettings dmarc;
  std::vector<DmarcRule> dmarc_rules;
};

// An address as SMTP gave it. Borrowed for the call. `<Postmaster>` has an empty domain.
struct RecipientView {
  std::string_view local_part;
  std::string_view domain;
};

enum class RouteKind : uint8_t {
  Relay,              // a managed domain: to its next hops
  Outbound,           // a trusted client, an unmanaged domain: to outbound.next_hop
  RelayDenied,        // 550 5.7.1 (W-12)
  NoSuchDestination,  // 550 5.1.1: <Postmaster> while no postmaster_domain is set
};

// What the policy says of one recipient before any authentication. Borrows from the Policy.
struct RecipientBinding {
  RouteKind route = RouteKind::RelayDenied;
  const ManagedDomain* domain = nullptr;  // Relay only
  std::span<const NextHop> next_hops;     // Relay and Outbound: never empty
  const SpfRule* rule = nullptr;          // this and the next: Relay on an inbound listener, else null
  const DkimRule* dkim_rule = nullptr;
  const DmarcRule* dmarc_rule = nullptr;
  bool exempt = false;           // postmaster@ or abuse@ (W-15), where the setting is on
  std::string recipient_domain;  // A-labels; postmaster_domain for <Postmaster>

  bool accepted() const { return route == RouteKind::Relay || route == RouteKind::Outbound; }
  // W-4: may share a transaction with `first` (same next hop, same rules, same exemption).
  bool same_group_as(const RecipientBinding& first) const;
};

class Policy {
 public:
  Policy(PolicySections sections, PolicyVersion version);

  const PolicyVersion& version() const { return version_; }
  const std::string& version_text() const { return version_text_; }
  const NodeSettings& node() const { return sections_.node; }
  const JournalSettings& journal() const { return sections_.journal; }
  const MemorySettings& memory() const { return sections_.memory; }
  const AdminSettings& admin() const { return sections_.admin; }
  const DnsSettings& dns() const { return sections_.dns; }
  const ClientSettings& clients() const { return sections_.clients; }
  const DeliverySettings& delivery() const { return sections_.delivery; }
  const ResultHeaderSettings& result_header() const { return sections_.result_header; }
  const SpfSettings& spf() const { return sections_.spf; }
  const DkimSettings& dkim() const { return sections_.dkim; }
  const ArcSettings& arc() const { return sections_.arc; }
  const DmarcSettings& dmarc() const { return sections_.dmarc; }
  std::span<const Listener> listeners() const { return sections_.listeners; }
  std::span<const ManagedDomain> domains() const { return sections_.domains; }  // sorted by name
  std::span<const SpfRule> rules() const { return sections_.rules; }            // [0] is the default rule
  const SpfRule& default_rule() const { return sections_.rules.front(); }
  std::span<const DkimRule> dkim_rules() const { return sections_.dkim_rules; }     // [0] likewise
  std::span<const DmarcRule> dmarc_rules() const { return sections_.dmarc_rules; }  // [0] likewise
  const std::vector<Cidr>& trusted_networks() const { return sections_.trusted_networks; }
  const std::string& postmaster_domain() const { return sections_.postmaster_domain; }
  const std::optional<NextHop>& outbound_next_hop() const { return sections_.outbound_next_hop; }

  // Exact, without regard to case, U-labels or A-labels. Null: not managed.
  const ManagedDomain* find_domain(std::string_view domain) const;
  const SpfRule& rule_for(const ManagedDomain& domain) const;
  // What recipients of the managed domains are bound to on an inbound listener, each combination once.
  struct RuleSet {
    const SpfRule* spf = nullptr;
    const DkimRule* dkim = nullptr;
    const DmarcRule* dmarc = nullptr;
  };
  RuleSet rules_of(const ManagedDomain& domain) const;
  // One domain for each combination of rules that a managed domain is bound to.
  std::span<const unsigned> rule_set_domains() const { return rule_set_domains_; }
  bool is_trusted(const IpAddress& client) const;
  // The client's effective address: after XCLIENT or PROXY.
  RecipientBinding bind(const IpAddress& client, Direction direction, RecipientView recipient) const;

 private:
  PolicySections sections_;
  PolicyVersion version_;
  std::string version_text_;
  std::vector<unsigned> rule_set_domains_;
};

// In a list of prefixes, none of which need be sorted.
bool contains(std::span<const Cidr> networks, const IpAddress& address);

}  // namespace sluice::policy
