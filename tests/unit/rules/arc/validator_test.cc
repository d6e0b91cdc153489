#include "rules/arc/validator.h"

#include "tests/unit/rules/arc/chain_builder.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace sluice::arc {
namespace {

const std::vector<std::string> kThree = {"one.example", "two.example", "three.example"};
const KeyTexts& keys() {
  static const KeyTexts texts = keys_of(kThree);
  return texts;
}
const std::string& three_sets() {
  static const std::string message = chain_by(kThree);
  return message;
}
Outcome outcome_of(const std::string& message) { return validate(message, keys()).outcome; }

// A set of fields that need not verify: for what is decided by structure alone.
std::string bare_set(const std::string& instance, std::string_view cv) {
  const std::string tail = "; a=ed25519-sha256; d=one.example; s=s; ";
  return "ARC-Seal: i=" + instance + tail + "cv=" + std::string(cv) + "; b=AAAA\r\n" +
         "ARC-Message-Signature: i=" + instance + tail +
         "h=from; bh=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=; " + "b=AAAA\r\n" +
         "ARC-Authentication-Results: i=" + instance + "; one.example; none\r\n";
}

struct Broken {
  const char* what;
  std::string message;
  Reason reason;
  unsigned instance;
};

void expect_failures(const std::vector<Broken>& rows) {
  for (const Broken& row : rows) {
    const Validated done = validate(row.message, keys());
    EXPECT_EQ(done.outcome.result, Result::Fail) << row.what;
    EXPECT_EQ(to_word(done.outcome.reason), to_word(row.reason)) << row.what;
    EXPECT_EQ(done.outcome.failed_instance, row.instance) << row.what;
  }
}

TEST(ArcValidator, FindsNothingAndAsksNothingWithoutSets) {
  const Validated done = validate(kPlainMessage, keys());
  EXPECT_EQ(done.outcome.result, Result::None);
  EXPECT_EQ(done.outcome.reason, Reason::NoSets);
  EXPECT_TRUE(done.asked.empty());
}

// Shows: ESE-05
TEST(ArcValidator, PassesAnIntactChainAndReportsEachSet) {
  const Outcome outcome = outcome_of(three_sets());
  EXPECT_EQ(outcome.result, Result::Pass);
  EXPECT_EQ(outcome.reason, Reason::Intact);
  EXPECT_EQ(outcome.oldest_pass, 1U);
  ASSERT_EQ(outcome.sets.size(), 3U);
  for (unsigned i = 0; i < 3; ++i) {
    EXPECT_EQ(outcome.sets[i].instance, i + 1);
    EXPECT_EQ(outcome.sets[i].domain, kThree[i]);
    EXPECT_EQ(outcome.sets[i].selector, "s");
    EXPECT_EQ(outcome.sets[i].cv, i == 0 ? ChainValue::None : ChainValue::Pass);
    EXPECT_EQ(outcome.sets[i].seal, dkim::Result::Pass);
    EXPECT_EQ(outcome.sets[i].message, dkim::Result::Pass);
    EXPECT_NE(outcome.sets[i].results.find("spf=pass"), std::string::npos);
  }
}

// Shows: ESE-07
TEST(ArcValidator, AsksNothingBeforeTheFirstStepAndEachKeyOnce) {
  const CutMessage cut(three_sets());
  dkim::BodyHashes hashes;
  Validator validator;
  ArcOptions options;
  options.now = at_second(kNow);
  validator.start(cut.reader.block(), hashes, options);
  EXPECT_TRUE(validator.has_sets());
  EXPECT_TRUE(validator.questions().empty());
  EXPECT_EQ(validate(three_sets(), keys()).asked,
            (std::vector<std::string>{"s._domainkey.three.example", "s._domainkey.two.example",
                                      "s._domainkey.one.example"}));
}

TEST(ArcValidator, WaitsForTheBody) {
  const CutMessage cut(three_sets());
  dkim::BodyHashes hashes;
  Validator validator;
  ArcOptions options;
  options.now = at_second(kNow);
  validator.start(cut.reader.block(), hashes, options);
  EXPECT_EQ(validator.step(), auth::Progress::NeedAnswers);
  const std::vector<auth::PendingQuestion> questions(validator.questions().begin(),
                                                     validator.questions().end());
  for (const auto& question : questions) {
    validator.answer(question.id, dkim::key_answer(keys(), question.question));
  }
  EXPECT_EQ(validator.step(), auth::Progress::NeedAnswers);
  EXPECT_TRUE(validator.questions().empty());
  hashes.feed(cut.body);
  hashes.finish();
  validator.body_done();
  EXPECT_EQ(validator.step(), auth::Progress::Done);
  EXPECT_EQ(validator.outcome().result, Result::Pass);
}

// The rows "i=0, i=51, gaps, doubled sets, cv=pass at i=1, ARC-Seal in h=" of the attacks.
// Shows: ESE-05, P-22
TEST(ArcValidator, FailsEveryBrokenStructureForItsReasonWithoutAQuestion) {
  const std::string& good = three_sets();
  const std::vector<Broken> rows = {
      {"i=0", bare_set("0", "none") + kPlainMessage, Reason::TooManySets, 0},
      {"i=51", bare_set("51", "pass") + kPlainMessage, Reason::TooManySets, 0},
      {"a results field of three digits", "ARC-Authentication-Results: i=001; x; none\r\n" + good,
       Reason::MalformedSet, 0},
      {"a huge number", bare_set("18446744073709551617", "pass") + kPlainMessage, Reason::MalformedSet, 0},
      {"no number", bare_set("x", "none") + kPlainMessage, Reason::MalformedSet, 0},
      {"no instance", "ARC-Seal: a=rsa-sha256; b=AA\r\n" + good, Reason::MalformedSet, 0},
      {"results without an instance", "ARC-Authentication-Results: mx.example; none\r\n" + good,
       Reason::MalformedSet, 0},
      {"no tag list", "ARC-Seal: i=4; ;; b\r\n" + good, Reason::MalformedSet, 0},
      {"a gap", bare_set("5", "pass") + good, Reason::IncompleteSet, 4},
      {"starts at 2", bare_set("2", "pass") + kPlainMessage, Reason::IncompleteSet, 1},
      {"no seal", without_field(good, "ARC-Seal", 2), Reason::IncompleteSet, 2},
      {"no message signature", without_field(good, "ARC-Message-Signature", 3), Reason::IncompleteSet, 3},
      {"no results", without_field(good, "ARC-Authentication-Results", 1), Reason::IncompleteSet, 1},
      {"doubled seal", field_in(good, "ARC-Seal", 3) + good, Reason::DoubledSet, 3},
      {"doubled message signature", field_in(good, "ARC-Message-Signature", 1) + good, Reason::DoubledSet, 1},
      {"doubled results", field_in(good, "ARC-Authentication-Results", 2) + good, Reason::DoubledSet, 2},
      {"a set doubled", bare_set("2", "pass") + good, Reason::DoubledSet, 2},
      {"cv=pass at 1", bare_set("1", "pass") + kPlainMessage, Reason::ChainValueWrong, 1},
      {"cv=none at 2", bare_set("2", "none") + chain_by({"one.example"}), Reason::ChainValueWrong, 2},
      {"cv=fail below the newest", replaced(good, "cv=none", "cv=fail"), Reason::ChainValueWrong, 1},
      {"no cv", replaced(good, " cv=none;", ""), Reason::ChainValueWrong, 1},
      {"an unknown cv", replaced(good, "cv=none", "cv=good"), Reason::ChainValueWrong, 1},
      {"cv=fail on the newest", bare_set("4", "fail") + good, Reason::MarkedFailed, 4},
      {"cv=fail on the newest, with a gap", bare_set("6", "fail") + good, Reason::MarkedFailed, 6},
  };
  expect_failures(rows);
  for (const Broken& row : rows) EXPECT_TRUE(validate(row.message, keys()).asked.empty()) << row.what;
}

TEST(ArcValidator, TakesFiftySetsAndNotOneMore) {
  std::string message = kPlainMessage;
  for (unsigned i = 1; i <= 50; ++i) message.insert(0, bare_set(std::to_string(i), i == 1 ? "none" : "pass"));
  Outcome outcome = outcome_of(message);
  EXPECT_EQ(outcome.sets.size(), 50U);
  EXPECT_EQ(outcome.reason, Reason::MessageMismatch);  // as far as that: the bare ones do not verify
  message.insert(0, bare_set("51", "pass"));
  outcome = outcome_of(message);
  EXPECT_EQ(outcome.reason, Reason::TooManySets);
  EXPECT_LE(outcome.sets.size(), 50U);
}

// Whoever builds a long chain of long results makes us hash them once, not once for each seal above them.
TEST(ArcValidator, HashesEachSetOnceHoweverManySealsCoverIt) {
  const KeyTexts keys = keys_of({"one.example"});
  std::string results = "; none";
  while (results.size() < 4000) results += "\r\n\t(a comment that is there to be hashed)";
  std::string message = kPlainMessage;
  for (int i = 0; i < 20; ++i) message.insert(0, set_by(message, "one.example", keys, results));
  const Validated found = validate(message, keys);
  EXPECT_EQ(found.outcome.result, Result::Pass);
  EXPECT_GT(found.seal_octets, 20 * results.size() / 2);
  EXPECT_LT(found.seal_octets, 2 * message.size());
}

TEST(ArcValidator, AThousandFieldsAreTooManyWhateverTheySay) {
  std::string message = kPlainMessage;
  for (unsigned i = 0; i < 1000; ++i) message.insert(0, "ARC-Seal: i=1; cv=none\r\n");
  EXPECT_EQ(outcome_of(message).reason, Reason::TooManySets);
}

// Shows: ESE-05
TEST(ArcValidator, FailsWhatDoesNotVerifyForTheRightReason) {
  const std::string& good = three_sets();
  const std::string newest = field_in(good, "ARC-Message-Signature", 3);
  expect_failures({
      {"body changed", replaced(good, "Hello", "Hallo"), Reason::MessageMismatch, 3},
      {"subject changed", replaced(good, "Greetings", "Greeting"), Reason::MessageMismatch, 3},
      {"results of set 1 changed", replaced(good, "i=1; one.example; spf=pass", "i=1; one.example; spf=fail"),
       Reason::SealMismatch, 3},
      {"ARC-Seal in h=", replaced(good, newest, replaced(newest, "h=From", "h=ARC-Seal:From")),
       Reason::MalformedSet, 3},
      {"ARC results in h=",
       replaced(good, newest, replaced(newest, "h=From", "h=arc-authentication-results:From")),
       Reason::MalformedSet, 3},
      {"no bh= in the newest", replaced(good, newest, replaced(newest, "bh=", "bx=")), Reason::MalformedSet,
       3},
      {"h= in a seal", replaced(good, "cv=none;", "cv=none; h=from;"), Reason::MalformedSet, 1},
      {"rsa-sha1", replaced(good, newest, replaced(newest, "ed25519-sha256", "rsa-sha1")),
       Reason::MessageMismatch, 3},
      {"From not covered", replaced(good, newest, replaced(newest, "h=From:", "h=")), Reason::MessageMismatch,
       3},
  });
}

TEST(ArcValidator, NamesTheNewestSealThatDoesNotVerify) {
  const std::string& good = three_sets();
  KeyTexts others = keys();
  others["s._domainkey.two.example"] =
      dkim::SigningKey::generate(dkim::Algorithm::Ed25519Sha256)->public_record();
  const Outcome outcome = validate(good, others).outcome;
  EXPECT_EQ(outcome.result, Result::Fail);
  EXPECT_EQ(outcome.reason, Reason::SealMismatch);
  EXPECT_EQ(outcome.failed_instance, 2U);
  EXPECT_EQ(outcome.sets[2].seal, dkim::Result::Pass);
  EXPECT_EQ(outcome.sets[1].seal_reason, dkim::Reason::SignatureMismatch);
  EXPECT_EQ(outcome.sets[0].seal, dkim::Result::None);  // not looked at any more
}

TEST(ArcValidator, FailsWhereAKeyIsNotThereAndIsUndecidedWhereItCannotBeFetched) {
  KeyTexts fewer = keys();
  fewer.erase("s._domainkey.one.example");
  Outcome outcome = validate(three_sets(), fewer).outcome;
  EXPECT_EQ(outcome.result, Result::Fail);
  EXPECT_EQ(outcome.failed_instance, 1U);
  EXPECT_EQ(outcome.sets[0].seal_reason, dkim::Reason::KeyNotFound);

  outcome = validate(three_sets(), fewer, {}, dns::AnswerStatus::Timeout).outcome;
  EXPECT_EQ(outcome.result, Result::TempError);
  EXPECT_EQ(outcome.reason, Reason::KeyLookupFailed);
  EXPECT_EQ(outcome.failed_instance, 1U);

  // What fails for certain fails, whatever else could not be fetched.
  fewer.erase("s._domainkey.three.example");
  const std::string changed =
      replaced(three_sets(), "i=1; one.example; spf=pass", "i=1; one.example; spf=fail");
  outcome = validate(changed, fewer, {}, dns::AnswerStatus::Timeout).outcome;
  EXPECT_EQ(outcome.result, Result::Fail);
  EXPECT_EQ(outcome.reason, Reason::SealMismatch);
  EXPECT_EQ(outcome.failed_instance, 2U);
}

TEST(ArcValidator, OldestPassIsWhereAChangeOfTheMessageWas) {
  // The second sealer changes the subject first, as mailing lists do.
  std::string message = chain_by({"one.example"});
  message = replaced(message, "Greetings", "[list] Greetings");
  message.insert(0, set_by(message, "two.example", keys()));
  EXPECT_TRUE(message.starts_with("error"));  // the chain is broken for whoever comes behind the change ...

  // ... so the list validates first, and then changes and seals.
  message = chain_by({"one.example"});
  const Outcome before = outcome_of(message);
  message = replaced(message, "Greetings", "[list] Greetings");
  const CutMessage cut(message);
  const auto set =
      seal(cut.fields, cut.body_digest(dkim::Canonicalization::Relaxed), before,
           {"two.example", "; arc=pass", at_second(kNow)}, seal_spec("two.example"), sealing_key());
  ASSERT_TRUE(set.has_value());
  message.insert(0, *set);
  message.insert(0, set_by(message, "three.example", keys()));
  const Outcome outcome = outcome_of(message);
  EXPECT_EQ(outcome.result, Result::Pass);
  EXPECT_EQ(outcome.oldest_pass, 2U);
  EXPECT_EQ(outcome.sets[0].message, dkim::Result::Fail);
  EXPECT_EQ(outcome.sets[0].seal, dkim::Result::Pass);
}

TEST(ArcValidator, ReadsChainsWhoseFieldsAreWrittenDifferently) {
  std::string message = three_sets();
  message = replaced(message, "ARC-Seal: i=1",
                     "arc-seal : i=1");  // relaxed: the name's case and space do not count
  EXPECT_EQ(outcome_of(message).result, Result::Pass);
  // A version, which the field does not have, is an unknown tag like others; it is covered like all of the
  // field.
  const std::string newest = field_in(three_sets(), "ARC-Message-Signature", 3);
  EXPECT_EQ(outcome_of(replaced(three_sets(), newest, replaced(newest, "i=3;", "i=3; v=2;"))).reason,
            Reason::MessageMismatch);
}

TEST(ArcValidator, IsReusable) {
  const CutMessage first(replaced(three_sets(), "Hello", "Hallo"));
  dkim::BodyHashes hashes;
  Validator validator;
  ArcOptions options;
  options.now = at_second(kNow);
  for (int round = 0; round < 2; ++round) {
    validator.start(first.reader.block(), hashes, options);
    EXPECT_EQ(validator.outcome().result, Result::None);
    EXPECT_EQ(validator.step(), auth::Progress::NeedAnswers);
    EXPECT_EQ(validator.questions().size(), 3U);
    hashes.reset();
  }
}

}  // namespace
}  // namespace sluice::arc
