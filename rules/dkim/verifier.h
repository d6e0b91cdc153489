// Verifier: the DKIM signatures of one message (RFC 6376 section 6), in the shape of rules/auth/evaluator.h.
// Every signature is verified by itself and has an outcome with its reason; what they mean together is the
// policy's.
//
//   verifier.start(block, body, options);   // reads the fields, tells `body` which hashes are needed
//   while (verifier.step() == Progress::NeedAnswers) {
//     ...first step: all key questions; answer(id, answer, key)...
//     ...body.finish(), then body_done()...
//   }
//   use(verifier.outcome());
//
// Public key operations are done by step() as soon as their key is there, while the body may still arrive.
// The outcome does not depend on what came first. If the caller runs out of time and reads outcome() early,
// signatures without an end are temperror, OutOfTime. An answer that comes twice or is not asked for
// is ignored.
//
// Bounds: limits::kDkimSignatures signatures are verified, from the top. A field that cannot be read, or
// whose time is over, takes none of these places, for it asks for no key: whoever puts such fields above a
// good signature does not hide it. limits::kDkimSignatureFields fields are read, and there is one outcome for
// all below; names in h=, lengths and keys as limits.h says. Reused by start(), which keeps memory. One
// shard. Pure.
#pragma once

#include "io/mail/header_block.h"
#include "rules/auth/evaluator.h"
#include "rules/dkim/body_hashes.h"
#include "rules/dkim/header_hash.h"
#include "rules/dkim/key_record.h"
#include "rules/dkim/message_signature.h"
#include "rules/dkim/outcome.h"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::dkim {

struct VerifyOptions {
  WallTime now{};
  size_t signatures_max = limits::kDkimSignatures;
  bool partial_body = false;  // a signature that leaves body uncovered (l=) may pass
  std::chrono::seconds clock_skew = limits::kDkimClockSkew;
  unsigned rsa_bits_min = limits::kDkimRsaBitsMin;
};

class Verifier {
 public:
  // `block` and `body` outlive the evaluation.
  void start(const mail::HeaderBlock& block, BodyHashes& body, const VerifyOptions& options);
  auth::Progress step();
  std::span<const auth::PendingQuestion> questions() const { return pending_; }
  // `key`: what was made of the answer before, where it was kept with it; read where the answer has records.
  void answer(auth::QuestionId id, const dns::Answer& answer, const KeyRecordRef& key);
  void answer(auth::QuestionId id, const dns::Answer& answer);
  void body_done() { body_done_ = true; }
  // One for each DKIM-Signature field, the topmost first; one (TooManySignatures) for all that were not read.
  // Valid until the next start().
  std::span<const SignatureOutcome> outcome() const { return outcomes_; }

  // Between two messages: lets go of the last one's keys and texts.
  void release();
  // What a message may have made large and start() will use again.
  size_t octets_kept() const { return canonical_.capacity() + index_.octets_kept(); }

 private:
  struct Work {
    MessageSignature signature;  // its names have gone into the outcome
    std::string_view raw;
    size_t question = 0;  // of keys_
    size_t body_id = 0;
    bool identity_below_domain = false;  // i= is not d= itself
    bool open = false;                   // no outcome yet
    bool key_checked = false;            // the public key operation was done
    bool signature_right = false;        // ... and what it said
  };
  struct KeyQuestion {
    dns::DnsName name;
    std::optional<dns::AnswerStatus> status;
    bool stale = false;
    KeyRecordRef key;
  };

  void add_signature(const mail::HeaderField& field, BodyHashes& body);
  size_t question_for(const MessageSignature& signature);
  void name_signatures();
  void end(size_t index, Reason reason);
  void advance(size_t index);
  std::optional<Reason> problem_of_key(const Work& work, const KeyQuestion& question) const;
  std::optional<Reason> problem_of_body(const Work& work, SignatureOutcome& outcome) const;
  void check_signature(Work& work, const KeyRecord& key, SignatureOutcome& outcome);

  const BodyHashes* body_ = nullptr;
  VerifyOptions options_;
  FieldIndex index_;
  bool indexed_ = false;
  const mail::HeaderBlock* block_ = nullptr;
  std::vector<Work> work_;
  std::vector<KeyQuestion> keys_;
  std::vector<auth::PendingQuestion> pending_;
  std::vector<SignatureOutcome> outcomes_;
  std::string canonical_;  // the header of one signature
  Sha256 hash_;
  size_t places_taken_ = 0;  // of options_.signatures_max
  bool asked_ = false;
  bool body_done_ = false;
};

}  // namespace sluice::dkim
