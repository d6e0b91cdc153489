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
  TransactionFacts facts() const { return {"0123456789abcdef", evidence_, version_, IpAddress{}, 0}; }
  nlohmann::json tracking(const TrackingRow& row) const {
    std::string out;
    append_tracking_row(out, facts(), row, time_);
    EXPECT_TRUE(out.ends_with("}\n"));
    EXPECT_EQ(out.find('\n'), out.size() - 1) << "one row, one line";
    return nlohmann::json::parse(out);
  }

  evidence::Evidence evidence_;
  policy::PolicyVersion version_{0x1234, 7};
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
  EXPECT_EQ(json["policy_version"], version_.to_string());
  for (const char* absent :
       {"client_source", "spf", "rule", "size", "next_hop", "removed_fields", "long_line"}) {
    EXPECT_FALSE(json.contains(absent)) << absent;
  }
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
  verdict.rule_name = "the rule";
  verdict.result = auth::SpfResult::Fail;
  verdict.notes.push_back({policy::MessageId::SpfDeleted, {}});
  verdict.notes.push_back({policy::MessageId::SpfResultIs, {"Fail"}});
  std::string out;
  append_policy_event(out, facts(), "r@managed.example", verdict, time_);
  const nlohmann::json json = nlohmann::json::parse(out);
  EXPECT_EQ(json["kind"], "policy_event");
  EXPECT_EQ(json["threat_type"], policy::message_key(policy::MessageId::ThreatDomainBasedAuthentication));
  EXPECT_EQ(json["threat_subtype"], policy::message_key(policy::MessageId::ThreatSubtypeSpf));
  EXPECT_EQ(json["result"], "Fail");
  EXPECT_EQ(json["action"], "delete");
  EXPECT_EQ(json["policies"][1]["arguments"][0], "Fail");
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
