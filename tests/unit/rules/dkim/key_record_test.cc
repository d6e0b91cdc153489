#include "rules/dkim/key_record.h"

#include "io/base/limits.h"
#include "tests/unit/rules/dkim/signed_messages.h"

#include <string>

#include <gtest/gtest.h>

namespace sluice::dkim {
namespace {

using testkit::base64;
using testkit::Key;
using testkit::txt;
using Kind = KeyRecord::Kind;

constexpr unsigned kMin = limits::kDkimRsaBitsMin;
const std::string kEd25519 = "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";

std::string rsa_p() { return "p=" + base64(Key::rsa(1024).public_info()); }

TEST(KeyRecord, ReadsAKeyWithItsDefaults) {
  const KeyRecord record(rsa_p());
  EXPECT_EQ(record.kind(), Kind::One);
  EXPECT_EQ(record.type(), KeyRecord::Type::Rsa);
  EXPECT_EQ(record.bits(), 1024U);
  EXPECT_TRUE(record.takes_sha256());
  EXPECT_TRUE(record.serves_email());
  EXPECT_FALSE(record.testing());
  EXPECT_FALSE(record.exact_domain_only());
  EXPECT_GT(record.bytes(), sizeof(KeyRecord));
  EXPECT_EQ(record.problem_for(Algorithm::RsaSha256, true, kMin), std::nullopt);
  EXPECT_EQ(record.problem_for(Algorithm::Ed25519Sha256, false, kMin), Reason::KeyAlgorithmMismatch);
}

TEST(KeyRecord, TakesBothEncodingsOfAnRsaKey) {
  const Digest digest = sha256("x");
  for (const std::string& octets : {Key::rsa(1024).public_info(), Key::rsa(1024).rsa_public_key()}) {
    const KeyRecord record("v=DKIM1; p=" + base64(octets));
    EXPECT_EQ(record.kind(), Kind::One);
    EXPECT_TRUE(record.verifies(digest, Key::rsa(1024).sign(digest)));
    EXPECT_TRUE(record.verifies(digest, Key::rsa(1024).sign(digest)));  // and once more, prepared
    EXPECT_FALSE(record.verifies(sha256("y"), Key::rsa(1024).sign(digest)));
    EXPECT_FALSE(record.verifies(digest, Key::rsa(512).sign(digest)));
    EXPECT_FALSE(record.verifies(digest, ""));
    EXPECT_TRUE(record.verifies(digest, Key::rsa(1024).sign(digest)));  // a wrong one leaves nothing behind
  }
}

TEST(KeyRecord, VerifiesEd25519OverTheDigest) {
  const Digest digest = sha256("x");
  const KeyRecord record(Key::ed25519().record());
  EXPECT_EQ(record.bits(), 256U);
  EXPECT_TRUE(record.verifies(digest, Key::ed25519().sign(digest)));
  EXPECT_TRUE(record.verifies(digest, Key::ed25519().sign(digest)));
  EXPECT_FALSE(record.verifies(sha256("y"), Key::ed25519().sign(digest)));
  EXPECT_FALSE(record.verifies(digest, std::string(64, 'x')));
  EXPECT_TRUE(record.verifies(digest, Key::ed25519().sign(digest)));
}

TEST(KeyRecord, AllowsWhiteSpaceAndNotesInside) {
  EXPECT_EQ(
      KeyRecord("v=DKIM1 ; k = rsa ; n=a note=20; g=*; " + rsa_p().insert(40, " ").insert(70, "\t") + " ; ")
          .kind(),
      Kind::One);
}

TEST(KeyRecord, IsNoneWhereTheTextIsSomethingElse) {
  for (const char* text : {"", " ", "v=spf1 -all", "v=DMARC1; p=none", "v=dkim1; p=AAAA", "v=DKIM2; p=AAAA",
                           "some words", "google-site-verification=abc", "k=rsa"}) {
    EXPECT_EQ(KeyRecord(std::string_view(text)).kind(), Kind::None) << text;
  }
}

TEST(KeyRecord, IsMalformedWhereItSaysItIsAKey) {
  for (const std::string& text :
       {std::string("v=DKIM1"), std::string("v=DKIM1; k=rsa"), std::string("v=DKIM1; p=!"),
        std::string("v=DKIM1; p=AAA"), std::string("v=DKIM1; p=AAAA"), "v=DKIM1;; " + rsa_p(),
        "v=DKIM1; t=y; t=s; " + rsa_p(), rsa_p() + "; v=DKIM1", "v=DKIM1; k=ed25519; " + rsa_p(),
        std::string("v=DKIM1; k=rsa; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="),
        "v=DKIM1; n=" + std::string(limits::kDkimKeyText, 'x') + "; " + rsa_p()}) {
    EXPECT_EQ(KeyRecord(std::string_view(text)).kind(), Kind::Malformed) << text.substr(0, 80);
    EXPECT_FALSE(KeyRecord(std::string_view(text)).verifies(Digest{}, "x"));
  }
}

TEST(KeyRecord, IsRevokedWithoutAKey) {
  EXPECT_EQ(KeyRecord("v=DKIM1; k=rsa; p=").kind(), Kind::Revoked);
  EXPECT_EQ(KeyRecord("p= ;").kind(), Kind::Revoked);
}

TEST(KeyRecord, OfAnotherTypeIsOfNoUse) {
  const KeyRecord record("v=DKIM1; k=falcon; p=AAAA");
  EXPECT_EQ(record.kind(), Kind::One);
  EXPECT_EQ(record.type(), KeyRecord::Type::Unknown);
  EXPECT_EQ(record.problem_for(Algorithm::RsaSha256, false, kMin), Reason::KeyAlgorithmMismatch);
}

TEST(KeyRecord, TakesExponentsThatKeysHave) {
  // RSAPublicKey with a modulus of 1024 bits.
  const auto kind = [](const std::string& exponent) {
    std::string body = std::string("\x02\x81\x81\x00", 4) + std::string(127, '\xC3') + "\x01";
    body += '\x02';
    body += static_cast<char>(exponent.size());
    body += exponent;
    return KeyRecord("v=DKIM1; p=" + base64(std::string("\x30\x81") + static_cast<char>(body.size()) + body))
        .kind();
  };
  EXPECT_EQ(kind("\x03"), Kind::One);
  EXPECT_EQ(kind(std::string("\x01\x00\x01", 3)), Kind::One);
  EXPECT_EQ(kind("\x7f" + std::string(7, '\xff')), Kind::One);
  EXPECT_EQ(kind("\x01"), Kind::Malformed);
  EXPECT_EQ(kind("\x04"), Kind::Malformed);
  EXPECT_EQ(kind("\x01" + std::string(8, '\xff')), Kind::Malformed);
}

TEST(KeyRecord, IsChosenAmongTheRecordsOfAnAnswer) {
  const std::string rsa = "v=DKIM1; " + rsa_p();
  const auto kind = [](std::vector<std::string> texts) {
    return KeyRecord::from(txt(std::move(texts)))->kind();
  };
  EXPECT_EQ(kind({}), Kind::None);
  EXPECT_EQ(kind({"v=spf1 -all", rsa}), Kind::One);
  EXPECT_EQ(kind({rsa, "v=DKIM1; p=!"}), Kind::One);
  EXPECT_EQ(kind({"v=DKIM1; p=!", rsa}), Kind::One);
  EXPECT_EQ(kind({"v=DKIM1; p=!", "v=DKIM1; p=?"}), Kind::Malformed);
  EXPECT_EQ(kind({rsa, kEd25519}), Kind::Several);
  EXPECT_EQ(kind({kEd25519, "v=DKIM1; p="}), Kind::Several);
  EXPECT_EQ(kind({rsa, rsa, rsa}), Kind::One);  // the same thrice
  EXPECT_EQ(kind({rsa, rsa + ";", rsa}), Kind::Several);
}

}  // namespace
}  // namespace sluice::dkim
