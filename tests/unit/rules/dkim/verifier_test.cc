#include "rules/dkim/verifier.h"

#include "tests/unit/rules/dkim/signed_messages.h"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sluice::dkim {
namespace {

using testkit::Key;
using testkit::Keys;
using testkit::options_at;
using testkit::sign;
using testkit::txt;
using testkit::verify;

const std::string kMessage =
    "From: Joe <joe@example.com>\r\nTo: suzie@example.net\r\nSubject: Is dinner ready?\r\n\r\n"
    "Hi.\r\n\r\nWe lost.\r\n";
const std::string kTags = "v=1; a=rsa-sha256; d=example.com; s=s; h=from:to:subject; bh=?; b=?";

Keys rsa_keys() { return {.answers = {{"s._domainkey.example.com", txt({Key::rsa(1024).record()})}}}; }

SignatureOutcome one(std::string_view message, Keys keys = rsa_keys(),
                     const VerifyOptions& options = options_at(1'700'000'000)) {
  const std::vector<SignatureOutcome> outcomes = verify(message, keys, options);
  EXPECT_EQ(outcomes.size(), 1U);
  return outcomes.empty() ? SignatureOutcome() : outcomes.front();
}

std::string replaced(std::string text, std::string_view what, std::string_view with) {
  const size_t at = text.find(what);
  EXPECT_NE(at, std::string::npos) << what;
  return at == std::string::npos ? text : text.replace(at, what.size(), with);
}

// The message of RFC 8463 appendix A.3 with its two signatures, and the keys of A.2.
const std::string kRfc8463 = testkit::with_crlf(
    "DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed;\n"
    " d=football.example.com; i=@football.example.com;\n"
    " q=dns/txt; s=brisbane; t=1528637909; h=from : to :\n"
    " subject : date : message-id : from : subject : date;\n"
    " bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;\n"
    " b=/gCrinpcQOoIfuHNQIbq4pgh9kyIK3AQUdt9OdqQehSwhEIug4D11Bus\n"
    " Fa3bT3FY5OsU7ZbnKELq+eXdp1Q1Dw==\n"
    "DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed;\n"
    " d=football.example.com; i=@football.example.com;\n"
    " q=dns/txt; s=test; t=1528637909; h=from : to : subject :\n"
    " date : message-id : from : subject : date;\n"
    " bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;\n"
    " b=F45dVWDfMbQDGHJFlXUNB2HKfbCeLRyhDXgFpEL8GwpsRe0IeIixNTe3\n"
    " DhCVlUrSjV4BwcVcOF6+FF3Zo9Rpo1tFOeS9mPYQTnGdaSGsgeefOsk2Jz\n"
    " dA+L10TeYt9BgDfQNZtKdN1WO//KgIqXP7OdEFE4LjFYNcUxZQ4FADY+8=\n"
    "From: Joe SixPack <joe@football.example.com>\n"
    "To: Suzie Q <suzie@shopping.example.net>\n"
    "Subject: Is dinner ready?\n"
    "Date: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)\n"
    "Message-ID: <20030712040037.46341.5F8J@football.example.com>\n"
    "\n"
    "Hi.\n"
    "\n"
    "We lost the game.  Are you hungry yet?\n"
    "\n"
    "Joe.\n");
const std::string kRfcRsaKey =
    "v=DKIM1; k=rsa; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDwIRP/UC3SBsEmGqZ9ZJW3/DkMoGeLnQg1fWn7/zYt"
    "IxN2SnFCjxOCKG9v3b4jYfcTNh5ijSsq631uBItLa7od+v/RtdC2UzJ1lWT947qR+Rcac2gbto/NMqJ0fzfVjH4OuKhi"
    "tdY9tf6mcwGjaNBcWToIMmPSPDdQPNUYckcQ2QIDAQAB";
const std::string kRfc8463RsaKey =
    "v=DKIM1; k=rsa; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDkHlOQoBTzWRiGs5V6NpP3idY6Wk08a5qhdR6wy5bd"
    "OKb2jLQiY/J16JYi0Qvx/byYzCNb3W91y3FutACDfzwQ/BC/e/8uBsCR+yz1Lxj+PL6lHvqMKrM3rG4hstT5QjvHO9Pz"
    "oxZyVYLzBfO2EeC3Ip3G+2kryOTIKT+l/K4w3QIDAQAB";
const std::string kRfcEd25519Key = "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";

Keys rfc_keys() {
  return {.answers = {{"brisbane._domainkey.football.example.com", txt({kRfcEd25519Key})},
                      {"test._domainkey.football.example.com", txt({kRfc8463RsaKey})},
                      {"brisbane._domainkey.example.com", txt({kRfcRsaKey})}}};
}

// Shows: ESE-02
TEST(DkimVerifier, AcceptsBothSignaturesOfRfc8463) {
  Keys keys = rfc_keys();
  const auto outcomes = verify(kRfc8463, keys);
  ASSERT_EQ(outcomes.size(), 2U);
  EXPECT_EQ(outcomes[0].result, Result::Pass);
  EXPECT_EQ(outcomes[0].reason, Reason::Verified);
  EXPECT_EQ(outcomes[0].algorithm, Algorithm::Ed25519Sha256);
  EXPECT_EQ(outcomes[0].key_bits, 256U);
  EXPECT_EQ(outcomes[0].domain, "football.example.com");
  EXPECT_EQ(outcomes[0].selector, "brisbane");
  EXPECT_EQ(outcomes[0].identity, "@football.example.com");
  EXPECT_EQ(outcomes[0].signature_head, "/gCrinpc");
  EXPECT_EQ(outcomes[1].result, Result::Pass);
  EXPECT_EQ(outcomes[1].algorithm, Algorithm::RsaSha256);
  EXPECT_EQ(outcomes[1].key_bits, 1024U);
  EXPECT_GT(outcomes[1].header_octets, 300U);
}

// Shows: ESE-02
TEST(DkimVerifier, AcceptsTheExampleOfRfc6376) {
  const std::string message = testkit::with_crlf(
      "DKIM-Signature: v=1; a=rsa-sha256; s=brisbane; d=example.com;\n"
      "      c=simple/simple; q=dns/txt; i=joe@football.example.com;\n"
      "      h=Received : From : To : Subject : Date : Message-ID;\n"
      "      bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;\n"
      "      b=AuUoFEfDxTDkHlLXSZEpZj79LICEps6eda7W3deTVFOk4yAUoqOB\n"
      "      4nujc7YopdG5dWLSdNg6xNAZpOPr+kHxt1IrE+NahM6L/LbvaHut\n"
      "      KVdkLLkpVaVVQPzeRDI009SO2Il5Lu7rDNH6mZckBdrIx0orEtZV\n"
      "      4bmp/YzhwvcubU4=;\n"
      "Received: from client1.football.example.com  [192.0.2.1]\n"
      "      by submitserver.example.com with SUBMISSION;\n"
      "      Fri, 11 Jul 2003 21:01:54 -0700 (PDT)\n"
      "From: Joe SixPack <joe@football.example.com>\n"
      "To: Suzie Q <suzie@shopping.example.net>\n"
      "Subject: Is dinner ready?\n"
      "Date: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)\n"
      "Message-ID: <20030712040037.46341.5F8J@football.example.com>\n"
      "\n"
      "Hi.\n\nWe lost the game. Are you hungry yet?\n\nJoe.\n");
  const SignatureOutcome outcome = one(message, rfc_keys());
  EXPECT_EQ(to_word(outcome.reason), "verified");
  EXPECT_EQ(outcome.identity, "joe@football.example.com");
}

TEST(DkimVerifier, AcceptsWhatWasSignedInEveryForm) {
  for (const Canonicalization header : {Canonicalization::Simple, Canonicalization::Relaxed}) {
    for (const Canonicalization body : {Canonicalization::Simple, Canonicalization::Relaxed}) {
      const std::string c = std::string(to_word(header)) + "/" + std::string(to_word(body));
      const std::string signed_message =
          sign(kMessage, replaced(kTags, "d=", "c=" + c + "; d="), Key::rsa(1024), header, body);
      EXPECT_EQ(to_word(one(signed_message).reason), "verified") << c;
      EXPECT_EQ(one(replaced(signed_message, "lost", "won")).reason, Reason::BodyHashMismatch);
      EXPECT_EQ(one(replaced(signed_message, "dinner", "Dinner")).reason, Reason::SignatureMismatch);
      const bool relaxed = header == Canonicalization::Relaxed;
      EXPECT_EQ(one(replaced(signed_message, "Is dinner", "Is  dinner")).reason,
                relaxed ? Reason::Verified : Reason::SignatureMismatch);
    }
  }
}

TEST(DkimVerifier, AcceptsRsaFrom1024To4096Bits) {
  const std::string tags = replaced(kTags, "d=", "c=relaxed/simple; d=");
  for (const unsigned bits : {1024U, 2048U, 4096U}) {
    const Keys keys{.answers = {{"s._domainkey.example.com", txt({Key::rsa(bits).record()})}}};
    const SignatureOutcome outcome =
        one(sign(kMessage, tags, Key::rsa(bits), Canonicalization::Relaxed), keys);
    EXPECT_EQ(to_word(outcome.reason), "verified");
    EXPECT_EQ(outcome.key_bits, bits);
  }
  const Keys short_key{.answers = {{"s._domainkey.example.com", txt({Key::rsa(512).record()})}}};
  EXPECT_EQ(one(sign(kMessage, kTags, Key::rsa(512)), short_key).reason, Reason::KeyTooShort);
  VerifyOptions strict = options_at(1'700'000'000);
  strict.rsa_bits_min = 2048;
  EXPECT_EQ(one(sign(kMessage, kTags, Key::rsa(1024)), rsa_keys(), strict).reason, Reason::KeyTooShort);
}

// The verifier by hand, for what the order of events must not change.
class Stepwise : public testing::Test {
 protected:
  void start(const std::string& message) {
    const size_t taken = reader_.feed(message);
    reader_.finish();
    rest_ = message.substr(taken);
    verifier_.start(reader_.block(), body_, options_at(1'700'000'000));
  }
  auth::Progress give_body() {
    body_.feed(rest_);
    body_.finish();
    verifier_.body_done();
    return verifier_.step();
  }

  mail::HeaderReader reader_;
  std::string rest_;
  BodyHashes body_;
  Verifier verifier_;
};
using DkimVerifierSteps = Stepwise;

TEST_F(DkimVerifierSteps, AsksForEachKeyOnce) {
  std::string message = sign(kMessage, kTags, Key::rsa(1024));
  message = sign(message, replaced(kTags, "s=s", "s=S"), Key::rsa(1024));
  message = sign(message, replaced(kTags, "s=s", "s=other"), Key::rsa(1024));
  start(message);
  EXPECT_EQ(verifier_.step(), auth::Progress::NeedAnswers);
  ASSERT_EQ(verifier_.questions().size(), 2U);
  EXPECT_EQ(verifier_.questions()[0].question.name.to_text(), "other._domainkey.example.com");
  EXPECT_EQ(verifier_.questions()[1].question.name.to_text(), "s._domainkey.example.com");
  EXPECT_EQ(verifier_.questions()[1].kind, dns::LookupKind::Uncounted);
  EXPECT_EQ(verifier_.step(), auth::Progress::NeedAnswers);
  EXPECT_TRUE(verifier_.questions().empty());
}

TEST_F(DkimVerifierSteps, GivesTheSameWhateverComesFirst) {
  // The body and the signature are both wrong: the body is what is named.
  const std::string wrong =
      replaced(replaced(sign(kMessage, kTags, Key::rsa(1024)), "lost", "won"), "dinner", "lunch");
  start(wrong);
  (void)verifier_.step();
  verifier_.answer(0, txt({Key::rsa(1024).record()}));
  EXPECT_EQ(verifier_.step(), auth::Progress::NeedAnswers);
  EXPECT_EQ(give_body(), auth::Progress::Done);
  const SignatureOutcome keys_first = verifier_.outcome()[0];
  EXPECT_EQ(keys_first.reason, Reason::BodyHashMismatch);

  body_.reset();
  verifier_.start(reader_.block(), body_, options_at(1'700'000'000));
  (void)verifier_.step();
  EXPECT_EQ(give_body(), auth::Progress::NeedAnswers);
  verifier_.answer(0, txt({Key::rsa(1024).record()}));
  EXPECT_EQ(verifier_.step(), auth::Progress::Done);
  EXPECT_EQ(verifier_.outcome()[0], keys_first);
}

TEST_F(DkimVerifierSteps, IsTempErrorUntilItIsDone) {
  start(sign(kMessage, kTags, Key::rsa(1024)));
  (void)verifier_.step();
  EXPECT_EQ(verifier_.outcome()[0].result, Result::TempError);
  EXPECT_EQ(verifier_.outcome()[0].reason, Reason::OutOfTime);
  EXPECT_EQ(verifier_.outcome()[0].domain, "example.com");
}

TEST_F(DkimVerifierSteps, NeedsNoBodyWhereNoSignatureIsLeft) {
  start(sign(kMessage, replaced(kTags, "v=1", "v=2"), Key::rsa(1024)));
  EXPECT_TRUE(body_.empty());
  EXPECT_EQ(verifier_.step(), auth::Progress::Done);
  EXPECT_TRUE(verifier_.questions().empty());

  start(kMessage);
  EXPECT_EQ(verifier_.step(), auth::Progress::Done);
}

TEST_F(DkimVerifierSteps, EndsWithoutTheBodyWhereTheKeyIsMissing) {
  start(sign(kMessage, kTags, Key::rsa(1024)));
  (void)verifier_.step();
  verifier_.answer(0, dns::Answer{.status = dns::AnswerStatus::NxDomain});
  EXPECT_EQ(verifier_.step(), auth::Progress::Done);
  EXPECT_EQ(verifier_.outcome()[0].reason, Reason::KeyNotFound);
}

TEST_F(DkimVerifierSteps, TakesTheFirstAnswerAndNoStrangers) {
  start(sign(kMessage, kTags, Key::rsa(1024)));
  (void)verifier_.step();
  dns::Answer stale = txt({Key::rsa(1024).record()});
  stale.stale = true;
  verifier_.answer(7, dns::Answer{.status = dns::AnswerStatus::NxDomain});
  verifier_.answer(0, stale, KeyRecord::from(stale));
  verifier_.answer(0, dns::Answer{.status = dns::AnswerStatus::NxDomain});
  EXPECT_EQ(give_body(), auth::Progress::Done);
  EXPECT_EQ(verifier_.outcome()[0].reason, Reason::Verified);
  EXPECT_TRUE(verifier_.outcome()[0].stale_key);
}

TEST(DkimVerifier, NamesSignaturesThatBeginAlikeByMore) {
  const std::string same = std::string(20, 'A');
  const auto field = [&](const std::string& b) {
    return "DKIM-Signature: v=1; a=rsa-sha256; d=example.com; s=s; h=from; bh=AAAA; b=" + b + "\r\n";
  };
  Keys keys;
  auto outcomes = verify(field(same.substr(0, 10) + "BBBB") + field(same) + kMessage, keys);
  EXPECT_EQ(outcomes[0].signature_head, "AAAAAAAAAABBBB");
  EXPECT_EQ(outcomes[1].signature_head, "AAAAAAAAAAAAAAAA");
  outcomes = verify(field("AA\r\n AAAAAAAA") + field("BBBBBBBBBBBB") + kMessage, keys);
  EXPECT_EQ(outcomes[0].signature_head, "AAAAAAAA");
  EXPECT_EQ(outcomes[1].signature_head, "BBBBBBBB");
}

}  // namespace
}  // namespace sluice::dkim
