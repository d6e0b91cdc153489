#include "io/smtp/server_session.h"

#include "io/base/check.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include <fmt/format.h>

namespace sluice::smtp {

namespace {

constexpr EnhancedStatus kNoStatus{};

constexpr FixedReply kBye{221, {2, 0, 0}, "Bye"};
constexpr FixedReply kOk{250, {2, 0, 0}, "Ok"};
constexpr FixedReply kSenderOk{250, {2, 1, 0}, "Sender ok"};
constexpr FixedReply kRecipientOk{250, {2, 1, 5}, "Recipient ok"};
constexpr FixedReply kCannotVerify{252, {2, 0, 0}, "Cannot verify; send some mail"};
constexpr FixedReply kHelp{214, {2, 0, 0}, "See RFC 5321"};
constexpr FixedReply kStartMail{354, kNoStatus, "End data with <CR><LF>.<CR><LF>"};

constexpr FixedReply kTooManyErrors{421, {4, 7, 0}, "Too many errors"};
constexpr FixedReply kTooIdle{421, {4, 7, 0}, "Too many commands without mail"};

constexpr FixedReply kLineTooLong{500, {5, 5, 2}, "Line too long"};
constexpr FixedReply kBadLine{500, {5, 5, 2}, "Lines end in CRLF; bare CR, bare LF or NUL is not allowed"};
constexpr FixedReply kUnknown{500, {5, 5, 1}, "Command not recognized"};
constexpr FixedReply kNotOffered{502, {5, 5, 1}, "Command not implemented"};
constexpr FixedReply kBadHelloName{501, kNoStatus, "A host name is needed"};
constexpr FixedReply kBadArgument{501, {5, 5, 4}, "Bad argument"};
constexpr FixedReply kBadParameter{501, {5, 5, 4}, "Bad parameter value"};
constexpr FixedReply kTooManyParameters{501, {5, 5, 4}, "Too many parameters"};
constexpr FixedReply kMailSyntax{501, {5, 5, 4}, "Syntax: MAIL FROM:<address>"};
constexpr FixedReply kRcptSyntax{501, {5, 5, 4}, "Syntax: RCPT TO:<address>"};
constexpr FixedReply kUnknownParameter{555, {5, 5, 4}, "Parameter not recognized"};

constexpr FixedReply kHelloFirst{503, {5, 5, 1}, "Send EHLO first"};
constexpr FixedReply kNested{503, {5, 5, 1}, "A transaction is open"};
constexpr FixedReply kMailFirst{503, {5, 5, 1}, "Send MAIL first"};
constexpr FixedReply kNoRecipients{554, {5, 5, 1}, "No valid recipients"};
constexpr FixedReply kXclientDenied{550, {5, 7, 0}, "Not authorized"};

constexpr FixedReply kTooLarge{552, {5, 3, 4}, "Message too large"};
constexpr FixedReply kTooManyRecipients{452, {4, 5, 3}, "Too many recipients"};
constexpr FixedReply kSenderNeedsUtf8{553, {5, 6, 7}, "Non-ASCII sender needs SMTPUTF8"};
constexpr FixedReply kRecipientNeedsUtf8{553, {5, 6, 7}, "Non-ASCII recipient needs SMTPUTF8"};
constexpr FixedReply kBareCr{554, {5, 6, 0}, "Bare CR in the message"};
constexpr FixedReply kBareLf{554, {5, 6, 0}, "Bare LF in the message"};
constexpr FixedReply kNul{554, {5, 6, 0}, "NUL in the message"};

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

// RFC 3463: 1.3 and 1.7 are the syntax of recipient and sender, 1.2 and 1.8 their domain.
FixedReply reply_to_address(mail::AddressError error, bool recipient) {
  const bool domain = error == mail::AddressError::BadDomain || error == mail::AddressError::BadLiteral ||
                      error == mail::AddressError::MissingDomain;
  const uint16_t detail = recipient ? (domain ? 2 : 3) : (domain ? 8 : 7);
  return {501, {5, 1, detail}, mail::to_string(error)};
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

// One command line, or the part of one that is there.
ServerSession::Found ServerSession::next_command() {
  const size_t newline = input_.find('\n');
  const bool complete = newline != std::string_view::npos;
  const std::string_view piece = input_.substr(0, complete ? newline + 1 : input_.size());
  input_.remove_prefix(piece.size());
  const bool straddles = !complete || long_line_ || !line_.empty();
  if (!straddles) return on_line(piece);
  keep_line(piece);
  if (!complete) return std::nullopt;
  const Found found = on_line(line_);
  line_.clear();
  long_line_ = false;
  return found;
}

// Adds to line_. Of a line over the limit only its last two octets stay: enough to see how it ends.
void ServerSession::keep_line(std::string_view piece) {
  if (!long_line_ && piece.size() <= limits::kSmtpCommandLine - line_.size()) {
    line_.append(piece);
    return;
  }
  long_line_ = true;
  line_.append(piece.substr(piece.size() - std::min<size_t>(piece.size(), 2)));
  if (line_.size() > 2) line_.erase(0, line_.size() - 2);
}

ServerSession::Found ServerSession::on_line(std::string_view line) {
  const bool too_long = long_line_ || line.size() > limits::kSmtpCommandLine;
  const bool ends_well = line.ends_with("\r\n");
  if (ends_well) line.remove_suffix(2);
  const bool clean = ends_well && (too_long || (!line.contains('\r') && !line.contains('\0')));
  if (!clean) {
    ++errors_;
    answer(kBadLine);
    close(CloseReason::BadLine);
    return std::nullopt;
  }
  if (too_long) return error(kLineTooLong);
  return on_command(parse_command(line));
}

ServerSession::Found ServerSession::on_command(const Command& command) {
  switch (command.verb) {
    case Verb::Helo:
    case Verb::Ehlo:
      return on_hello(command);
    case Verb::Mail:
      return on_mail(command);
    case Verb::Rcpt:
      return on_rcpt(command);
    case Verb::Data:
      return on_data(command);
    case Verb::Bdat:
      return on_bdat(command);
    case Verb::Rset:
      return on_reset();
    case Verb::Xclient:
      return on_xclient(command);
    case Verb::Noop:
    case Verb::Quit:
    case Verb::Vrfy:
    case Verb::Expn:
    case Verb::Help:
    case Verb::StartTls:
    case Verb::Auth:
    case Verb::Unknown:
      break;
  }
  return on_other(command);
}

ServerSession::Found ServerSession::on_hello(const Command& command) {
  if (too_idle()) return std::nullopt;
  if (!is_hello_name(command.argument)) return error(kBadHelloName);
  next_hello_name_ = command.argument;
  next_extended_ = command.verb == Verb::Ehlo;
  if (!transaction_) return decide(Kind::Hello);
  end_transaction();
  hello_due_ = true;
  ServerEvent event;
  event.kind = Kind::Reset;
  return event;
}

ServerSession::Found ServerSession::on_xclient(const Command& command) {
  if (peer_ != XclientPeer::Listed) return error(kXclientDenied);
  if (transaction_) return error(kNested);
  auto overrides = parse_xclient(command.argument);
  if (!overrides) return error(kBadArgument);
  xclient_ = std::move(*overrides);
  return decide(Kind::Xclient);
}

ServerSession::Found ServerSession::on_mail(const Command& command) {
  if (state_ != State::Ready) return error(kHelloFirst);
  if (transaction_) return error(kNested);
  mail_refused_ = true;  // until it is accepted
  auto mail = parse_mail(command.argument, {options_->smtputf8, options_->address});
  if (!mail) return refuse_command(mail.error(), false);
  if (mail->sender.needs_smtputf8() && !mail->smtputf8) return error(kSenderNeedsUtf8);
  if (mail->size && *mail->size > options_->message_octets) {
    if (!too_idle()) answer(kTooLarge);
    return std::nullopt;
  }
  mail_ = std::move(*mail);
  return decide(Kind::Mail);
}

ServerSession::Found ServerSession::on_rcpt(const Command& command) {
  if (!transaction_) return refuse_sequence(kMailFirst);
  auto recipient = parse_rcpt(command.argument, {options_->smtputf8, options_->address});
  if (!recipient) return refuse_command(recipient.error(), true);
  recipient_ = std::move(*recipient);
  if (recipient_.address.needs_smtputf8() && !mail_.smtputf8) return refuse_recipient(kRecipientNeedsUtf8);
  if (accepted_recipients_ >= options_->recipients) return refuse_recipient(kTooManyRecipients);
  return decide(Kind::Recipient);
}

ServerSession::Found ServerSession::on_data(const Command& command) {
  if (!transaction_) return refuse_sequence(kMailFirst);
  if (!command.argument.empty()) return error(kBadArgument);
  if (accepted_recipients_ == 0) {
    if (!too_idle()) answer(kNoRecipients);
    return std::nullopt;
  }
  return decide(Kind::Data);
}

// The octets of a chunk follow the command at once. They are not offered to anyone and may not be read as
// commands, so the session ends here; with CHUNKING a state beside Body takes them.
ServerSession::Found ServerSession::on_bdat(const Command& command) {
  ++errors_;
  answer(parse_bdat(command.argument) ? kNotOffered : kBadArgument);
  close(CloseReason::Bdat);
  return std::nullopt;
}

ServerSession::Found ServerSession::on_reset() {
  if (too_idle()) return std::nullopt;
  const bool open = transaction_;
  end_transaction();
  answer(kOk);
  if (!open) return std::nullopt;
  ServerEvent event;
  event.kind = Kind::Reset;
  return event;
}

ServerSession::Found ServerSession::on_other(const Command& command) {
  if (command.verb == Verb::Quit) {
    answer(kBye);
    close(CloseReason::Quit);
    return std::nullopt;
  }
  if (too_idle()) return std::nullopt;
  switch (command.verb) {
    case Verb::Noop:
      answer(kOk);
      return std::nullopt;
    case Verb::Help:
      answer(kHelp);
      return std::nullopt;
    case Verb::Vrfy:
      if (command.argument.empty()) return error(kBadArgument);
      answer(kCannotVerify);
      return std::nullopt;
    case Verb::Expn:
    case Verb::StartTls:
    case Verb::Auth:
      return error(kNotOffered);
    default:
      return error(kUnknown);
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

ServerSession::Found ServerSession::refuse_recipient(const FixedReply& reply) {
  own_reply_ = reply.to_reply();
  answer(reply);
  ServerEvent event;
  event.kind = Kind::RecipientRefused;
  event.recipient = &recipient_;
  event.reply = &own_reply_;
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

ServerSession::Found ServerSession::refuse_sequence(const FixedReply& reply) {
  if (!mail_refused_) return error(reply);
  if (!too_idle()) answer(reply);
  return std::nullopt;
}

ServerSession::Found ServerSession::refuse_command(const CommandError& fault, bool recipient) {
  switch (fault.kind) {
    case CommandError::Kind::Address:
      return error(reply_to_address(fault.address, recipient));
    case CommandError::Kind::Syntax:
      return error(recipient ? kRcptSyntax : kMailSyntax);
    case CommandError::Kind::UnknownParameter:
      return error(kUnknownParameter);
    case CommandError::Kind::BadParameter:
      return error(kBadParameter);
    case CommandError::Kind::TooManyParameters:
      return error(kTooManyParameters);
  }
  return std::nullopt;
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
      state_ = State::Greeted;
      break;
    case Kind::Mail:
      transaction_ = true;
      mail_refused_ = false;
      accepted_recipients_ = 0;
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
  if (ends_session(reply.code)) close(CloseReason::ByDriver);
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

ServerSession::Found ServerSession::error(const FixedReply& reply) {
  answer(reply);
  if (++errors_ >= options_->errors) {
    answer(kTooManyErrors);
    close(CloseReason::TooManyErrors);
  }
  return std::nullopt;
}

void ServerSession::close(CloseReason reason) {
  state_ = State::Closed;
  close_reason_ = reason;
  input_ = {};
}

// Counts a command that brings no mail nearer; true when that was one too many and the session has ended.
bool ServerSession::too_idle() {
  if (peer_ == XclientPeer::Listed || ++idle_commands_ <= options_->idle_commands) return false;
  answer(kTooIdle);
  close(CloseReason::TooIdle);
  return true;
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
