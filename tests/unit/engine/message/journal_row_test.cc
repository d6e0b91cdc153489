#include "engine/message/journal_row.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace sluice::message {
namespace {

class JournalRow : public ::testing::Test {
 protected:
  JournalRow() {
    evidence_.client.address = *IpAddress::parse("203.0.113.9");
    evidence_.client.helo = "client.example";
    evidence_.sender = {"user", "sender.example"};
  }
  TransactionFacts facts() const { return {"0123456789abcdef", evidence_, version_text_, IpAddress{}, 0}; }
  nlohmann::json tracking(const TrackingRow& row) const {
    std::string out;
    append_tracking_row(out, facts(), row, time_);
    EXPECT_TRUE(out.ends_with("}\n"));
    EXPECT_EQ(out.find('\n'), out.size() - 1) << "one row, one line";
    return nlohmann::json::parse(out);
  }

  evidence::Evidence evidence_;
  std::string version_text_ = policy::PolicyVersion{0x1234, 7}.to_string();
  WallTime time_{std::chrono::microseconds(1'700'000'000'000'042)};
};

TEST_F(JournalRow, SaysWhoWhatAndWhy) {
  TrackingRow row;
  row.recipient = "r@managed.example";
  row.disposition = Disposition::Deferred;
  row.stage = EndedAt::Rcpt;
  row.reply = "452 4.5.3 later";
  const nlohmann::json json = tracking(row);
  EXPECT_EQ(json["v"], 1);
  EXPECT_EQ(json["kind"], "tracking");
  EXPECT_EQ(json["time"], "2023-11-14T22:13:20.000042Z");
  EXPECT_EQ(json["client_ip"], "203.0.113.9");
  EXPECT_EQ(json["sender"], "user@sender.example");
  EXPECT_EQ(json["disposition"], "deferred");
  EXPECT_EQ(json["policy_version"], version_text_);
  for (const char* absent : {"client_source", "spf", "rule", "size", "next_hop", "removed_fields",
                             "long_line", "bare_line_ends"}) {
    EXPECT_FALSE(json.contains(absent)) << absent;
  }
}

TEST_F(JournalRow, SaysThatLineEndsWereNormalized) {
  evidence_.flags.bare_line_ends = 3;
  EXPECT_EQ(tracking({})["bare_line_ends"], 3);
}

TEST_F(JournalRow, ForeignTextCannotBecomeARowOfItsOwn) {
  evidence_.client.helo = "x\r\n{\"kind\":\"tracking\",\"disposition\":\"relayed\"}\n";
  evidence_.sender = {"\"a\\b\xff\"", std::string("d\0e", 3)};
  TrackingRow row;
  row.recipient = "r@\"},{\"";
  row.reply = "550 5.7.1 \"no\"\n";
  const nlohmann::json json = tracking(row);  // one line that parses
  EXPECT_EQ(json["helo"], evidence_.client.helo);
  EXPECT_EQ(json["recipient"], "r@\"},{\"");
}

TEST_F(JournalRow, KeepsTheNullSendersHeloResultAndMailFromApart) {
  evidence::SpfOutcome helo;
  helo.result = auth::SpfResult::Fail;
  helo.identity = auth::Identity::Helo;
  helo.domain = "client.example";
  evidence_.spf.helo = helo;
  EXPECT_EQ(tracking({})["spf"]["identity"], "helo");
  evidence::SpfOutcome mail_from;
  mail_from.result = auth::SpfResult::PermError;
  mail_from.problem = "too many terms";
  mail_from.problem_term = "include:x.example";
  mail_from.lookups = 11;
  evidence_.spf.mail_from = mail_from;
  const nlohmann::json json = tracking({});
  EXPECT_EQ(json["spf"]["result"], "PermError");
  EXPECT_EQ(json["spf"]["lookups"], 11);
  EXPECT_EQ(json["spf"]["problem_term"], "include:x.example");
  EXPECT_EQ(json["spf_helo"]["result"], "Fail");
}

// Shows: LOG-03, D-11
TEST_F(JournalRow, APolicyEventNamesThreatTypeSubtypeAndResult) {
  policy::Verdict verdict;
  verdict.action = policy::Action::Delete;
  verdict.events.push_back(
      {policy::RuleKind::Spf,
       "the rule",
       "Fail",
       policy::Action::Delete,
       {{policy::MessageId::SpfDeleted, {}}, {policy::MessageId::SpfResultIs, {"Fail"}}}});
  std::string out;
  EXPECT_EQ(append_policy_events(out, facts(), "r@managed.example", verdict, time_), 1U);
  const nlohmann::json json = nlohmann::json::parse(out);
  EXPECT_EQ(json["kind"], "policy_event");
  EXPECT_EQ(json["threat_type"], policy::message_key(policy::MessageId::ThreatDomainBasedAuthentication));
  EXPECT_EQ(json["threat_subtype"], policy::message_key(policy::MessageId::ThreatSubtypeSpf));
  EXPECT_EQ(json["result"], "Fail");
  EXPECT_EQ(json["rule"], "the rule");
  EXPECT_EQ(json["action"], "delete");
  EXPECT_EQ(json["policies"][1]["arguments"][0], "Fail");
}

TEST_F(JournalRow, EveryEventOfAVerdictIsALine) {
  policy::Verdict verdict;
  verdict.events.push_back({policy::RuleKind::Dkim, "a", "fail", policy::Action::Tag, {}});
  verdict.events.push_back({policy::RuleKind::Dmarc, "b", "permerror", policy::Action::Reject, {}});
  std::string out;
  EXPECT_EQ(append_policy_events(out, facts(), "r@managed.example", verdict, time_), 2U);
  const size_t end = out.find('\n') + 1;
  const nlohmann::json first = nlohmann::json::parse(out.substr(0, end));
  const nlohmann::json second = nlohmann::json::parse(out.substr(end));
  EXPECT_EQ(first["threat_subtype"], "threat.subtype_dkim");
  EXPECT_EQ(first["action"], "tag");
  EXPECT_EQ(second["threat_subtype"], "threat.subtype_dmarc");
  EXPECT_EQ(second["result"], "permerror");
  out.clear();
  EXPECT_EQ(append_policy_events(out, facts(), "r@managed.example", policy::Verdict{}, time_), 0U);
  EXPECT_TRUE(out.empty());
}

TEST_F(JournalRow, NamesTheRuleItsKindAndTheTags) {
  policy::Verdict verdict;
  verdict.rule_name = "watch";
  verdict.rule_kind = policy::RuleKind::Dmarc;
  verdict.action = policy::Action::Tag;
  verdict.tags = {{"[DMARC]", true}};
  evidence_.flags.removed_fields = {"A", "B"};
  evidence_.flags.removed_signed_fields = {"B"};
  TrackingRow row;
  row.verdict = &verdict;
  const nlohmann::json json = tracking(row);
  EXPECT_EQ(json["rule_kind"], "dmarc");
  EXPECT_EQ(json["action"], "tag");
  EXPECT_EQ(json["tags"], nlohmann::json::array({"[DMARC]"}));
  EXPECT_EQ(json["removed_signed_fields"], nlohmann::json::array({"B"}));
}

TEST_F(JournalRow, HoldsWhatDkimArcAndDmarcFound) {
  EXPECT_FALSE(tracking({}).contains("dkim"));
  evidence_.dkim.verified = true;
  EXPECT_EQ(tracking({})["dkim"], nlohmann::json::array());
  dkim::SignatureOutcome signature;
  signature.result = dkim::Result::Policy;
  signature.reason = dkim::Reason::BodyNotCovered;
  signature.domain = "a.example";
  signature.selector = "s";
  signature.algorithm = dkim::Algorithm::RsaSha256;
  signature.key_bits = 2048;
  signature.body_length = 3;
  signature.octets_not_covered = 7;
  evidence_.dkim.signatures = {signature};
  evidence_.arc.emplace();
  evidence_.arc->result = arc::Result::Fail;
  evidence_.arc->reason = arc::Reason::SealMismatch;
  evidence_.arc->failed_instance = 1;
  evidence_.arc->sets.resize(1);
  evidence_.arc->sets[0].instance = 1;
  evidence_.arc->sets[0].domain = "lists.example";
  evidence_.arc->sets[0].seal = dkim::Result::Fail;
  evidence_.arc->sets[0].seal_reason = dkim::Reason::SignatureMismatch;
  evidence_.arc_override.reason = "the chain is broken";
  evidence_.dmarc.emplace();
  evidence_.dmarc->result = dmarc::Result::Fail;
  evidence_.dmarc->reason = dmarc::Reason::Evaluated;
  evidence_.dmarc->author_domain = "a.example";
  evidence_.dmarc->policy_domain = "a.example";
  evidence_.dmarc->policy = dmarc::Policy::Reject;
  evidence_.dmarc->disposition = dmarc::Policy::Reject;
  evidence_.dmarc->spf_aligned = true;
  evidence_.dmarc_other = evidence_.dmarc;
  evidence_.dmarc_other->result = dmarc::Result::None;
  const nlohmann::json json = tracking({});
  EXPECT_EQ(json["dkim"][0], (nlohmann::json{{"result", "policy"},
                                             {"reason", "body-not-covered"},
                                             {"domain", "a.example"},
                                             {"selector", "s"},
                                             {"algorithm", "rsa-sha256"},
                                             {"key_bits", 2048},
                                             {"body_length", 3},
                                             {"not_covered", 7}}));
  EXPECT_EQ(json["arc"]["result"], "fail");
  EXPECT_EQ(json["arc"]["failed_instance"], 1);
  EXPECT_EQ(json["arc"]["chain"][0]["domain"], "lists.example");
  EXPECT_EQ(json["arc"]["chain"][0]["seal_reason"], "signature-mismatch");
  EXPECT_EQ(json["arc_override"]["applied"], false);
  EXPECT_EQ(json["arc_override"]["reason"], "the chain is broken");
  EXPECT_EQ(json["dmarc"]["policy"], "reject");
  EXPECT_EQ(json["dmarc"]["alignment"], (nlohmann::json{{"spf", true}, {"dkim", false}}));
  EXPECT_EQ(json["dmarc_other"]["result"], "none");
}

TEST_F(JournalRow, IsBoundedWhateverAMessageRepeats) {
  evidence_.dkim.verified = true;
  dkim::SignatureOutcome signature;
  signature.domain = std::string(100'000, '\1');  // six octets each in JSON
  signature.selector = signature.domain;
  evidence_.dkim.signatures.assign(2000, signature);
  evidence_.arc.emplace();
  evidence_.arc->failed_instance = 17;
  evidence_.arc->sets.resize(50);
  for (unsigned i = 0; i < 50; ++i) {
    evidence_.arc->sets[i].instance = i + 1;
    evidence_.arc->sets[i].domain = evidence_.arc->sets[i].selector = std::string(1000, '\1');
  }
  evidence_.dmarc.emplace();
  evidence_.dmarc->result = dmarc::Result::Fail;
  evidence_.dmarc->author_domain = evidence_.dmarc->policy_domain = std::string(253, 'd');
  evidence_.dmarc_other = evidence_.dmarc;
  evidence_.flags.removed_fields.assign(2000, "Authentication-Results");
  evidence_.flags.removed_signed_fields = evidence_.flags.removed_fields;
  TrackingRow row;
  row.recipient = "r@managed.example";
  std::string out;
  append_tracking_row(out, facts(), row, time_);
  EXPECT_LT(out.size(), 16U * 1024);
  const nlohmann::json first = nlohmann::json::parse(out);
  EXPECT_EQ(first["dkim_unlisted"], 1990);
  EXPECT_EQ(first["arc"]["sets"], 50);
  std::vector<unsigned> listed;
  for (const nlohmann::json& set : first["arc"]["chain"]) listed.push_back(set["i"]);
  EXPECT_EQ(listed, (std::vector<unsigned>{1, 17, 48, 49, 50}));
  EXPECT_EQ(first["removed_fields"].size(), 10U);

  // Further recipients of the same message.
  row.first = false;
  out.clear();
  for (int i = 1; i < 1000; ++i) append_tracking_row(out, facts(), row, time_);
  EXPECT_LT(out.size(), 999U * 2048);
  const nlohmann::json further = nlohmann::json::parse(out.substr(0, out.find('\n')));
  for (const char* absent : {"dkim", "dkim_unlisted", "arc", "arc_override", "dmarc", "dmarc_other",
                             "removed_fields", "removed_signed_fields"}) {
    EXPECT_FALSE(further.contains(absent)) << absent;
  }
  // ... have the results, as the first has.
  for (const char* result : {"dkim_results", "arc_result", "dmarc_result"}) {
    EXPECT_EQ(further[result], first[result]) << result;
  }
  EXPECT_EQ(further["dkim_results"].size(), 10U);
  EXPECT_EQ(further["dmarc_result"], "fail");
}

TEST_F(JournalRow, ListsVerifiedSignaturesBelowManyThatAreNot) {
  evidence_.dkim.verified = true;
  dkim::SignatureOutcome signature;
  signature.result = dkim::Result::PermError;
  signature.reason = dkim::Reason::MalformedTags;
  evidence_.dkim.signatures.assign(50, signature);
  evidence_.dkim.signatures.back().result = dkim::Result::Pass;
  evidence_.dkim.signatures.back().reason = dkim::Reason::Verified;
  const nlohmann::json json = tracking({});
  ASSERT_EQ(json["dkim"].size(), 10U);
  EXPECT_EQ(json["dkim"][9]["result"], "pass");
  EXPECT_EQ(json["dkim_results"][9], "pass");
  EXPECT_EQ(json["dkim_unlisted"], 40);
}

TEST_F(JournalRow, NamesAreWholeWhereThereAreFew) {
  evidence_.dkim.verified = true;
  dkim::SignatureOutcome signature;
  signature.domain = std::string(200, 'd');
  evidence_.dkim.signatures.assign(2, signature);
  EXPECT_EQ(tracking({})["dkim"][1]["domain"], signature.domain);
  evidence_.dkim.signatures.assign(3, signature);
  EXPECT_EQ(tracking({})["dkim"][1]["domain"], std::string(64, 'd') + "...");
}

TEST(Balance, HoldsOnlyWhenEveryNamedRecipientEnded) {
  Balance balance;
  balance.named = 3;
  balance.of(Disposition::Relayed) = 2;
  EXPECT_FALSE(balance.balanced());
  Balance other;
  other.of(Disposition::Unknown) = 1;
  other.not_told = 1;
  balance.add(other);
  EXPECT_TRUE(balance.balanced());
  EXPECT_EQ(balance.not_told, 1U);
}

}  // namespace
}  // namespace sluice::message
