#include "engine/message/journal_authentication.h"

#include "io/base/limits.h"

#include <algorithm>
#include <cstddef>
#include <string>

namespace sluice::message {
namespace {

constexpr size_t kSignaturesListed = 20;  // twice of what is verified by default
constexpr size_t kSetsListed = limits::kArcSets;

std::string_view cut(std::string_view text) { return text.substr(0, limits::kHeaderIdentity); }

void append_signature(std::string& json, const dkim::SignatureOutcome& signature) {
  if (json.size() > 1) json += ',';
  JsonObject entry(json);
  entry.text("result", dkim::rfc_word(signature.result))
      .text("reason", dkim::to_word(signature.reason))
      .text("domain", cut(signature.domain))
      .text("selector", cut(signature.selector));
  if (signature.algorithm != dkim::Algorithm::Unknown)
    entry.text("algorithm", dkim::to_word(signature.algorithm));
  if (signature.key_bits != 0) entry.number("key_bits", signature.key_bits);
  if (signature.testing) entry.boolean("testing", true);
  if (signature.body_length) {
    entry.number("body_length", *signature.body_length).number("not_covered", signature.octets_not_covered);
  }
  if (signature.stale_key) entry.boolean("stale", true);
  entry.end();
}

void write_dkim(JsonObject& row, const evidence::DkimEvidence& dkim) {
  if (!dkim.verified) return;
  const size_t listed = std::min(dkim.signatures.size(), kSignaturesListed);
  std::string json = "[";
  for (size_t i = 0; i < listed; ++i) append_signature(json, dkim.signatures[i]);
  json += ']';
  row.raw("dkim", json);
  if (dkim.signatures.size() > listed) row.number("dkim_unlisted", dkim.signatures.size() - listed);
}

void append_set(std::string& json, const arc::SetOutcome& set) {
  if (json.size() > 1) json += ',';
  JsonObject entry(json);
  entry.number("i", set.instance)
      .text("domain", cut(set.domain))
      .text("selector", cut(set.selector))
      .text("cv", arc::rfc_word(set.cv))
      .text("seal", dkim::rfc_word(set.seal))
      .text("message", dkim::rfc_word(set.message));
  if (set.seal != dkim::Result::None && set.seal != dkim::Result::Pass) {
    entry.text("seal_reason", dkim::to_word(set.seal_reason));
  }
  if (set.message != dkim::Result::None && set.message != dkim::Result::Pass) {
    entry.text("message_reason", dkim::to_word(set.message_reason));
  }
  entry.end();
}

void write_arc(JsonObject& row, const evidence::Evidence& evidence) {
  if (!evidence.arc) return;
  const arc::Outcome& outcome = *evidence.arc;
  JsonObject arc = row.object("arc");
  arc.text("result", arc::rfc_word(outcome.result)).text("reason", arc::to_word(outcome.reason));
  if (outcome.failed_instance != 0) arc.number("failed_instance", outcome.failed_instance);
  arc.number("oldest_pass", outcome.oldest_pass);
  std::string chain = "[";
  for (size_t i = 0; i < std::min(outcome.sets.size(), kSetsListed); ++i) append_set(chain, outcome.sets[i]);
  arc.raw("chain", chain + ']');
  arc.end();
  if (outcome.sets.empty()) return;
  JsonObject override = row.object("arc_override");
  override.boolean("applied", evidence.arc_override.applied)
      .text("sealer", cut(evidence.arc_override.sealer))
      .text("reason", cut(evidence.arc_override.reason));
  override.end();
}

void write_dmarc(JsonObject& row, std::string_view key, const std::optional<dmarc::Outcome>& found) {
  if (!found) return;
  JsonObject dmarc = row.object(key);
  dmarc.text("result", dmarc::rfc_word(found->result)).text("reason", dmarc::to_word(found->reason));
  if (!found->author_domain.empty()) dmarc.text("author_domain", cut(found->author_domain));
  if (!found->org_domain.empty()) dmarc.text("org_domain", cut(found->org_domain));
  if (!found->policy_domain.empty()) {
    dmarc.text("policy_domain", cut(found->policy_domain))
        .text("policy", dmarc::rfc_word(found->policy))
        .text("disposition", dmarc::rfc_word(found->disposition));
    JsonObject alignment = dmarc.object("alignment");
    alignment.boolean("spf", found->spf_aligned).boolean("dkim", found->dkim_aligned);
    alignment.end();
  }
  if (found->testing) dmarc.boolean("testing", true);
  if (found->stale) dmarc.boolean("stale", true);
  dmarc.end();
}

}  // namespace

void write_authentication(JsonObject& row, const evidence::Evidence& evidence) {
  write_dkim(row, evidence.dkim);
  write_arc(row, evidence);
  write_dmarc(row, "dmarc", evidence.dmarc);
  write_dmarc(row, "dmarc_other", evidence.dmarc_other);
}

}  // namespace sluice::message
