// BDAT of ServerSession (RFC 3030 sections 2 and 4).
#include "io/smtp/server_replies.h"
#include "io/smtp/server_session.h"

#include <algorithm>
#include <utility>

namespace sluice::smtp {

using namespace replies;

// The octets of a chunk follow the command at once, whatever is answered, and may not be read as commands.
// Where their number is not known, or not worth reading, the session ends.
ServerSession::Found ServerSession::on_bdat(const Command& command) {
  const std::optional<BdatArgument> chunk = parse_bdat(command.argument);
  const bool huge = chunk && chunk->octets / 2 > options_->message_octets;
  if (!chunk || huge) {
    ++errors_;
    answer(huge ? kTooLarge : kBadArgument);
    close(CloseReason::Bdat);
    return std::nullopt;
  }
  chunk_ = *chunk;
  switch (chunks_) {
    case Chunks::Open:
      return go_on_with_chunks();
    case Chunks::Failed:
      if (!too_idle()) state_ = State::Skipping;
      return std::nullopt;
    case Chunks::None:
      break;
  }
  return begin_chunks();
}

ServerSession::Found ServerSession::begin_chunks() {
  if (!options_->chunking) {
    skip_reply_ = &kNotOffered;
  } else if (!transaction_) {
    skip_reply_ = &kMailFirst;
  } else if (accepted_recipients_ == 0) {
    skip_reply_ = &kNoRecipients;
  }
  if (skip_reply_ != nullptr) {
    state_ = State::Skipping;
    return std::nullopt;
  }
  state_ = State::Chunk;
  if (chunk_.octets > options_->message_octets) return refuse_body_for(BodyDefect::TooLarge);
  return decide(Kind::Data);
}

ServerSession::Found ServerSession::go_on_with_chunks() {
  if (chunk_.octets == 0 && !chunk_.last && too_idle()) return std::nullopt;
  state_ = State::Chunk;
  if (chunk_.octets > options_->message_octets - reader_.message_octets())
    return refuse_body_for(BodyDefect::TooLarge);
  return std::nullopt;
}

// The octets behind BDAT, and its end.
ServerSession::Found ServerSession::next_chunk() {
  if (chunk_is_over()) return state_ == State::Skipping ? on_skipped() : on_chunk_end();
  const std::string_view piece =
      input_.substr(0, static_cast<size_t>(std::min<uint64_t>(chunk_.octets, input_.size())));
  const uint64_t dots_before = reader_.stuffed_dots();
  DataReader::Result result{.consumed = piece.size()};
  if (state_ == State::Chunk) result = reader_.read_chunk(piece);
  input_.remove_prefix(result.consumed);
  chunk_.octets -= result.consumed;
  return on_body_step(result, dots_before);
}

ServerSession::Found ServerSession::on_chunk_end() {
  if (chunk_.last) {
    const uint64_t dots_before = reader_.stuffed_dots();
    return on_body_step(reader_.end_chunks(), dots_before);
  }
  answer(kChunkOk);
  leave_body();
  return std::nullopt;
}

// The octets of a refused chunk are read: now its reply.
ServerSession::Found ServerSession::on_skipped() {
  leave_body();
  if (skip_reply_ != nullptr) {
    const FixedReply& reply = *std::exchange(skip_reply_, nullptr);
    if (reply.code == kNoRecipients.code) return refuse_without_recipients();
    return reply.code == kMailFirst.code ? refuse_sequence(reply) : error(reply);
  }
  append_reply(output_, own_reply_);
  if (chunk_.last) chunks_ = Chunks::None;
  if (ends_session(own_reply_.code)) close(CloseReason::ByDriver);
  return std::nullopt;
}

}  // namespace sluice::smtp
