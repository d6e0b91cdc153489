#include "tools/sluicectl/message_run.h"

#include "io/base/limits.h"
#include "io/mail/header_block.h"
#include "rules/dkim/message_signature.h"

#include <chrono>
#include <string>
#include <utility>
#include <vector>

namespace sluice::ctl {
namespace {

// The verifier has one outcome for all fields that were too many to be read; here each has its own.
void name_unread_signatures(const mail::HeaderBlock& block, std::vector<dkim::SignatureOutcome>& signatures) {
  if (signatures.size() <= limits::kDkimSignatureFields) return;
  const dkim::SignatureOutcome unread = std::move(signatures.back());
  signatures.pop_back();
  constexpr std::string_view kFieldName = "DKIM-Signature";
  size_t position = 0;
  for (auto at = block.find(kFieldName); at; at = block.find(kFieldName, *at + 1)) {
    if (position++ < limits::kDkimSignatureFields) continue;
    dkim::MessageSignature read = dkim::read_signature(block[*at].value, dkim::SignatureKind::Dkim);
    dkim::SignatureOutcome& outcome = signatures.emplace_back(unread);
    outcome.domain = std::move(read.domain);
    outcome.selector = std::move(read.selector);
  }
}

}  // namespace

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
  if (wanted.dkim) name_unread_signatures(reader.block(), evidence.dkim.signatures);
  return {};
}

evidence::Sender to_sender(std::string_view mail_from) {
  const size_t at = mail_from.rfind('@');
  if (at == std::string_view::npos) return {std::string(mail_from), {}};
  return {std::string(mail_from.substr(0, at)), std::string(mail_from.substr(at + 1))};
}

}  // namespace sluice::ctl
