#include "rules/policy/rule_parts.h"

#include "io/base/ascii.h"
#include "rules/policy/domain_name.h"

#include <array>
#include <utility>

#include <fmt/format.h>

namespace sluice::policy {
namespace {

constexpr std::array<std::string_view, 5> kActionWords{"pass", "delete", "reject", "defer", "tag"};

std::optional<PeerEntry> parse_address(std::string_view text) {
  const size_t at = text.rfind('@');
  std::optional<std::string> domain = to_domain_name(text.substr(at + 1));
  if (at == 0 || !domain) return std::nullopt;
  return PeerEntry{
      PeerKind::Address, std::string(text), std::string(text.substr(0, at)), std::move(*domain), {}};
}

// `domain`: the sender's in the form of to_domain_name, or empty.
bool entry_matches(const PeerEntry& entry, const evidence::Client& client, const evidence::Sender& sender,
                   std::string_view domain) {
  switch (entry.kind) {
    case PeerKind::Address:
      return domain == entry.domain && equals_ignore_case(sender.local_part(), entry.local_part);
    case PeerKind::Domain:
      return domain == entry.domain;
    case PeerKind::DomainTree:
      return is_at_or_below(domain, entry.domain);
    case PeerKind::Network:
      return entry.network.contains(client.address.unmap());
    case PeerKind::NullSender:
      return sender.is_null();
  }
  return false;
}

}  // namespace

std::string_view to_word(Action action) { return kActionWords.at(static_cast<size_t>(action)); }

bool intercepts(Action action) { return action != Action::Pass && action != Action::Tag; }

std::string ReplyTriple::to_string() const { return fmt::format("{} {} {}", code, status, message); }

std::optional<PeerEntry> PeerEntry::parse(std::string_view text) {
  if (text == "<>") return PeerEntry{PeerKind::NullSender, std::string(text), {}, {}, {}};
  if (text.contains('@')) return parse_address(text);
  if (const std::optional<Cidr> network = Cidr::parse(text)) {
    return PeerEntry{PeerKind::Network, std::string(text), {}, {}, *network};
  }
  const bool tree = text.starts_with('.');
  std::optional<std::string> domain = to_domain_name(text.substr(tree ? 1 : 0));
  if (!domain) return std::nullopt;
  const PeerKind kind = tree ? PeerKind::DomainTree : PeerKind::Domain;
  return PeerEntry{kind, std::string(text), {}, std::move(*domain), {}};
}

bool PeerEntry::matches(const evidence::Client& client, const evidence::Sender& sender) const {
  return find_match({this, 1}, client, sender) != nullptr;
}

const PeerEntry* find_match(std::span<const PeerEntry> entries, const evidence::Client& client,
                            const evidence::Sender& sender) {
  if (entries.empty()) return nullptr;
  const std::string domain = to_domain_name(sender.domain()).value_or(std::string());
  for (const PeerEntry& entry : entries) {
    if (entry_matches(entry, client, sender, domain)) return &entry;
  }
  return nullptr;
}

}  // namespace sluice::policy
