#include "rules/policy/findings.h"

#include "rules/policy/authentication_results.h"
#include "rules/policy/standing.h"

#include <string_view>
#include <utility>

namespace sluice::policy {
namespace {

using evidence::Client;
using evidence::Evidence;

constexpr HeadlineIds kDkimHeadlines{MessageId::DkimNotMatched, MessageId::DkimDeleted,
                                     MessageId::DkimRejected,   MessageId::DkimDeferred,
                                     MessageId::DkimTagged,     MessageId::DkimNotIntercepted};
constexpr HeadlineIds kDmarcHeadlines{MessageId::DmarcNotMatched, MessageId::DmarcDeleted,
                                      MessageId::DmarcRejected,   MessageId::DmarcDeferred,
                                      MessageId::DmarcTagged,     MessageId::DmarcNotIntercepted};

// A rule that does not look at the message says why, in two lines.
struct IgnoredIds {
  MessageId ignored, excluded_peer, trusted_network, null_sender, private_peer;
};
constexpr IgnoredIds kDkimIgnored{MessageId::DkimIgnored, MessageId::DkimExcludedPeer,
                                  MessageId::DkimTrustedNetwork, MessageId::DkimNullSender,
                                  MessageId::DkimIgnored};
constexpr IgnoredIds kDmarcIgnored{MessageId::DmarcIgnored, MessageId::DmarcExcludedPeer,
                                   MessageId::DmarcTrustedNetwork, MessageId::DmarcNullSender,
                                   MessageId::DmarcPrivatePeer};

std::vector<Note> ignored_notes(const IgnoredIds& ids, const Assessment& found, const Client& client) {
  std::vector<Note> notes{{ids.ignored, {}}};
  switch (found.standing) {
    case Standing::ExcludedPeer:
      notes.push_back({ids.excluded_peer, {found.excluded_by->text}});
      break;
    case Standing::TrustedNetwork:
      notes.push_back({ids.trusted_network, {client.address.to_string()}});
      break;
    case Standing::PrivatePeer:
      notes.push_back({ids.private_peer, {client.address.to_string()}});
      break;
    case Standing::NullSender:
      notes.push_back({ids.null_sender, {}});
      break;
    case Standing::OutsideScope:
    case Standing::NoRule:
    case Standing::Applies:
      break;
  }
  return notes;
}

// Replies and tag that go with the action which is left after all pardons.
template <class Rule>
void settle(Finding& found, const Rule& rule, bool by_temperror) {
  switch (found.action) {
    case Action::Reject:
      found.reply = rule.reject_reply;
      break;
    case Action::Defer:
      found.reply = by_temperror ? temperror_reply() : rule.defer_reply;
      break;
    case Action::Tag:
      found.tag = rule.tag;
      break;
    case Action::Pass:
    case Action::Delete:
      break;
  }
}

Action dmarc_action(const DmarcRule& rule, const dmarc::Outcome& outcome) {
  switch (outcome.result) {
    case dmarc::Result::Fail:
      if (outcome.disposition == dmarc::Policy::Reject) return rule.on_reject;
      return outcome.disposition == dmarc::Policy::Quarantine ? rule.on_quarantine : Action::Pass;
    case dmarc::Result::PermError:
      return rule.on_permerror;
    case dmarc::Result::TempError:
      return rule.on_temperror;
    case dmarc::Result::None:
    case dmarc::Result::Pass:
      break;
  }
  return Action::Pass;
}

// Nobody evaluated it, or the time was over: as if the DNS had not answered.
dmarc::Outcome no_dmarc_outcome() {
  dmarc::Outcome outcome;
  outcome.result = dmarc::Result::TempError;
  outcome.reason = dmarc::Reason::LookupFailed;
  return outcome;
}

void add_arc_note(Finding& found, const Evidence& evidence, MessageId applied, Action set_aside) {
  if (evidence.arc_override.applied && set_aside != Action::Pass) {
    found.notes.push_back({applied, {evidence.arc_override.sealer}});
  }
}

}  // namespace

MessageId headline(const HeadlineIds& ids, Action action, bool is_good) {
  switch (action) {
    case Action::Delete:
      return ids.deleted;
    case Action::Reject:
      return ids.rejected;
    case Action::Defer:
      return ids.deferred;
    case Action::Tag:
      return ids.tagged;
    case Action::Pass:
      break;
  }
  return is_good ? ids.not_matched : ids.not_intercepted;
}

ReplyTriple temperror_reply() {
  return {451, "4.4.3", "Sender authentication needs the DNS, try again later"};
}

Finding dkim_finding(const Policy& policy, const RecipientBinding& recipient, const Evidence& evidence) {
  Finding found;
  const DkimRule* rule = recipient.dkim_rule;
  const Assessment assessment = assess(policy, rule, evidence.client, evidence.sender);
  if (assessment.standing == Standing::NoRule) return found;
  if (assessment.standing != Standing::Applies) {
    found.notes = ignored_notes(kDkimIgnored, assessment, evidence.client);
    return found;
  }
  const PeerEntry* enforced = find_match(rule->enforced_peers, evidence.client, evidence.sender);
  const bool fails = !is_pass(dkim_standing(evidence.dkim, enforced != nullptr));
  // Where a key could not be had, an unenforced message is as one without that signature.
  const bool uncertain = fails && (!evidence.dkim.verified || evidence::is_dkim_uncertain(evidence.dkim));
  const Action wanted = !fails ? Action::Pass : uncertain ? rule->on_temperror : rule->on_fail;
  // A signature that the sender must have is not replaced by somebody's word.
  const bool aside = evidence.arc_override.applied && enforced == nullptr;
  const bool pardoned = recipient.exempt && intercepts(wanted);
  found.looked = true;
  found.action = aside || pardoned ? Action::Pass : wanted;
  found.result = !fails ? "pass" : uncertain ? "temperror" : "fail";
  found.event = fails;
  found.notes.push_back({headline(kDkimHeadlines, found.action, !fails), {}});
  if (fails) found.notes.push_back({MessageId::DkimResultIs, {found.result}});
  if (fails && enforced != nullptr) found.notes.push_back({MessageId::DkimEnforcedPeer, {enforced->text}});
  if (aside) {
    add_arc_note(found, evidence, MessageId::DkimArcOverride, wanted);
  } else if (pardoned) {
    found.notes.push_back({MessageId::DkimExemptRecipient, {std::string(to_word(wanted))}});
  }
  settle(found, *rule, uncertain);
  return found;
}

Finding dmarc_finding(const Policy& policy, const RecipientBinding& recipient, const Evidence& evidence) {
  Finding found;
  const DmarcRule* rule = recipient.dmarc_rule;
  const Assessment assessment = assess(policy, rule, evidence.client, evidence.sender);
  if (assessment.standing == Standing::NoRule) return found;
  if (assessment.standing != Standing::Applies) {
    found.notes = ignored_notes(kDmarcIgnored, assessment, evidence.client);
    return found;
  }
  const dmarc::Outcome none = no_dmarc_outcome();
  const dmarc::Outcome& outcome = evidence.dmarc ? *evidence.dmarc : none;
  const bool fails = outcome.result == dmarc::Result::Fail;
  const bool good = outcome.result == dmarc::Result::Pass || outcome.result == dmarc::Result::None;
  const Action wanted = dmarc_action(*rule, outcome);
  // ARC speaks of an author domain: it mends a fail, not a message without an author.
  const bool aside = fails && evidence.arc_override.applied;
  const bool pardoned = recipient.exempt && intercepts(wanted);
  found.looked = true;
  found.action = aside || pardoned ? Action::Pass : wanted;
  found.result = dmarc::rfc_word(outcome.result);
  found.event = !good;
  found.notes.push_back({headline(kDmarcHeadlines, found.action, good), {}});
  if (!good) found.notes.push_back({MessageId::DmarcResultIs, {found.result}});
  if (fails) {
    found.notes.push_back(
        {MessageId::DmarcPolicyIs, {std::string(dmarc::rfc_word(outcome.policy)), outcome.policy_domain}});
  }
  if (aside) {
    add_arc_note(found, evidence, MessageId::DmarcArcOverride, wanted);
  } else if (fails && evidence.arc && !evidence.arc->sets.empty() && !evidence.arc_override.reason.empty()) {
    found.notes.push_back({MessageId::DmarcArcNoOverride, {evidence.arc_override.reason}});
  }
  if (!aside && pardoned) {
    found.notes.push_back({MessageId::DmarcExemptRecipient, {std::string(to_word(wanted))}});
  }
  settle(found, *rule, outcome.result == dmarc::Result::TempError);
  return found;
}

}  // namespace sluice::policy
