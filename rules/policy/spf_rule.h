// One SPF rule: which recipients and senders it is for, what it does for each result, whom it leaves alone.
//
// The presets are the tables of decisions D-1 and W-32. A rule is made by the reader; pure values, shared
// immutable.
#pragma once

#include "rules/evidence/evidence.h"
#include "rules/policy/rule_parts.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::policy {

using evidence::SpfResult;

// The results that a rule may act on. Pass is not among them (RUL-09); only a broad one may be.
inline constexpr std::array kActionableResults = {SpfResult::Fail,      SpfResult::SoftFail,
                                                  SpfResult::Neutral,   SpfResult::None,
                                                  SpfResult::PermError, SpfResult::TempError};

// The action for each result. Pass is always Action::Pass.
class ActionTable {
 public:
  Action at(SpfResult result) const;
  // `result` must not be Pass (CHECK): the reader refuses it before.
  void set(SpfResult result, Action action);
  friend bool operator==(const ActionTable&, const ActionTable&) = default;

 private:
  std::array<Action, kActionableResults.size()> actions_{};
};

enum class Preset : uint8_t { Tmems, Reject, Observe, Imsva, RejectAuthenticated };
enum class EnforceAt : uint8_t { Rcpt, EndOfData };

struct PresetTable {
  std::string_view name;
  ActionTable actions;
  EnforceAt enforce_at = EnforceAt::EndOfData;
  bool insert_header = true;
  bool unless_authenticated = false;
  std::string_view text;  // for the manual
};
PresetTable preset_table(Preset preset);
std::span<const std::string_view> preset_names();  // indexed by Preset

struct SpfRule {
  std::string name;
  bool is_default = false;           // the built-in rule, for domains without one of their own
  std::vector<std::string> domains;  // A-labels, lower case; empty for the default rule
  bool enabled = false;
  Preset preset = Preset::Tmems;
  ActionTable actions;
  Action broad_pass = Action::Pass;  // Pass by a record that authorises too much
  EnforceAt enforce_at = EnforceAt::EndOfData;
  bool insert_header = true;
  bool unless_authenticated = false;  // W-32: nothing is intercepted where DMARC passes or a trusted ARC
                                      // chain stands in for it
  SubjectTag tag;
  ReplyTriple reject_reply;
  ReplyTriple defer_reply;
  std::vector<PeerEntry> excluded_peers;
  std::vector<PeerEntry> sender_scope;  // empty: all senders (RUL-16)

  bool deletes() const;  // some result is deleted
  friend bool operator==(const SpfRule&, const SpfRule&) = default;
};

}  // namespace sluice::policy
