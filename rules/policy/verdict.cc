#include "rules/policy/verdict.h"

#include "rules/policy/findings.h"
#include "rules/policy/standing.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <string>
#include <string_view>
#include <utility>

namespace sluice::policy {
namespace {

using evidence::Client;
using evidence::Evidence;
using evidence::Identity;
using evidence::Sender;
using evidence::SpfOutcome;

constexpr size_t kUsualNotes = 4;  // of all rules

bool refuses(Action action) { return action == Action::Reject || action == Action::Defer; }

bool may_refuse(const SpfRule& rule) {
  return refuses(rule.broad_pass) || std::ranges::any_of(kActionableResults, [&rule](SpfResult result) {
           return refuses(rule.actions.at(result));
         });
}

bool is_broad(const Policy& policy, const Client& client, const SpfOutcome& outcome) {
  const uint64_t from = client.address.is_v4() ? policy.spf().broad_addresses : policy.spf().broad_networks;
  return outcome.result == SpfResult::Pass && outcome.breadth && *outcome.breadth >= from;
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
    case Standing::NullSender:
    case Standing::NoRule:
    case Standing::Applies:
      break;
  }
  return notes;
}

constexpr HeadlineIds kSpfHeadlines{MessageId::SpfNotMatched, MessageId::SpfDeleted,
                                    MessageId::SpfRejected,   MessageId::SpfDeferred,
                                    MessageId::SpfTagged,     MessageId::SpfNotIntercepted};

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

// W-32. Nothing where the table's action stands.
struct Otherwise {
  Action action = Action::Pass;
  std::optional<Note> why;  // not with Defer, which its reply explains
};
std::optional<Otherwise> authenticated_otherwise(const Evidence& evidence, Action wanted, bool is_broad) {
  if (!evidence.dmarc) return std::nullopt;  // nobody looked: needs_dmarc_now() was not asked
  // A broad Pass cannot be what excuses itself.
  const bool only_by_spf = evidence.dmarc->result == dmarc::Result::Pass && !evidence.dmarc->dkim_aligned;
  if (evidence::is_dmarc_satisfied(evidence) && !(is_broad && only_by_spf)) {
    const std::string word(to_word(wanted));
    const bool by_dmarc = evidence.dmarc->result == dmarc::Result::Pass;
    return Otherwise{Action::Pass,
                     by_dmarc ? Note{MessageId::SpfAuthenticatedByDmarc, {word}}
                              : Note{MessageId::SpfAuthenticatedByArc, {word, evidence.arc_override.sealer}}};
  }
  // It might have passed, had the DNS answered: neither refused for good nor let in.
  if (evidence.dmarc->result == dmarc::Result::TempError && intercepts(wanted))
    return Otherwise{Action::Defer, std::nullopt};
  return std::nullopt;
}

// What the table says of the outcome (none: TempError), and why that must not be done, where it must not.
struct TableAction {
  SpfResult result = SpfResult::TempError;
  Action action = Action::Pass;
  std::optional<MessageId> pardoned;
  bool stands_unless_authenticated = false;
  bool is_broad = false;
};
TableAction table_action(const Policy& policy, const RecipientBinding& recipient, const Evidence& evidence,
                         const SpfOutcome* outcome) {
  TableAction table;
  if (outcome != nullptr) table.result = outcome->result;
  table.action = recipient.rule->actions.at(table.result);
  table.is_broad = recipient.rule->broad_pass != Action::Pass && outcome != nullptr &&
                   is_broad(policy, evidence.client, *outcome);
  if (table.is_broad) table.action = recipient.rule->broad_pass;
  if (!intercepts(table.action) && !(table.is_broad && table.action == Action::Tag)) return table;
  table.pardoned = intercepts(table.action) ? pardon(recipient, evidence, outcome) : std::nullopt;
  table.stands_unless_authenticated =
      (recipient.rule->unless_authenticated || table.is_broad) && !table.pardoned;
  return table;
}

// The rule applies.
Finding spf_finding(const RecipientBinding& recipient, const Evidence& evidence, const SpfOutcome* outcome,
                    const Policy& policy) {
  const SpfRule& rule = *recipient.rule;
  const auto [result, wanted, pardoned, unless_authenticated, broad] =
      table_action(policy, recipient, evidence, outcome);
  std::optional<Otherwise> otherwise;
  if (unless_authenticated) otherwise = authenticated_otherwise(evidence, wanted, broad);
  Finding found;
  found.looked = true;
  found.action = pardoned ? Action::Pass : otherwise ? otherwise->action : wanted;
  found.result = auth::header_word(result);
  found.event = broad || (result != SpfResult::Pass &&
                          (policy.spf().events == SpfEvents::All || result == SpfResult::Fail));
  const bool is_good = result == SpfResult::Pass && !broad;
  found.notes.reserve(kUsualNotes);
  found.notes.push_back({headline(kSpfHeadlines, found.action, is_good), {}});
  if (result != SpfResult::Pass) found.notes.push_back({MessageId::SpfResultIs, {found.result}});
  if (broad) found.notes.push_back({MessageId::SpfBroadPass, {std::to_string(*outcome->breadth)}});
  if (pardoned) found.notes.push_back({*pardoned, {std::string(to_word(wanted))}});
  if (otherwise && otherwise->why) found.notes.push_back(std::move(*otherwise->why));
  if (found.action == Action::Reject) found.reply = rule.reject_reply;
  if (found.action == Action::Defer) found.reply = otherwise ? temperror_reply() : rule.defer_reply;
  if (found.action == Action::Tag) found.tag = rule.tag;
  return found;
}

void add_tag(Verdict& verdict, SubjectTag tag) {
  if (std::ranges::find(verdict.tags, tag.text, &SubjectTag::text) == verdict.tags.end()) {
    verdict.tags.push_back(std::move(tag));
  }
}

// Rules come in their order, and none behind one that intercepts.
void add_finding(Verdict& verdict, RuleKind kind, const std::string& rule_name, Finding found) {
  if (found.notes.empty()) return;
  const bool decides =
      intercepts(found.action) || (found.action == Action::Tag && verdict.action == Action::Pass);
  if (verdict.rule_name.empty() || decides) {
    verdict.rule_name = rule_name;
    verdict.rule_kind = kind;
  }
  if (decides) verdict.action = found.action;
  verdict.reply = std::move(found.reply);
  if (found.tag) add_tag(verdict, std::move(*found.tag));
  if (found.event) {
    verdict.policy_event = true;
    verdict.events.push_back({kind, rule_name, std::move(found.result), found.action, found.notes});
  }
  if (verdict.notes.empty()) {
    verdict.notes = std::move(found.notes);
  } else {
    verdict.notes.insert(verdict.notes.end(), std::make_move_iterator(found.notes.begin()),
                         std::make_move_iterator(found.notes.end()));
  }
}

// Whatever the rules say: Authentication-Results, seals (whose results are the same) and reports want to know
// of every message from outside.
bool everything_is_wanted(const Policy& policy) {
  return policy.result_header().authentication_results || policy.dmarc().reports.enabled ||
         policy.arc().seal.has_value();
}

void decide_spf(Verdict& verdict, const Policy& policy, const RecipientBinding& recipient,
                const Evidence& evidence, Stage stage) {
  const SpfRule* rule = recipient.rule;
  const Assessment assessment = assess(policy, rule, evidence.client, evidence.sender);
  if (assessment.standing == Standing::NoRule) return;
  if (assessment.standing != Standing::Applies) {
    Finding found;
    found.notes = ignored(assessment, evidence.client);
    add_finding(verdict, RuleKind::Spf, rule->name, std::move(found));
    return;
  }
  const SpfOutcome* outcome = governing_spf(policy, evidence);
  verdict.result = outcome != nullptr ? outcome->result : SpfResult::TempError;
  verdict.insert_header = rule->insert_header && outcome != nullptr;
  if (stage == Stage::Rcpt && !refuses(table_action(policy, recipient, evidence, outcome).action)) return;
  add_finding(verdict, RuleKind::Spf, rule->name, spf_finding(recipient, evidence, outcome, policy));
  if (stage == Stage::Rcpt) {
    verdict.enforce_now = verdict.reply.has_value() && rule->enforce_at == EnforceAt::Rcpt &&
                          !waits_for_from_header(policy, evidence, outcome);
  }
}

void decide_dkim(Verdict& verdict, const Policy& policy, const RecipientBinding& recipient,
                 const Evidence& evidence) {
  Finding found = dkim_finding(policy, recipient, evidence);
  if (found.looked) {
    const DkimRule& rule = *recipient.dkim_rule;
    verdict.insert_dkim_form = rule.insert_header && evidence.dkim.verified;
    verdict.dkim_enforced = find_match(rule.enforced_peers, evidence.client, evidence.sender) != nullptr;
  }
  if (!found.notes.empty()) {
    add_finding(verdict, RuleKind::Dkim, recipient.dkim_rule->name, std::move(found));
  }
}

void decide_dmarc(Verdict& verdict, const Policy& policy, const RecipientBinding& recipient,
                  const Evidence& evidence) {
  Finding found = dmarc_finding(policy, recipient, evidence);
  if (found.looked) {
    verdict.insert_dmarc_form = recipient.dmarc_rule->insert_header && evidence.dmarc.has_value();
  }
  if (!found.notes.empty()) {
    add_finding(verdict, RuleKind::Dmarc, recipient.dmarc_rule->name, std::move(found));
  }
}

}  // namespace

std::string_view to_word(RuleKind kind) {
  static constexpr std::array<std::string_view, 3> kWords{"spf", "dkim", "dmarc"};
  return kWords.at(static_cast<size_t>(kind));
}

AuthenticationNeeds needs_authentication(const Policy& policy, const RecipientBinding& recipient,
                                         const Client& client, const Sender& sender, Direction direction) {
  AuthenticationNeeds needs;
  if (direction != Direction::Inbound || recipient.rule == nullptr) return needs;
  const Standing spf_standing = assess(policy, recipient.rule, client, sender).standing;
  const bool spf_applies = spf_standing == Standing::Applies;
  const bool dkim_applies = assess(policy, recipient.dkim_rule, client, sender).standing == Standing::Applies;
  const bool dmarc_applies =
      assess(policy, recipient.dmarc_rule, client, sender).standing == Standing::Applies;
  const bool from_outside = !policy.is_trusted(client.address) && !is_hidden(policy, client);
  const bool somebody_asks = dmarc_applies || (from_outside && everything_is_wanted(policy));
  // Of our own side nobody asks, and of an excluded peer only who is named here.
  const bool spared = policy.is_trusted(client.address) ||
                      (spf_standing == Standing::ExcludedPeer && !dkim_applies && !somebody_asks);
  needs.dkim = policy.dkim().verify && !spared;
  if (somebody_asks) {
    needs.dmarc = DmarcNeed::Always;
    needs.spf = SpfNeed::AtEndOfData;
  }
  if (spf_applies) {
    const SpfRule& rule = *recipient.rule;
    const bool at_rcpt = rule.enforce_at == EnforceAt::Rcpt && may_refuse(rule) && !recipient.exempt;
    needs.spf = at_rcpt ? SpfNeed::AtRcpt : SpfNeed::AtEndOfData;
    const bool may_be_excused = rule.unless_authenticated || rule.broad_pass != Action::Pass;
    if (may_be_excused && needs.dmarc == DmarcNeed::Never) {
      needs.dmarc = DmarcNeed::OnSpfIntercept;
    }
  }
  needs.arc = policy.arc().verify && needs.dmarc != DmarcNeed::Never;
  return needs;
}

bool needs_dmarc_now(const Policy& policy, const RecipientBinding& recipient, const Evidence& evidence) {
  const DmarcNeed need =
      needs_authentication(policy, recipient, evidence.client, evidence.sender, evidence.direction).dmarc;
  if (need != DmarcNeed::OnSpfIntercept) return need == DmarcNeed::Always;
  return table_action(policy, recipient, evidence, governing_spf(policy, evidence))
      .stands_unless_authenticated;
}

SpfNeed needs_spf(const Policy& policy, const RecipientBinding& recipient, const Client& client,
                  const Sender& sender) {
  return needs_authentication(policy, recipient, client, sender, Direction::Inbound).spf;
}

bool is_spf_certain_at_mail(const Policy& policy, Direction direction, const Client& client,
                            const Sender& sender) {
  if (direction != Direction::Inbound || policy.domains().empty()) return false;
  return std::ranges::all_of(policy.rule_set_domains(), [&](unsigned index) {
    const Policy::RuleSet rules = policy.rules_of(policy.domains()[index]);
    RecipientBinding recipient;
    recipient.rule = rules.spf;
    recipient.dkim_rule = rules.dkim;
    recipient.dmarc_rule = rules.dmarc;
    return needs_spf(policy, recipient, client, sender) != SpfNeed::Never;
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
  if (evidence.direction != Direction::Inbound || recipient.rule == nullptr) return verdict;
  decide_spf(verdict, policy, recipient, evidence, stage);
  if (stage == Stage::Rcpt || intercepts(verdict.action)) return verdict;
  decide_dkim(verdict, policy, recipient, evidence);
  if (intercepts(verdict.action)) return verdict;
  decide_dmarc(verdict, policy, recipient, evidence);
  return verdict;
}

std::optional<ReplyTriple> outage_reply(const Policy& policy) {
  if (policy.dns().on_outage == OnOutage::Accept) return std::nullopt;
  return ReplyTriple{451, "4.4.3", "DNS is not answering, try again later"};
}

}  // namespace sluice::policy
