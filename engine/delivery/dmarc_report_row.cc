#include "engine/delivery/dmarc_report_row.h"

#include <string>

#include <fmt/format.h>

namespace sluice::delivery {

namespace {

// "arc=pass as[2].d=list.example as[2].s=k as[1].d=..." (RFC 8617 7.2.2), newest first.
std::string arc_text(const arc::Outcome& chain) {
  std::string text = fmt::format("arc={}", arc::rfc_word(chain.result));
  for (auto set = chain.sets.rbegin(); set != chain.sets.rend(); ++set) {
    if (text.size() > limits::kDmarcReportText) break;
    text += fmt::format(" as[{0}].d={1} as[{0}].s={2}", set->instance, set->domain, set->selector);
  }
  return text;
}

}  // namespace

DmarcReportRow::DmarcReportRow(const evidence::Evidence& evidence, const dmarc::Record& record,
                               dmarc::Mode mode, dmarc::Policy applied)
    : evidence_(evidence), record_(record), mode_(mode), applied_(applied) {
  for (const dkim::SignatureOutcome& signature : evidence.dkim.signatures) {
    const bool passes = signature.result == dkim::Result::Pass;
    signatures_.push_back({signature.domain, signature.selector, dkim::rfc_word(signature.result),
                           passes ? std::string_view() : dkim::to_word(signature.reason)});
  }
  const dmarc::Outcome& outcome = *evidence.dmarc;
  if (outcome.result == dmarc::Result::Pass) {
    const bool enforcing = outcome.policy != dmarc::Policy::None;
    disposition_ = enforcing ? dmarc::Disposition::Pass : dmarc::Disposition::None;
  } else {
    disposition_ = applied == dmarc::Policy::Reject       ? dmarc::Disposition::Reject
                   : applied == dmarc::Policy::Quarantine ? dmarc::Disposition::Quarantine
                                                          : dmarc::Disposition::None;
    take_reasons();
  }
}

// Of a message that failed.
void DmarcReportRow::take_reasons() {
  const dmarc::Outcome& outcome = *evidence_.dmarc;
  const bool has_chain = evidence_.arc && !evidence_.arc->sets.empty();
  if (evidence_.arc_override.applied && has_chain) {
    reasons_.push_back({dmarc::OverrideType::LocalPolicy, arc_text(*evidence_.arc)});
    return;
  }
  if (applied_ == outcome.published) return;
  if (outcome.testing && applied_ == outcome.policy) {
    reasons_.push_back({dmarc::OverrideType::PolicyTestMode, "t=y"});
    return;
  }
  std::string comment = "rule of the recipient's domain";
  if (has_chain) comment += fmt::format("; {}, not used", arc_text(*evidence_.arc));
  reasons_.push_back({dmarc::OverrideType::LocalPolicy, std::move(comment)});
}

dmarc::ReportedMessage DmarcReportRow::message() const {
  dmarc::ReportedMessage message{
      .client = evidence_.client.address, .outcome = *evidence_.dmarc, .record = record_, .mode = mode_};
  message.envelope_from = evidence_.sender.domain();
  if (const evidence::SpfOutcome* spf = evidence::spf_for_dmarc(evidence_)) {
    message.spf = dmarc::ReportedSpf{spf->domain, spf->result, spf->identity, spf->problem};
  }
  message.signatures = signatures_;
  message.disposition = disposition_;
  message.reasons = reasons_;
  return message;
}

}  // namespace sluice::delivery
