#include "rules/evidence/evidence.h"

#include <gtest/gtest.h>

namespace sluice::evidence {
namespace {

TEST(Sender, IsNullOnlyWithoutBothParts) {
  EXPECT_TRUE(Sender{}.is_null());
  EXPECT_FALSE((Sender{"a", "example.com"}.is_null()));
  EXPECT_FALSE((Sender{"a", ""}.is_null()));
}

TEST(Sender, PrintsWhatItHas) {
  EXPECT_EQ(Sender{}.text(), "");
  EXPECT_EQ((Sender{"a", "example.com"}.text()), "a@example.com");
  EXPECT_EQ((Sender{"a", ""}.text()), "a");
}

// Shows: ESE-15
TEST(HeloName, IsTheConfirmedReverseNameOnlyWhenHeloIsMissing) {
  Client client;
  EXPECT_EQ(helo_name(client), "");
  client.reverse_name = "mail.example.net";
  EXPECT_EQ(helo_name(client), "mail.example.net");
  client.helo = "helo.example.com";
  EXPECT_EQ(helo_name(client), "helo.example.com");
}

// Shows: W-31
TEST(HeloName, IsCheckableOnlyAsADomainWithADot) {
  EXPECT_TRUE(is_helo_checkable("mail.example.com"));
  EXPECT_TRUE(is_helo_checkable("mail.example.com."));
  EXPECT_FALSE(is_helo_checkable(""));
  EXPECT_FALSE(is_helo_checkable("."));
  EXPECT_FALSE(is_helo_checkable("localhost"));
  EXPECT_FALSE(is_helo_checkable("localhost."));
  EXPECT_FALSE(is_helo_checkable("[192.0.2.1]"));
  EXPECT_FALSE(is_helo_checkable("[IPv6:2001:db8::1]"));
  EXPECT_FALSE(is_helo_checkable("192.0.2.1"));
}

SpfOutcome spf_of(SpfResult result, Identity identity, std::string domain) {
  SpfOutcome outcome;
  outcome.result = result;
  outcome.identity = identity;
  outcome.domain = std::move(domain);
  return outcome;
}

dkim::SignatureOutcome signature_of(dkim::Result result, std::string domain) {
  dkim::SignatureOutcome outcome;
  outcome.result = result;
  outcome.domain = std::move(domain);
  return outcome;
}

// HELO may pass beside a MAIL FROM that does not (CVE-2019-20790).
TEST(SpfForDmarc, IsThatOfMailFromAndOfHeloOnlyWithTheNullSender) {
  Evidence evidence;
  EXPECT_EQ(spf_for_dmarc(evidence), nullptr);
  evidence.spf.mail_from = spf_of(SpfResult::Fail, Identity::MailFrom, "victim.example");
  evidence.spf.helo = spf_of(SpfResult::Pass, Identity::Helo, "attacker.example");
  evidence.spf.from_header = spf_of(SpfResult::Pass, Identity::From, "victim.example");
  evidence.sender = {"a", "victim.example"};
  ASSERT_NE(spf_for_dmarc(evidence), nullptr);
  EXPECT_EQ(spf_for_dmarc(evidence)->domain, "victim.example");
  EXPECT_EQ(spf_for_dmarc(evidence)->result, SpfResult::Fail);
  evidence.sender = {};
  EXPECT_EQ(spf_for_dmarc(evidence)->domain, "attacker.example");
  evidence.spf.helo.reset();
  EXPECT_EQ(spf_for_dmarc(evidence), nullptr);
}

TEST(DkimQuestions, CountOnlySignaturesThatPass) {
  DkimEvidence dkim;
  EXPECT_FALSE(has_passing_signature(dkim));
  EXPECT_FALSE(is_dkim_uncertain(dkim));
  dkim.signatures = {signature_of(dkim::Result::Fail, "a.example"),
                     signature_of(dkim::Result::TempError, "b.example")};
  EXPECT_TRUE(is_dkim_uncertain(dkim));
  EXPECT_TRUE(passing_domains(dkim).empty());
  dkim.signatures.push_back(signature_of(dkim::Result::Pass, "c.example"));
  dkim.signatures.push_back(signature_of(dkim::Result::Pass, "d.example"));
  dkim.signatures.push_back(signature_of(dkim::Result::Pass, "c.example"));
  EXPECT_TRUE(has_passing_signature(dkim));
  EXPECT_FALSE(is_dkim_uncertain(dkim));
  EXPECT_EQ(passing_domains(dkim), (std::vector<std::string_view>{"c.example", "d.example"}));
}

TEST(SignatureChoice, PrefersThoseThatWereVerifiedAndKeepsTheOrder) {
  DkimEvidence dkim;
  for (int i = 0; i < 4; ++i) {
    dkim.signatures.push_back(signature_of(dkim::Result::PermError, "x"));
    dkim.signatures.back().reason = dkim::Reason::MalformedTags;
  }
  dkim.signatures.push_back(signature_of(dkim::Result::Pass, "a.example"));
  dkim.signatures.back().reason = dkim::Reason::Verified;
  dkim.signatures.push_back(signature_of(dkim::Result::Fail, "b.example"));
  dkim.signatures.back().reason = dkim::Reason::BodyHashMismatch;
  const auto chosen = [&dkim](size_t most) {
    std::string domains;
    SignatureChoice choice(dkim, most);
    for (const dkim::SignatureOutcome& one : dkim.signatures) {
      if (choice.takes(one)) domains += one.domain + " ";
    }
    return domains;
  };
  EXPECT_EQ(chosen(3), "x a.example b.example ");
  EXPECT_EQ(chosen(2), "a.example b.example ");
  EXPECT_EQ(chosen(1), "a.example ");
  EXPECT_EQ(chosen(6), "x x x x a.example b.example ");
  EXPECT_EQ(chosen(0), "");
}

TEST(DmarcSatisfied, ByPassOrByAnAppliedOverrideAlone) {
  Evidence evidence;
  EXPECT_FALSE(is_dmarc_satisfied(evidence));
  evidence.dmarc.emplace();
  for (const dmarc::Result result :
       {dmarc::Result::None, dmarc::Result::Fail, dmarc::Result::TempError, dmarc::Result::PermError}) {
    evidence.dmarc->result = result;
    EXPECT_FALSE(is_dmarc_satisfied(evidence));
  }
  evidence.dmarc->result = dmarc::Result::Pass;
  EXPECT_TRUE(is_dmarc_satisfied(evidence));
  evidence.dmarc->result = dmarc::Result::Fail;
  evidence.arc_override.applied = true;
  EXPECT_TRUE(is_dmarc_satisfied(evidence));
}

}  // namespace
}  // namespace sluice::evidence
