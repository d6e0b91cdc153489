#include "tools/sluicectl/seal_evidence.h"

#include "rules/evidence/spf_outcome.h"
#include "tools/sluicectl/message_run.h"
#include "tools/sluicectl/spf_run.h"

namespace sluice::ctl {
namespace {

void find_spf(const Envelope& envelope, AnswerSource& source, evidence::Evidence& evidence) {
  evidence.client.address = envelope.client;
  evidence.client.helo = envelope.helo;
  evidence.sender = to_sender(envelope.mail_from);
  if (!envelope.has_client) return;
  auto& place = evidence.sender.is_null() ? evidence.spf.helo : evidence.spf.mail_from;
  spf::Check check;
  check.client = envelope.client;
  check.helo = envelope.helo;
  check.sender = envelope.mail_from;
  check.now = envelope.now;
  place = evidence::to_evidence(run_spf(check, source));
}

}  // namespace

evidence::Evidence evidence_for_seal(const Envelope& envelope, std::string_view octets,
                                     AnswerSource& source) {
  evidence::Evidence evidence;
  find_spf(envelope, source, evidence);
  authentication::Settings settings;
  settings.dkim.now = envelope.now;
  // The caller has read the header block, so it is within the limits.
  (void)run_message(octets, {.dkim = true, .dmarc = true, .chain = true}, settings, source, evidence);
  return evidence;
}

}  // namespace sluice::ctl
