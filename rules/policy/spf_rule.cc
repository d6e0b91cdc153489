#include "rules/policy/spf_rule.h"

#include "io/base/ascii.h"
#include "io/base/check.h"
#include "rules/policy/domain_name.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace sluice::policy {
namespace {

constexpr std::array<std::string_view, 4> kActionWords{"pass", "delete", "reject", "defer"};
constexpr std::array<std::string_view, 4> kPresetNames{"tmems", "reject", "observe", "imsva"};

// Where a result stands in the table; none for Pass.
std::optional<size_t> index_of(SpfResult result) {
  const auto found = std::ranges::find(kActionableResults, result);
  if (found == kActionableResults.end()) return std::nullopt;
  return static_cast<size_t>(found - kActionableResults.begin());
}

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
      return domain == entry.domain && equals_ignore_case(sender.local_part, entry.local_part);
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

Action ActionTable::at(SpfResult result) const {
  const std::optional<size_t> index = index_of(result);
  return index ? actions_[*index] : Action::Pass;
}

void ActionTable::set(SpfResult result, Action action) {
  const std::optional<size_t> index = index_of(result);
  SLUICE_CHECK(index.has_value());
  actions_[*index] = action;
}

std::span<const std::string_view> preset_names() { return kPresetNames; }

PresetTable preset_table(Preset preset) {
  PresetTable table;
  table.name = kPresetNames.at(static_cast<size_t>(preset));
  switch (preset) {
    case Preset::Tmems:
      table.actions.set(SpfResult::Fail, Action::Delete);
      table.text = "The documented default table: Fail is deleted, the other results are not intercepted.";
      break;
    case Preset::Reject:
      table.actions.set(SpfResult::Fail, Action::Reject);
      table.enforce_at = EnforceAt::Rcpt;
      table.text =
          "Fail is refused with 550 5.7.1 at RCPT, before any body octet; nothing else is intercepted.";
      break;
    case Preset::Observe:
      table.text = "Nothing is intercepted; results are seen in the header, the rows and the policy events.";
      break;
    case Preset::Imsva:
      table.actions.set(SpfResult::Fail, Action::Reject);
      table.actions.set(SpfResult::TempError, Action::Defer);
      table.enforce_at = EnforceAt::Rcpt;
      table.text =
          "As IMSVA's `block` and `tempblock`: Fail is refused with 550 5.7.1 and TempError with 451 4.7.1, "
          "both at RCPT.";
      break;
  }
  return table;
}

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
  const std::string domain = to_domain_name(sender.domain).value_or(std::string());
  for (const PeerEntry& entry : entries) {
    if (entry_matches(entry, client, sender, domain)) return &entry;
  }
  return nullptr;
}

bool SpfRule::deletes() const {
  return std::ranges::any_of(kActionableResults,
                             [this](SpfResult result) { return actions.at(result) == Action::Delete; });
}

}  // namespace sluice::policy
