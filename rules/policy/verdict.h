// What the policy decides for one recipient from the evidence: whether SPF is needed, then the verdict.
//
// SPF only; later sections add their rules in the order of design. Pure functions of their arguments, safe
// on any shard. Nothing here is stored: rows keep Notes (catalogue.h) and the policy's version.
//
// Use: bind the recipient (Policy::bind), ask needs_spf() to know whether and by when the result must be
// there, let the evaluators run, then decide() at RCPT where needs_spf said so, and for every recipient at
// end of data.
#pragma once

#include "rules/evidence/evidence.h"
#include "rules/policy/catalogue.h"
#include "rules/policy/policy.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace sluice::policy {

enum class Stage : uint8_t { Rcpt, EndOfData };

// When the SPF rule needs the result. Never: no question may be asked for this rule's sake (RUL-15, W-30).
enum class SpfNeed : uint8_t { Never, AtRcpt, AtEndOfData };

SpfNeed needs_spf(const Policy& policy, const RecipientBinding& recipient, const evidence::Client& client,
                  const evidence::Sender& sender);

// W-30: every managed domain would need the result for this peer and sender, so asking may begin at MAIL.
bool is_spf_certain_at_mail(const Policy& policy, Direction direction, const evidence::Client& client,
                            const evidence::Sender& sender);

// Which identities to check once a result is needed (W-30, W-31, D-2). From is only known after the header
// block, and only asked where HELO gave None.
struct SpfIdentities {
  bool mail_from = false;
  bool helo = false;
  bool from_header = false;  // after the header block, if the HELO outcome is None
};
SpfIdentities spf_identities(const Policy& policy, const evidence::Client& client,
                             const evidence::Sender& sender);

// The outcome that the rule acts on, or null when none is there yet. Points into the evidence.
const evidence::SpfOutcome* governing_spf(const Policy& policy, const evidence::Evidence& evidence);

struct Verdict {
  Action action = Action::Pass;
  bool enforce_now = false;          // false at Rcpt: ask again at end of data
  std::optional<ReplyTriple> reply;  // with Reject and Defer
  std::string rule_name;             // empty when no rule looked at the recipient
  bool insert_header = false;        // the rule checked the message and wants the result header (RUL-06)
  bool policy_event = false;         // D-11
  std::optional<SpfResult> result;   // the result acted on
  std::vector<Note> notes;           // the row's "evaluated policies": headline first, then detail
};

// Without an outcome in the evidence (the evaluation was not run, or was cut off) the result is TempError.
Verdict decide(const Policy& policy, const RecipientBinding& recipient, const evidence::Evidence& evidence,
               Stage stage);

// `dns.on_outage` (W-35): the reply while no resolver answers, or nothing when mail is accepted.
std::optional<ReplyTriple> outage_reply(const Policy& policy);

}  // namespace sluice::policy
