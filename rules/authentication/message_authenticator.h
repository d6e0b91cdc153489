// MessageAuthenticator: DKIM, DMARC and ARC of one message as one machine (the shape of
// rules/auth/evaluator.h), in the order of decision W-33: DKIM, then DMARC with what SPF found, then the ARC
// chain if a trigger of ESE-07 holds or the caller seals, then whether the chain overrides DMARC.
//
//   m.start(block, wanted, settings);               // the header block is there
//   m.step() ... m.questions() ... m.answer(...)    // keys and policies, asked while the body still comes
//   m.body().feed(octets) ... m.body_done();        // the body, without dot-stuffing, in pieces of any size
//   m.spf_known(evidence, dmarc_wanted);            // once SPF has ended
//   while (m.step() == NeedAnswers) ...             // what DMARC and ARC ask now
//   m.conclude(evidence);
//
// SPF is the caller's, who may need it earlier. All that can be asked early is; what a message that passes
// does not need is never asked (ESE-07). Answers may come in any order. Nothing fails: what could not be
// found out is TempError in the outcome. Pure; one message at a time, reusable by start(), which keeps the
// memory.
#pragma once

#include "io/mail/author.h"
#include "io/mail/header_block.h"
#include "rules/arc/override.h"
#include "rules/arc/validator.h"
#include "rules/auth/evaluator.h"
#include "rules/dkim/body_hashes.h"
#include "rules/dkim/verifier.h"
#include "rules/dmarc/evaluator.h"
#include "rules/evidence/evidence.h"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace sluice::authentication {

struct Wanted {
  bool dkim = true;
  bool dmarc = false;
  bool arc = false;    // where a trigger of ESE-07 holds
  bool chain = false;  // the ARC chain whatever the results are: it will be sealed, or a person asks
  // Body hashes of one's own, for signing: they are there whatever the message's signatures want.
  bool simple_body = false;
  bool relaxed_body = false;
};

struct Settings {
  dkim::VerifyOptions dkim;  // with the time
  dmarc::Mode mode = dmarc::Mode::Rfc9989;
  mail::AuthorForms author_forms = mail::AuthorForms::Strict;
  const dmarc::PublicSuffixes* suffixes = nullptr;       // Rfc7489 and Both; outlives the evaluation
  const arc::TrustedSealers* trusted_sealers = nullptr;  // null: nobody; outlives the evaluation
};

// What a question is for, so that whoever keeps parsed records knows which.
enum class Purpose : uint8_t { Key, DmarcPolicy, Existence };

class MessageAuthenticator {
 public:
  // `block` outlives the evaluation.
  void start(const mail::HeaderBlock& block, const Wanted& wanted, const Settings& settings);

  dkim::BodyHashes& body() { return body_; }
  void body_done();
  // SPF has ended, with what it found in the evidence (nothing, where it was not needed). `dmarc_wanted`:
  // DMARC too, where only what SPF found decided that; what was wanted from the start stays wanted.
  void spf_known(const evidence::Evidence& evidence, bool dmarc_wanted = false);

  // NeedAnswers also while the body or SPF is awaited.
  auth::Progress step();
  std::span<const auth::PendingQuestion> questions() const { return questions_; }
  Purpose purpose(auth::QuestionId id) const;
  void answer(auth::QuestionId id, const dns::Answer& answer);
  // With what hangs on the answer already.
  void answer(auth::QuestionId id, const dns::Answer& answer, const dkim::KeyRecordRef& key);
  void answer(auth::QuestionId id, const dns::Answer& answer, dmarc::RecordRef record);

  // After Done, where the chain was not asked about and `arc` was wanted: now it is. step() goes on.
  void want_chain();
  // After Done: puts what was found into the evidence.
  void conclude(evidence::Evidence& evidence) const;
  // Of what is acted on, for reports; null where no record applies.
  const dmarc::RecordRef& dmarc_record() const { return dmarc_.record(); }

  // Between two messages: lets go of the last one's keys, texts and sets.
  void release();
  // What a message may have made large and start() will use again.
  size_t octets_kept() const { return dkim_.octets_kept(); }

 private:
  enum class Machine : uint8_t { Dkim, Dmarc, DmarcOther, Arc };
  struct Route {
    Machine machine;
    dns::RecordType type;
    auth::QuestionId id;
  };

  template <class Evaluator>
  bool run(Evaluator& evaluator, Machine machine);
  void tell_dmarc();
  bool chain_is_needed() const;
  std::string author_domain(const std::optional<dmarc::Outcome>& outcome) const;

  dkim::BodyHashes body_;
  dkim::Verifier dkim_;
  dmarc::Evaluator dmarc_;
  dmarc::Evaluator dmarc_other_;
  arc::Validator arc_;

  void start_dmarc();

  Wanted wanted_;
  const mail::HeaderBlock* block_ = nullptr;
  Settings settings_;
  bool both_ = false;
  bool dkim_done_ = false;
  bool dmarc_done_ = false;
  bool dmarc_other_done_ = false;
  bool dmarc_told_ = false;
  bool arc_done_ = false;
  bool arc_asked_ = false;
  bool body_done_ = false;
  bool spf_known_ = false;
  std::optional<auth::SpfResult> spf_result_;
  std::string spf_domain_;

  std::vector<Route> routes_;  // by QuestionId
  std::vector<auth::PendingQuestion> questions_;
};

}  // namespace sluice::authentication
