// The body: kept as it came; the header block is read on the way.
#include "engine/pipeline/pipeline_replies.h"
#include "engine/pipeline/smtp_pipeline.h"

#include <utility>

namespace sluice::pipeline {

using mail::HeaderReader;
using message::Disposition;
using message::EndedAt;
using runtime::Task;
using serve::Answer;
using serve::Eventual;

Eventual<Answer> SmtpPipeline::on_body(Shard& shard, Chunk piece) {
  Transaction& tx = *transaction_;
  std::optional<smtp::Reply> refusal;
  if (tx.header.state() == HeaderReader::State::Reading) {
    refusal = read_header(shard, piece.view());
  } else {
    read_body(piece.view());
  }
  tx.body.append(std::move(piece));
  const std::optional<uint64_t> limit = tx.pool->size_limit();
  // RFC 1870 does not count stuffing dots, of which four octets have one at most; end of data knows them.
  const uint64_t wire_octets = tx.body.wire_octets();
  if (!refusal && limit && wire_octets - wire_octets / 4 > *limit) refusal = kMessageTooLarge.to_reply();
  if (refusal) return refuse_message(shard, std::move(*refusal));
  return Answer();
}

Eventual<Answer> SmtpPipeline::before_more_body(Shard& shard) {
  if (!transaction_->body.crowded()) return Answer();
  return make_room(shard);
}

Task<Answer> SmtpPipeline::make_room(Shard& shard) {
  const message::Room room = co_await transaction_->body.make_room(shard);
  if (room == message::Room::Made) co_return Answer();
  smtp::Reply reply = (room == message::Room::NoDisk ? kNotRecorded : kNoMemory).to_reply();
  Answer refused = co_await refuse_message(shard, std::move(reply));
  co_return refused;
}

// Feeds the header reader with the next octets until it has the block, and keeps count of how much of the
// wire form that took; what lies behind the block is body. Gives the reply when the message cannot be taken
// because of its header.
std::optional<smtp::Reply> SmtpPipeline::read_header(Shard& shard, std::string_view wire_octets) {
  Transaction& tx = *transaction_;
  // Unstuffing looks ahead, so it is shown no more than the block needs: the empty line is where it is with
  // stuffing dots too. One that lies across two pieces, or in front, is found by the header's reader.
  const size_t empty_line = wire_octets.find("\n\r\n");
  std::string_view rest =
      wire_octets.substr(0, empty_line == std::string_view::npos ? empty_line : empty_line + 3);
  std::string_view span;
  while (tx.header.state() == HeaderReader::State::Reading && tx.unstuffer.next(rest, span)) {
    const size_t taken = tx.header.feed(span);
    // From the start of this piece to the end of what was taken: stuffing dots in between count.
    const auto position = static_cast<size_t>(span.data() - wire_octets.data()) + taken;
    span.remove_prefix(taken);
    if (tx.header.state() == HeaderReader::State::Complete) {
      tx.header_wire_octets = tx.body.wire_octets() + position;
    }
  }
  switch (tx.header.state()) {
    case HeaderReader::State::TooLarge:
    case HeaderReader::State::TooManyFields:
      return kHeaderTooLarge.to_reply();
    case HeaderReader::State::Complete: {
      if (tx.header.block().received_fields() > limits::kReceivedFields) return kTooManyHops.to_reply();
      start_authentication(shard);
      if (tx.inquiry == nullptr) break;
      tx.inquiry->feed(tx.header.body_prefix());
      tx.inquiry->feed(span);
      const auto position = static_cast<size_t>(rest.data() - wire_octets.data());
      read_body(wire_octets.substr(position));
      break;
    }
    case HeaderReader::State::Reading:
      break;
  }
  return std::nullopt;
}

// The header block is there: what is needed besides is known now, and asked while the body comes.
void SmtpPipeline::start_authentication(Shard& shard) {
  Transaction& tx = *transaction_;
  const policy::Policy& policy = tx.policy();
  const policy::RecipientBinding& recipient = tx.recipients.front().binding;
  const policy::AuthenticationNeeds needs = policy::needs_authentication(
      policy, recipient, tx.evidence.client, tx.evidence.sender, tx.listener->direction);
  authentication::Wanted wanted{.dkim = needs.dkim, .arc = needs.arc};
  wanted.dmarc = needs.dmarc == policy::DmarcNeed::Always;
  // Asked already now where SPF has ended. The From field's, which comes later, decides again at the end.
  if (needs.dmarc == policy::DmarcNeed::OnSpfIntercept && tx.spf.started() && tx.spf.finished()) {
    tx.spf.put_outcome(tx.evidence.spf);
    wanted.dmarc = policy::needs_dmarc_now(policy, recipient, tx.evidence);
  }
  wanted.chain = seals_in_any_case();
  wanted.arc |= may_seal();
  tx.signing = signing_identities();
  for (const dkim::SigningIdentity& identity : tx.signing)
    (identity.spec.body == dkim::Canonicalization::Simple ? wanted.simple_body : wanted.relaxed_body) = true;
  wanted.relaxed_body |= may_seal();
  const bool may_need_dmarc = needs.dmarc != policy::DmarcNeed::Never;
  const bool evaluates = wanted.dkim || may_need_dmarc || wanted.arc || wanted.chain;
  if (!evaluates && tx.signing.empty()) return;
  authentication::Settings settings;
  settings.dkim.now = shard.wall_now();
  settings.dkim.signatures_max = policy.dkim().max_signatures;
  settings.dkim.partial_body = policy.dkim().partial_body;
  settings.dkim.clock_skew = policy.dkim().clock_skew;
  settings.mode = policy.dmarc().mode;
  settings.author_forms = policy.dmarc().author_forms;
  settings.suffixes = tx.version->suffixes();
  settings.trusted_sealers = policy.arc().verify ? &tx.version->trusted_sealers : nullptr;
  tx.inquiry = context_.messages.make();
  tx.inquiry->begin(tx.header.block(), wanted, settings);
  want_body_hashes();
}

void SmtpPipeline::read_body(std::string_view wire_octets) {
  Transaction& tx = *transaction_;
  if (tx.inquiry == nullptr || !tx.inquiry->wants_body()) return;
  std::string_view span;
  while (tx.unstuffer.next(wire_octets, span)) tx.inquiry->feed(span);
}

Task<Answer> SmtpPipeline::refuse_message(Shard& shard, smtp::Reply reply) {
  const std::string line = reply.to_line();
  const bool permanent = reply.permanent();
  const End end{permanent ? Disposition::Refused : Disposition::Deferred, EndedAt::Data, line};
  (void)co_await end_all(shard, end);
  co_return Answer(std::move(reply));
}

}  // namespace sluice::pipeline
