#include "io/smtp/server_session.h"

#include "io/base/check.h"
#include "io/smtp/server_replies.h"

#include <iterator>
#include <utility>

#include <fmt/format.h>

namespace sluice::smtp {

using namespace replies;

namespace {

constexpr size_t kRecipientsKept = 8;  // ours: more have their memory for as long as their transaction

FixedReply reply_to_defect(BodyDefect defect) {
  switch (defect) {
    case BodyDefect::BareCr:
      return kBareCr;
    case BodyDefect::BareLf:
      return kBareLf;
    case BodyDefect::Nul:
      return kNul;
    case BodyDefect::TooLarge:
      return kTooLarge;
    case BodyDefect::None:
      break;
  }
  SLUICE_CHECK(false);
}

BodyRefusal refusal_of(BodyDefect defect) {
  switch (defect) {
    case BodyDefect::BareCr:
      return BodyRefusal::BareCr;
    case BodyDefect::BareLf:
      return BodyRefusal::BareLf;
    case BodyDefect::Nul:
      return BodyRefusal::Nul;
    case BodyDefect::TooLarge:
      return BodyRefusal::TooLarge;
    case BodyDefect::None:
      break;
  }
  SLUICE_CHECK(false);
}

}  // namespace

ServerSession::ServerSession(const ServerOptions& options, XclientPeer peer)
    : options_(&options), peer_(peer) {}

void ServerSession::greet() {
  SLUICE_CHECK(state_ == State::New);
  state_ = State::Greeted;
  append_reply(output_, 220, kNoStatus, fmt::format("{} {}", options_->hostname, options_->greeting));
}

void ServerSession::feed(std::string_view octets) {
  SLUICE_CHECK(input_.empty() && !awaits_decision());
  if (state_ != State::Closed) input_ = octets;
}

ServerEvent ServerSession::next() {
  SLUICE_CHECK(!awaits_decision() && state_ != State::New);
  ServerEvent event;
  while (true) {
    if (state_ == State::Closed) {
      event.kind = Kind::Close;
      event.close_reason = close_reason_;
      return event;
    }
    if (output_.size() > kReplyBacklog) {
      event.kind = Kind::Flush;
      return event;
    }
    if (hello_due_) {
      hello_due_ = false;
      return decide(Kind::Hello);
    }
    if (input_.empty() && !chunk_is_over()) return event;
    if (const Found found = read_on()) return *found;
  }
}

ServerSession::Found ServerSession::read_on() {
  switch (state_) {
    case State::Body:
    case State::Dropping:
      return next_body();
    case State::Chunk:
    case State::Skipping:
      return next_chunk();
    default:
      return next_command();
  }
}

ServerSession::Found ServerSession::next_body() {
  const uint64_t dots_before = reader_.stuffed_dots();
  const DataReader::Result result = reader_.read(input_);
  input_.remove_prefix(result.consumed);
  return on_body_step(result, dots_before);
}

ServerSession::Found ServerSession::on_body_step(const DataReader::Result& result, uint64_t dots_before) {
  switch (result.step) {
    case DataReader::Step::NeedInput:
      return std::nullopt;
    case DataReader::Step::Defect:
      return refuse_body_for(result.defect);
    case DataReader::Step::End:
      return on_body_end();
    case DataReader::Step::Octets:
      break;
  }
  ServerEvent event;
  event.kind = Kind::Body;
  event.octets = result.octets;
  event.carried = result.carried;
  event.stuffed_dots = reader_.stuffed_dots() - dots_before;
  return event;
}

ServerSession::Found ServerSession::on_body_end() {
  if (state_ != State::Dropping) return decide(Kind::EndOfData);
  append_reply(output_, own_reply_);
  leave_body();
  if (ends_session(own_reply_.code)) close(CloseReason::ByDriver);
  return std::nullopt;
}

ServerEvent ServerSession::decide(Kind kind) {
  pending_ = kind;
  ServerEvent event;
  event.kind = kind;
  switch (kind) {
    case Kind::Hello:
      event.hello_name = next_hello_name_;
      event.extended = next_extended_;
      break;
    case Kind::Xclient:
      event.xclient = &xclient_;
      break;
    case Kind::Mail:
      event.mail = &mail_;
      break;
    case Kind::Recipient:
      event.recipients = recipients_;
      decided_recipients_ = 0;
      break;
    case Kind::EndOfData:
      event.message = &reader_;
      break;
    default:
      break;
  }
  return event;
}

ServerEvent ServerSession::refuse_body_for(BodyDefect defect) {
  own_reply_ = reply_to_defect(defect).to_reply();
  fail_message();
  ServerEvent event;
  event.kind = Kind::BodyRefused;
  event.body_refusal = refusal_of(defect);
  event.reply = &own_reply_;
  return event;
}

void ServerSession::accept() {
  switch (pending_) {
    case Kind::Hello:
      answer_hello();
      break;
    case Kind::Xclient:
      append_reply(output_, 220, kNoStatus, fmt::format("{} {}", options_->hostname, options_->greeting));
      break;
    case Kind::Mail:
      answer(kSenderOk);
      break;
    case Kind::Recipient:
      answer(kRecipientOk);
      break;
    case Kind::Data:
      if (state_ != State::Chunk) answer(kStartMail);
      break;
    default:
      answer(kOk);
      break;
  }
  take_decision(pending_);
}

void ServerSession::accept(const Reply& reply) {
  SLUICE_CHECK(pending_ == Kind::Data ? reply.intermediate() : reply.positive());
  // EHLO's reply is the list of extensions, whatever the driver would like to say.
  if (pending_ == Kind::Hello) return accept();
  if (state_ != State::Chunk || pending_ != Kind::Data) append_reply(output_, reply);
  take_decision(pending_);
}

// What acceptance changes.
void ServerSession::take_decision(Kind kind) {
  SLUICE_CHECK(awaits_decision());
  pending_ = Kind::NeedInput;
  switch (kind) {
    case Kind::Hello:
      hello_name_.swap(next_hello_name_);
      extended_ = next_extended_;
      chunks_ = Chunks::None;
      state_ = State::Ready;
      break;
    case Kind::Xclient:
      hello_name_.clear();
      extended_ = false;
      refused_recipients_ = errors_ = 0;  // another client's
      state_ = State::Greeted;
      break;
    case Kind::Mail:
      transaction_ = true;
      mail_refused_ = false;
      accepted_recipients_ = 0;
      rcpt_commands_ = 0;
      chunks_ = Chunks::None;
      break;
    case Kind::Recipient:
      ++accepted_recipients_;
      go_to_next_recipient();
      break;
    case Kind::Data:
      reader_.reset(options_->message_octets, options_->bare_line_ends);
      if (state_ == State::Chunk) {
        chunks_ = Chunks::Open;
      } else {
        state_ = State::Body;
      }
      break;
    case Kind::EndOfData:
      end_transaction();
      idle_commands_ = 0;
      leave_body();
      break;
    default:
      break;
  }
}

void ServerSession::reject(const Reply& reply) {
  SLUICE_CHECK(awaits_decision() && reply.refuses());
  const Kind kind = std::exchange(pending_, Kind::NeedInput);
  if (kind == Kind::Data && state_ == State::Chunk && !ends_session(reply.code)) {
    own_reply_ = reply;  // when the octets of the chunk are read
    state_ = State::Skipping;
    // The chunks behind it are the rest of the same message, and no message of their own.
    if (!chunk_.last) chunks_ = Chunks::Failed;
    return;
  }
  // RFC 2034: no status in replies to HELO and EHLO.
  append_reply(output_, reply.code, kind == Kind::Hello ? kNoStatus : reply.status, reply.text);
  if (kind == Kind::EndOfData) {
    end_transaction();
    leave_body();
  }
  if (ends_session(reply.code)) {
    close(CloseReason::ByDriver);
  } else if (kind == Kind::Recipient) {
    if (reply.permanent()) count_refused_recipient();
    if (state_ != State::Closed) go_to_next_recipient();
  }
}

void ServerSession::go_to_next_recipient() {
  if (++decided_recipients_ < recipients_.size()) pending_ = Kind::Recipient;
}

void ServerSession::refuse_body(const Reply& reply) {
  SLUICE_CHECK(in_body() && !awaits_decision() && reply.refuses());
  own_reply_ = reply;
  fail_message();
}

// own_reply_ says why. What is left of the message is read and dropped.
void ServerSession::fail_message() {
  end_transaction();
  if (state_ == State::Body) {
    reader_.drop_rest();
    state_ = State::Dropping;
    return;
  }
  chunks_ = Chunks::Failed;
  if (state_ == State::Chunk) state_ = State::Skipping;  // else between two of them
}

void ServerSession::fail_with(const Reply& reply) {
  SLUICE_CHECK(reply.refuses());
  if (state_ == State::Closed) return;
  append_reply(output_, reply);
  pending_ = Kind::NeedInput;
  close(CloseReason::ByDriver);
}

void ServerSession::borrow_memory(std::string& spare) {
  if (!output_.empty() || output_.capacity() >= spare.capacity()) return;
  output_.swap(spare);
  output_.clear();
}

void ServerSession::return_memory(std::string& spare) {
  if (!output_.empty()) return;
  if (spare.capacity() < output_.capacity()) spare.swap(output_);
  output_ = std::string();
}

void ServerSession::take_output(std::string& out) {
  out.clear();
  out.swap(output_);
}

void ServerSession::answer_hello() {
  if (!next_extended_) {
    append_reply(output_, 250, kNoStatus, options_->hostname);
    return;
  }
  std::string text = options_->hostname;
  if (options_->pipelining) text.append("\nPIPELINING");
  fmt::format_to(std::back_inserter(text), "\nSIZE {}", options_->message_octets);
  if (options_->eight_bit_mime) text.append("\n8BITMIME");
  text.append("\nENHANCEDSTATUSCODES");
  if (options_->smtputf8) text.append("\nSMTPUTF8");
  if (options_->chunking) text.append("\nCHUNKING");
  // RFC 9422: the limits that we do keep.
  fmt::format_to(std::back_inserter(text), "\nLIMITS RCPTMAX={}", options_->recipients);
  if (options_->recipient_domains != 0)
    fmt::format_to(std::back_inserter(text), " RCPTDOMAINMAX={}", options_->recipient_domains);
  if (peer_ == XclientPeer::Listed)
    text.append("\nXCLIENT NAME ADDR PORT PROTO HELO LOGIN DESTADDR DESTPORT");
  append_reply(output_, 250, kNoStatus, text);
}

void ServerSession::close(CloseReason reason) {
  state_ = State::Closed;
  close_reason_ = reason;
  input_ = {};
}

void ServerSession::end_transaction() {
  transaction_ = false;
  chunks_ = Chunks::None;
  mail_refused_ = false;
  accepted_recipients_ = 0;
  if (recipients_.capacity() > kRecipientsKept) recipients_ = {};
}

std::string_view to_string(BodyRefusal refusal) {
  switch (refusal) {
    case BodyRefusal::BareCr:
      return "bare CR";
    case BodyRefusal::BareLf:
      return "bare LF";
    case BodyRefusal::Nul:
      return "NUL";
    case BodyRefusal::TooLarge:
      return "too large";
    case BodyRefusal::ByDriver:
      return "refused while it was received";
  }
  return "";
}

std::string_view to_string(CloseReason reason) {
  switch (reason) {
    case CloseReason::Quit:
      return "quit";
    case CloseReason::TooManyErrors:
      return "too many errors";
    case CloseReason::TooIdle:
      return "too many commands without mail";
    case CloseReason::BadLine:
      return "bare CR, LF or NUL in a command line";
    case CloseReason::Bdat:
      return "BDAT of unknown size";
    case CloseReason::ByDriver:
      return "closed by us";
  }
  return "";
}

}  // namespace sluice::smtp
