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

using runtime::Task;

namespace {

bool has_chain(const mail::HeaderBlock& block) { return block.find("ARC-Seal").has_value(); }

}  // namespace

// Mail that is not looked at: it came to a listener for our users, or from a trusted network.
bool SmtpPipeline::is_ours() const {
  return transaction_->listener->direction == evidence::Direction::Outbound || trusted();
}

// Who signs this author's mail. Only a trusted network's: an outbound listener takes mail for managed domains
// from anybody.
std::span<const dkim::SigningIdentity> SmtpPipeline::signing_identities() const {
  const Transaction& tx = *transaction_;
  const dkim::SigningTable& table = tx.version->files.signing;
  if (table.empty() || !trusted()) return {};
  // One reading of From for the whole node: what counts as an author of others does so of our own users.
  const auto author = mail::find_author(tx.header.block(), tx.policy().dmarc().author_forms);
  if (!author) return {};
  const std::optional<std::string> domain = mail::to_a_labels(author->domain());
  if (!domain) return {};
  return table.find(*domain);
}

bool SmtpPipeline::may_seal() const { return transaction_->policy().arc().seal.has_value() && !is_ours(); }

// Sealing continues a chain, which has to be validated for that. A tag is only decided later: see
// validate_chain_for_seal().
bool SmtpPipeline::seals_in_any_case() const {
  if (!may_seal()) return false;
  const Transaction& tx = *transaction_;
  return tx.policy().arc().seal->when == policy::SealWhen::Always ||
         !delivery::find_removed(tx.header.block(), tx.version->removed_fields).empty();
}

// Where a tag changes a message whose chain nobody has asked about yet.
Task<void> SmtpPipeline::validate_chain_for_seal(Shard& shard, MonoTime deadline) {
  Transaction& tx = *transaction_;
  if (!may_seal() || tx.evidence.arc || !has_chain(tx.header.block())) co_return;
  const bool in_time = co_await tx.inquiry->finish_chain(shard, tx.evidence, deadline);
  if (!in_time) ++context_.counters.authentication.cut_off;
}

// The body hashes that our own signatures will need: Wanted has asked for them before anybody else did.
void SmtpPipeline::want_body_hashes() {
  Transaction& tx = *transaction_;
  dkim::BodyHashes& body = tx.inquiry->body();
  for (const dkim::SigningIdentity& identity : tx.signing)
    tx.signing_hashes.push_back(*body.want(identity.spec.body));
  if (may_seal()) tx.seal_hash = body.want(dkim::Canonicalization::Relaxed);
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
    const dkim::SigningIdentity& identity = tx.signing[i];
    const Result<std::string> made =
        dkim::sign(fields, body.digest(tx.signing_hashes[i]), identity.spec, identity.key, shard.wall_now());
    ++(made ? counters.signatures : counters.signature_failures);
    if (made) lines += *made;
  }
  if (!tx.seal_hash) return lines;
  const policy::ArcSealing& seal = *tx.policy().arc().seal;
  const bool modified = edits.changes_fields() || !edits.added.empty();
  if (seal.when == policy::SealWhen::Modified && !modified) return lines;
  const arc::Outcome chain = tx.evidence.arc.value_or(arc::Outcome{});
  const bool is_unknown = !tx.evidence.arc && has_chain(tx.header.block());
  if (is_unknown || !arc::why_not_sealed(chain).empty()) {
    ++counters.not_sealed;
    return lines;
  }
  const std::string results = policy::arc_results_payload(tx.evidence);
  arc::SealSpec spec{.domain = seal.domain, .selector = seal.selector};
  if (!seal.headers.empty()) spec.headers = seal.headers;
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
