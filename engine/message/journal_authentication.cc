#include "engine/message/journal_authentication.h"

#include "io/base/limits.h"

#include <algorithm>
#include <cstddef>
#include <string>

namespace sluice::message {
namespace {

constexpr size_t kSignaturesListed = 10;  // ours; as many as are verified by default
constexpr size_t kNewestSetsListed = 3;
constexpr size_t kNameOctets = 64;  // ours: of a domain or selector, where there are many
constexpr size_t kFew = 2;          // signatures, sets: so many may have long names

std::string_view cut(std::string_view text) { return text.substr(0, limits::kHeaderIdentity); }

// A name of one of `among`: of many it is no longer than what names usually are.
class Name {
 public:
  Name(std::string_view text, size_t among) : text_(cut(text)) {
    if (among <= kFew || text.size() <= kNameOctets) return;
    shortened_.append(text.substr(0, kNameOctets)).append("...");
    text_ = shortened_;
  }
  Name(const Name&) = delete;
  Name& operator=(const Name&) = delete;
  std::string_view text() const { return text_; }

 private:
  std::string shortened_;
  std::string_view text_;
};

void append_signature(std::string& json, const dkim::SignatureOutcome& signature, size_t among) {
  JsonObject entry(json);
  entry.text("result", dkim::rfc_word(signature.result))
      .text("reason", dkim::to_word(signature.reason))
      .text("domain", Name(signature.domain, among).text())
      .text("selector", Name(signature.selector, among).text());
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
  JsonArray signatures(row, "dkim");
  evidence::SignatureChoice choice(dkim, kSignaturesListed);
  for (const dkim::SignatureOutcome& signature : dkim.signatures) {
    if (choice.takes(signature)) append_signature(signatures.next(), signature, listed);
  }
  signatures.end();
  if (dkim.signatures.size() > listed) row.number("dkim_unlisted", dkim.signatures.size() - listed);
}

void append_set(std::string& json, const arc::SetOutcome& set, size_t among) {
  JsonObject entry(json);
  entry.number("i", set.instance)
      .text("domain", Name(set.domain, among).text())
      .text("selector", Name(set.selector, among).text())
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

// The oldest set, the one that failed, and the newest.
bool is_listed(size_t index, const arc::Outcome& outcome) {
  const bool failed = outcome.sets[index].instance == outcome.failed_instance;
  return index == 0 || failed || index + kNewestSetsListed >= outcome.sets.size();
}

void write_arc(JsonObject& row, const evidence::Evidence& evidence) {
  if (!evidence.arc) return;
  const arc::Outcome& outcome = *evidence.arc;
  JsonObject arc = row.object("arc");
  arc.text("result", arc::rfc_word(outcome.result)).text("reason", arc::to_word(outcome.reason));
  if (outcome.failed_instance != 0) arc.number("failed_instance", outcome.failed_instance);
  arc.number("oldest_pass", outcome.oldest_pass);
  arc.number("sets", outcome.sets.size());
  JsonArray chain(arc, "chain");
  for (size_t i = 0; i < outcome.sets.size(); ++i) {
    if (is_listed(i, outcome)) append_set(chain.next(), outcome.sets[i], outcome.sets.size());
  }
  chain.end();
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

void write_authentication_results(JsonObject& row, const evidence::Evidence& evidence) {
  if (evidence.dkim.verified) {
    JsonArray results(row, "dkim_results");
    evidence::SignatureChoice choice(evidence.dkim, kSignaturesListed);
    for (const dkim::SignatureOutcome& signature : evidence.dkim.signatures) {
      if (choice.takes(signature)) append_json_string(results.next(), dkim::rfc_word(signature.result));
    }
    results.end();
  }
  if (evidence.arc) row.text("arc_result", arc::rfc_word(evidence.arc->result));
  if (evidence.arc_override.applied) row.boolean("arc_applied", true);
  if (evidence.dmarc) row.text("dmarc_result", dmarc::rfc_word(evidence.dmarc->result));
}

void write_authentication(JsonObject& row, const evidence::Evidence& evidence) {
  write_dkim(row, evidence.dkim);
  write_arc(row, evidence);
  write_dmarc(row, "dmarc", evidence.dmarc);
  write_dmarc(row, "dmarc_other", evidence.dmarc_other);
}

}  // namespace sluice::message
