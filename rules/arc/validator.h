// Validates the ARC sets of a message (RFC 8617 section 5.2): the sequence and reading of the sets, the
// newest ARC-Message-Signature, every ARC-Seal, and the older message signatures for oldest_pass. An
// auth::Evaluator with a body beside it: Done only once the body hashes are there, where they can matter.
//
// start() reads the fields and registers body hashes; it asks nothing, so that a message whose chain nobody
// needs costs no question (ESE-07). The first step() asks all keys at once, each name once. What the fields
// alone decide (a gap, cv=fail) is decided without any question.
//
// Order of results: what section 5.2 finds first is the reason. A key that cannot be fetched now is TempError
// only where nothing else has failed. Not done: continuing a chain as failed (section 5.1.2), see sealer.h.
// One per message, one shard, reusable by start(). Fails by result, never otherwise: broken chains are input.
#pragma once

#include "io/base/clock.h"
#include "io/base/limits.h"
#include "io/mail/header_block.h"
#include "rules/arc/outcome.h"
#include "rules/auth/evaluator.h"
#include "rules/dkim/body_hashes.h"
#include "rules/dkim/key_record.h"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

namespace sluice::arc {

struct ArcOptions {
  WallTime now{};
  std::chrono::seconds clock_skew = limits::kDkimClockSkew;  // of t= and x= of message signatures
  unsigned rsa_bits_min = limits::kDkimRsaBitsMin;
  bool older_messages = true;  // verify older ARC-Message-Signatures too, for oldest_pass
};

class Validator {
 public:
  Validator();
  Validator(Validator&&) noexcept;
  Validator& operator=(Validator&&) noexcept;
  ~Validator();

  // `block` and `body` outlive the evaluation; call before the first octet of the body is fed.
  void start(const mail::HeaderBlock& block, dkim::BodyHashes& body, const ArcOptions& options);
  bool has_sets() const;  // any field with an ARC name

  auth::Progress step();
  std::span<const auth::PendingQuestion> questions() const;  // valid until the next step()
  void answer(auth::QuestionId id, const dns::Answer& answer,
              const dkim::KeyRecordRef& key);  // what hangs on it
  void answer(auth::QuestionId id, const dns::Answer& answer);
  void body_done();  // BodyHashes::finish() was called

  // Final once step() said Done. Before: None, and the sets as they were read.
  const Outcome& outcome() const;

  // Canonical octets that were hashed for the seals: at most twice those of the sets.
  uint64_t seal_octets() const;

  // Between two messages: gives back all that the last one's sets took.
  void release();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace sluice::arc
