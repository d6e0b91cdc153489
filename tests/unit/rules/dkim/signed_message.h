// A message cut into raw fields and body, signed with given specs, and verified again with keys that a map
// answers for.
#pragma once

#include "io/mail/header_block.h"
#include "rules/dkim/body_hashes.h"
#include "rules/dkim/signer.h"
#include "rules/dkim/verifier.h"

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sluice::dkim {

inline WallTime at_second(int64_t seconds) { return WallTime(std::chrono::seconds(seconds)); }
inline constexpr int64_t kNow = 1'790'000'000;

struct CutMessage {
  std::string text;
  mail::HeaderReader reader;
  std::vector<std::string_view> fields;
  std::string_view body;

  explicit CutMessage(std::string_view message) : text(message) {
    const size_t taken = reader.feed(text);
    reader.finish();
    body = std::string_view(text).substr(taken);
    for (size_t i = 0; i < reader.block().size(); ++i) fields.push_back(reader.block()[i].raw);
  }
  CutMessage(const CutMessage&) = delete;
  CutMessage& operator=(const CutMessage&) = delete;

  Digest body_digest(Canonicalization canonicalization) const {
    BodyHashes hashes;
    const auto id = hashes.want(canonicalization);
    hashes.feed(body);
    hashes.finish();
    Digest digest{};
    std::ranges::copy(hashes.digest(*id), digest.begin());
    return digest;
  }
};

// One key for all signers, which is quick to sign with.
inline const SigningKey& ed25519_key() {
  static const SigningKey key = *SigningKey::generate(Algorithm::Ed25519Sha256);
  return key;
}

inline SignSpec sign_spec(std::string domain, std::string selector) {
  SignSpec spec;
  spec.domain = std::move(domain);
  spec.selector = std::move(selector);
  return spec;
}

// The message with a signature in front.
inline std::string with_signature(const std::string& message, const SignSpec& spec, const SigningKey& key,
                                  WallTime now = at_second(kNow)) {
  const CutMessage cut(message);
  const auto field = sign(cut.fields, cut.body_digest(spec.body), spec, key, now);
  return field ? *field + message : "error: " + field.error().message;
}

using KeyTexts = std::map<std::string, std::string>;  // name of the record: its text

inline dns::Answer key_answer(const KeyTexts& keys, const dns::Question& question) {
  const auto found = keys.find(question.name.to_text());
  dns::Answer answer;
  answer.status = found == keys.end() ? dns::AnswerStatus::NxDomain : dns::AnswerStatus::Records;
  if (found != keys.end()) answer.records.emplace_back(found->second);
  return answer;
}

inline std::vector<SignatureOutcome> verified(const std::string& message, const KeyTexts& keys,
                                              int64_t now = kNow) {
  const CutMessage cut(message);
  BodyHashes hashes;
  Verifier verifier;
  VerifyOptions options;
  options.now = at_second(now);
  verifier.start(cut.reader.block(), hashes, options);
  hashes.feed(cut.body);
  hashes.finish();
  verifier.body_done();
  while (verifier.step() == auth::Progress::NeedAnswers) {
    for (const auto& question : verifier.questions())
      verifier.answer(question.id, key_answer(keys, question.question));
  }
  return {verifier.outcome().begin(), verifier.outcome().end()};
}

}  // namespace sluice::dkim
