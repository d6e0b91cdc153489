#include "rules/policy/verdict.h"
#include "tests/unit/rules/policy/policy_text.h"

#include <algorithm>
#include <string>
#include <utility>

#include <gtest/gtest.h>

namespace sluice::policy {
namespace {

using evidence::Client;
using evidence::Evidence;
using evidence::Identity;
using evidence::Sender;
using evidence::SpfOutcome;

Client client_of(std::string_view address = "203.0.113.1") {
  Client client;
  client.address = *IpAddress::parse(address);
  client.helo = "mail.sender.example";
  return client;
}

const Sender kSender{"ann", "sender.example"};

dkim::SignatureOutcome signature_of(dkim::Result result) {
  dkim::SignatureOutcome signature;
  signature.result = result;
  signature.domain = "sender.example";
  return signature;
}

struct Found {
  SpfResult spf = SpfResult::Pass;
  std::vector<dkim::Result> dkim{};
  dmarc::Result dmarc = dmarc::Result::None;
  dmarc::Policy policy = dmarc::Policy::None;
  bool arc_override = false;
};

Evidence evidence_of(const Found& found) {
  Evidence evidence;
  evidence.client = client_of();
  evidence.sender = kSender;
  evidence.spf.mail_from.emplace();
  evidence.spf.mail_from->result = found.spf;
  evidence.dkim.verified = true;
  for (const dkim::Result result : found.dkim) evidence.dkim.signatures.push_back(signature_of(result));
  evidence.dmarc.emplace();
  evidence.dmarc->result = found.dmarc;
  evidence.dmarc->author_domain = "sender.example";
  evidence.dmarc->policy_domain = "sender.example";
  evidence.dmarc->policy = found.policy;
  evidence.dmarc->disposition = found.dmarc == dmarc::Result::Fail ? found.policy : dmarc::Policy::None;
  if (found.arc_override) evidence.arc_override = {true, "google.com", "its results say so"};
  return evidence;
}

RecipientBinding bind(const Policy& policy, std::string_view local = "joe") {
  return policy.bind(client_of().address, Direction::Inbound, {local, "example.com"});
}

Verdict at_end(const Policy& policy, const Evidence& evidence, std::string_view local = "joe") {
  return decide(policy, bind(policy, local), evidence, Stage::EndOfData);
}

bool has_note(const Verdict& verdict, MessageId id) {
  return std::ranges::find(verdict.notes, id, &Note::id) != verdict.notes.end();
}

std::string dkim_rule(std::string_view rest) {
  return with_base("[dkim.default_rule]\nenabled = true\n" + std::string(rest));
}
std::string dmarc_rule(std::string_view rest) {
  return with_base("[dmarc.default_rule]\nenabled = true\n" + std::string(rest));
}
std::string authenticated_rule() {
  return with_base("[spf.default_rule]\nenabled = true\npreset = \"reject-authenticated\"\n");
}

// --- DMARC ---

constexpr dmarc::Result kDmarcResults[] = {dmarc::Result::None, dmarc::Result::Pass, dmarc::Result::Fail,
                                           dmarc::Result::TempError, dmarc::Result::PermError};
constexpr dmarc::Policy kPolicies[] = {dmarc::Policy::None, dmarc::Policy::Quarantine, dmarc::Policy::Reject};

// Shows: W-34
TEST(DmarcVerdict, TruthTableOfPublishedPolicyAndMapping) {
  for (const char* quarantine : {"pass", "tag", "reject", "defer"}) {
    for (const char* reject : {"pass", "tag", "reject", "defer"}) {
      const Policy policy =
          policy_of(dmarc_rule("on_quarantine = \"" + std::string(quarantine) + "\"\non_reject = \"" +
                               std::string(reject) + "\"\non_permerror = \"pass\"\n"));
      for (const dmarc::Result result : kDmarcResults) {
        for (const dmarc::Policy published : kPolicies) {
          const Verdict verdict = at_end(policy, evidence_of({.dmarc = result, .policy = published}));
          std::string_view wanted = "pass";
          if (result == dmarc::Result::Fail && published == dmarc::Policy::Quarantine) wanted = quarantine;
          if (result == dmarc::Result::Fail && published == dmarc::Policy::Reject) wanted = reject;
          EXPECT_EQ(to_word(verdict.action), wanted)
              << quarantine << '/' << reject << ' ' << dmarc::rfc_word(result) << ' '
              << dmarc::rfc_word(published);
          EXPECT_EQ(verdict.reply.has_value(), wanted == "reject" || wanted == "defer");
          EXPECT_EQ(verdict.tags.size(), wanted == "tag" ? 1U : 0U);
          const bool good = result == dmarc::Result::None || result == dmarc::Result::Pass;
          EXPECT_EQ(verdict.policy_event, !good);
        }
      }
    }
  }
}

// Shows: W-34, ESE-04
TEST(DmarcVerdict, RejectPolicyIsNotARejectionUnlessTheOperatorSaysSo) {
  const Evidence fails = evidence_of({.dmarc = dmarc::Result::Fail, .policy = dmarc::Policy::Reject});
  const Verdict safe = at_end(policy_of(dmarc_rule("")), fails);
  EXPECT_EQ(safe.action, Action::Tag);
  EXPECT_EQ(safe.tags, (std::vector<SubjectTag>{{"[DMARC]", true}}));
  const Verdict strict = at_end(policy_of(dmarc_rule("on_reject = \"reject\"\n")), fails);
  EXPECT_EQ(strict.action, Action::Reject);
  ASSERT_TRUE(strict.reply.has_value());
  EXPECT_EQ(strict.reply->code, 550);
  EXPECT_EQ(strict.reply->status, "5.7.1");
  EXPECT_TRUE(strict.enforce_now);
}

// Shows: RUL-02, W-34
TEST(DmarcVerdict, ADisabledRuleDoesNothing) {
  const Verdict verdict =
      at_end(policy_of(kBase), evidence_of({.dmarc = dmarc::Result::Fail, .policy = dmarc::Policy::Reject}));
  EXPECT_EQ(verdict.action, Action::Pass);
  EXPECT_TRUE(verdict.notes.empty());
}

// t=y: the disposition counts, not what the tag says.
TEST(DmarcVerdict, FollowsTheDispositionOfATestingDomain) {
  Evidence evidence = evidence_of({.dmarc = dmarc::Result::Fail, .policy = dmarc::Policy::Reject});
  evidence.dmarc->disposition = dmarc::Policy::Quarantine;
  const Policy policy = policy_of(dmarc_rule("on_quarantine = \"defer\"\non_reject = \"reject\"\n"));
  EXPECT_EQ(at_end(policy, evidence).action, Action::Defer);
  evidence.dmarc->disposition = dmarc::Policy::None;
  EXPECT_EQ(at_end(policy, evidence).action, Action::Pass);
}

// Shows: W-33, TM-11
TEST(DmarcVerdict, ATrustedArcChainSetsAFailAside) {
  const Policy policy = policy_of(dmarc_rule("on_reject = \"reject\"\non_permerror = \"reject\"\n"));
  Found found{.dmarc = dmarc::Result::Fail, .policy = dmarc::Policy::Reject, .arc_override = true};
  const Verdict verdict = at_end(policy, evidence_of(found));
  EXPECT_EQ(verdict.action, Action::Pass);
  EXPECT_TRUE(has_note(verdict, MessageId::DmarcArcOverride));
  EXPECT_TRUE(verdict.policy_event);
  // It speaks of an author domain: without one author it mends nothing.
  found.dmarc = dmarc::Result::PermError;
  EXPECT_EQ(at_end(policy, evidence_of(found)).action, Action::Reject);
}

// Shows: P-26
TEST(DmarcVerdict, SaysWhyAChainDidNotHelp) {
  Evidence evidence = evidence_of({.dmarc = dmarc::Result::Fail, .policy = dmarc::Policy::Reject});
  evidence.arc.emplace();
  evidence.arc->sets.resize(1);
  evidence.arc_override.reason = "sealer x.example is not trusted";
  const Verdict verdict = at_end(policy_of(dmarc_rule("")), evidence);
  const auto note = std::ranges::find(verdict.notes, MessageId::DmarcArcNoOverride, &Note::id);
  ASSERT_NE(note, verdict.notes.end());
  EXPECT_EQ(note->arguments, std::vector<std::string>{"sealer x.example is not trusted"});
}

// Shows: W-35
TEST(DmarcVerdict, WithoutAnAnswerTakesTheActionOfTempError) {
  Evidence missing = evidence_of({});
  missing.dmarc.reset();
  for (const Evidence& evidence : {missing, evidence_of({.dmarc = dmarc::Result::TempError})}) {
    EXPECT_EQ(at_end(policy_of(dmarc_rule("on_reject = \"reject\"\n")), evidence).action, Action::Pass);
    const Verdict deferred = at_end(policy_of(dmarc_rule("on_temperror = \"defer\"\n")), evidence);
    EXPECT_EQ(deferred.action, Action::Defer);
    ASSERT_TRUE(deferred.reply.has_value());
    EXPECT_TRUE(deferred.reply->to_string().starts_with("451 4.4.3 ")) << deferred.reply->to_string();
  }
}

TEST(DmarcVerdict, MessagesWithoutOneAuthorFollowTheirOwnSetting) {
  const Evidence evidence = evidence_of({.dmarc = dmarc::Result::PermError});
  EXPECT_EQ(at_end(policy_of(dmarc_rule("")), evidence).action, Action::Tag);
  EXPECT_EQ(at_end(policy_of(dmarc_rule("on_permerror = \"reject\"\n")), evidence).action, Action::Reject);
  EXPECT_EQ(at_end(policy_of(dmarc_rule("on_permerror = \"pass\"\n")), evidence).action, Action::Pass);
}

// Shows: W-15
TEST(DmarcVerdict, PostmasterAndAbuseAreTaggedButNotRefused) {
  const Evidence fails = evidence_of({.dmarc = dmarc::Result::Fail, .policy = dmarc::Policy::Reject});
  for (const char* local : {"postmaster", "Abuse"}) {
    const Verdict spared = at_end(policy_of(dmarc_rule("on_reject = \"reject\"\n")), fails, local);
    EXPECT_EQ(spared.action, Action::Pass);
    EXPECT_TRUE(has_note(spared, MessageId::DmarcExemptRecipient));
    EXPECT_TRUE(spared.policy_event);
    EXPECT_EQ(at_end(policy_of(dmarc_rule("")), fails, local).action, Action::Tag);
  }
}

// Shows: TM-11
TEST(DmarcVerdict, LeavesAloneWhomTheRuleExcludes) {
  Evidence evidence = evidence_of({.dmarc = dmarc::Result::Fail, .policy = dmarc::Policy::Reject});
  const Verdict excluded = at_end(
      policy_of(dmarc_rule("on_reject = \"reject\"\nexcluded_peers = [\"sender.example\"]\n")), evidence);
  EXPECT_EQ(excluded.action, Action::Pass);
  EXPECT_TRUE(has_note(excluded, MessageId::DmarcExcludedPeer));
  EXPECT_FALSE(excluded.policy_event);

  const Policy skipping = policy_of(dmarc_rule("on_reject = \"reject\"\nskip_null_sender = true\n"));
  EXPECT_EQ(at_end(skipping, evidence).action, Action::Reject);
  evidence.sender = {};
  const Verdict bounce = at_end(skipping, evidence);
  EXPECT_EQ(bounce.action, Action::Pass);
  EXPECT_TRUE(has_note(bounce, MessageId::DmarcNullSender));
  EXPECT_EQ(at_end(policy_of(dmarc_rule("on_reject = \"reject\"\n")), evidence).action, Action::Reject);
}

// Shows: W-13
TEST(DmarcVerdict, WhereSpfCannotBeEvaluatedAFailProvesNothing) {
  Evidence evidence = evidence_of({.dmarc = dmarc::Result::Fail, .policy = dmarc::Policy::Reject});
  const Policy policy = policy_of(dmarc_rule("on_reject = \"reject\"\n"));
  evidence.client.address = *IpAddress::parse("10.1.2.3");
  const Verdict hidden = at_end(policy, evidence);
  EXPECT_EQ(hidden.action, Action::Pass);
  EXPECT_TRUE(has_note(hidden, MessageId::DmarcPrivatePeer));
  evidence.client.source = evidence::ClientSource::Xclient;
  EXPECT_EQ(at_end(policy, evidence).action, Action::Reject);
  evidence.client.address = *IpAddress::parse("198.18.0.1");
  EXPECT_TRUE(has_note(at_end(policy, evidence), MessageId::DmarcTrustedNetwork));
}

// --- DKIM ---

// Shows: TM-07, TM-08
TEST(DkimVerdict, TruthTableOfSignaturesAndEnforcement) {
  using enum dkim::Result;
  constexpr dkim::Result kPolicy = dkim::Result::Policy;
  struct Case {
    std::vector<dkim::Result> signatures;
    const char* unenforced;
    const char* enforced;
  };
  const auto policy = policy_of(dkim_rule("on_fail = \"reject\"\non_temperror = \"defer\"\n"));
  const auto enforcing = policy_of(
      dkim_rule("on_fail = \"reject\"\non_temperror = \"defer\"\nenforced_peers = [\"sender.example\"]\n"));
  for (const Case& one : {
           Case{{}, "pass", "reject"},
           Case{{Pass}, "pass", "pass"},
           Case{{Fail}, "reject", "reject"},
           Case{{Fail, Pass}, "pass", "pass"},
           Case{{PermError}, "pass", "reject"},
           Case{{kPolicy}, "pass", "reject"},
           Case{{Neutral}, "pass", "reject"},
           Case{{TempError}, "pass", "defer"},
           Case{{Fail, TempError}, "defer", "defer"},
           Case{{TempError, Pass}, "pass", "pass"},
       }) {
    const Evidence evidence = evidence_of({.dkim = one.signatures});
    EXPECT_EQ(to_word(at_end(policy, evidence).action), one.unenforced) << one.signatures.size();
    const Verdict verdict = at_end(enforcing, evidence);
    EXPECT_EQ(to_word(verdict.action), one.enforced) << one.signatures.size();
    EXPECT_TRUE(verdict.dkim_enforced);
    EXPECT_EQ(verdict.policy_event, one.enforced != std::string_view("pass"));
  }
}

// RFC 7372 section 3.1.
TEST(DkimVerdict, RefusesWithTheCodeForDkim) {
  const Verdict verdict =
      at_end(policy_of(dkim_rule("on_fail = \"reject\"\n")), evidence_of({.dkim = {dkim::Result::Fail}}));
  EXPECT_EQ(verdict.reply->to_string(), "550 5.7.20 No passing DKIM signature found");
  EXPECT_EQ(verdict.rule_kind, RuleKind::Dkim);
  EXPECT_EQ(verdict.rule_name, "default");
}

// Shows: TM-06, W-15, W-33
TEST(DkimVerdict, Exemptions) {
  const Found fails{.dkim = {dkim::Result::Fail}};
  const Policy policy = policy_of(dkim_rule("on_fail = \"reject\"\nskip_null_sender = true\n"));
  EXPECT_TRUE(has_note(at_end(policy, evidence_of(fails), "abuse"), MessageId::DkimExemptRecipient));
  EXPECT_EQ(at_end(policy, evidence_of(fails), "abuse").action, Action::Pass);
  Evidence bounce = evidence_of(fails);
  bounce.sender = {};
  EXPECT_TRUE(has_note(at_end(policy, bounce), MessageId::DkimNullSender));
  EXPECT_EQ(at_end(policy, bounce).action, Action::Pass);
  Evidence trusted = evidence_of(fails);
  trusted.client.address = *IpAddress::parse("198.18.0.1");
  EXPECT_TRUE(has_note(at_end(policy, trusted), MessageId::DkimTrustedNetwork));
  // The client's address does not matter to DKIM.
  Evidence hidden = evidence_of(fails);
  hidden.client.address = *IpAddress::parse("10.1.2.3");
  EXPECT_EQ(at_end(policy, hidden).action, Action::Reject);

  Found forwarded = fails;
  forwarded.arc_override = true;
  EXPECT_TRUE(has_note(at_end(policy, evidence_of(forwarded)), MessageId::DkimArcOverride));
  EXPECT_EQ(at_end(policy, evidence_of(forwarded)).action, Action::Pass);
  const Policy enforcing =
      policy_of(dkim_rule("on_fail = \"reject\"\nenforced_peers = [\"sender.example\"]\n"));
  EXPECT_EQ(at_end(enforcing, evidence_of(forwarded)).action, Action::Reject);
}

TEST(DkimVerdict, WithoutAnEvaluationTheResultIsTempError) {
  Evidence evidence = evidence_of({});
  evidence.dkim = {};
  const Policy policy = policy_of(
      dkim_rule("on_fail = \"reject\"\non_temperror = \"defer\"\nenforced_peers = [\"sender.example\"]\n"));
  EXPECT_EQ(at_end(policy, evidence).action, Action::Defer);
}

// --- reject-authenticated ---

// Shows: W-32
TEST(RejectAuthenticated, TruthTableOfSpfDmarcAndArc) {
  const Policy policy = policy_of(authenticated_rule());
  for (const SpfResult spf : {SpfResult::Pass, SpfResult::Fail, SpfResult::SoftFail, SpfResult::Neutral,
                              SpfResult::None, SpfResult::PermError, SpfResult::TempError}) {
    for (const dmarc::Result result : kDmarcResults) {
      for (const bool override : {false, true}) {
        const Verdict verdict =
            at_end(policy, evidence_of({.spf = spf, .dmarc = result, .arc_override = override}));
        Action wanted = Action::Pass;
        const bool saved = override && result != dmarc::Result::PermError;
        if (spf == SpfResult::Fail && result != dmarc::Result::Pass && !saved) {
          wanted = result == dmarc::Result::TempError ? Action::Defer : Action::Reject;
        }
        EXPECT_EQ(verdict.action, wanted)
            << auth::rfc_word(spf) << ' ' << dmarc::rfc_word(result) << ' ' << override;
        if (wanted == Action::Reject) {
          EXPECT_EQ(verdict.reply->to_string(), "550 5.7.1 SPF check failed");
        }
        if (wanted == Action::Defer) {
          EXPECT_TRUE(verdict.reply->to_string().starts_with("451 4.4.3 "));
        }
      }
    }
  }
}

// Shows: W-32
TEST(RejectAuthenticated, SaysWhatSavedTheMessage) {
  const Policy policy = policy_of(authenticated_rule());
  EXPECT_TRUE(has_note(at_end(policy, evidence_of({.spf = SpfResult::Fail, .dmarc = dmarc::Result::Pass})),
                       MessageId::SpfAuthenticatedByDmarc));
  const Verdict by_arc = at_end(
      policy, evidence_of({.spf = SpfResult::Fail, .dmarc = dmarc::Result::Fail, .arc_override = true}));
  const auto note = std::ranges::find(by_arc.notes, MessageId::SpfAuthenticatedByArc, &Note::id);
  ASSERT_NE(note, by_arc.notes.end());
  EXPECT_EQ(note->arguments, (std::vector<std::string>{"reject", "google.com"}));
  EXPECT_TRUE(by_arc.insert_header);
}

// What nobody has evaluated is not a DNS that does not answer: it would be deferred for ever.
TEST(RejectAuthenticated, NeverRefusesAtRcptAndNeverDefersForWantOfAnEvaluation) {
  const Policy policy = policy_of(authenticated_rule());
  Evidence evidence = evidence_of({.spf = SpfResult::Fail});
  evidence.dmarc.reset();
  EXPECT_EQ(at_end(policy, evidence).action, Action::Reject);
  EXPECT_FALSE(decide(policy, bind(policy), evidence, Stage::Rcpt).enforce_now);
  EXPECT_EQ(at_end(policy, evidence, "postmaster").action, Action::Pass);
}

// --- their order ---

std::string all_rules(std::string_view spf, std::string_view dkim, std::string_view dmarc) {
  return with_base(
      "[spf.default_rule]\nenabled = true\nenforce_at = \"end-of-data\"\n[spf.default_rule.actions]\n"
      "fail = \"" +
      std::string(spf) + "\"\n[dkim.default_rule]\nenabled = true\non_fail = \"" + std::string(dkim) +
      "\"\n[dmarc.default_rule]\nenabled = true\non_quarantine = \"" + std::string(dmarc) + "\"\n");
}
const Found kAllFail{.spf = SpfResult::Fail,
                     .dkim = {dkim::Result::Fail},
                     .dmarc = dmarc::Result::Fail,
                     .policy = dmarc::Policy::Quarantine};

// Shows: TM-02
TEST(VerdictOrder, TheFirstRuleThatInterceptsIsTheLastThatIsAsked) {
  const auto kinds = [](const Verdict& verdict) {
    std::string text;
    for (const PolicyEvent& event : verdict.events) {
      text += std::string(to_word(event.kind)) + ':' + std::string(to_word(event.action)) + ' ';
    }
    return text;
  };
  const Verdict spf = at_end(policy_of(all_rules("delete", "reject", "defer")), evidence_of(kAllFail));
  EXPECT_EQ(spf.action, Action::Delete);
  EXPECT_EQ(spf.rule_kind, RuleKind::Spf);
  EXPECT_EQ(kinds(spf), "spf:delete ");
  const Verdict dkim = at_end(policy_of(all_rules("pass", "reject", "defer")), evidence_of(kAllFail));
  EXPECT_EQ(dkim.action, Action::Reject);
  EXPECT_EQ(dkim.rule_kind, RuleKind::Dkim);
  EXPECT_EQ(dkim.reply->status, "5.7.20");
  EXPECT_EQ(kinds(dkim), "spf:pass dkim:reject ");
  const Verdict dmarc = at_end(policy_of(all_rules("tag", "pass", "defer")), evidence_of(kAllFail));
  EXPECT_EQ(dmarc.action, Action::Defer);
  EXPECT_EQ(dmarc.rule_kind, RuleKind::Dmarc);
  EXPECT_EQ(kinds(dmarc), "spf:tag dkim:pass dmarc:defer ");
}

TEST(VerdictOrder, TagsAddUpAndDoNotStopLaterRules) {
  const Verdict verdict = at_end(policy_of(all_rules("tag", "tag", "tag")), evidence_of(kAllFail));
  EXPECT_EQ(verdict.action, Action::Tag);
  EXPECT_EQ(verdict.rule_kind, RuleKind::Spf);
  EXPECT_FALSE(verdict.reply.has_value());
  EXPECT_EQ(verdict.tags, (std::vector<SubjectTag>{{"[SPF]", true}, {"[DKIM]", true}, {"[DMARC]", true}}));
  // A rule that passes behind one that tags changes nothing of it.
  EXPECT_EQ(at_end(policy_of(all_rules("tag", "pass", "pass")), evidence_of(kAllFail)).action, Action::Tag);
}

// Shows: SPF-01
TEST(VerdictOrder, OutboundMailIsNotLookedAt) {
  const Policy policy = policy_of(all_rules("reject", "reject", "reject"));
  Evidence evidence = evidence_of(kAllFail);
  evidence.direction = Direction::Outbound;
  const RecipientBinding recipient =
      policy.bind(client_of().address, Direction::Outbound, {"joe", "example.com"});
  const Verdict verdict = decide(policy, recipient, evidence, Stage::EndOfData);
  EXPECT_EQ(verdict.action, Action::Pass);
  EXPECT_TRUE(verdict.notes.empty());
}

TEST(VerdictOrder, FormsAreWrittenWhereARuleLookedAndWantsThem) {
  const std::string base =
      "[result_header]\ntm_forms = true\n[dkim.default_rule]\nenabled = true\n"
      "[dmarc.default_rule]\nenabled = true\n";
  const Verdict both = at_end(policy_of(with_base(base)), evidence_of({}));
  EXPECT_TRUE(both.insert_dkim_form && both.insert_dmarc_form);
  const Verdict one = at_end(policy_of(with_base(base + "insert_header = false\n")), evidence_of({}));
  EXPECT_TRUE(one.insert_dkim_form);
  EXPECT_FALSE(one.insert_dmarc_form);
  const Verdict none = at_end(policy_of(dmarc_rule("")), evidence_of({}));
  EXPECT_FALSE(none.insert_dkim_form || none.insert_dmarc_form);
}

// --- what must be evaluated ---

AuthenticationNeeds needs(std::string_view text, std::string_view client = "203.0.113.1",
                          Direction direction = Direction::Inbound, std::string_view local = "joe") {
  const Policy policy = policy_of(text);
  const Client from = client_of(client);
  const RecipientBinding recipient = policy.bind(from.address, direction, {local, "example.com"});
  return needs_authentication(policy, recipient, from, kSender, direction);
}

// Shows: W-30, RUL-15, ESE-02
TEST(AuthenticationNeed, AsksNothingThatNothingNeeds) {
  EXPECT_EQ(needs(kBase), (AuthenticationNeeds{SpfNeed::Never, true, DmarcNeed::Never, false}));
  EXPECT_EQ(needs(with_base("[dkim]\nverify = false\n")), AuthenticationNeeds{});
  EXPECT_EQ(needs(kBase, "203.0.113.1", Direction::Outbound), AuthenticationNeeds{});
  EXPECT_EQ(needs(with_base("[spf.default_rule]\nenabled = true\n")),
            (AuthenticationNeeds{SpfNeed::AtEndOfData, true, DmarcNeed::Never, false}));
  EXPECT_EQ(needs(with_base("[spf.default_rule]\nenabled = true\npreset = \"reject\"\n")).spf,
            SpfNeed::AtRcpt);
  EXPECT_EQ(needs(dkim_rule("on_fail = \"reject\"\n")),
            (AuthenticationNeeds{SpfNeed::Never, true, DmarcNeed::Never, false}));
}

// Shows: W-30
TEST(AuthenticationNeed, DmarcNeedsSpfToo) {
  const AuthenticationNeeds everything{SpfNeed::AtEndOfData, true, DmarcNeed::Always, true};
  EXPECT_EQ(needs(dmarc_rule("")), everything);
  EXPECT_EQ(needs(with_base("[result_header]\nauthentication_results = true\n")), everything);
  EXPECT_EQ(needs(with_base("[dmarc.reports]\nenabled = true\ndirectory = \"/r\"\norganization = \"o\"\n"
                            "contact = \"a@b.example\"\n")),
            everything);
  EXPECT_EQ(needs(with_base("[arc.seal]\ndomain = \"a.example\"\nselector = \"s\"\nfile = \"/k\"\n")),
            everything);
  // Only where SPF fails is DMARC looked at, with this preset.
  EXPECT_EQ(needs(authenticated_rule()),
            (AuthenticationNeeds{SpfNeed::AtEndOfData, true, DmarcNeed::OnSpfIntercept, true}));
  EXPECT_EQ(needs(authenticated_rule() + "[dmarc.default_rule]\nenabled = true\n").dmarc, DmarcNeed::Always);
  EXPECT_FALSE(needs(dmarc_rule("") + "[arc]\nverify = false\n").arc);
}

bool needs_now(std::string_view text, const Evidence& evidence, std::string_view local = "joe") {
  const Policy policy = policy_of(text);
  return needs_dmarc_now(policy, bind(policy, local), evidence);
}

// Shows: W-32
TEST(DmarcNeededNow, WhereTheTableIntercepts) {
  const std::string softfail = authenticated_rule() + "[spf.default_rule.actions]\nsoftfail = \"reject\"\n";
  for (const SpfResult spf : {SpfResult::Pass, SpfResult::Fail, SpfResult::SoftFail, SpfResult::Neutral,
                              SpfResult::None, SpfResult::PermError, SpfResult::TempError}) {
    const Evidence evidence = evidence_of({.spf = spf});
    EXPECT_EQ(needs_now(authenticated_rule(), evidence), spf == SpfResult::Fail);
    EXPECT_EQ(needs_now(softfail, evidence), spf == SpfResult::Fail || spf == SpfResult::SoftFail);
    EXPECT_TRUE(needs_now(dmarc_rule(""), evidence));
    EXPECT_FALSE(needs_now(with_base("[spf.default_rule]\nenabled = true\n"), evidence));
    EXPECT_FALSE(needs_now(authenticated_rule(), evidence, "postmaster"));
  }
  // SPF that was cut off is TempError.
  Evidence nothing = evidence_of({});
  nothing.spf = {};
  EXPECT_FALSE(needs_now(authenticated_rule(), nothing));
  const std::string temperror = authenticated_rule() + "[spf.default_rule.actions]\ntemperror = \"defer\"\n";
  EXPECT_TRUE(needs_now(temperror, nothing));
}

// Shows: W-31, W-32, ESE-16
TEST(DmarcNeededNow, WhicheverIdentityTheFailureIsOf) {
  const auto outcome = [](SpfResult result, Identity identity) {
    SpfOutcome made;
    made.result = result;
    made.identity = identity;
    return made;
  };
  Evidence helo_fails = evidence_of({.spf = SpfResult::Pass});
  helo_fails.spf.helo = outcome(SpfResult::Fail, Identity::Helo);
  EXPECT_FALSE(needs_now(authenticated_rule(), helo_fails));
  EXPECT_TRUE(needs_now(authenticated_rule() + "[spf]\ncheck_helo = true\n", helo_fails));
  Evidence bounce = evidence_of({});
  bounce.sender = {};
  bounce.spf = {};
  bounce.spf.helo = outcome(SpfResult::None, Identity::Helo);
  bounce.spf.from_header = outcome(SpfResult::Fail, Identity::From);
  EXPECT_FALSE(needs_now(authenticated_rule(), bounce));
  EXPECT_TRUE(needs_now(authenticated_rule() + "[spf]\nfrom_header_if_null_sender = true\n", bounce));
}

// Shows: W-30, RUL-15
TEST(AuthenticationNeed, AnExcludedPeerAsksOnlyWhatSomethingElseNeeds) {
  const std::string excluded =
      "[spf.default_rule]\nenabled = true\npreset = \"reject\"\nexcluded_peers = [\"203.0.113.0/24\"]\n";
  EXPECT_EQ(needs(with_base(excluded)), AuthenticationNeeds{});
  for (const char* asks : {"[dkim.default_rule]\nenabled = true\n", "[dmarc.default_rule]\nenabled = true\n",
                           "[result_header]\nauthentication_results = true\n"}) {
    EXPECT_TRUE(needs(with_base(excluded + asks)).dkim) << asks;
  }
  EXPECT_EQ(needs(with_base(excluded + "[dmarc.default_rule]\nenabled = true\n")).spf, SpfNeed::AtEndOfData);
  EXPECT_EQ(needs(dmarc_rule("excluded_peers = [\"sender.example\"]\n")).dmarc, DmarcNeed::Never);
}

// Shows: W-13
TEST(AuthenticationNeed, OurOwnSideAndHiddenClientsAreNotEvaluated) {
  const std::string text =
      dmarc_rule("") + "[result_header]\nauthentication_results = true\n[spf.default_rule]\nenabled = true\n";
  EXPECT_EQ(needs(text, "198.18.0.1"), AuthenticationNeeds{});
  EXPECT_EQ(needs(text, "10.0.0.1"), (AuthenticationNeeds{SpfNeed::Never, true, DmarcNeed::Never, false}));
}

TEST(AuthenticationNeed, IsCertainAtMailWhereEveryDomainNeedsItForWhateverReason) {
  const auto certain = [](std::string_view text) {
    return is_spf_certain_at_mail(policy_of(text), Direction::Inbound, client_of(), kSender);
  };
  EXPECT_TRUE(certain(dmarc_rule("")));
  EXPECT_TRUE(certain(with_base("[result_header]\nauthentication_results = true\n")));
  EXPECT_FALSE(certain(with_base("[[dmarc.rule]]\ndomains = [\"example.com\"]\nenabled = true\n")));
  EXPECT_TRUE(
      certain(with_base("[[dmarc.rule]]\ndomains = [\"example.com\"]\nenabled = true\n"
                        "[[spf.rule]]\ndomains = [\"other.example\"]\nenabled = true\n")));
}

}  // namespace
}  // namespace sluice::policy
