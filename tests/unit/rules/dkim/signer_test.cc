#include "rules/dkim/signer.h"

#include "rules/auth/tag_list.h"
#include "rules/dkim/signed_names.h"
#include "tests/unit/rules/dkim/signed_message.h"

#include <algorithm>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace sluice::dkim {
namespace {

const std::string kMessage =
    "Received: from a.example by b.example; Sun, 22 Nov 2026 03:00:00 +0000\r\n"
    "From: Author <author@example.com>\r\n"
    "To: Reader <reader@example.net>\r\n"
    "Subject: A subject\r\n\tthat  is folded \r\n"
    "Date: Sun, 22 Nov 2026 03:00:00 +0000\r\n"
    "Message-ID: <1@example.com>\r\n"
    "\r\n"
    "Hello  reader, \r\n\r\nthis is the body.\r\n\r\n\r\n";

const SigningKey& rsa_key() {
  static const SigningKey key = *SigningKey::generate(Algorithm::RsaSha256);
  return key;
}
const KeyTexts& records() {
  static const KeyTexts texts = {{"r._domainkey.example.com", rsa_key().public_record()},
                                 {"e._domainkey.example.com", ed25519_key().public_record()}};
  return texts;
}
SignSpec spec_of(std::string selector) { return sign_spec("example.com", std::move(selector)); }

size_t longest_line(std::string_view text) {
  size_t longest = 0;
  while (!text.empty()) {
    const size_t end = std::min(text.find("\r\n"), text.size());
    longest = std::max(longest, end);
    text.remove_prefix(std::min(end + 2, text.size()));
  }
  return longest;
}

std::string field_of(const std::string& signed_message) {
  return signed_message.substr(0, signed_message.size() - kMessage.size());
}
std::string names_in(const std::string& signed_message) {
  const std::string field = field_of(signed_message);
  const auto tags = auth::TagList::parse(std::string_view(field).substr(field.find(':') + 1));
  return tags ? auth::without_white_space(tags->find("h").value_or("")) : "";
}

// Shows: P-09
TEST(Signer, MakesSignaturesThatVerifyInEveryCanonicalizationWithBothAlgorithms) {
  for (const Canonicalization header : {Canonicalization::Simple, Canonicalization::Relaxed}) {
    for (const Canonicalization body : {Canonicalization::Simple, Canonicalization::Relaxed}) {
      for (const std::string selector : {"r", "e"}) {
        SignSpec spec = spec_of(selector);
        spec.header = header;
        spec.body = body;
        const std::string message =
            with_signature(kMessage, spec, selector == "r" ? rsa_key() : ed25519_key());
        const auto outcomes = verified(message, records());
        ASSERT_EQ(outcomes.size(), 1U);
        EXPECT_EQ(outcomes[0].result, Result::Pass) << to_word(outcomes[0].reason) << "\n" << message;
        EXPECT_EQ(outcomes[0].domain, "example.com");
      }
    }
  }
}

TEST(Signer, ChangedFieldsAndBodiesBreakItsSignatures) {
  const std::string message = with_signature(kMessage, spec_of("e"), ed25519_key());
  const auto result_with = [&](std::string_view from, std::string_view to) {
    std::string changed = message;
    changed.replace(changed.find(from), from.size(), to);
    return verified(changed, records()).at(0).result;
  };
  EXPECT_EQ(result_with("A subject", "A  subject"), Result::Pass);  // relaxed
  EXPECT_EQ(result_with("A subject", "B subject"), Result::Fail);
  EXPECT_EQ(result_with("the body", "The body"), Result::Fail);
  EXPECT_EQ(result_with("t=1790000000", "t=1789999999"), Result::Fail);
}

// Shows: P-09
TEST(Signer, TwoSignaturesStandSideBySide) {
  const std::string once = with_signature(kMessage, spec_of("r"), rsa_key());
  const std::string twice = with_signature(once, spec_of("e"), ed25519_key());
  const auto outcomes = verified(twice, records());
  ASSERT_EQ(outcomes.size(), 2U);
  EXPECT_EQ(outcomes[0].algorithm, Algorithm::Ed25519Sha256);
  EXPECT_EQ(outcomes[0].result, Result::Pass);
  EXPECT_EQ(outcomes[1].algorithm, Algorithm::RsaSha256);
  EXPECT_EQ(outcomes[1].result, Result::Pass);
}

TEST(Signer, AFieldAddedToAnOversignedNameBreaksTheSignature) {
  const std::string message = with_signature(kMessage, spec_of("e"), ed25519_key());
  for (const char* added : {"From: a@evil.example\r\n", "Subject: Prize\r\n", "To: x@example.net\r\n",
                            "Date: Mon, 23 Nov 2026 03:00:00 +0000\r\n", "Reply-To: a@evil.example\r\n",
                            "Content-Type: text/html\r\n"}) {
    EXPECT_EQ(verified(added + message, records()).at(0).result, Result::Fail) << added;
  }
  for (const char* added : {"Received: by c.example\r\n", "X-Spam: no\r\n", "List-Id: <l.example>\r\n"}) {
    EXPECT_EQ(verified(added + message, records()).at(0).result, Result::Pass) << added;
  }
}

TEST(Signer, ListsEachFieldThatIsThereAndOversignedNamesOnceMore) {
  SignSpec spec = spec_of("e");
  spec.headers = {"From", "Subject", "X-Missing", "Comments"};
  spec.oversigned = {"from", "Reply-To"};
  EXPECT_EQ(names_in(with_signature(kMessage, spec, ed25519_key())), "From:From:Subject:Reply-To");
}

TEST(Signer, AlwaysSignsFromAndEveryInstanceOfARepeatedField) {
  SignSpec spec = spec_of("e");
  spec.headers = {"Received"};
  spec.oversigned = {};
  EXPECT_EQ(names_in(with_signature(kMessage, spec, ed25519_key())), "Received:From");
  const std::vector<std::string_view> fields = {"A: 1\r\n", "b : 2\r\n", "a: 3\r\n", "C: 4\r\n"};
  const std::vector<std::string> signed_names = {"A", "B", "a"};
  EXPECT_EQ(names_to_sign(fields, signed_names, {}), (std::vector<std::string>{"A", "A", "B", "From"}));
}

TEST(Signer, FoldsWithin78Columns) {
  SignSpec spec = spec_of("e");
  spec.identity = "somebody.with.a.long.name@a.department.of.the.example.com";
  spec.lifetime = std::chrono::days(7);
  for (const SigningKey* key : {&rsa_key(), &ed25519_key()}) {
    const std::string field = field_of(with_signature(kMessage, spec, *key));
    EXPECT_LE(longest_line(field), 78U) << field;
    EXPECT_TRUE(field.ends_with("\r\n"));
    EXPECT_EQ(field.find("\r\n\r\n"), std::string::npos);
  }
}

TEST(Signer, WritesItsTimeAndItsEnd) {
  SignSpec spec = spec_of("e");
  spec.lifetime = std::chrono::hours(1);
  const std::string message = with_signature(kMessage, spec, ed25519_key());
  EXPECT_NE(message.find("t=1790000000;"), std::string::npos);
  EXPECT_NE(message.find("x=1790003600;"), std::string::npos);
  EXPECT_EQ(verified(message, records(), kNow + 3000).at(0).result, Result::Pass);
  EXPECT_NE(verified(message, records(), kNow + 9000).at(0).result, Result::Pass);
}

TEST(Signer, SignsAnEmptyBodyAndAMessageWithoutFields) {
  const std::string empty_body = "From: a@example.com\r\n\r\n";
  for (const Canonicalization body : {Canonicalization::Simple, Canonicalization::Relaxed}) {
    SignSpec spec = spec_of("e");
    spec.body = body;
    EXPECT_EQ(verified(with_signature(empty_body, spec, ed25519_key()), records()).at(0).result,
              Result::Pass);
  }
  EXPECT_EQ(verified(with_signature("\r\n", spec_of("e"), ed25519_key()), records()).at(0).result,
            Result::Pass);
}

TEST(SignSpec, IsRefusedWhereAValueCannotStandInATag) {
  const auto refused = [](auto change) {
    SignSpec spec = spec_of("s");
    change(spec);
    return !check(spec).has_value();
  };
  EXPECT_FALSE(refused([](SignSpec&) {}));
  EXPECT_FALSE(refused([](SignSpec& spec) { spec.identity = "@mail.example.com"; }));
  EXPECT_TRUE(refused([](SignSpec& spec) {
    spec.domain =
        "b\xc3\xbc"
        "cher.example";
  }));
  EXPECT_TRUE(refused([](SignSpec& spec) { spec.domain = "example..com"; }));
  EXPECT_TRUE(refused([](SignSpec& spec) { spec.selector = "a;b"; }));
  EXPECT_TRUE(refused([](SignSpec& spec) { spec.identity = "@example.net"; }));
  EXPECT_TRUE(refused([](SignSpec& spec) { spec.identity = "@badexample.com"; }));
  EXPECT_TRUE(refused([](SignSpec& spec) { spec.identity = "a\r\nb@example.com"; }));
  EXPECT_TRUE(refused([](SignSpec& spec) { spec.headers = {"From", "Sub:ject"}; }));
  EXPECT_TRUE(refused([](SignSpec& spec) { spec.lifetime = std::chrono::seconds(0); }));
  EXPECT_TRUE(refused([](SignSpec& spec) { spec.selector = std::string(64, 'a'); }));
}

}  // namespace
}  // namespace sluice::dkim
