// What the policy decides for one recipient from the evidence: what must be known, then the verdict. In the
// order SPF, DKIM, DMARC; the first rule that intercepts is the last that is asked (TM-02). Tags of rules
// that do not intercept add up.
//
// Pure functions of their arguments, safe on any shard. Nothing here is stored: rows keep Notes (catalogue.h)
// and the policy's version.
//
// Use: bind the recipient (Policy::bind), ask needs_authentication() what must be there and by when, let the
// evaluators run, then decide() at RCPT where SPF is needed there, and
// for every recipient at end of data.
#pragma once

#include "rules/evidence/evidence.h"
#include "rules/policy/catalogue.h"
#include "rules/policy/policy.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::policy {

enum class Stage : uint8_t { Rcpt, EndOfData };

// When the SPF result is needed. Never: no question may be asked for its sake (RUL-15, W-30).
enum class SpfNeed : uint8_t { Never, AtRcpt, AtEndOfData };

// OnSpfIntercept: for nothing but the preset `reject-authenticated` and `broad_pass`; needs_dmarc_now()
// knows.
enum class DmarcNeed : uint8_t { Never, OnSpfIntercept, Always };

// What must be evaluated for one recipient (W-30): for its rules, for Authentication-Results, for seals, for
// reports. Each is evaluated once for all recipients of a transaction.
//
// DKIM is verified for all inbound mail, also where no rule looks (ESE-02: the row says what was signed,
// which is what an operator reads before he enables a rule); its keys are the only questions that are asked
// for nobody. None are for trusted networks, nor for a peer that the SPF rule excludes while neither a DKIM
// or DMARC rule nor one of the above looks at its mail (RUL-15: no DNS at all then).
struct AuthenticationNeeds {
  SpfNeed spf = SpfNeed::Never;
  bool dkim = false;                   // the signatures of the message, if it has some
  DmarcNeed dmarc = DmarcNeed::Never;  // from SPF and DKIM, which are needed then too
  bool arc = false;                    // where SPF, DKIM or DMARC fails (ESE-07)
  friend bool operator==(const AuthenticationNeeds&, const AuthenticationNeeds&) = default;
};
AuthenticationNeeds needs_authentication(const Policy& policy, const RecipientBinding& recipient,
                                         const evidence::Client& client, const evidence::Sender& sender,
                                         Direction direction);

// Whether DMARC must be evaluated, by the SPF that is in the evidence: Always, or the SPF rule would
// intercept the message unless it is authenticated, whichever identity and result that comes from (W-32).
bool needs_dmarc_now(const Policy& policy, const RecipientBinding& recipient,
                     const evidence::Evidence& evidence);

// needs_authentication().spf
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

enum class RuleKind : uint8_t { Spf, Dkim, Dmarc };
std::string_view to_word(RuleKind kind);  // "spf", "dkim", "dmarc"

// A rule looked at a result that was not what a good message has (D-11).
struct PolicyEvent {
  RuleKind kind = RuleKind::Spf;
  std::string rule_name;
  std::string result;  // "Fail" of SPF; "fail", "permerror" of DKIM and DMARC
  Action action = Action::Pass;
  std::vector<Note> notes;
};

struct Verdict {
  Action action = Action::Pass;      // of the rule that decided; Tag where none intercepts and one tags
  bool enforce_now = false;          // false at Rcpt: ask again at end of data
  std::optional<ReplyTriple> reply;  // with Reject and Defer
  std::string rule_name;  // of the rule that decided, else of the first that looked; empty: none did
  RuleKind rule_kind = RuleKind::Spf;
  bool insert_header = false;      // the SPF rule checked the message and wants the result header (RUL-06)
  bool insert_dkim_form = false;   // TM-07; dkim_enforced says which words
  bool dkim_enforced = false;      // the sender is an enforced peer (TM-09)
  bool insert_dmarc_form = false;  // TM-10
  std::vector<SubjectTag> tags;    // to put before the subject, in this order; each text once
  bool policy_event = false;       // there is one at least
  std::vector<PolicyEvent> events;
  std::optional<SpfResult> result;  // of SPF, where its rule acted on one
  std::vector<Note> notes;          // the row's "evaluated policies": for each rule a headline, then detail
};

// Without an outcome in the evidence (the evaluation was not run, or was cut off) the result is TempError. At
// Rcpt only the SPF rule is asked, and only whether it refuses: what else it would do is not said.
Verdict decide(const Policy& policy, const RecipientBinding& recipient, const evidence::Evidence& evidence,
               Stage stage);

// `dns.on_outage` (W-35): the reply while no resolver answers, or nothing when mail is accepted.
std::optional<ReplyTriple> outage_reply(const Policy& policy);

}  // namespace sluice::policy
