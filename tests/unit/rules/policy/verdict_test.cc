#include "rules/policy/verdict.h"

#include "tests/unit/rules/policy/policy_text.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace sluice::policy {
namespace {

using evidence::Client;
using evidence::ClientSource;
using evidence::Evidence;
using evidence::Identity;
using evidence::Sender;
using evidence::SpfOutcome;

constexpr SpfResult kAllResults[] = {SpfResult::Pass,     SpfResult::Fail, SpfResult::SoftFail,
                                     SpfResult::Neutral,  SpfResult::None, SpfResult::PermError,
                                     SpfResult::TempError};

SpfOutcome outcome_of(SpfResult result, Identity identity = Identity::MailFrom) {
  SpfOutcome outcome;
  outcome.result = result;
  outcome.identity = identity;
  return outcome;
}

Client client_of(std::string_view address = "203.0.113.1") {
  Client client;
  client.address = *IpAddress::parse(address);
  client.helo = "mail.sender.example";
  return client;
}

const Sender kSender{"ann", "sender.example"};

Evidence mail_from(SpfResult result) {
  Evidence evidence;
  evidence.client = client_of();
  evidence.sender = kSender;
  evidence.spf.mail_from = outcome_of(result);
  return evidence;
}

Evidence bounce(SpfResult helo_result) {
  Evidence evidence;
  evidence.client = client_of();
  evidence.spf.helo = outcome_of(helo_result, Identity::Helo);
  return evidence;
}

RecipientBinding bind(const Policy& policy, std::string_view local = "joe",
                      std::string_view domain = "example.com", Direction direction = Direction::Inbound) {
  return policy.bind(client_of().address, direction, {local, domain});
}

Verdict at_end(const Policy& policy, const Evidence& evidence, std::string_view local = "joe") {
  return decide(policy, bind(policy, local), evidence, Stage::EndOfData);
}

std::vector<MessageId> ids(const Verdict& verdict) {
  std::vector<MessageId> result;
  for (const Note& note : verdict.notes) result.push_back(note.id);
  return result;
}

using Ids = std::vector<MessageId>;

// Shows: RUL-02
TEST(SpfVerdict, FreshPolicyAsksAndDoesNothing) {
  const Policy policy = policy_of(kBase);
  EXPECT_EQ(needs_spf(policy, bind(policy), client_of(), kSender), SpfNeed::Never);
  for (const SpfResult result : kAllResults) {
    const Verdict verdict = at_end(policy, mail_from(result));
    EXPECT_EQ(verdict.action, Action::Pass);
    EXPECT_FALSE(verdict.insert_header);
    EXPECT_FALSE(verdict.policy_event);
    EXPECT_TRUE(verdict.notes.empty());
    EXPECT_TRUE(verdict.rule_name.empty());
  }
}

// Shows: RUL-05
TEST(SpfVerdict, EnabledSwitchesTheRule) {
  const Policy on = policy_of(rule_text("preset = \"reject\""));
  EXPECT_EQ(at_end(on, mail_from(SpfResult::Fail)).action, Action::Reject);
  const Policy off = policy_of(
      with_base("[[spf.rule]]\ndomains = [\"example.com\"]\nenabled = false\npreset = \"reject\"\n"));
  EXPECT_EQ(at_end(off, mail_from(SpfResult::Fail)).action, Action::Pass);
}

// Shows: RUL-06
TEST(SpfVerdict, HeaderIsAddedForAllSevenResultsWhateverTheAction) {
  const Policy policy = policy_of(rule_text("preset = \"tmems\""));
  for (const SpfResult result : kAllResults) EXPECT_TRUE(at_end(policy, mail_from(result)).insert_header);
  const Policy without = policy_of(rule_text("preset = \"tmems\"\ninsert_header = false"));
  for (const SpfResult result : kAllResults) EXPECT_FALSE(at_end(without, mail_from(result)).insert_header);
}

// Shows: RUL-07
TEST(SpfVerdict, EachResultHasItsOwnAction) {
  for (const SpfResult changed : kActionableResults) {
    const std::string actions = "preset = \"tmems\"\n[spf.rule.actions]\nfail = \"pass\"\n";
    const std::string key(auth::rfc_word(changed));
    const Policy policy = policy_of(
        rule_text(changed == SpfResult::Fail ? "preset = \"tmems\"\n[spf.rule.actions]\nfail = \"defer\"\n"
                                             : actions + key + " = \"defer\"\n"));
    for (const SpfResult result : kAllResults) {
      EXPECT_EQ(at_end(policy, mail_from(result)).action, result == changed ? Action::Defer : Action::Pass);
    }
  }
}

// Shows: RUL-08
TEST(SpfVerdict, TmemsPresetDeletesFailAlone) {
  const Policy policy = policy_of(rule_text("preset = \"tmems\""));
  for (const SpfResult result : kAllResults) {
    const Verdict verdict = at_end(policy, mail_from(result));
    EXPECT_EQ(verdict.action, result == SpfResult::Fail ? Action::Delete : Action::Pass);
    EXPECT_FALSE(verdict.reply.has_value());
  }
}

// Shows: LOG-01, RUL-09
TEST(SpfVerdict, PassIsNotMatched) {
  const Verdict verdict = at_end(policy_of(rule_text("")), mail_from(SpfResult::Pass));
  EXPECT_EQ(verdict.action, Action::Pass);
  EXPECT_EQ(ids(verdict), Ids{MessageId::SpfNotMatched});
  EXPECT_EQ(verdict.rule_name, "r");
}

Evidence broad_pass(uint64_t breadth, std::string_view address = "203.0.113.1") {
  Evidence evidence = mail_from(SpfResult::Pass);
  evidence.client = client_of(address);
  evidence.spf.mail_from->breadth = breadth;
  return evidence;
}

TEST(SpfVerdict, ABroadPassIsNotInterceptedUnlessTheRuleSaysSo) {
  const Verdict verdict = at_end(policy_of(rule_text("preset = \"reject\"")), broad_pass(uint64_t{1} << 32U));
  EXPECT_EQ(verdict.action, Action::Pass);
  EXPECT_EQ(ids(verdict), Ids{MessageId::SpfNotMatched});
  EXPECT_FALSE(verdict.policy_event);
}

TEST(SpfVerdict, ABroadPassHasAnActionFromTheSetBreadthOn) {
  const Policy policy =
      policy_of(rule_text("preset = \"tmems\"\n[spf.rule.actions]\nbroad_pass = \"reject\"\n"));
  EXPECT_EQ(at_end(policy, broad_pass((1U << 20U) - 1)).action, Action::Pass);
  const Verdict verdict = at_end(policy, broad_pass(1U << 20U));
  EXPECT_EQ(verdict.action, Action::Reject);
  EXPECT_EQ(verdict.result, SpfResult::Pass);  // what the header says
  EXPECT_TRUE(verdict.policy_event);
  EXPECT_EQ(ids(verdict), (Ids{MessageId::SpfRejected, MessageId::SpfBroadPass}));
  EXPECT_EQ(verdict.notes[1].arguments, std::vector<std::string>{"1048576"});
  EXPECT_EQ(at_end(policy, broad_pass((uint64_t{1} << 32U) - 1, "2001:db8::1")).action, Action::Pass);
  EXPECT_EQ(at_end(policy, broad_pass(uint64_t{1} << 32U, "2001:db8::1")).action, Action::Reject);
  EXPECT_EQ(at_end(policy, mail_from(SpfResult::Pass)).action, Action::Pass);  // breadth not known
  EXPECT_EQ(at_end(policy, broad_pass(1U << 20U), "postmaster").action, Action::Pass);
}

// SPF alone makes DMARC pass here, so that cannot excuse it; an aligned signature does.
TEST(SpfVerdict, ABroadPassIsExcusedByAnAlignedSignatureOnly) {
  for (const std::string_view action : {"tag", "reject"}) {
    const Policy policy = policy_of(
        rule_text(fmt::format("preset = \"tmems\"\n[spf.rule.actions]\nbroad_pass = \"{}\"\n", action)));
    Evidence evidence = broad_pass(1U << 20U);
    evidence.dmarc.emplace().result = dmarc::Result::Pass;
    evidence.dmarc->spf_aligned = true;
    EXPECT_TRUE(needs_dmarc_now(policy, bind(policy), evidence));
    EXPECT_EQ(to_word(at_end(policy, evidence).action), action);
    evidence.dmarc->dkim_aligned = true;
    EXPECT_EQ(at_end(policy, evidence).action, Action::Pass);
  }
}

// Shows: LOG-02
TEST(SpfVerdict, NotesSayActionAndResult) {
  const Verdict deleted = at_end(policy_of(rule_text("preset = \"tmems\"")), mail_from(SpfResult::Fail));
  EXPECT_EQ(ids(deleted), (Ids{MessageId::SpfDeleted, MessageId::SpfResultIs}));
  EXPECT_EQ(deleted.notes[1].arguments, std::vector<std::string>{"Fail"});
  const Verdict passed = at_end(policy_of(rule_text("preset = \"tmems\"")), mail_from(SpfResult::SoftFail));
  EXPECT_EQ(ids(passed), (Ids{MessageId::SpfNotIntercepted, MessageId::SpfResultIs}));
  EXPECT_EQ(passed.notes[1].arguments, std::vector<std::string>{"SoftFail"});
}

// Shows: ESE-12, ESE-13, ESE-18
TEST(SpfVerdict, RejectPresetRefusesAtRcptWithTheReplyAndARow) {
  const Policy policy = policy_of(rule_text("preset = \"reject\""));
  const RecipientBinding recipient = bind(policy);
  EXPECT_EQ(needs_spf(policy, recipient, client_of(), kSender), SpfNeed::AtRcpt);
  const Verdict verdict = decide(policy, recipient, mail_from(SpfResult::Fail), Stage::Rcpt);
  EXPECT_EQ(verdict.action, Action::Reject);
  EXPECT_TRUE(verdict.enforce_now);
  EXPECT_EQ(verdict.reply->to_string(), "550 5.7.1 SPF check failed");
  EXPECT_EQ(ids(verdict), (Ids{MessageId::SpfRejected, MessageId::SpfResultIs}));
  EXPECT_TRUE(verdict.policy_event);
  EXPECT_FALSE(decide(policy, recipient, mail_from(SpfResult::SoftFail), Stage::Rcpt).enforce_now);
}

// Shows: W-32
TEST(SpfVerdict, EnforceAtEndOfDataWaitsWithEveryAction) {
  const Policy policy =
      policy_of(rule_text("preset = \"reject\"\nenforce_at = \"end-of-data\"\n[spf.rule.actions]\ntemperror "
                          "= \"defer\"\nnone = \"delete\""));
  const RecipientBinding recipient = bind(policy);
  EXPECT_EQ(needs_spf(policy, recipient, client_of(), kSender), SpfNeed::AtEndOfData);
  for (const SpfResult result : {SpfResult::Fail, SpfResult::TempError, SpfResult::None}) {
    EXPECT_FALSE(decide(policy, recipient, mail_from(result), Stage::Rcpt).enforce_now);
    EXPECT_TRUE(decide(policy, recipient, mail_from(result), Stage::EndOfData).enforce_now);
  }
  EXPECT_EQ(at_end(policy, mail_from(SpfResult::TempError)).reply->code, 451);
  EXPECT_EQ(at_end(policy, mail_from(SpfResult::None)).action, Action::Delete);
}

// Shows: W-32
TEST(SpfVerdict, DeleteIsNeverEnforcedAtRcpt) {
  const Policy policy = policy_of(rule_text("preset = \"tmems\"\nenforce_at = \"rcpt\""));
  EXPECT_EQ(needs_spf(policy, bind(policy), client_of(), kSender), SpfNeed::AtEndOfData);
  EXPECT_FALSE(decide(policy, bind(policy), mail_from(SpfResult::Fail), Stage::Rcpt).enforce_now);
}

TEST(SpfVerdict, ImsvaPresetDefersTempError) {
  const Policy policy = policy_of(rule_text("preset = \"imsva\""));
  const Verdict verdict = decide(policy, bind(policy), mail_from(SpfResult::TempError), Stage::Rcpt);
  EXPECT_EQ(verdict.action, Action::Defer);
  EXPECT_TRUE(verdict.enforce_now);
  EXPECT_TRUE(verdict.reply->to_string().starts_with("451 4.7.1 "));
  EXPECT_EQ(ids(verdict), (Ids{MessageId::SpfDeferred, MessageId::SpfResultIs}));
}

// Shows: RUL-15, LOG-04, W-30
TEST(SpfVerdict, ExcludedPeerNeedsNothingAndNamesItsEntry) {
  const Policy policy =
      policy_of(rule_text("preset = \"reject\"\nexcluded_peers = [\"192.0.2.0/24\", \"203.0.113.0/24\"]"));
  EXPECT_EQ(needs_spf(policy, bind(policy), client_of(), kSender), SpfNeed::Never);
  EXPECT_EQ(needs_spf(policy, bind(policy), client_of("198.51.100.1"), kSender), SpfNeed::AtRcpt);
  const Verdict verdict = at_end(policy, mail_from(SpfResult::Fail));
  EXPECT_EQ(verdict.action, Action::Pass);
  EXPECT_FALSE(verdict.insert_header);
  EXPECT_FALSE(verdict.policy_event);
  EXPECT_EQ(ids(verdict), (Ids{MessageId::SpfIgnored, MessageId::SpfExcludedPeer}));
  EXPECT_EQ(verdict.notes[1].arguments, std::vector<std::string>{"203.0.113.0/24"});
}

// Shows: RUL-16
TEST(SpfVerdict, SenderScopeLeavesOtherSendersAlone) {
  const Policy policy = policy_of(rule_text("preset = \"reject\"\nsender_scope = [\"example.org\", \"<>\"]"));
  EXPECT_EQ(needs_spf(policy, bind(policy), client_of(), kSender), SpfNeed::Never);
  EXPECT_EQ(needs_spf(policy, bind(policy), client_of(), {"x", "example.org"}), SpfNeed::AtRcpt);
  EXPECT_EQ(needs_spf(policy, bind(policy), client_of(), {}), SpfNeed::AtRcpt);
  EXPECT_EQ(ids(at_end(policy, mail_from(SpfResult::Fail))),
            (Ids{MessageId::SpfIgnored, MessageId::SpfOutsideScope}));
}

// Shows: RUL-17
TEST(SpfVerdict, ObserveNeverChangesDelivery) {
  const Policy policy = policy_of(rule_text("preset = \"observe\""));
  for (const SpfResult result : kAllResults) {
    for (const Stage stage : {Stage::Rcpt, Stage::EndOfData}) {
      const Verdict verdict = decide(policy, bind(policy), mail_from(result), stage);
      EXPECT_EQ(verdict.action, Action::Pass);
      EXPECT_FALSE(verdict.reply.has_value());
      EXPECT_TRUE(verdict.insert_header);
    }
  }
}

// Shows: D-11
TEST(SpfVerdict, EveryResultButPassIsAnEventUnlessOnlyFailIsWanted) {
  const Policy all = policy_of(rule_text("preset = \"observe\""));
  const Policy fail_only = policy_of(rule_text("preset = \"observe\"\n[events]\nspf = \"fail-only\""));
  for (const SpfResult result : kAllResults) {
    EXPECT_EQ(at_end(all, mail_from(result)).policy_event, result != SpfResult::Pass);
    EXPECT_EQ(at_end(fail_only, mail_from(result)).policy_event, result == SpfResult::Fail);
  }
}

// Shows: W-15
TEST(SpfVerdict, PostmasterAndAbuseAreSparedButHeaderAndEventRemain) {
  for (const char* preset : {"reject", "tmems"}) {
    const Policy policy = policy_of(rule_text("preset = \"" + std::string(preset) + "\""));
    EXPECT_EQ(needs_spf(policy, bind(policy, "abuse"), client_of(), kSender), SpfNeed::AtEndOfData);
    const Verdict verdict = at_end(policy, mail_from(SpfResult::Fail), "abuse");
    EXPECT_EQ(verdict.action, Action::Pass);
    EXPECT_TRUE(verdict.insert_header);
    EXPECT_TRUE(verdict.policy_event);
    EXPECT_EQ(ids(verdict),
              (Ids{MessageId::SpfNotIntercepted, MessageId::SpfResultIs, MessageId::SpfExemptRecipient}));
  }
}

// Shows: W-13
TEST(SpfVerdict, PrivatePeerIsIgnoredUnlessListedOrNamedByXclient) {
  const Policy policy = policy_of(rule_text("preset = \"reject\"\n[spf]\nprivate_peers = [\"10.1.0.0/16\"]"));
  Evidence evidence = mail_from(SpfResult::Fail);
  evidence.client = client_of("10.2.0.1");
  EXPECT_EQ(needs_spf(policy, bind(policy), evidence.client, kSender), SpfNeed::Never);
  EXPECT_EQ(ids(at_end(policy, evidence)), (Ids{MessageId::SpfIgnored, MessageId::SpfPrivatePeer}));
  EXPECT_EQ(at_end(policy, evidence).action, Action::Pass);

  evidence.client.source = ClientSource::Xclient;
  EXPECT_EQ(needs_spf(policy, bind(policy), evidence.client, kSender), SpfNeed::AtRcpt);
  EXPECT_EQ(at_end(policy, evidence).action, Action::Reject);

  evidence.client = client_of("10.1.0.1");
  EXPECT_EQ(at_end(policy, evidence).action, Action::Reject);
}

// Shows: SPF-01
TEST(SpfVerdict, MailOfOurOwnSideIsNotLookedAt) {
  const Policy policy = policy_of(rule_text("preset = \"reject\""));
  Evidence evidence = mail_from(SpfResult::Fail);
  evidence.client = client_of("198.18.0.1");
  EXPECT_EQ(needs_spf(policy, bind(policy), evidence.client, kSender), SpfNeed::Never);
  EXPECT_EQ(ids(at_end(policy, evidence)), (Ids{MessageId::SpfIgnored, MessageId::SpfTrustedNetwork}));

  Evidence outbound = mail_from(SpfResult::Fail);
  outbound.direction = Direction::Outbound;
  const RecipientBinding recipient = bind(policy, "joe", "example.com", Direction::Outbound);
  EXPECT_EQ(needs_spf(policy, recipient, outbound.client, kSender), SpfNeed::Never);
  const Verdict verdict = decide(policy, recipient, outbound, Stage::EndOfData);
  EXPECT_EQ(verdict.action, Action::Pass);
  EXPECT_FALSE(verdict.insert_header);
  EXPECT_TRUE(verdict.notes.empty());
}

// Shows: SPF-03
TEST(SpfIdentity, NullSenderIsJudgedByHelo) {
  const Policy policy = policy_of(rule_text("preset = \"reject\""));
  const SpfIdentities identities = spf_identities(policy, client_of(), {});
  EXPECT_FALSE(identities.mail_from);
  EXPECT_TRUE(identities.helo);
  EXPECT_FALSE(identities.from_header);
  EXPECT_EQ(at_end(policy, bounce(SpfResult::Fail)).action, Action::Reject);
  EXPECT_EQ(at_end(policy, bounce(SpfResult::Pass)).action, Action::Pass);
}

// Shows: ESE-15, W-30, W-31
TEST(SpfIdentity, HeloIsAskedBesideMailFromOnlyWithTheOption) {
  const Policy off = policy_of(rule_text("preset = \"reject\""));
  EXPECT_FALSE(spf_identities(off, client_of(), kSender).helo);
  EXPECT_TRUE(spf_identities(off, client_of(), kSender).mail_from);
  const Policy on = policy_of(rule_text("preset = \"reject\"\n[spf]\ncheck_helo = true"));
  EXPECT_TRUE(spf_identities(on, client_of(), kSender).helo);
  Client literal = client_of();
  literal.helo = "[203.0.113.1]";
  EXPECT_FALSE(spf_identities(on, literal, kSender).helo);
}

// Shows: ESE-15, W-31
TEST(SpfIdentity, HeloFailCountsAndHeloPassImprovesNothing) {
  const Policy on = policy_of(rule_text("preset = \"reject\"\n[spf]\ncheck_helo = true"));
  const Policy off = policy_of(rule_text("preset = \"reject\""));
  Evidence evidence = mail_from(SpfResult::Pass);
  evidence.spf.helo = outcome_of(SpfResult::Fail, Identity::Helo);
  EXPECT_EQ(at_end(on, evidence).action, Action::Reject);
  EXPECT_EQ(at_end(off, evidence).action, Action::Pass);
  evidence = mail_from(SpfResult::Fail);
  evidence.spf.helo = outcome_of(SpfResult::Pass, Identity::Helo);
  EXPECT_EQ(at_end(on, evidence).action, Action::Reject);
  evidence = mail_from(SpfResult::None);
  evidence.spf.helo = outcome_of(SpfResult::Pass, Identity::Helo);
  EXPECT_EQ(at_end(on, evidence).result, SpfResult::None);
}

// Shows: W-31
TEST(SpfIdentity, HeloThatIsNoDomainIsNoGroundForRefusal) {
  const Policy policy = policy_of(
      rule_text("preset = \"reject\"\n[spf.rule.actions]\nnone = \"reject\"\n[spf]\ncheck_helo = true"));
  for (const char* helo : {"[203.0.113.1]", "localhost", ""}) {
    Evidence evidence = bounce(SpfResult::None);
    evidence.client.helo = helo;
    const Verdict verdict = at_end(policy, evidence);
    EXPECT_EQ(verdict.action, Action::Pass) << helo;
    EXPECT_EQ(ids(verdict),
              (Ids{MessageId::SpfNotIntercepted, MessageId::SpfResultIs, MessageId::SpfHeloNotADomain}));
    Evidence with_sender = mail_from(SpfResult::Pass);
    with_sender.client.helo = helo;
    with_sender.spf.helo = outcome_of(SpfResult::Fail, Identity::Helo);
    EXPECT_EQ(at_end(policy, with_sender).action, Action::Pass) << helo;
  }
  EXPECT_EQ(at_end(policy, bounce(SpfResult::None)).action, Action::Reject);
}

// Shows: ESE-16, D-2
TEST(SpfIdentity, FromHeaderFillsInOnlyWhereHeloGaveNone) {
  const Policy policy =
      policy_of(rule_text("preset = \"reject\"\n[spf.rule.actions]\nnone = "
                          "\"reject\"\n[spf]\nfrom_header_if_null_sender = true"));
  EXPECT_TRUE(spf_identities(policy, client_of(), {}).from_header);
  EXPECT_FALSE(spf_identities(policy, client_of(), kSender).from_header);

  Evidence evidence = bounce(SpfResult::None);
  EXPECT_FALSE(decide(policy, bind(policy), evidence, Stage::Rcpt).enforce_now);
  EXPECT_EQ(at_end(policy, evidence).result, SpfResult::None);
  evidence.spf.from_header = outcome_of(SpfResult::Pass, Identity::From);
  EXPECT_EQ(governing_spf(policy, evidence)->identity, Identity::From);
  EXPECT_EQ(at_end(policy, evidence).action, Action::Pass);
  evidence.spf.from_header = outcome_of(SpfResult::Fail, Identity::From);
  EXPECT_EQ(at_end(policy, evidence).action, Action::Reject);

  Evidence decided = bounce(SpfResult::SoftFail);
  decided.spf.from_header = outcome_of(SpfResult::Fail, Identity::From);
  EXPECT_EQ(governing_spf(policy, decided)->identity, Identity::Helo);
}

// Shows: ESE-16
TEST(SpfIdentity, FromHeaderIsNotUsedWithoutTheOption) {
  const Policy policy = policy_of(rule_text("preset = \"reject\""));
  Evidence evidence = bounce(SpfResult::None);
  evidence.spf.from_header = outcome_of(SpfResult::Fail, Identity::From);
  EXPECT_EQ(at_end(policy, evidence).action, Action::Pass);
}

TEST(SpfVerdict, MissingOutcomeIsATemporaryError) {
  const Policy policy = policy_of(rule_text("preset = \"imsva\""));
  Evidence evidence = mail_from(SpfResult::Pass);
  evidence.spf.mail_from.reset();
  const Verdict verdict = at_end(policy, evidence);
  EXPECT_EQ(verdict.result, SpfResult::TempError);
  EXPECT_EQ(verdict.action, Action::Defer);
  EXPECT_FALSE(verdict.insert_header);
  Evidence empty_bounce;
  empty_bounce.client = client_of();
  EXPECT_EQ(at_end(policy, empty_bounce).action, Action::Defer);
}

// Shows: W-30
TEST(SpfNeed, IsCertainAtMailOnlyWhenEveryDomainWouldAsk) {
  const auto certain = [](const Policy& policy, const Client& client = client_of()) {
    return is_spf_certain_at_mail(policy, Direction::Inbound, client, kSender);
  };
  EXPECT_FALSE(certain(policy_of(rule_text(""))));  // other.example has the disabled default rule
  const std::string both =
      rule_text("excluded_peers = [\"192.0.2.1\"]") + "[spf.default_rule]\nenabled = true\n";
  EXPECT_TRUE(certain(policy_of(both)));
  EXPECT_FALSE(certain(policy_of(both), client_of("192.0.2.1")));
  EXPECT_FALSE(certain(policy_of(both), client_of("10.0.0.1")));
  EXPECT_FALSE(is_spf_certain_at_mail(policy_of(both), Direction::Outbound, client_of(), kSender));
  EXPECT_FALSE(certain(policy_of("[[listener]]\naddress = \"127.0.0.1:2525\"\n")));
}

// Shows: W-35
TEST(DnsOutage, DefersByDefaultWithARejectPreset) {
  EXPECT_EQ(outage_reply(policy_of(kBase)), std::nullopt);
  EXPECT_EQ(outage_reply(policy_of(rule_text("preset = \"observe\""))), std::nullopt);
  const std::optional<ReplyTriple> reply = outage_reply(policy_of(rule_text("preset = \"reject\"")));
  ASSERT_TRUE(reply.has_value());
  EXPECT_EQ(reply->code, 451);
  EXPECT_EQ(reply->status, "4.4.3");
  EXPECT_EQ(outage_reply(policy_of(rule_text("preset = \"reject\"\n[dns]\non_outage = \"accept\""))),
            std::nullopt);
  EXPECT_TRUE(outage_reply(policy_of(with_base("[dns]\non_outage = \"defer\"\n"))).has_value());
}

}  // namespace
}  // namespace sluice::policy
