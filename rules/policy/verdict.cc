#include "rules/policy/verdict.h"

#include <algorithm>
#include <string_view>
#include <utility>

namespace sluice::policy {
namespace {

using evidence::Client;
using evidence::ClientSource;
using evidence::Evidence;
using evidence::Identity;
using evidence::Sender;
using evidence::SpfOutcome;

enum class Standing : uint8_t {
  NoRule,          // unmanaged, outbound, or the rule is disabled: nothing, and no word about it
  ExcludedPeer,    // RUL-15
  TrustedNetwork,  // our own side: SPF is about mail from outside (SPF-01)
  PrivatePeer,     // W-13
  OutsideScope,    // RUL-16
  Applies,
};

struct Assessment {
  Standing standing = Standing::NoRule;
  const PeerEntry* excluded_by = nullptr;
};

Assessment assess(const Policy& policy, const SpfRule* rule, const Client& client, const Sender& sender) {
  if (rule == nullptr || !rule->enabled) return {};
  if (const PeerEntry* entry = find_match(rule->excluded_peers, client, sender)) {
    return {Standing::ExcludedPeer, entry};
  }
  if (policy.is_trusted(client.address)) return {Standing::TrustedNetwork};
  const bool is_private = client.address.is_private() && client.source == ClientSource::Socket;
  const bool hidden = is_private && !contains(policy.spf().private_peers, client.address);
  if (hidden || client.address.is_unspecified()) return {Standing::PrivatePeer};
  const bool in_scope =
      rule->sender_scope.empty() || find_match(rule->sender_scope, client, sender) != nullptr;
  return {in_scope ? Standing::Applies : Standing::OutsideScope};
}

bool may_refuse(const SpfRule& rule) {
  return std::ranges::any_of(kActionableResults, [&rule](SpfResult result) {
    const Action action = rule.actions.at(result);
    return action == Action::Reject || action == Action::Defer;
  });
}

std::vector<Note> ignored(const Assessment& assessment, const Client& client) {
  std::vector<Note> notes{{MessageId::SpfIgnored, {}}};
  switch (assessment.standing) {
    case Standing::ExcludedPeer:
      notes.push_back({MessageId::SpfExcludedPeer, {assessment.excluded_by->text}});
      break;
    case Standing::TrustedNetwork:
      notes.push_back({MessageId::SpfTrustedNetwork, {client.address.to_string()}});
      break;
    case Standing::PrivatePeer:
      notes.push_back({MessageId::SpfPrivatePeer, {client.address.to_string()}});
      break;
    case Standing::OutsideScope:
      notes.push_back({MessageId::SpfOutsideScope, {}});
      break;
    case Standing::NoRule:
    case Standing::Applies:
      break;
  }
  return notes;
}

MessageId headline(SpfResult result, Action action) {
  switch (action) {
    case Action::Delete:
      return MessageId::SpfDeleted;
    case Action::Reject:
      return MessageId::SpfRejected;
    case Action::Defer:
      return MessageId::SpfDeferred;
    case Action::Pass:
      break;
  }
  return result == SpfResult::Pass ? MessageId::SpfNotMatched : MessageId::SpfNotIntercepted;
}

// Where the table's action must not be taken: why not.
std::optional<MessageId> pardon(const RecipientBinding& recipient, const Evidence& evidence,
                                const SpfOutcome* outcome) {
  const Identity identity = outcome != nullptr          ? outcome->identity
                            : evidence.sender.is_null() ? Identity::Helo
                                                        : Identity::MailFrom;
  if (identity == Identity::Helo && !evidence::is_helo_checkable(evidence::helo_name(evidence.client))) {
    return MessageId::SpfHeloNotADomain;
  }
  if (recipient.exempt) return MessageId::SpfExemptRecipient;
  return std::nullopt;
}

// D-2: the From: header may still fill in where HELO gave None.
bool waits_for_from_header(const Policy& policy, const Evidence& evidence, const SpfOutcome* outcome) {
  return policy.spf().from_header_if_null_sender && evidence.sender.is_null() && outcome != nullptr &&
         outcome->identity == Identity::Helo && outcome->result == SpfResult::None;
}

}  // namespace

SpfNeed needs_spf(const Policy& policy, const RecipientBinding& recipient, const Client& client,
                  const Sender& sender) {
  if (assess(policy, recipient.rule, client, sender).standing != Standing::Applies) return SpfNeed::Never;
  const SpfRule& rule = *recipient.rule;
  const bool at_rcpt = rule.enforce_at == EnforceAt::Rcpt && may_refuse(rule) && !recipient.exempt;
  return at_rcpt ? SpfNeed::AtRcpt : SpfNeed::AtEndOfData;
}

bool is_spf_certain_at_mail(const Policy& policy, Direction direction, const Client& client,
                            const Sender& sender) {
  if (direction != Direction::Inbound || policy.rules_in_use().empty()) return false;
  return std::ranges::all_of(policy.rules_in_use(), [&](unsigned index) {
    return assess(policy, &policy.rules()[index], client, sender).standing == Standing::Applies;
  });
}

SpfIdentities spf_identities(const Policy& policy, const Client& client, const Sender& sender) {
  SpfIdentities identities;
  if (sender.is_null()) {
    identities.helo = true;
    identities.from_header = policy.spf().from_header_if_null_sender;
    return identities;
  }
  identities.mail_from = true;
  identities.helo = policy.spf().check_helo && evidence::is_helo_checkable(evidence::helo_name(client));
  return identities;
}

const SpfOutcome* governing_spf(const Policy& policy, const Evidence& evidence) {
  const auto pointer = [](const std::optional<SpfOutcome>& outcome) { return outcome ? &*outcome : nullptr; };
  const SpfOutcome* helo = pointer(evidence.spf.helo);
  if (evidence.sender.is_null()) {
    const SpfOutcome* from = pointer(evidence.spf.from_header);
    const bool fill_in = policy.spf().from_header_if_null_sender && from != nullptr && helo != nullptr &&
                         helo->result == SpfResult::None;
    return fill_in ? from : helo;
  }
  const bool helo_fails = policy.spf().check_helo && helo != nullptr && helo->result == SpfResult::Fail &&
                          evidence::is_helo_checkable(evidence::helo_name(evidence.client));
  return helo_fails ? helo : pointer(evidence.spf.mail_from);
}

Verdict decide(const Policy& policy, const RecipientBinding& recipient, const Evidence& evidence,
               Stage stage) {
  Verdict verdict;
  verdict.enforce_now = stage == Stage::EndOfData;
  const SpfRule* rule = evidence.direction == Direction::Inbound ? recipient.rule : nullptr;
  const Assessment assessment = assess(policy, rule, evidence.client, evidence.sender);
  if (assessment.standing == Standing::NoRule) return verdict;
  verdict.rule_name = rule->name;
  if (assessment.standing != Standing::Applies) {
    verdict.notes = ignored(assessment, evidence.client);
    return verdict;
  }

  const SpfOutcome* outcome = governing_spf(policy, evidence);
  const SpfResult result = outcome != nullptr ? outcome->result : SpfResult::TempError;
  const Action wanted = rule->actions.at(result);
  const std::optional<MessageId> pardoned =
      wanted == Action::Pass ? std::nullopt : pardon(recipient, evidence, outcome);
  verdict.action = pardoned ? Action::Pass : wanted;
  verdict.result = result;
  verdict.insert_header = rule->insert_header && outcome != nullptr;
  verdict.policy_event =
      result != SpfResult::Pass && (policy.spf().events == SpfEvents::All || result == SpfResult::Fail);
  verdict.notes.push_back({headline(result, verdict.action), {}});
  if (result != SpfResult::Pass) {
    verdict.notes.push_back({MessageId::SpfResultIs, {std::string(auth::header_word(result))}});
  }
  if (pardoned) verdict.notes.push_back({*pardoned, {std::string(to_word(wanted))}});
  if (verdict.action == Action::Reject) verdict.reply = rule->reject_reply;
  if (verdict.action == Action::Defer) verdict.reply = rule->defer_reply;
  if (stage == Stage::Rcpt) {
    verdict.enforce_now = verdict.reply.has_value() && rule->enforce_at == EnforceAt::Rcpt &&
                          !waits_for_from_header(policy, evidence, outcome);
  }
  return verdict;
}

std::optional<ReplyTriple> outage_reply(const Policy& policy) {
  if (policy.dns().on_outage == OnOutage::Accept) return std::nullopt;
  return ReplyTriple{451, "4.4.3", "DNS is not answering, try again later"};
}

}  // namespace sluice::policy
