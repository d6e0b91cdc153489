#include "rules/evidence/evidence.h"

#include <algorithm>

namespace sluice::evidence {
namespace {

bool has_signature_with(const DkimEvidence& dkim, dkim::Result result) {
  return std::ranges::any_of(dkim.signatures, [result](const dkim::SignatureOutcome& signature) {
    return signature.result == result;
  });
}

}  // namespace

Sender::Sender(std::string_view local_part, std::string_view domain)
    : text_(local_part), local_octets_(local_part.size()) {
  if (!domain.empty()) text_.append("@").append(domain);
}

std::string_view helo_name(const Client& client) {
  return client.helo.empty() ? client.reverse_name : client.helo;
}

bool is_helo_checkable(std::string_view helo) {
  if (helo.ends_with('.')) helo.remove_suffix(1);
  if (helo.empty() || helo.starts_with('[') || !helo.contains('.')) return false;
  return !IpAddress::parse(helo).has_value();
}

const SpfOutcome* spf_for_dmarc(const Evidence& evidence) {
  const std::optional<SpfOutcome>& outcome =
      evidence.sender.is_null() ? evidence.spf.helo : evidence.spf.mail_from;
  return outcome ? &*outcome : nullptr;
}

bool has_passing_signature(const DkimEvidence& dkim) { return has_signature_with(dkim, dkim::Result::Pass); }

bool is_dkim_uncertain(const DkimEvidence& dkim) {
  return !has_passing_signature(dkim) && has_signature_with(dkim, dkim::Result::TempError);
}

std::vector<std::string_view> passing_domains(const DkimEvidence& dkim) {
  std::vector<std::string_view> domains;
  for (const dkim::SignatureOutcome& signature : dkim.signatures) {
    if (signature.result != dkim::Result::Pass) continue;
    if (std::ranges::find(domains, std::string_view(signature.domain)) == domains.end()) {
      domains.emplace_back(signature.domain);
    }
  }
  return domains;
}

SignatureChoice::SignatureChoice(const DkimEvidence& dkim, size_t most) {
  const auto verified = static_cast<size_t>(std::ranges::count_if(
      dkim.signatures, [](const dkim::SignatureOutcome& one) { return !dkim::is_of_field(one.reason); }));
  verified_left_ = std::min(verified, most);
  others_left_ = most - verified_left_;
}

bool SignatureChoice::takes(const dkim::SignatureOutcome& signature) {
  size_t& left = dkim::is_of_field(signature.reason) ? others_left_ : verified_left_;
  if (left == 0) return false;
  --left;
  return true;
}

bool is_dmarc_satisfied(const Evidence& evidence) {
  if (evidence.dmarc && evidence.dmarc->result == dmarc::Result::Pass) return true;
  // A chain speaks of an author; it does not mend a message without one.
  const bool wrong = evidence.dmarc && evidence.dmarc->result == dmarc::Result::PermError;
  return evidence.arc_override.applied && !wrong;
}

}  // namespace sluice::evidence
