// DKIM and DMARC rules: which recipients they are for, what they do, whom they leave alone (TM-06 to TM-11,
// W-34). As with SPF there is one default rule, and at most one rule of each kind for a managed domain; a new
// rule is off. Made by the reader; pure values, shared immutable. What they decide: verdict.h.
#pragma once

#include "rules/policy/rule_parts.h"

#include <string>
#include <vector>

namespace sluice::policy {

struct DkimRule {
  std::string name;
  bool is_default = false;
  std::vector<std::string> domains;  // A-labels, lower case; empty for the default rule
  bool enabled = false;
  Action on_fail = Action::Pass;       // any
  Action on_temperror = Action::Pass;  // Pass, Tag or Defer: no signature passes, and one might have
  bool skip_null_sender = false;       // TM-06
  bool insert_header = false;          // TM-07
  SubjectTag tag;
  ReplyTriple reject_reply;
  ReplyTriple defer_reply;
  std::vector<PeerEntry> excluded_peers;
  std::vector<PeerEntry> enforced_peers;  // TM-09: senders whose mail must have a verified signature

  bool deletes() const { return on_fail == Action::Delete; }
  friend bool operator==(const DkimRule&, const DkimRule&) = default;
};

// There is no quarantine yet: what other products quarantine is tagged here.
struct DmarcRule {
  std::string name;
  bool is_default = false;
  std::vector<std::string> domains;
  bool enabled = false;
  // For a message that fails, by the policy that applies (after t=y). Pass, Tag, Reject or Defer.
  Action on_quarantine = Action::Tag;
  Action on_reject = Action::Tag;     // RFC 9989: p=reject alone is no ground to reject
  Action on_permerror = Action::Tag;  // no author, several, or a malformed one: could be anybody's mail
  Action on_temperror = Action::Pass;
  bool skip_null_sender = false;  // TM-11
  bool insert_header = false;     // TM-10
  SubjectTag tag;
  ReplyTriple reject_reply;
  ReplyTriple defer_reply;
  std::vector<PeerEntry> excluded_peers;

  friend bool operator==(const DmarcRule&, const DmarcRule&) = default;
};

}  // namespace sluice::policy
