// Signatures of ours: DKIM on the mail of our own users, ARC seals on mail that we pass on changed (W-22:
// last of all edits). What they need of the body is hashed while it comes, so whether there will be any is
// decided at the end of the header block.
#include "engine/delivery/header_edit.h"
#include "engine/pipeline/smtp_pipeline.h"
#include "io/mail/author.h"
#include "io/mail/domain.h"
#include "rules/arc/sealer.h"
#include "rules/dkim/signer.h"
#include "rules/policy/authentication_results.h"

#include <algorithm>
#include <utility>

namespace sluice::pipeline {
namespace {

bool has_chain(const mail::HeaderBlock& block) { return block.find("ARC-Seal").has_value(); }

}  // namespace

// Mail that our users send: it came to a listener for them, or from a trusted network.
bool SmtpPipeline::is_ours() const {
  return transaction_->listener->direction == evidence::Direction::Outbound || trusted();
}

// Who signs this author's mail.
std::span<const dkim::SigningIdentity> SmtpPipeline::signing_identities() const {
  const Transaction& tx = *transaction_;
  const dkim::SigningTable& table = tx.version->files.signing;
  if (table.empty() || !is_ours()) return {};
  const auto author = mail::find_author(tx.header.block());
  if (!author) return {};
  const std::optional<std::string> domain = mail::to_a_labels(author->domain());
  if (!domain) return {};
  return table.find(*domain);
}

// Sealing continues a chain, which has to be validated for that. Where only changed messages are sealed, the
// fields that will go are known now; a tag comes with a failure, which asks for the chain by itself.
bool SmtpPipeline::seals_in_any_case() const {
  const Transaction& tx = *transaction_;
  const std::optional<policy::ArcSealing>& seal = tx.policy().arc().seal;
  if (!seal || is_ours()) return false;
  return seal->when == policy::SealWhen::Always ||
         !delivery::find_removed(tx.header.block(), tx.version->removed_fields).empty();
}

// The body hashes that our own signatures will need.
void SmtpPipeline::want_body_hashes() {
  Transaction& tx = *transaction_;
  dkim::BodyHashes& body = tx.inquiry->body();
  for (const dkim::SigningIdentity& identity : tx.signing)
    tx.signing_hashes.push_back(body.want(identity.spec.body));
  if (tx.policy().arc().seal && !is_ours()) tx.seal_hash = body.want(dkim::Canonicalization::Relaxed);
}

// Whole lines that go above `ours`, our other fields. Order: W-22, signing and sealing last.
std::string SmtpPipeline::signatures(Shard& shard, std::string_view ours,
                                     const delivery::HeaderEdits& edits) {
  Transaction& tx = *transaction_;
  std::string lines;
  if (tx.signing.empty() && !tx.seal_hash) return lines;
  const std::vector<std::string_view> fields = delivery::sent_fields(ours, tx.header.block(), edits);
  AuthenticationCounters& counters = context_.counters.authentication;
  const dkim::BodyHashes& body = tx.inquiry->body();
  for (size_t i = 0; i < tx.signing.size(); ++i) {
    if (!tx.signing_hashes[i]) continue;
    const dkim::SigningIdentity& identity = tx.signing[i];
    const Result<std::string> made =
        dkim::sign(fields, body.digest(*tx.signing_hashes[i]), identity.spec, identity.key, shard.wall_now());
    ++(made ? counters.signatures : counters.signature_failures);
    if (made) lines += *made;
  }
  const std::optional<policy::ArcSealing>& seal = tx.policy().arc().seal;
  if (!seal || !tx.seal_hash) return lines;
  if (seal->when == policy::SealWhen::Modified && !edits.changes_fields()) return lines;
  if (!tx.evidence.arc && has_chain(tx.header.block())) return lines;  // nobody has validated it
  const arc::Outcome chain = tx.evidence.arc.value_or(arc::Outcome{});
  if (!arc::why_not_sealed(chain).empty()) return lines;
  const std::string results = policy::arc_results_payload(tx.evidence);
  arc::SealSpec spec{.domain = seal->domain, .selector = seal->selector};
  if (!seal->headers.empty()) spec.headers = seal->headers;
  arc::SealRequest request;
  request.authserv_id = tx.policy().result_header().authserv_id;
  request.results = results;
  request.now = shard.wall_now();
  Result<std::string> made =
      arc::seal(fields, body.digest(*tx.seal_hash), chain, request, spec, *tx.version->files.seal);
  ++(made ? counters.seals : counters.signature_failures);
  if (made) lines.insert(0, *made);
  return lines;
}

}  // namespace sluice::pipeline
