// The dialogue of ServerSession: lines, commands and their order.
#include "io/base/ascii.h"
#include "io/smtp/server_replies.h"
#include "io/smtp/server_session.h"

#include <algorithm>
#include <utility>

namespace sluice::smtp {

using namespace replies;

namespace {

// RFC 3463: 1.3 and 1.7 are the syntax of recipient and sender, 1.2 and 1.8 their domain.
bool is_clean(std::string_view line) { return !line.contains('\r') && !line.contains('\0'); }

FixedReply reply_to_address(mail::AddressError error, bool recipient) {
  const bool domain = error == mail::AddressError::BadDomain || error == mail::AddressError::BadLiteral ||
                      error == mail::AddressError::MissingDomain;
  const uint16_t detail = recipient ? (domain ? 2 : 3) : (domain ? 8 : 7);
  return {501, {5, 1, detail}, mail::to_string(error)};
}

}  // namespace

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
  const bool clean = ends_well && (too_long || is_clean(line));
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
  if (chunks_ != Chunks::None) return error(kChunksBegun);
  // Whatever is answered, each may cost a row or a question to the next hop.
  if (++rcpt_commands_ > limits::kSmtpRcptCommands * options_->recipients) {
    answer(kTooManyRcpts);
    close(CloseReason::TooManyErrors);
    return std::nullopt;
  }
  auto recipient = parse_rcpt(command.argument, {options_->smtputf8, options_->address});
  if (!recipient) return refuse_command(recipient.error(), true);
  recipients_.clear();
  recipients_.push_back(std::move(*recipient));
  const bool needs_utf8 = recipients_.front().address.needs_smtputf8();
  if (needs_utf8 && !mail_.smtputf8) return refuse_recipient(kRecipientNeedsUtf8);
  if (accepted_recipients_ >= options_->recipients) return refuse_recipient(kTooManyRecipients);
  gather_recipients();
  return decide(Kind::Recipient);
}

// Those that the client sent along: as many as no limit can part, whatever is decided on each of them, so
// that replies and their order are those of one after the other.
void ServerSession::gather_recipients() {
  const size_t commands_left = limits::kSmtpRcptCommands * options_->recipients - rcpt_commands_;
  const size_t most = std::min({options_->recipients_at_once, options_->recipients - accepted_recipients_,
                                options_->refused_recipients - refused_recipients_, commands_left + 1});
  while (recipients_.size() < most && gather_recipient()) {
  }
}

// False: what comes next is not the whole line of a recipient to decide on, and has its turn afterwards.
bool ServerSession::gather_recipient() {
  if (!starts_with_ignore_case(input_, "RCPT")) return false;
  const size_t newline = input_.find('\n');
  if (newline == std::string_view::npos || newline >= limits::kSmtpCommandLine) return false;
  std::string_view line = input_.substr(0, newline + 1);
  if (!line.ends_with("\r\n")) return false;
  line.remove_suffix(2);
  const Command command = parse_command(line);
  if (command.verb != Verb::Rcpt || !is_clean(line)) return false;
  auto recipient = parse_rcpt(command.argument, {options_->smtputf8, options_->address});
  if (!recipient || (recipient->address.needs_smtputf8() && !mail_.smtputf8)) return false;
  input_.remove_prefix(newline + 1);
  ++rcpt_commands_;
  recipients_.push_back(std::move(*recipient));
  return true;
}

ServerSession::Found ServerSession::on_data(const Command& command) {
  if (!transaction_) return refuse_sequence(kMailFirst);
  if (chunks_ != Chunks::None) return error(kChunksBegun);
  if (!command.argument.empty()) return error(kBadArgument);
  if (accepted_recipients_ == 0) return refuse_without_recipients();
  return decide(Kind::Data);
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

ServerSession::Found ServerSession::refuse_recipient(const FixedReply& reply) {
  own_reply_ = reply.to_reply();
  answer(reply);
  ServerEvent event;
  event.kind = Kind::RecipientRefused;
  event.recipient = &recipients_.front();
  event.reply = &own_reply_;
  if (own_reply_.permanent()) count_refused_recipient();
  return event;
}

// A malformed recipient is an error, of which far fewer are allowed.
void ServerSession::count_refused_recipient() {
  if (++refused_recipients_ < options_->refused_recipients) return;
  answer(kTooManyRefused);
  close(CloseReason::TooManyErrors);
}

ServerSession::Found ServerSession::refuse_sequence(const FixedReply& reply) {
  if (!mail_refused_) return error(reply);
  if (!too_idle()) answer(reply);
  return std::nullopt;
}

ServerSession::Found ServerSession::refuse_without_recipients() {
  if (!too_idle()) answer(kNoRecipients);
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

ServerSession::Found ServerSession::error(const FixedReply& reply) {
  answer(reply);
  if (++errors_ >= options_->errors) {
    answer(kTooManyErrors);
    close(CloseReason::TooManyErrors);
  }
  return std::nullopt;
}

// Counts a command that brings no mail nearer; true when that was one too many and the session has ended.
bool ServerSession::too_idle() {
  if (peer_ == XclientPeer::Listed || ++idle_commands_ <= options_->idle_commands) return false;
  answer(kTooIdle);
  close(CloseReason::TooIdle);
  return true;
}

}  // namespace sluice::smtp
