#include "rules/policy/authentication_results.h"

#include "io/base/ascii.h"
#include "io/base/limits.h"
#include "rules/auth/authentication_results.h"

#include <algorithm>
#include <string>
#include <utility>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sluice::policy {
namespace {

using evidence::Evidence;
using evidence::Identity;
using evidence::SpfOutcome;
using evidence::SpfResult;
using ::testing::HasSubstr;

dkim::SignatureOutcome signature_of(dkim::Result result, dkim::Reason reason, std::string domain) {
  dkim::SignatureOutcome signature;
  signature.result = result;
  signature.reason = reason;
  signature.identity = "@" + domain;
  signature.domain = std::move(domain);
  signature.selector = "s1";
  signature.signature_head = "AbC/+=12";
  signature.algorithm = dkim::Algorithm::RsaSha256;
  return signature;
}

SpfOutcome spf_of(SpfResult result, Identity identity, std::string domain) {
  SpfOutcome outcome;
  outcome.result = result;
  outcome.identity = identity;
  outcome.domain = std::move(domain);
  return outcome;
}

// A message of ann@sender.example from 192.0.2.1.
Evidence evidence_of(SpfResult spf) {
  Evidence evidence;
  evidence.client.address = *IpAddress::parse("192.0.2.1");
  evidence.client.helo = "mail.sender.example";
  evidence.sender = {"ann", "sender.example"};
  evidence.spf.mail_from = spf_of(spf, Identity::MailFrom, "sender.example");
  evidence.dkim.verified = true;
  return evidence;
}

dmarc::Outcome dmarc_of(dmarc::Result result, dmarc::Policy policy) {
  dmarc::Outcome outcome;
  outcome.result = result;
  outcome.author_domain = "sender.example";
  outcome.policy = policy;
  outcome.disposition = result == dmarc::Result::Fail ? policy : dmarc::Policy::None;
  return outcome;
}

std::string unfolded(std::string text) {
  std::erase(text, '\r');
  std::erase(text, '\n');
  std::ranges::replace(text, '\t', ' ');
  return text;
}

TEST(AuthenticationResultsField, HoldsEveryResultOnALineOfItsOwn) {
  Evidence evidence = evidence_of(SpfResult::Pass);
  evidence.dkim.signatures = {
      signature_of(dkim::Result::Pass, dkim::Reason::Verified, "sender.example"),
      signature_of(dkim::Result::Fail, dkim::Reason::BodyHashMismatch, "list.example")};
  evidence.dmarc = dmarc_of(dmarc::Result::Pass, dmarc::Policy::Reject);
  evidence.arc.emplace();
  evidence.arc->result = arc::Result::Pass;
  evidence.arc->oldest_pass = 1;
  EXPECT_EQ(authentication_results_line("mx.example.com", evidence),
            "Authentication-Results: mx.example.com;\r\n"
            "\tspf=pass smtp.mailfrom=ann@sender.example;\r\n"
            "\tdkim=pass header.d=sender.example header.i=@sender.example\r\n"
            "\theader.s=s1 header.a=rsa-sha256 header.b=\"AbC/+=12\";\r\n"
            "\tdkim=fail reason=\"body-hash-mismatch\" header.d=list.example\r\n"
            "\theader.s=s1 header.a=rsa-sha256 header.b=\"AbC/+=12\";\r\n"
            "\tdmarc=pass header.from=sender.example policy.dmarc=reject;\r\n"
            "\tarc=pass header.oldest-pass=0 smtp.remote-ip=192.0.2.1\r\n");
}

TEST(AuthenticationResultsField, SaysNoneWhereNothingWasEvaluated) {
  EXPECT_EQ(authentication_results_line("mx.example.com", Evidence{}),
            "Authentication-Results: mx.example.com; none\r\n");
  EXPECT_EQ(arc_results_payload(Evidence{}), "; none");
}

TEST(AuthenticationResultsField, NamesTheIdentityThatSpfChecked) {
  Evidence bounce;
  bounce.client.helo = "mail.sender.example";
  bounce.spf.helo = spf_of(SpfResult::SoftFail, Identity::Helo, "mail.sender.example");
  EXPECT_EQ(arc_results_payload(bounce), ";\r\n\tspf=softfail smtp.helo=mail.sender.example");
  Evidence both = evidence_of(SpfResult::TempError);
  both.spf.helo = spf_of(SpfResult::Pass, Identity::Helo, "mail.sender.example");
  both.dkim.verified = false;
  EXPECT_EQ(
      arc_results_payload(both),
      ";\r\n\tspf=temperror smtp.mailfrom=ann@sender.example;\r\n\tspf=pass smtp.helo=mail.sender.example");
}

TEST(AuthenticationResultsField, TellsNoSignaturesFromNotVerified) {
  Evidence evidence = evidence_of(SpfResult::None);
  EXPECT_THAT(arc_results_payload(evidence), HasSubstr(";\r\n\tdkim=none"));
  evidence.dkim.verified = false;
  EXPECT_EQ(arc_results_payload(evidence).find("dkim"), std::string::npos);
}

TEST(AuthenticationResultsField, SaysWhyDmarcFailedOrWasOverridden) {
  Evidence evidence = evidence_of(SpfResult::Fail);
  evidence.dmarc = dmarc_of(dmarc::Result::Fail, dmarc::Policy::Quarantine);
  EXPECT_THAT(unfolded(arc_results_payload(evidence)),
              HasSubstr("dmarc=fail header.from=sender.example policy.dmarc=quarantine"));
  evidence.arc_override = {true, "google.com", "because"};
  EXPECT_THAT(
      unfolded(arc_results_payload(evidence)),
      HasSubstr("dmarc=fail reason=\"overridden by ARC sealer google.com\" header.from=sender.example"));
  evidence.dmarc->result = dmarc::Result::Pass;  // nothing was overridden
  EXPECT_THAT(unfolded(arc_results_payload(evidence)), HasSubstr("dmarc=pass header.from=sender.example"));
  evidence.arc_override = {};
  evidence.dmarc = dmarc::Outcome{};
  evidence.dmarc->result = dmarc::Result::PermError;
  evidence.dmarc->reason = dmarc::Reason::SeveralAuthors;
  EXPECT_THAT(arc_results_payload(evidence), HasSubstr("\tdmarc=permerror reason=\"several-authors\""));
  EXPECT_EQ(arc_results_payload(evidence).find("header.from"), std::string::npos);
}

// What a peer chose, in every place that it can reach.
Evidence hostile(const std::string& text) {
  Evidence evidence = evidence_of(SpfResult::Fail);
  evidence.sender = {text, text};
  evidence.client.helo = text;
  evidence.spf.mail_from->domain = text;
  evidence.spf.helo = spf_of(SpfResult::Fail, Identity::Helo, text);
  dkim::SignatureOutcome signature = signature_of(dkim::Result::Pass, dkim::Reason::Verified, text);
  signature.selector = text;
  signature.identity = text;
  signature.signature_head = text;
  evidence.dkim.signatures = {signature, signature};
  evidence.dkim.signatures[1].result = dkim::Result::PermError;
  evidence.dmarc = dmarc_of(dmarc::Result::Fail, dmarc::Policy::Reject);
  evidence.dmarc->author_domain = text;
  evidence.arc_override = {true, text, text};
  evidence.arc.emplace();
  evidence.arc->result = arc::Result::Fail;
  return evidence;
}

void expect_one_field(const std::string& line) {
  ASSERT_TRUE(line.ends_with("\r\n"));
  for (size_t begin = 0; begin < line.size();) {
    const size_t end = line.find("\r\n", begin);
    EXPECT_LE(end - begin, limits::kSmtpTextLineAdvised);
    EXPECT_TRUE(begin == 0 || line[begin] == '\t' || line[begin] == ' ') << line;
    for (size_t i = begin + (begin == 0 ? 0 : 1); i < end; ++i)
      EXPECT_TRUE(is_ascii_printable(line[i])) << line;
    begin = end + 2;
  }
}

// Shows: W-21
TEST(AuthenticationResultsField, CannotBeBrokenByWhatAPeerChose) {
  for (const std::string& text :
       {std::string("a\r\nX-Evil: 1"), std::string("bank.example(.attacker.example"),
        std::string("x; dmarc=pass header.from=bank.example"), std::string("\"; dmarc=pass (\\"),
        std::string("a b"), std::string("nul\0nul", 7), std::string("\xc3\xbc.example"),
        std::string(5000, 'a'), std::string(5000, '"'), std::string()}) {
    const std::string line = authentication_results_line("mx.example.com", hostile(text));
    expect_one_field(line);
    EXPECT_LT(line.size(), 8000U);
    const auth::AuthenticationResults read =
        auth::read_authentication_results(std::string_view(line).substr(line.find(':') + 1));
    EXPECT_TRUE(read.complete) << line;
    std::string methods;
    for (const auth::MethodResult& result : read.results)
      methods += result.method + '=' + result.result + ' ';
    EXPECT_EQ(methods, "spf=fail spf=fail dkim=pass dkim=permerror dmarc=fail arc=fail ") << line;
    expect_one_field(tm_dmarc_field(hostile(text)).to_line());
    expect_one_field(tm_dkim_field(hostile(text).dkim, false).to_line());
  }
}

// CVE-2020-12272: a domain that is none is not written where a domain is expected.
TEST(AuthenticationResultsField, LeavesOutDomainsThatAreNone) {
  for (const char* text : {"bank.example(.attacker.example", "bank.example\"x", "-", "a..b", "x y"}) {
    const std::string line = authentication_results_line("mx.example.com", hostile(text));
    const auth::AuthenticationResults read =
        auth::read_authentication_results(std::string_view(line).substr(line.find(':') + 1));
    for (const auth::MethodResult& result : read.results) {
      EXPECT_EQ(result.find("header", "d"), nullptr) << line;
      EXPECT_EQ(result.find("header", "from"), nullptr) << line;
    }
  }
}

TEST(AuthenticationResultsField, IsBounded) {
  Evidence evidence = evidence_of(SpfResult::Pass);
  for (int i = 0; i < 2000; ++i) {
    evidence.dkim.signatures.push_back(
        signature_of(dkim::Result::Policy, dkim::Reason::TooManySignatures, "sender.example"));
  }
  EXPECT_LT(authentication_results_line("mx.example.com", evidence).size(), 10000U);
}

// Fields that anybody can put on top do not push the signature that counts out of what is written.
TEST(AuthenticationResultsField, ShowsVerifiedSignaturesBelowManyThatAreNot) {
  Evidence evidence = evidence_of(SpfResult::Pass);
  evidence.dkim.signatures.assign(
      90, signature_of(dkim::Result::PermError, dkim::Reason::MalformedTags, "sender.example"));
  evidence.dkim.signatures.push_back(
      signature_of(dkim::Result::Pass, dkim::Reason::Verified, "good.example"));
  EXPECT_TRUE(
      authentication_results_line("mx.example.com", evidence).contains("dkim=pass header.d=good.example"));
}

// Shows: TM-07
TEST(TmDkimField, HasTheFiveDocumentedForms) {
  evidence::DkimEvidence dkim;
  dkim.verified = true;
  const auto line = [&dkim](bool enforced) { return tm_dkim_field(dkim, enforced).to_line(); };
  EXPECT_EQ(line(false),
            "X-TM-Authentication-Results: dkim=pass; No signatures and verification is not enforced\r\n");
  EXPECT_EQ(
      line(true),
      "X-TM-Authentication-Results: dkim=fail; No processed signatures but verification is enforced\r\n");
  dkim.signatures = {signature_of(dkim::Result::PermError, dkim::Reason::KeyRevoked, "a.example")};
  EXPECT_EQ(
      line(false),
      "X-TM-Authentication-Results: dkim=pass; No processed signatures and verification is not enforced\r\n");
  EXPECT_EQ(
      line(true),
      "X-TM-Authentication-Results: dkim=fail; No processed signatures but verification is enforced\r\n");
  dkim.signatures.push_back(signature_of(dkim::Result::Fail, dkim::Reason::SignatureMismatch, "a.example"));
  EXPECT_EQ(line(false), "X-TM-Authentication-Results: dkim=fail; No verified signatures\r\n");
  EXPECT_EQ(line(true), "X-TM-Authentication-Results: dkim=fail; No verified signatures\r\n");
  dkim.signatures.push_back(signature_of(dkim::Result::Pass, dkim::Reason::Verified, "b.example"));
  EXPECT_EQ(line(true),
            "X-TM-Authentication-Results: dkim=pass; Contain verified signature, header.d=b.example, "
            "header.s=s1, header.i=@b.example\r\n");
}

// Shows: TM-10
TEST(TmDmarcField, CombinesAllThree) {
  Evidence evidence = evidence_of(SpfResult::TempError);
  evidence.dmarc = dmarc_of(dmarc::Result::Fail, dmarc::Policy::None);
  EXPECT_EQ(tm_dmarc_field(evidence).value,
            "spf=temperror (sender IP address: 192.0.2.1) smtp.mailfrom=ann@sender.example; "
            "dkim=none (no processed signatures) header.d=none; dmarc=fail action=none "
            "header.from=sender.example;");
  evidence.dkim.signatures = {signature_of(dkim::Result::Pass, dkim::Reason::Verified, "b.example")};
  evidence.dmarc = dmarc_of(dmarc::Result::Pass, dmarc::Policy::Reject);
  EXPECT_EQ(tm_dmarc_field(evidence).value,
            "spf=temperror (sender IP address: 192.0.2.1) smtp.mailfrom=ann@sender.example; "
            "dkim=pass (signature verified) header.d=b.example; dmarc=pass action=none "
            "header.from=sender.example;");
}

}  // namespace
}  // namespace sluice::policy
