#include "tools/sluicectl/message_run.h"

#include "io/base/limits.h"
#include "io/mail/header_block.h"

#include <chrono>
#include <string>
#include <vector>

namespace sluice::ctl {

Result<void> run_message(std::string_view octets, const authentication::Wanted& wanted,
                         const authentication::Settings& settings, AnswerSource& source,
                         evidence::Evidence& evidence) {
  mail::HeaderReader reader;
  const size_t header_octets = reader.feed(octets);
  reader.finish();
  if (reader.state() != mail::HeaderReader::State::Complete)
    return fail(ErrorKind::Limit, "the message has a header block over the limits");
  authentication::MessageAuthenticator machine;
  machine.start(reader.block(), wanted, settings);
  machine.body().feed(reader.body_prefix());
  machine.body().feed(octets.substr(header_octets));
  machine.body_done();
  machine.spf_known(evidence);

  const auto deadline = std::chrono::steady_clock::now() + limits::kAuthenticationWait;
  while (machine.step() == auth::Progress::NeedAnswers) {
    for (const auth::PendingQuestion& asked : machine.questions()) {
      const bool in_time = std::chrono::steady_clock::now() < deadline;
      machine.answer(asked.id, in_time ? source.ask(asked.question) : source.refuse(asked.question));
    }
  }
  machine.conclude(evidence);
  // One entry for each field, also of those that were too many to be looked at.
  std::vector<dkim::SignatureOutcome>& signatures = evidence.dkim.signatures;
  const size_t fields = reader.block().count("DKIM-Signature");
  if (!signatures.empty() && signatures.size() < fields) signatures.resize(fields, signatures.back());
  return {};
}

evidence::Sender to_sender(std::string_view mail_from) {
  const size_t at = mail_from.rfind('@');
  if (at == std::string_view::npos) return {std::string(mail_from), {}};
  return {std::string(mail_from.substr(0, at)), std::string(mail_from.substr(at + 1))};
}

evidence::SpfOutcome to_evidence(const spf::Outcome& outcome) {
  evidence::SpfOutcome result;
  result.result = outcome.result;
  result.identity = outcome.identity;
  result.domain = outcome.domain;
  result.mechanism = outcome.mechanism;
  result.explanation = outcome.explanation;
  result.lookups = outcome.lookups;
  result.void_lookups = outcome.void_lookups;
  result.problem = outcome.problem;
  result.problem_domain = outcome.problem_domain;
  result.problem_term = outcome.problem_term;
  result.problem_offset = outcome.problem_offset;
  return result;
}

}  // namespace sluice::ctl
