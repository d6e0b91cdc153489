// Any message is signed and then verifies, in the canonicalization that its first octet picks; without ARC
// fields it is sealed as well, and then its chain passes.
#include "io/base/check.h"
#include "io/mail/header_block.h"
#include "rules/arc/sealer.h"
#include "rules/arc/validator.h"
#include "rules/dkim/signer.h"
#include "rules/dkim/verifier.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace {

using namespace sluice;

constexpr std::string_view kPem =
    "-----BEGIN PRIVATE KEY-----\n"
    "MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n"
    "-----END PRIVATE KEY-----\n";
constexpr WallTime kNow{std::chrono::seconds(1'700'000'000)};

const dkim::SigningKey& key() {
  static const dkim::SigningKey made = *dkim::SigningKey::from_pem(kPem);
  return made;
}

struct Cut {
  mail::HeaderReader reader;
  std::vector<std::string_view> fields;
  std::string body;
  bool complete = false;

  explicit Cut(std::string_view message) {
    const size_t taken = reader.feed(message);
    reader.finish();
    complete = reader.state() == mail::HeaderReader::State::Complete;
    if (!complete) return;
    body = std::string(reader.body_prefix()) + std::string(message.substr(taken));
    for (size_t i = 0; i < reader.block().size(); ++i) {
      if (reader.block()[i].kind == mail::FieldKind::Field) fields.push_back(reader.block()[i].raw);
    }
  }
  Cut(const Cut&) = delete;
  Cut& operator=(const Cut&) = delete;

  std::array<uint8_t, 32> digest(dkim::Canonicalization canonicalization) const {
    dkim::BodyHashes hashes;
    const auto id = hashes.want(canonicalization);
    hashes.feed(body);
    hashes.finish();
    std::array<uint8_t, 32> made{};
    std::ranges::copy(hashes.digest(*id), made.begin());
    return made;
  }
  std::string with(const std::string& added, std::string_view message) const {
    return added + (reader.block().needs_separator() ? "\r\n" : "") + std::string(message);
  }
};

template <class Machine>
void drive(Machine& machine, const Cut& cut, dkim::BodyHashes& hashes) {
  hashes.feed(cut.body);
  hashes.finish();
  machine.body_done();
  dns::Answer answer{.status = dns::AnswerStatus::Records};
  answer.records.emplace_back(key().public_record());
  while (machine.step() == auth::Progress::NeedAnswers) {
    for (const auth::PendingQuestion& asked : machine.questions()) machine.answer(asked.id, answer);
  }
}

void sign_and_verify(std::string_view message, uint8_t choice) {
  const Cut cut(message);
  if (!cut.complete) return;
  dkim::SignSpec spec;
  spec.domain = "example.com";
  spec.selector = "s";
  spec.header = (choice & 1) != 0 ? dkim::Canonicalization::Relaxed : dkim::Canonicalization::Simple;
  spec.body = (choice & 2) != 0 ? dkim::Canonicalization::Relaxed : dkim::Canonicalization::Simple;
  const auto field = dkim::sign(cut.fields, cut.digest(spec.body), spec, key(), kNow);
  SLUICE_CHECK(field.has_value());
  const std::string signed_message = cut.with(*field, message);
  const Cut again(signed_message);
  if (!again.complete) return;  // as large as a header may be, and now larger
  dkim::BodyHashes hashes;
  dkim::Verifier verifier;
  verifier.start(again.reader.block(), hashes, {.now = kNow});
  drive(verifier, again, hashes);
  SLUICE_CHECK(!verifier.outcome().empty());
  // More names than h= may have are more than 256 fields that are signed.
  if (verifier.outcome()[0].reason == dkim::Reason::TooManyHeaderNames) return;
  SLUICE_CHECK(verifier.outcome()[0].result == dkim::Result::Pass);
}

void seal_and_validate(std::string_view message) {
  const Cut cut(message);
  if (!cut.complete) return;
  arc::SealSpec spec;
  spec.domain = "example.com";
  spec.selector = "s";
  const auto set = arc::seal(cut.fields, cut.digest(dkim::Canonicalization::Relaxed), {},
                             {"mx.example.com", "; none", kNow}, spec, key());
  if (!set) return;  // it has ARC fields
  const std::string sealed = cut.with(*set, message);
  const Cut again(sealed);
  if (!again.complete) return;
  dkim::BodyHashes hashes;
  arc::Validator validator;
  arc::ArcOptions options;
  options.now = kNow;
  validator.start(again.reader.block(), hashes, options);
  if (validator.outcome().reason == arc::Reason::MalformedSet)
    return;  // fields without an instance were there
  drive(validator, again, hashes);
  const arc::Outcome& outcome = validator.outcome();
  if (!outcome.sets.empty() && outcome.sets[0].message_reason == dkim::Reason::TooManyHeaderNames) return;
  SLUICE_CHECK(outcome.result == arc::Result::Pass || outcome.reason == arc::Reason::TooManySets);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view message(reinterpret_cast<const char*>(data) + 1, size - 1);
  sign_and_verify(message, data[0]);
  seal_and_validate(message);
  return 0;
}
