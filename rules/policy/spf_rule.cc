#include "rules/policy/spf_rule.h"

#include "io/base/check.h"

#include <algorithm>

namespace sluice::policy {
namespace {

constexpr std::array<std::string_view, 5> kPresetNames{"tmems", "reject", "observe", "imsva",
                                                       "reject-authenticated"};

// Where a result stands in the table; none for Pass.
std::optional<size_t> index_of(SpfResult result) {
  const auto found = std::ranges::find(kActionableResults, result);
  if (found == kActionableResults.end()) return std::nullopt;
  return static_cast<size_t>(found - kActionableResults.begin());
}

}  // namespace

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
    case Preset::RejectAuthenticated:
      table.actions.set(SpfResult::Fail, Action::Reject);
      table.unless_authenticated = true;
      table.text =
          "Fail is refused with 550 5.7.1 at the end of data, unless DMARC passes or a trusted ARC chain "
          "stands "
          "in for it: forwarded mail that is signed gets through.";
      break;
  }
  return table;
}

bool SpfRule::deletes() const {
  return broad_pass == Action::Delete || std::ranges::any_of(kActionableResults, [this](SpfResult result) {
           return actions.at(result) == Action::Delete;
         });
}

}  // namespace sluice::policy
