#include "tools/sluicectl/seal_evidence.h"

#include "io/base/limits.h"
#include "io/mail/author.h"
#include "rules/arc/validator.h"
#include "rules/dkim/verifier.h"
#include "rules/dmarc/evaluator.h"
#include "tools/sluicectl/spf_run.h"

#include <chrono>
#include <vector>

namespace sluice::ctl {
namespace {

template <class Machine>
void drive(Machine& machine, AnswerSource& source) {
  const auto deadline = std::chrono::steady_clock::now() + limits::kSpfDeadline;
  while (machine.step() == auth::Progress::NeedAnswers) {
    for (const auth::PendingQuestion& asked : machine.questions()) {
      const bool in_time = std::chrono::steady_clock::now() < deadline;
      machine.answer(asked.id, in_time ? source.ask(asked.question) : source.refuse(asked.question));
    }
  }
}

evidence::SpfOutcome spf_of(const Envelope& envelope, AnswerSource& source) {
  spf::Check check;
  check.client = envelope.client;
  check.helo = envelope.helo;
  check.sender = envelope.mail_from;
  check.now = envelope.now;
  const spf::Outcome outcome = run_spf(check, source);
  evidence::SpfOutcome found;
  found.result = outcome.result;
  found.identity = outcome.identity;
  found.domain = outcome.domain;
  found.mechanism = outcome.mechanism;
  return found;
}

void find_spf(const Envelope& envelope, AnswerSource& source, evidence::Evidence& evidence) {
  evidence.client.address = envelope.client;
  evidence.client.helo = envelope.helo;
  const size_t at = envelope.mail_from.rfind('@');
  if (at != std::string::npos) {
    evidence.sender.local_part = envelope.mail_from.substr(0, at);
    evidence.sender.domain = envelope.mail_from.substr(at + 1);
  }
  if (!envelope.has_client) return;
  auto& place = evidence.sender.is_null() ? evidence.spf.helo : evidence.spf.mail_from;
  place = spf_of(envelope, source);
}

void find_dmarc(const mail::HeaderBlock& block, AnswerSource& source, evidence::Evidence& evidence) {
  dmarc::Evaluator machine;
  machine.start(mail::find_author(block), {});
  dmarc::Identifiers identifiers;
  const evidence::SpfOutcome* const spf = evidence::spf_for_dmarc(evidence);
  if (spf != nullptr && spf->result == auth::SpfResult::Pass) identifiers.spf_domain = spf->domain;
  if (spf != nullptr && spf->result == auth::SpfResult::TempError)
    identifiers.spf_temperror_domain = spf->domain;
  const std::vector<std::string_view> passed = evidence::passing_domains(evidence.dkim);
  std::vector<std::string_view> undecided;
  for (const dkim::SignatureOutcome& signature : evidence.dkim.signatures) {
    if (signature.result == dkim::Result::TempError) undecided.emplace_back(signature.domain);
  }
  identifiers.dkim_domains = passed;
  identifiers.dkim_temperror_domains = undecided;
  machine.identifiers(identifiers);
  drive(machine, source);
  evidence.dmarc = machine.outcome();
}

}  // namespace

evidence::Evidence evidence_for_seal(const Envelope& envelope, const mail::HeaderBlock& block,
                                     std::string_view body, AnswerSource& source) {
  evidence::Evidence evidence;
  find_spf(envelope, source, evidence);

  dkim::BodyHashes hashes;
  dkim::Verifier verifier;
  dkim::VerifyOptions verify_options;
  verify_options.now = envelope.now;
  verifier.start(block, hashes, verify_options);
  arc::Validator validator;
  arc::ArcOptions arc_options;
  arc_options.now = envelope.now;
  validator.start(block, hashes, arc_options);
  hashes.feed(body);
  hashes.finish();
  verifier.body_done();
  validator.body_done();
  drive(verifier, source);
  evidence.dkim.verified = true;
  evidence.dkim.signatures.assign(verifier.outcome().begin(), verifier.outcome().end());
  find_dmarc(block, source, evidence);
  drive(validator, source);
  evidence.arc = validator.outcome();
  return evidence;
}

}  // namespace sluice::ctl
