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
  std::optional<smtp::Reply> refusal = read_header(piece.view());
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
// wire form that took. Gives the reply when the message cannot be taken because of its header.
std::optional<smtp::Reply> SmtpPipeline::read_header(std::string_view wire_octets) {
  Transaction& tx = *transaction_;
  if (tx.header.state() != HeaderReader::State::Reading) return std::nullopt;
  // Unstuffing looks ahead, so it is shown no more than the block needs: the empty line is where it is with
  // stuffing dots too. One that lies across two pieces, or in front, is found by the header's reader.
  const size_t empty_line = wire_octets.find("\n\r\n");
  std::string_view rest =
      wire_octets.substr(0, empty_line == std::string_view::npos ? empty_line : empty_line + 3);
  std::string_view span;
  uint64_t copied = 0;
  while (tx.header.state() == HeaderReader::State::Reading && tx.unstuffer.next(rest, span)) {
    const size_t taken = tx.header.feed(span);
    copied += taken;
    // From the start of this piece to the end of what was taken: stuffing dots in between count.
    const auto position = static_cast<size_t>(span.data() - wire_octets.data()) + taken;
    if (tx.header.state() == HeaderReader::State::Complete) {
      tx.header_wire_octets = tx.body.wire_octets() + position;
    }
  }
  tx.body.note_copied(copied);
  switch (tx.header.state()) {
    case HeaderReader::State::TooLarge:
    case HeaderReader::State::TooManyFields:
      return kHeaderTooLarge.to_reply();
    case HeaderReader::State::Complete:
      if (tx.header.block().received_fields() > limits::kReceivedFields) return kTooManyHops.to_reply();
      break;
    case HeaderReader::State::Reading:
      break;
  }
  return std::nullopt;
}

Task<Answer> SmtpPipeline::refuse_message(Shard& shard, smtp::Reply reply) {
  const std::string line = reply.to_line();
  const bool permanent = reply.permanent();
  const End end{permanent ? Disposition::Refused : Disposition::Deferred, EndedAt::Data, line};
  (void)co_await end_all(shard, end);
  co_return Answer(std::move(reply));
}

}  // namespace sluice::pipeline
