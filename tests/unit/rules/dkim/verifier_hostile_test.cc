// What attackers try with signatures and keys, and what is right: one test for each case.
#include "io/base/limits.h"
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

constexpr int64_t kNow = 1'700'000'000;
const std::string kMessage =
    "From: Joe <joe@example.com>\r\nTo: suzie@example.net\r\nSubject: Is dinner ready?\r\n\r\n"
    "Hi.\r\n\r\nWe lost.\r\n";
const std::string kTags = "v=1; a=rsa-sha256; d=example.com; s=s; h=from:to:subject; bh=?; b=?";

Keys keys_with(const std::string& record) {
  return {.answers = {{"s._domainkey.example.com", txt({record})}}};
}
Keys rsa_keys() { return keys_with(Key::rsa(1024).record()); }

SignatureOutcome one(std::string_view message, Keys keys = rsa_keys(),
                     const VerifyOptions& options = options_at(kNow)) {
  const std::vector<SignatureOutcome> outcomes = verify(message, keys, options);
  EXPECT_EQ(outcomes.size(), 1U);
  return outcomes.empty() ? SignatureOutcome() : outcomes.front();
}

std::string replaced(std::string text, std::string_view what, std::string_view with) {
  const size_t at = text.find(what);
  EXPECT_NE(at, std::string::npos) << what;
  return at == std::string::npos ? text : text.replace(at, what.size(), with);
}
std::string signed_with(const std::string& tags, const std::string& message = kMessage) {
  return sign(message, tags, Key::rsa(1024));
}
// The reason for a message signed rightly with these tags in front of the usual ones.
std::string reason_with(const std::string& tags) {
  return std::string(to_word(one(signed_with(replaced(kTags, "v=1; ", "v=1; " + tags))).reason));
}

TEST(DkimHostile, BodyAppendedBehindLengthIsPolicyAndNotPass) {
  const std::string message = sign(kMessage, replaced(kTags, "bh=", "l=5; bh="), Key::rsa(1024),
                                   Canonicalization::Simple, Canonicalization::Simple, 5);
  const SignatureOutcome outcome = one(message + "Click here.\r\n");
  EXPECT_EQ(outcome.result, Result::Policy);
  EXPECT_EQ(to_word(outcome.reason), "body-not-covered");
  EXPECT_EQ(outcome.body_length, 5U);
  EXPECT_EQ(outcome.octets_not_covered, 25U);

  VerifyOptions trusting = options_at(kNow);
  trusting.partial_body = true;
  EXPECT_EQ(one(message + "Click here.\r\n", rsa_keys(), trusting).result, Result::Pass);
}

TEST(DkimHostile, LengthOfTheWholeBodyPasses) {
  const SignatureOutcome outcome = one(sign(kMessage, replaced(kTags, "bh=", "l=17; bh="), Key::rsa(1024),
                                            Canonicalization::Simple, Canonicalization::Simple, 17));
  EXPECT_EQ(to_word(outcome.reason), "verified");
  EXPECT_EQ(outcome.octets_not_covered, 0U);
}

TEST(DkimHostile, LengthBeyondTheBodyFails) {
  const SignatureOutcome outcome = one(signed_with(replaced(kTags, "bh=", "l=18; bh=")));
  EXPECT_EQ(outcome.result, Result::Fail);
  EXPECT_EQ(to_word(outcome.reason), "body-length-beyond-body");
  const std::string huge(76, '9');
  EXPECT_EQ(one(signed_with(replaced(kTags, "bh=", "l=" + huge + "; bh="))).reason,
            Reason::BodyLengthBeyondBody);
}

TEST(DkimHostile, LengthThatIsNoNumberIsPermerror) {
  for (const char* length : {"", "-1", "+1", "1x", "0x10", "1 2", "1.0"}) {
    EXPECT_EQ(reason_with("l=" + std::string(length) + "; "), "malformed-tag") << length;
  }
  EXPECT_EQ(reason_with("l=" + std::string(77, '1') + "; "), "malformed-tag");
}

TEST(DkimHostile, FromMustBeSigned) {
  EXPECT_EQ(to_word(one(signed_with(replaced(kTags, "from:", ""))).reason), "from-not-signed");
  EXPECT_EQ(one(signed_with(replaced(kTags, "from:", "FROM :"))).result, Result::Pass);
}

TEST(DkimHostile, ExpiryIsLookedAt) {
  const std::string second = std::to_string(kNow);
  EXPECT_EQ(reason_with("x=" + second + "; "), "verified");
  EXPECT_EQ(reason_with("x=" + std::to_string(kNow - 1) + "; "), "expired");
  EXPECT_EQ(reason_with("t=" + second + "; x=" + second + "; "), "expires-before-signed");
  EXPECT_EQ(reason_with("t=" + std::to_string(kNow + 10) + "; x=" + std::to_string(kNow + 5) + "; "),
            "expires-before-signed");
  EXPECT_EQ(reason_with("x=tomorrow; "), "malformed-tag");
  EXPECT_EQ(reason_with("x=999999999999; t=1; "), "verified");
  EXPECT_EQ(reason_with("x=9999999999999; "), "malformed-tag");
}

TEST(DkimHostile, SignaturesFromTheFutureAreNotTaken) {
  EXPECT_EQ(reason_with("t=" + std::to_string(kNow + 300) + "; "), "verified");
  EXPECT_EQ(reason_with("t=" + std::to_string(kNow + 301) + "; "), "signed-in-the-future");
  EXPECT_EQ(result_of(Reason::SignedInTheFuture), Result::Policy);
}

TEST(DkimHostile, IdentityMustBeInTheDomain) {
  for (const char* inside : {"@example.com", "joe@example.com", "@a.b.EXAMPLE.com", "j=20o=3Be@x.example.com",
                             "a@b@example.com"}) {
    EXPECT_EQ(reason_with("i=" + std::string(inside) + "; "), "verified") << inside;
  }
  for (const char* outside :
       {"@example.net", "@badexample.com", "@com.example", "example.com@victim.example"}) {
    EXPECT_EQ(reason_with("i=" + std::string(outside) + "; "), "identity-outside-domain") << outside;
  }
  for (const char* broken : {"example.com", "@", "", "joe@", "joe@com", "joe=zz@example.com",
                             "j=00@example.com", "j=0D=0Ax@example.com", "@example.com.", "@.example.com"}) {
    EXPECT_EQ(reason_with("i=" + std::string(broken) + "; "), "malformed-tag") << broken;
  }
}

TEST(DkimHostile, DomainsAndSelectorsAreNames) {
  for (const char* domain : {"", "com", ".example.com", "example..com", "example.com.", "exa mple.com",
                             "a/b.com", "legitimate.com(.attacker.com", "\"a\".com", "a@b.com", "a,b.com",
                             "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.com"}) {
    const SignatureOutcome outcome = one(signed_with(replaced(kTags, "example.com", domain)));
    EXPECT_EQ(to_word(outcome.reason), "malformed-tag") << domain;
    EXPECT_EQ(outcome.domain, domain);
  }
  for (const char* selector : {"", "a..b", "s;", "s s", "s*", "s/../t"}) {
    const Reason reason = one(signed_with(replaced(kTags, "s=s", "s=" + std::string(selector)))).reason;
    EXPECT_THAT(reason, testing::AnyOf(Reason::MalformedTag, Reason::MalformedTags)) << selector;
  }
  const std::string nul =
      signed_with(replaced(kTags, "example.com", std::string("example.com\0.evil.com", 21)));
  EXPECT_EQ(one(nul).reason, Reason::MalformedTags);
  EXPECT_EQ(one(nul).result, Result::PermError);
}

TEST(DkimHostile, ManyHeaderNamesAreRefused) {
  std::string names;
  for (size_t i = 1; i < limits::kDkimHeaderNames; ++i) names += "x:";
  EXPECT_EQ(one(signed_with(replaced(kTags, "from:to:subject", names + "from"))).result, Result::Pass);
  EXPECT_EQ(to_word(one(signed_with(replaced(kTags, "from:to:subject", names + "x:from"))).reason),
            "too-many-header-names");
  for (size_t i = 0; i < 100'000; ++i) names += "from:";
  EXPECT_EQ(one(signed_with(replaced(kTags, "from:to:subject", names + "from"))).reason,
            Reason::TooManyHeaderNames);
}

TEST(DkimHostile, OnlyTheFirstTenSignaturesAreVerified) {
  std::string message = signed_with(kTags);
  const std::string field = message.substr(0, message.size() - kMessage.size());
  for (size_t i = 0; i < 2000; ++i) message = field + message;
  Keys keys = rsa_keys();
  const auto outcomes = verify(message, keys);
  ASSERT_EQ(outcomes.size(), limits::kDkimSignatureFields + 1);
  for (size_t i = 0; i < limits::kDkimSignatures; ++i) EXPECT_EQ(outcomes[i].result, Result::Pass);
  for (size_t i = limits::kDkimSignatures; i < outcomes.size(); ++i) {
    EXPECT_EQ(outcomes[i].result, Result::Policy);
    EXPECT_EQ(to_word(outcomes[i].reason), "too-many-signatures");
    EXPECT_EQ(outcomes[i].domain, i < limits::kDkimSignatureFields ? "example.com" : "");
  }
  EXPECT_EQ(keys.asked, 1U);
}

std::string with_on_top(std::string message, std::string_view field, size_t times) {
  for (size_t i = 0; i < times; ++i) message.insert(0, field);
  return message;
}

// Whoever hands a message on cannot push a signature out of sight with fields that cost nothing to refuse.
TEST(DkimHostile, FieldsThatNameNoKeyTakeNoPlace) {
  const std::string message = signed_with(kTags);
  for (const char* field :
       {"DKIM-Signature: x\r\n", "DKIM-Signature: v=1\r\n",
        "DKIM-Signature: v=1; a=rsa-sha1; d=example.com; s=s; h=from; bh=AAAA; b=AAAA\r\n",
        "DKIM-Signature: v=1; a=rsa-sha256; d=example.com; s=s; h=from; x=1; "
        "bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=; b=AAAA\r\n"}) {
    Keys keys = rsa_keys();
    const auto outcomes = verify(with_on_top(message, field, limits::kDkimSignatureFields - 1), keys);
    ASSERT_EQ(outcomes.size(), limits::kDkimSignatureFields) << field;
    EXPECT_EQ(outcomes.front().result, Result::PermError) << field;
    EXPECT_TRUE(is_of_field(outcomes.front().reason)) << field;
    EXPECT_EQ(outcomes.back().result, Result::Pass) << field;
    EXPECT_EQ(keys.asked, 1U);
  }
}

TEST(DkimHostile, FieldsBelowTheHundredthAreOneOutcome) {
  const std::string message = signed_with(kTags);
  Keys keys = rsa_keys();
  for (const size_t on_top : {limits::kDkimSignatureFields, size_t{3000}}) {
    const auto outcomes = verify(with_on_top(message, "DKIM-Signature: x\r\n", on_top), keys);
    ASSERT_EQ(outcomes.size(), limits::kDkimSignatureFields + 1);
    EXPECT_EQ(outcomes.back().reason, Reason::TooManySignatures);
    EXPECT_EQ(outcomes.back().domain, "");
  }
  EXPECT_EQ(keys.asked, 0U);
}

TEST(DkimHostile, KeysOfUnsuitableSizeDoNotCount) {
  EXPECT_EQ(to_word(one(sign(kMessage, kTags, Key::rsa(512)), keys_with(Key::rsa(512).record())).reason),
            "key-too-short");
  std::string modulus(2048, '\0');
  modulus.front() = '\x80';
  modulus.back() = '\x01';
  // RSAPublicKey (RFC 8017 A.1.1): SEQUENCE { INTEGER modulus, INTEGER 65537 }, with 16384 bits.
  const std::string key = std::string("\x30\x82\x08\x0a\x02\x82\x08\x01\x00", 9) + modulus + "\x02\x03\x01" +
                          std::string("\x00\x01", 2);
  const SignatureOutcome outcome = one(signed_with(kTags), keys_with("v=DKIM1; p=" + testkit::base64(key)));
  EXPECT_EQ(to_word(outcome.reason), "key-too-long");
  EXPECT_EQ(outcome.result, Result::Policy);
  EXPECT_EQ(outcome.key_bits, 16384U);
}

TEST(DkimHostile, WeakAndUnknownAlgorithmsNeverPass) {
  EXPECT_EQ(to_word(one(signed_with(replaced(kTags, "rsa-sha256", "rsa-sha1"))).reason), "weak-algorithm");
  EXPECT_EQ(to_word(one(signed_with(replaced(kTags, "rsa-sha256", "rsa-md5"))).reason), "unknown-algorithm");
  EXPECT_EQ(to_word(one(signed_with(replaced(kTags, "rsa-sha256", "RSA-SHA256"))).reason),
            "unknown-algorithm");
}

TEST(DkimHostile, UnknownFormsArePermerror) {
  EXPECT_EQ(reason_with("c=relaxed/nonsense; "), "unknown-canonicalization");
  EXPECT_EQ(reason_with("c=simple/simple/simple; "), "unknown-canonicalization");
  EXPECT_EQ(reason_with("c=; "), "unknown-canonicalization");
  EXPECT_EQ(reason_with("q=dns/txt; "), "verified");
  EXPECT_EQ(reason_with("q=http:dns/txt; "), "verified");
  EXPECT_EQ(reason_with("q=http; "), "unknown-query-method");
  EXPECT_EQ(reason_with("zz=whatever; z=From:x|To:y; "), "verified");
  EXPECT_EQ(reason_with("s=twice; "), "malformed-tags");
  EXPECT_EQ(to_word(one(signed_with(replaced(kTags, "v=1; ", ""))).reason), "missing-tag");
  EXPECT_EQ(to_word(one(signed_with(replaced(kTags, "v=1", "v=2"))).reason), "unknown-version");
  EXPECT_EQ(to_word(one(signed_with(replaced(kTags, "v=1", "v=1.0"))).reason), "unknown-version");
  for (const char* tag : {"a=rsa-sha256; ", "d=example.com; ", "s=s; ", "h=from:to:subject; ", "bh=?; "}) {
    EXPECT_EQ(to_word(one(signed_with(replaced(kTags, tag, ""))).reason), "missing-tag") << tag;
  }
  EXPECT_EQ(to_word(one(signed_with(replaced(kTags, "h=from", "h=:from"))).reason), "malformed-tag");
  EXPECT_EQ(to_word(one(signed_with(replaced(kTags, "bh=?", "bh=AAAA"))).reason), "malformed-tag");
}

TEST(DkimHostile, KeyFlagsAndServicesAreKept) {
  const std::string p = "; p=" + testkit::base64(Key::rsa(1024).public_info());
  const std::string message = signed_with(kTags);
  const std::string below = signed_with(replaced(kTags, "d=", "i=@sub.example.com; d="));
  const auto reason = [](const std::string& text, const std::string& record) {
    return std::string(to_word(one(text, keys_with(record)).reason));
  };
  EXPECT_EQ(reason(message, "v=DKIM1; t=s" + p), "verified");
  EXPECT_EQ(reason(below, "v=DKIM1; t=s" + p), "key-subdomain-not-allowed");
  EXPECT_EQ(reason(below, "v=DKIM1; t=y" + p), "verified");
  EXPECT_TRUE(one(message, keys_with("v=DKIM1; t=y : s" + p)).testing);
  EXPECT_FALSE(one(message, keys_with("v=DKIM1; t=s" + p)).testing);
  EXPECT_EQ(reason(message, "v=DKIM1; s=email" + p), "verified");
  EXPECT_EQ(reason(message, "v=DKIM1; s=tlsrpt:*" + p), "verified");
  EXPECT_EQ(reason(message, "v=DKIM1; s=tlsrpt" + p), "key-service-not-allowed");
  EXPECT_EQ(reason(message, "v=DKIM1; h=sha1:sha256" + p), "verified");
  EXPECT_EQ(reason(message, "v=DKIM1; h=sha1" + p), "key-hash-not-allowed");
  EXPECT_EQ(reason(message, "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="),
            "key-algorithm-mismatch");
  EXPECT_EQ(reason(message, "v=DKIM1; k=dsa" + p), "key-algorithm-mismatch");
  EXPECT_EQ(reason(message, "v=DKIM1; p="), "key-revoked");
  EXPECT_EQ(reason(message, "v=DKIM1; p=AAAA"), "key-malformed");
  EXPECT_EQ(reason(message, "v=spf1 -all"), "key-not-found");
}

TEST(DkimHostile, EachLookupHasItsResult) {
  using dns::AnswerStatus;
  const std::string message = signed_with(kTags);
  const auto outcome = [&](AnswerStatus status) {
    return one(message, {.answers = {{"s._domainkey.example.com", dns::Answer{.status = status}}}});
  };
  for (const AnswerStatus status :
       {AnswerStatus::Timeout, AnswerStatus::ServFail, AnswerStatus::OverBudget}) {
    EXPECT_EQ(outcome(status).result, Result::TempError);
    EXPECT_EQ(to_word(outcome(status).reason), "key-lookup-failed");
  }
  for (const AnswerStatus status : {AnswerStatus::NxDomain, AnswerStatus::NoData}) {
    EXPECT_EQ(outcome(status).result, Result::PermError);
    EXPECT_EQ(to_word(outcome(status).reason), "key-not-found");
  }
  Keys several{
      .answers = {{"s._domainkey.example.com", txt({Key::rsa(1024).record(), Key::rsa(512).record()})}}};
  EXPECT_EQ(to_word(one(message, several).reason), "key-several");
  Keys doubled{
      .answers = {{"s._domainkey.example.com", txt({Key::rsa(1024).record(), Key::rsa(1024).record()})}}};
  EXPECT_EQ(one(message, doubled).result, Result::Pass);
  Keys with_others{
      .answers = {{"s._domainkey.example.com", txt({"v=spf1 -all", Key::rsa(1024).record(), "x"})}}};
  EXPECT_EQ(one(message, with_others).result, Result::Pass);
}

// Shows: P-08
TEST(DkimHostile, FieldsAddedAboveAnOversignedSetFail) {
  const std::string oversigned =
      signed_with(replaced(kTags, "h=from:to:subject", "h=from:from:to:subject:subject"));
  EXPECT_EQ(one(oversigned).result, Result::Pass);
  EXPECT_EQ(one("Subject: You won\r\n" + oversigned).reason, Reason::SignatureMismatch);
  EXPECT_EQ(one("From: boss@example.com\r\n" + oversigned).reason, Reason::SignatureMismatch);
  EXPECT_EQ(one("from : boss@example.com\r\n" + oversigned).reason, Reason::SignatureMismatch);
  EXPECT_EQ(one("X-Other: x\r\n" + oversigned).result, Result::Pass);
}

// Shows: P-08
TEST(DkimHostile, FieldsAddedWhereOneIsSignedPassAsTheRfcSays) {
  // 5.4.2: the lowest field is the signed one.
  EXPECT_EQ(one("Subject: You won\r\n" + signed_with(kTags)).result, Result::Pass);
  const std::string below = replaced(signed_with(kTags), "ready?\r\n", "ready?\r\nSubject: You won\r\n");
  EXPECT_EQ(one(below).reason, Reason::SignatureMismatch);
}

TEST(DkimHostile, RepeatedFieldsAreTakenFromTheBottom) {
  const std::string message = "Received: c\r\nReceived: b\r\nReceived: a\r\n" + kMessage;
  const std::string tags = replaced(kTags, "h=from", "h=received:received:from");
  const std::string twice = signed_with(tags, message);
  EXPECT_EQ(one(twice).result, Result::Pass);
  EXPECT_EQ(one(replaced(twice, "Received: c", "Received: d")).result, Result::Pass);  // not covered
  EXPECT_EQ(one(replaced(twice, "Received: b", "Received: d")).result, Result::Fail);
  EXPECT_EQ(one(replaced(twice, "Received: b\r\nReceived: a", "Received: a\r\nReceived: b")).result,
            Result::Fail);
}

// A signature may cover another, and never itself.
TEST(DkimHostile, ASignatureMayCoverAnother) {
  const std::string first = signed_with(kTags);
  const std::string both = signed_with(replaced(kTags, "h=from", "h=dkim-signature:from"), first);
  Keys keys = rsa_keys();
  auto outcomes = verify(both, keys);
  ASSERT_EQ(outcomes.size(), 2U);
  EXPECT_EQ(outcomes[0].result, Result::Pass);
  EXPECT_EQ(outcomes[1].result, Result::Pass);
  const size_t lower = both.rfind("DKIM-Signature: v=1; a=rsa");
  std::string changed = both;
  changed.replace(lower, 21, "DKIM-Signature:  v=1;");
  outcomes = verify(changed, keys);
  EXPECT_EQ(outcomes[0].reason, Reason::SignatureMismatch);
}

TEST(DkimHostile, OctetsBehindAKeyMakeItUnreadable) {
  const std::string record = "v=DKIM1; p=" + testkit::base64(Key::rsa(1024).public_info() + "x");
  EXPECT_EQ(one(signed_with(kTags), keys_with(record)).reason, Reason::KeyMalformed);
}

// The exponent is what makes verifying dear; one of the modulus' size costs as much as signing.
TEST(DkimHostile, KeysWithAHugeExponentAreNotUsed) {
  std::string modulus(128, '\xff');
  const std::string exponent(128, '\x7f');
  const std::string key = std::string("\x30\x82\x01\x07\x02\x81\x81\x00", 8) + modulus +
                          std::string("\x02\x81\x80", 3) + exponent;
  EXPECT_EQ(one(signed_with(kTags), keys_with("v=DKIM1; p=" + testkit::base64(key))).reason,
            Reason::KeyMalformed);
}

TEST(DkimHostile, ARecordOf60KilobytesIsNotRead) {
  const std::string p = testkit::base64(Key::rsa(1024).public_info());
  EXPECT_EQ(one(signed_with(kTags), keys_with("v=DKIM1; n=" + std::string(60'000, 'x') + "; p=" + p)).reason,
            Reason::KeyMalformed);
}

}  // namespace
}  // namespace sluice::dkim
