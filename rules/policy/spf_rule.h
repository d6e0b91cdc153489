// One SPF rule: which recipients and senders it is for, what it does for each result, whom it leaves alone.
//
// The presets are the tables of decision D-1. A rule is made by the reader; pure values, shared immutable.
#pragma once

#include "io/base/ip.h"
#include "rules/evidence/evidence.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::policy {

using evidence::SpfResult;

enum class Action : uint8_t {
  Pass,    // do not intercept
  Delete,  // accept, then discard (after a committed journal row)
  Reject,  // 5xx
  Defer,   // 4xx
};
std::string_view to_word(Action action);  // "pass", "delete", "reject", "defer": as in the document

// The results that a rule may act on. Pass is not among them (RUL-09).
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

enum class Preset : uint8_t { Tmems, Reject, Observe, Imsva };
enum class EnforceAt : uint8_t { Rcpt, EndOfData };

struct PresetTable {
  std::string_view name;
  ActionTable actions;
  EnforceAt enforce_at = EnforceAt::EndOfData;
  bool insert_header = true;
  std::string_view text;  // for the manual
};
PresetTable preset_table(Preset preset);
std::span<const std::string_view> preset_names();  // indexed by Preset

// What the client is told (ESE-18): code, enhanced status, text.
struct ReplyTriple {
  uint16_t code = 0;
  std::string status;             // "5.7.1"
  std::string message;            // printable ASCII, at most limits::kReplyText octets
  std::string to_string() const;  // "550 5.7.1 SPF check failed"
  friend bool operator==(const ReplyTriple&, const ReplyTriple&) = default;
};

enum class PeerKind : uint8_t { Address, Domain, DomainTree, Network, NullSender };

// An entry of a peer list: "user@example.com", "example.com" (exact), ".example.com" (it and all below),
// "192.0.2.0/24", "2001:db8::1", "<>".
struct PeerEntry {
  PeerKind kind = PeerKind::Domain;
  std::string text;        // as written; named in the row (LOG-04)
  std::string local_part;  // Address; compared without regard to case
  std::string domain;      // Address, Domain, DomainTree: A-labels, lower case, without the leading dot
  Cidr network;            // Network

  // Null when the text is none of these.
  static std::optional<PeerEntry> parse(std::string_view text);
  bool matches(const evidence::Client& client, const evidence::Sender& sender) const;
  friend bool operator==(const PeerEntry&, const PeerEntry&) = default;
};

// The first entry that matches, or null. Points into `entries`.
const PeerEntry* find_match(std::span<const PeerEntry> entries, const evidence::Client& client,
                            const evidence::Sender& sender);

struct SpfRule {
  std::string name;
  bool is_default = false;           // the built-in rule, for domains without one of their own
  std::vector<std::string> domains;  // A-labels, lower case; empty for the default rule
  bool enabled = false;
  Preset preset = Preset::Tmems;
  ActionTable actions;
  EnforceAt enforce_at = EnforceAt::EndOfData;
  bool insert_header = true;
  ReplyTriple reject_reply;
  ReplyTriple defer_reply;
  std::vector<PeerEntry> excluded_peers;
  std::vector<PeerEntry> sender_scope;  // empty: all senders (RUL-16)

  bool deletes() const;  // some result is deleted
  friend bool operator==(const SpfRule&, const SpfRule&) = default;
};

}  // namespace sluice::policy
