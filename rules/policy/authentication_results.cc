#include "rules/policy/authentication_results.h"

#include "io/base/ascii.h"
#include "io/base/limits.h"
#include "rules/policy/domain_name.h"
#include "rules/policy/removed_fields.h"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <utility>

#include <fmt/format.h>

namespace sluice::policy {
namespace {

using evidence::DkimEvidence;
using evidence::Evidence;
using evidence::Identity;
using evidence::SpfOutcome;

constexpr size_t kColumns = 78;          // RFC 5322 2.1.1 advises; a single word may be longer
constexpr size_t kSignaturesShown = 50;  // as many as may be verified
constexpr std::string_view kNoValue = "none";

// A value in the sense of RFC 8601: bare where nobody can misread it, else a quoted string (W-21).
void append_property_value(std::string& out, std::string_view text) {
  const bool plain = !text.empty() && text.size() <= limits::kHeaderIdentity &&
                     std::ranges::count(text, '@') <= 1 && std::ranges::all_of(text, [](char c) {
                       return is_ascii_alnum(c) || std::string_view(".-_+@").contains(c);
                     });
  if (plain) {
    out += text;
  } else {
    append_quoted_text(out, text);
  }
}

// The results of one field, each on a line of its own, continued where it gets long.
class ResultWriter {
 public:
  explicit ResultWriter(std::string& out) : out_(out) {}

  bool wrote() const { return wrote_; }

  ResultWriter& begin(std::string_view method, std::string_view result) {
    out_ += ";\r\n\t";
    wrote_ = true;
    const size_t word = out_.size();
    out_.append(method).append("=").append(result);
    column_ = 8 + out_.size() - word;
    return *this;
  }
  ResultWriter& reason(std::string_view text) {
    const size_t word = out_.size();
    out_ += "reason=";
    append_quoted_text(out_, text);
    place(word);
    return *this;
  }
  ResultWriter& property(std::string_view name, std::string_view value) {
    const size_t word = out_.size();
    out_.append(name).append("=");
    append_property_value(out_, value);
    place(word);
    return *this;
  }
  // Only a domain name, as A-labels; anything else is left out (CVE-2020-12272).
  ResultWriter& domain(std::string_view name, std::string_view value) {
    if (is_domain_name(value)) return property(name, value);
    if (const std::optional<std::string> labels = to_domain_name(value)) property(name, *labels);
    return *this;
  }

 private:
  // The word that was appended at `word` gets what parts it from the one before.
  void place(size_t word) {
    const size_t octets = out_.size() - word;
    const bool fits = column_ + 1 + octets < kColumns;
    out_.insert(word, fits ? " " : "\r\n\t");
    column_ = (fits ? column_ + 1 : 8) + octets;
  }

  std::string& out_;
  size_t column_ = 0;
  bool wrote_ = false;
};

void write_spf(ResultWriter& writer, const SpfOutcome& outcome, const Evidence& evidence) {
  writer.begin("spf", auth::rfc_word(outcome.result));
  if (outcome.identity == Identity::MailFrom) {
    writer.property("smtp.mailfrom", evidence.sender.text());
  } else {
    const std::string_view helo = evidence::helo_name(evidence.client);
    writer.property("smtp.helo", helo.empty() ? "unknown" : helo);
  }
}

void write_signature(ResultWriter& writer, const dkim::SignatureOutcome& signature) {
  writer.begin("dkim", dkim::rfc_word(signature.result));
  if (signature.result != dkim::Result::Pass) writer.reason(dkim::to_word(signature.reason));
  writer.domain("header.d", signature.domain);
  // i= is below d=; where it is anything else, the signature is wrong and says nothing.
  if (signature.result == dkim::Result::Pass) writer.property("header.i", signature.identity);
  writer.domain("header.s", signature.selector);
  if (signature.algorithm != dkim::Algorithm::Unknown) {
    writer.property("header.a", dkim::to_word(signature.algorithm));
  }
  if (!signature.signature_head.empty()) writer.property("header.b", signature.signature_head);
}

void write_dkim(ResultWriter& writer, const DkimEvidence& dkim) {
  if (!dkim.verified) return;
  if (dkim.signatures.empty()) writer.begin("dkim", dkim::rfc_word(dkim::Result::None));
  evidence::SignatureChoice choice(dkim, kSignaturesShown);
  for (const dkim::SignatureOutcome& signature : dkim.signatures) {
    if (choice.takes(signature)) write_signature(writer, signature);
  }
}

void write_dmarc(ResultWriter& writer, const Evidence& evidence) {
  if (!evidence.dmarc) return;
  const dmarc::Outcome& outcome = *evidence.dmarc;
  writer.begin("dmarc", dmarc::rfc_word(outcome.result));
  const bool erred = outcome.result == dmarc::Result::TempError || outcome.result == dmarc::Result::PermError;
  if (evidence.arc_override.applied && outcome.result == dmarc::Result::Fail) {
    writer.reason("overridden by ARC sealer " + evidence.arc_override.sealer);
  } else if (erred) {
    writer.reason(dmarc::to_word(outcome.reason));
  }
  writer.domain("header.from", outcome.author_domain);
  if (outcome.result == dmarc::Result::Pass || outcome.result == dmarc::Result::Fail) {
    writer.property("policy.dmarc", dmarc::rfc_word(outcome.policy));
  }
}

void write_arc(ResultWriter& writer, const Evidence& evidence) {
  if (!evidence.arc) return;
  const arc::Outcome& outcome = *evidence.arc;
  writer.begin("arc", arc::rfc_word(outcome.result));
  if (outcome.result == arc::Result::Fail || outcome.result == arc::Result::TempError) {
    writer.reason(arc::to_word(outcome.reason));
  }
  if (outcome.result == arc::Result::Pass) {
    // On the wire 0 says that all of them verify (RFC 8617 section 5.2, step 5).
    const unsigned oldest = outcome.oldest_pass == 1 ? 0 : outcome.oldest_pass;
    writer.property("header.oldest-pass", std::to_string(oldest));
  }
  writer.property("smtp.remote-ip", evidence.client.address.to_string());
}

const SpfOutcome* shown_spf(const Evidence& evidence) {
  if (evidence.spf.mail_from) return &*evidence.spf.mail_from;
  return evidence.spf.helo ? &*evidence.spf.helo : nullptr;
}

std::string_view first_passing_domain(const DkimEvidence& dkim) {
  const std::vector<std::string_view> domains = evidence::passing_domains(dkim);
  return domains.empty() ? std::string_view() : domains.front();
}

std::string tm_dkim_text(const DkimEvidence& dkim) {
  const std::string_view passing = first_passing_domain(dkim);
  if (!passing.empty())
    return fmt::format("dkim=pass (signature verified) header.d={}", key_value_text(passing));
  const bool wrong = dkim_standing(dkim, false) == DkimStanding::NotVerified;
  return fmt::format("dkim={} header.d={}",
                     wrong ? "fail (no verified signatures)" : "none (no processed signatures)", kNoValue);
}

}  // namespace

void append_authentication_results_line(std::string& out, std::string_view authserv_id,
                                        const Evidence& evidence) {
  out.append(kAuthenticationResultsField).append(": ");
  append_property_value(out, authserv_id);
  append_arc_results_payload(out, evidence);
  out += "\r\n";
}

std::string authentication_results_line(std::string_view authserv_id, const Evidence& evidence) {
  std::string line;
  append_authentication_results_line(line, authserv_id, evidence);
  return line;
}

void append_arc_results_payload(std::string& out, const Evidence& evidence) {
  ResultWriter writer(out);
  if (evidence.spf.mail_from) write_spf(writer, *evidence.spf.mail_from, evidence);
  if (evidence.spf.helo) write_spf(writer, *evidence.spf.helo, evidence);
  write_dkim(writer, evidence.dkim);
  write_dmarc(writer, evidence);
  write_arc(writer, evidence);
  if (!writer.wrote()) out += "; none";
}

std::string arc_results_payload(const Evidence& evidence) {
  std::string payload;
  append_arc_results_payload(payload, evidence);
  return payload;
}

bool is_pass(DkimStanding standing) {
  return standing != DkimStanding::EnforcedNotProcessed && standing != DkimStanding::NotVerified;
}

DkimStanding dkim_standing(const DkimEvidence& dkim, bool enforced) {
  if (evidence::has_passing_signature(dkim)) return DkimStanding::Verified;
  // Only a signature that was computed and is wrong counts against an unenforced message: any other is as if
  // it were not there (RFC 6376 section 6.1).
  const bool wrong = std::ranges::any_of(dkim.signatures, [](const dkim::SignatureOutcome& signature) {
    return signature.result == dkim::Result::Fail;
  });
  if (wrong) return DkimStanding::NotVerified;
  if (enforced) return DkimStanding::EnforcedNotProcessed;
  return dkim.signatures.empty() ? DkimStanding::NoSignatures : DkimStanding::NoneProcessed;
}

HeaderField tm_dkim_field(const DkimEvidence& dkim, bool enforced) {
  std::string value;
  switch (dkim_standing(dkim, enforced)) {
    case DkimStanding::NoSignatures:
      value = "dkim=pass; No signatures and verification is not enforced";
      break;
    case DkimStanding::NoneProcessed:
      value = "dkim=pass; No processed signatures and verification is not enforced";
      break;
    case DkimStanding::EnforcedNotProcessed:
      value = "dkim=fail; No processed signatures but verification is enforced";
      break;
    case DkimStanding::NotVerified:
      value = "dkim=fail; No verified signatures";
      break;
    case DkimStanding::Verified: {
      const auto signature =
          std::ranges::find(dkim.signatures, dkim::Result::Pass, &dkim::SignatureOutcome::result);
      value = fmt::format("dkim=pass; Contain verified signature, header.d={}, header.s={}, header.i={}",
                          key_value_text(signature->domain), key_value_text(signature->selector),
                          key_value_text(signature->identity));
      break;
    }
  }
  return {std::string(kAuthenticationResultsXField), std::move(value)};
}

HeaderField tm_dmarc_field(const Evidence& evidence) {
  const SpfOutcome* spf = shown_spf(evidence);
  std::string value = fmt::format(
      "spf={} (sender IP address: {}) smtp.mailfrom={}; {};",
      spf == nullptr ? kNoValue : auth::rfc_word(spf->result), evidence.client.address.to_string(),
      key_value_text(evidence.sender.is_null() ? "<>" : std::string_view(evidence.sender.text())),
      tm_dkim_text(evidence.dkim));
  if (evidence.dmarc) {
    const dmarc::Outcome& outcome = *evidence.dmarc;
    value += fmt::format(
        " dmarc={} action={} header.from={};", dmarc::rfc_word(outcome.result),
        dmarc::rfc_word(outcome.disposition),
        outcome.author_domain.empty() ? std::string(kNoValue) : key_value_text(outcome.author_domain));
  }
  return {std::string(kAuthenticationResultsXField), std::move(value)};
}

}  // namespace sluice::policy
