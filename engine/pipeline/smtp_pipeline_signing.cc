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

// Each field of whole lines, topmost first.
void append_fields(std::string_view lines, std::vector<std::string_view>& fields) {
  size_t begin = 0;
  while (begin < lines.size()) {
    size_t end = lines.find('\n', begin);
    while (end != std::string_view::npos && end + 1 < lines.size() &&
           (lines[end + 1] == ' ' || lines[end + 1] == '\t')) {
      end = lines.find('\n', end + 1);
    }
    end = end == std::string_view::npos ? lines.size() : end + 1;
    fields.push_back(lines.substr(begin, end - begin));
    begin = end;
  }
}

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

// Whole lines that go above `front`, our other fields; of the message's own those at `removed` go.
std::string SmtpPipeline::signatures(Shard& shard, std::string_view front,
                                     const std::vector<size_t>& removed) {
  Transaction& tx = *transaction_;
  std::string lines;
  if (tx.signing.empty() && !tx.seal_hash) return lines;
  const mail::HeaderBlock& block = tx.header.block();
  std::vector<std::string_view> fields;
  append_fields(front, fields);
  for (size_t i = 0; i < block.size(); ++i) {
    if (!std::ranges::binary_search(removed, i)) fields.push_back(block[i].raw);
  }
  const bool modified = !removed.empty();
  const dkim::BodyHashes& body = tx.inquiry->body();
  for (size_t i = 0; i < tx.signing.size(); ++i) {
    if (!tx.signing_hashes[i]) continue;
    const dkim::SigningIdentity& identity = tx.signing[i];
    const Result<std::string> made =
        dkim::sign(fields, body.digest(*tx.signing_hashes[i]), identity.spec, identity.key, shard.wall_now());
    ++(made ? context_.counters.signatures : context_.counters.signature_failures);
    if (made) lines += *made;
  }
  const std::optional<policy::ArcSealing>& seal = tx.policy().arc().seal;
  if (!seal || !tx.seal_hash) return lines;
  if (seal->when == policy::SealWhen::Modified && !modified) return lines;
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
  ++(made ? context_.counters.seals : context_.counters.signature_failures);
  if (made) lines.insert(0, *made);
  return lines;
}

}  // namespace sluice::pipeline
