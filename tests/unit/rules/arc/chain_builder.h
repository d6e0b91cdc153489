// Chains of ARC sets made with our own sealer, changed at will, and validated with keys that a map answers
// for.
#pragma once

#include "rules/arc/sealer.h"
#include "rules/arc/validator.h"
#include "tests/unit/rules/dkim/signed_message.h"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sluice::arc {

using dkim::at_second;
using dkim::CutMessage;
using dkim::KeyTexts;
using dkim::kNow;

inline const std::string kPlainMessage =
    "From: Author <author@example.com>\r\n"
    "To: list@lists.example\r\n"
    "Subject: Greetings\r\n"
    "Date: Sun, 22 Nov 2026 03:00:00 +0000\r\n"
    "Message-ID: <1@example.com>\r\n"
    "\r\n"
    "Hello.\r\n";

// One key for all sealers.
inline const dkim::SigningKey& sealing_key() { return dkim::ed25519_key(); }

// The record of selector "s" at each of the domains.
inline KeyTexts keys_of(const std::vector<std::string>& domains) {
  KeyTexts keys;
  for (const std::string& domain : domains) keys["s._domainkey." + domain] = sealing_key().public_record();
  return keys;
}

// What a validation did beside its outcome.
struct Validated {
  Outcome outcome;
  std::vector<std::string> asked;
  uint64_t seal_octets = 0;
};

inline Validated validate(const std::string& message, const KeyTexts& keys, ArcOptions options = {},
                          dns::AnswerStatus missing = dns::AnswerStatus::NxDomain) {
  const CutMessage cut(message);
  dkim::BodyHashes hashes;
  Validator validator;
  if (options.now == WallTime{}) options.now = at_second(kNow);
  validator.start(cut.reader.block(), hashes, options);
  hashes.feed(cut.body);
  hashes.finish();
  validator.body_done();
  Validated done;
  while (validator.step() == auth::Progress::NeedAnswers) {
    for (const auto& question : validator.questions()) {
      done.asked.push_back(question.question.name.to_text());
      dns::Answer answer = dkim::key_answer(keys, question.question);
      if (answer.status == dns::AnswerStatus::NxDomain) answer.status = missing;
      validator.answer(question.id, answer);
    }
  }
  done.outcome = validator.outcome();
  done.seal_octets = validator.seal_octets();
  return done;
}

inline SealSpec seal_spec(std::string domain) {
  SealSpec spec;
  spec.domain = std::move(domain);
  spec.selector = "s";
  return spec;
}

// The set that `domain` would add, with these results; "error: ..." where it may not.
inline std::string set_by(const std::string& message, const std::string& domain, const KeyTexts& keys,
                          std::string_view results = "; spf=pass smtp.mailfrom=example.com",
                          const dkim::SigningKey& key = sealing_key()) {
  const CutMessage cut(message);
  const Outcome chain = validate(message, keys).outcome;
  const SealRequest request{domain, results, at_second(kNow)};
  const auto set = seal(cut.fields, cut.body_digest(dkim::Canonicalization::Relaxed), chain, request,
                        seal_spec(domain), key);
  return set ? *set : "error: " + set.error().message + "\r\n";
}

// A message that each of the domains sealed in turn.
inline std::string chain_by(const std::vector<std::string>& domains, std::string message = kPlainMessage) {
  const KeyTexts keys = keys_of(domains);
  for (const std::string& domain : domains) message.insert(0, set_by(message, domain, keys));
  return message;
}

inline std::string replaced(std::string text, std::string_view from, std::string_view to) {
  const size_t at = text.find(from);
  if (at != std::string::npos) text.replace(at, from.size(), to);
  return text;
}

// Takes away, or gives, the field of `name` whose value begins with "i=<instance>;".
inline std::string field_in(const std::string& message, std::string_view name, unsigned instance) {
  const std::string start = std::string(name) + ": i=" + std::to_string(instance) + ";";
  const size_t begin = message.find(start);
  if (begin == std::string::npos) return {};
  size_t end = message.find("\r\n", begin) + 2;
  while (message[end] == ' ' || message[end] == '\t') end = message.find("\r\n", end) + 2;
  return message.substr(begin, end - begin);
}
inline std::string without_field(const std::string& message, std::string_view name, unsigned instance) {
  return replaced(message, field_in(message, name, instance), "");
}

}  // namespace sluice::arc
