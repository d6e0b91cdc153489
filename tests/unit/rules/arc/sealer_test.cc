#include "rules/arc/sealer.h"

#include "rules/arc/chain.h"
#include "tests/unit/rules/arc/chain_builder.h"

#include <algorithm>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace sluice::arc {
namespace {

const std::vector<std::string> kSealers = {"one.example", "two.example", "three.example"};

size_t longest_line(std::string_view text) {
  size_t longest = 0;
  while (!text.empty()) {
    const size_t end = std::min(text.find("\r\n"), text.size());
    longest = std::max(longest, end);
    text.remove_prefix(std::min(end + 2, text.size()));
  }
  return longest;
}

// Shows: ESE-05
TEST(ArcSealer, BeginsAChainWithNoneAndContinuesItWithPass) {
  const KeyTexts keys = keys_of(kSealers);
  const std::string once = chain_by({"one.example"});
  EXPECT_TRUE(once.starts_with("ARC-Seal: i=1; a=ed25519-sha256; t=1790000000; cv=none; d=one.example;"));
  EXPECT_EQ(validate(once, keys).outcome.result, Result::Pass);
  const std::string twice = chain_by({"one.example", "two.example"});
  EXPECT_TRUE(twice.starts_with("ARC-Seal: i=2; a=ed25519-sha256; t=1790000000; cv=pass; d=two.example;"));
  EXPECT_EQ(validate(twice, keys).outcome.result, Result::Pass);
  EXPECT_NE(twice.find("ARC-Authentication-Results: i=2; two.example; spf=pass"), std::string::npos);
}

TEST(ArcSealer, SealsWithRsaToo) {
  static const dkim::SigningKey rsa = *dkim::SigningKey::generate(dkim::Algorithm::RsaSha256);
  const KeyTexts keys = {{"s._domainkey.rsa.example", rsa.public_record()}};
  const std::string set = set_by(kPlainMessage, "rsa.example", keys, "; none", rsa);
  EXPECT_EQ(validate(set + kPlainMessage, keys).outcome.result, Result::Pass) << set;
  EXPECT_LE(longest_line(set), 78U) << set;
}

// Shows: P-23, W-33
TEST(ArcSealer, DoesNotContinueABrokenOrUndecidedChain) {
  const KeyTexts keys = keys_of(kSealers);
  const std::string broken = replaced(chain_by({"one.example"}), "Hello", "Hallo");
  EXPECT_EQ(set_by(broken, "two.example", keys),
            "error: sealing: the chain is broken, and a broken chain is not continued\r\n");
  Outcome undecided;
  undecided.result = Result::TempError;
  EXPECT_EQ(why_not_sealed(undecided), "the chain could not be verified now");
  Outcome full;
  full.result = Result::Pass;
  full.sets.resize(50);
  EXPECT_FALSE(why_not_sealed(full).empty());
  full.sets.resize(49);
  EXPECT_TRUE(why_not_sealed(full).empty());
}

TEST(ArcSealer, CoversDkimSignaturesButNeverArcFieldsOrResults) {
  const std::string message =
      "DKIM-Signature: v=1; a=rsa-sha256; d=example.com; s=x; h=from; bh=AA==; b=AA==\r\n"
      "Authentication-Results: mx.example; none\r\n" +
      kPlainMessage;
  const KeyTexts keys = keys_of(kSealers);
  const std::string sealed = set_by(message, "one.example", keys) + message;
  EXPECT_EQ(validate(sealed, keys).outcome.result, Result::Pass);
  EXPECT_EQ(validate(replaced(sealed, "s=x;", "s=y;"), keys).outcome.result, Result::Fail);
  EXPECT_EQ(
      validate(replaced(sealed, "Authentication-Results: mx.example; none", "X-A: b"), keys).outcome.result,
      Result::Pass);
  for (const char* name :
       {"ARC-Seal", "arc-message-signature", "ARC-Authentication-Results", "Authentication-Results"}) {
    SealSpec spec = seal_spec("one.example");
    spec.headers.emplace_back(name);
    EXPECT_FALSE(check(spec).has_value()) << name;
  }
}

TEST(ArcSealer, RefusesResultsAndNamesThatWouldBreakTheField) {
  const CutMessage cut(kPlainMessage);
  const auto digest = cut.body_digest(dkim::Canonicalization::Relaxed);
  const auto sealed = [&](std::string_view id, std::string_view results) {
    return seal(cut.fields, digest, {}, {id, results, at_second(kNow)}, seal_spec("one.example"),
                sealing_key())
        .has_value();
  };
  EXPECT_TRUE(sealed("mx.one.example", "; spf=pass;\r\n\tdkim=none"));
  EXPECT_TRUE(sealed("mx.one.example", ""));
  EXPECT_FALSE(sealed("mx.one.example", "; spf=pass\r\nFrom: x"));
  EXPECT_FALSE(sealed("mx.one.example", "; spf=pass\r\n"));
  EXPECT_FALSE(sealed("mx.one.example", "; spf=pass\nX: y"));
  EXPECT_FALSE(sealed("mx.one.example", std::string_view("; a\0b", 5)));
  EXPECT_FALSE(sealed("mx.one.example", "spf=pass"));
  EXPECT_FALSE(sealed("mx one", "; none"));
  EXPECT_FALSE(sealed("", "; none"));
}

TEST(ArcSealer, RefusesFieldsThatAreNotThoseOfTheChain) {
  const CutMessage cut(chain_by({"one.example"}));
  EXPECT_FALSE(seal(cut.fields, cut.body_digest(dkim::Canonicalization::Relaxed), {},
                    {"mx.example", "", at_second(kNow)}, seal_spec("two.example"), sealing_key())
                   .has_value());
}

TEST(ArcChain, SortsFieldsIntoSetsInWhateverOrderTheyStand) {
  const std::vector<std::string_view> fields = {
      "ARC-Authentication-Results: (c) i (d) = 2 (e); mx.example; none\r\n",
      "arc-SEAL : a=x;\r\n i = 1 ; cv=NONE\r\n", "ARC-Message-Signature: i=2\r\n", "X: y\r\n"};
  const Chain chain = Chain::of(fields);
  EXPECT_EQ(chain.newest(), 2U);
  EXPECT_EQ(chain.set(1).cv, ChainValue::None);
  EXPECT_EQ(chain.set(2).part(Part::Message).count, 1U);
  EXPECT_EQ(chain.set(2).part(Part::Results).count, 1U);
  EXPECT_EQ(chain.structure().reason, Reason::IncompleteSet);
}

}  // namespace
}  // namespace sluice::arc
