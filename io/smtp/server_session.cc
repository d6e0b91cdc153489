#include "io/smtp/server_session.h"

#include "io/base/check.h"
#include "io/smtp/server_replies.h"

#include <iterator>
#include <utility>

#include <fmt/format.h>

namespace sluice::smtp {

using namespace replies;

namespace {

bool ends_session(uint16_t code) { return code == 421 || code == 521; }

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
    if (input_.empty()) return event;
    const bool dialogue = state_ == State::Greeted || state_ == State::Ready;
    if (const Found found = dialogue ? next_command() : next_body()) return *found;
  }
}

ServerSession::Found ServerSession::next_body() {
  const uint64_t dots_before = reader_.stuffed_dots();
  const DataReader::Result result = reader_.read(input_);
  input_.remove_prefix(result.consumed);
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
  event.stuffed_dots = result.carried ? 1 : reader_.stuffed_dots() - dots_before;
  return event;
}

ServerSession::Found ServerSession::on_body_end() {
  if (state_ == State::Body) return decide(Kind::EndOfData);
  append_reply(output_, own_reply_);
  state_ = State::Ready;
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
      event.recipient = &recipient_;
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
  state_ = State::Dropping;
  end_transaction();
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
      answer(kStartMail);
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
  append_reply(output_, reply);
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
      state_ = State::Ready;
      break;
    case Kind::Xclient:
      hello_name_.clear();
      extended_ = false;
      refused_recipients_ = 0;  // another client's
      state_ = State::Greeted;
      break;
    case Kind::Mail:
      transaction_ = true;
      mail_refused_ = false;
      accepted_recipients_ = 0;
      rcpt_commands_ = 0;
      break;
    case Kind::Recipient:
      ++accepted_recipients_;
      break;
    case Kind::Data:
      reader_.reset(options_->message_octets);
      state_ = State::Body;
      break;
    case Kind::EndOfData:
      end_transaction();
      idle_commands_ = 0;
      state_ = State::Ready;
      break;
    default:
      break;
  }
}

void ServerSession::reject(const Reply& reply) {
  SLUICE_CHECK(awaits_decision() && reply.refuses());
  const Kind kind = std::exchange(pending_, Kind::NeedInput);
  // RFC 2034: no status in replies to HELO and EHLO.
  append_reply(output_, reply.code, kind == Kind::Hello ? kNoStatus : reply.status, reply.text);
  if (kind == Kind::EndOfData) {
    end_transaction();
    state_ = State::Ready;
  }
  if (ends_session(reply.code)) {
    close(CloseReason::ByDriver);
  } else if (kind == Kind::Recipient && reply.permanent()) {
    count_refused_recipient();
  }
}

void ServerSession::refuse_body(const Reply& reply) {
  SLUICE_CHECK(state_ == State::Body && !awaits_decision() && reply.refuses());
  own_reply_ = reply;
  reader_.drop_rest();
  state_ = State::Dropping;
  end_transaction();
}

void ServerSession::fail_with(const Reply& reply) {
  SLUICE_CHECK(reply.refuses());
  if (state_ == State::Closed) return;
  append_reply(output_, reply);
  pending_ = Kind::NeedInput;
  close(CloseReason::ByDriver);
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
  mail_refused_ = false;
  accepted_recipients_ = 0;
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
      return "BDAT is not offered";
    case CloseReason::ByDriver:
      return "closed by us";
  }
  return "";
}

}  // namespace sluice::smtp
