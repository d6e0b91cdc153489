#include "io/smtp/client_session.h"

#include "io/base/ascii.h"
#include "io/base/check.h"
#include "io/base/limits.h"
#include "io/smtp/dot_stuffing.h"

#include <algorithm>
#include <iterator>

#include <fmt/format.h>

namespace sluice::smtp {

namespace {

std::string_view take_word(std::string_view& text) {
  text = trim(text);
  const auto end = std::ranges::find_if(text, is_space_or_tab);
  const std::string_view word = text.substr(0, static_cast<size_t>(end - text.begin()));
  text.remove_prefix(word.size());
  return word;
}

void take_limits(Capabilities& capabilities, std::string_view arguments) {
  for (auto word = take_word(arguments); !word.empty(); word = take_word(arguments)) {
    const size_t equals = word.find('=');
    if (equals == std::string_view::npos) continue;
    const std::string_view name = word.substr(0, equals);
    const auto value = parse_number(word.substr(equals + 1));
    if (!value || *value == 0) continue;
    if (equals_ignore_case(name, "RCPTMAX")) capabilities.rcpt_max = value;
    if (equals_ignore_case(name, "MAILMAX")) capabilities.mail_max = value;
    if (equals_ignore_case(name, "RCPTDOMAINMAX")) capabilities.rcpt_domain_max = value;
  }
}

void take_keyword(Capabilities& capabilities, std::string_view line) {
  const std::string_view keyword = take_word(line);
  const auto is = [keyword](std::string_view name) { return equals_ignore_case(keyword, name); };
  if (is("PIPELINING")) capabilities.pipelining = true;
  if (is("8BITMIME")) capabilities.eight_bit_mime = true;
  if (is("SMTPUTF8")) capabilities.smtputf8 = true;
  if (is("ENHANCEDSTATUSCODES")) capabilities.enhanced_status_codes = true;
  if (is("CHUNKING")) capabilities.chunking = true;
  if (is("STARTTLS")) capabilities.starttls = true;
  if (is("DSN")) capabilities.dsn = true;
  if (is("LIMITS")) take_limits(capabilities, line);
  if (is("SIZE")) {
    capabilities.size_offered = true;
    const auto size = parse_number(take_word(line));
    if (size && *size != 0) capabilities.size = size;
  }
  if (is("XCLIENT")) {
    for (auto word = take_word(line); !word.empty(); word = take_word(line)) {
      if (const auto attribute = parse_xclient_attribute(word)) capabilities.xclient |= bit_of(*attribute);
    }
  }
}

// What may stand in a command of ours: nothing that ends a line, or an argument that has no spaces.
bool is_clean(std::string_view text) {
  return std::ranges::none_of(text, [](char c) { return c == '\r' || c == '\n' || c == '\0'; });
}

}  // namespace

Capabilities parse_capabilities(const Reply& reply) {
  Capabilities capabilities;
  if (!reply.positive()) return capabilities;
  capabilities.extended = true;
  std::string_view rest = reply.text;
  // The first line is the peer's name and greeting.
  for (size_t newline = rest.find('\n'); newline != std::string_view::npos; newline = rest.find('\n')) {
    rest.remove_prefix(newline + 1);
    take_keyword(capabilities, rest.substr(0, rest.find('\n')));
  }
  return capabilities;
}

void ClientSession::reset() {
  input_ = {};
  output_.clear();
  our_name_.clear();
  reader_.reset();
  capabilities_ = {};
  expected_.assign(1, ClientCommand::Greeting);
  expected_begin_ = 0;
  next_rcpt_index_ = 0;
  end_kind_ = ClientEvent::Kind::NeedInput;
  closing_reply_ = said_helo_ = reply_given_ = body_open_ = peer_closed_ = dead_ = false;
}

void ClientSession::feed(std::string_view octets) {
  SLUICE_CHECK(input_.empty() || dead_);
  if (!dead_) input_ = octets;
}

const Reply* ClientSession::partial_reply() const {
  const bool begun = reader_.state() != ReplyReader::State::Complete && reader_.reply().code != 0;
  return begun ? &reader_.reply() : nullptr;
}

void ClientSession::peer_closed() { peer_closed_ = true; }

ClientEvent ClientSession::next() {
  if (dead_) return end(end_kind_);
  if (reply_given_) {
    reply_given_ = false;
    reader_.next_reply();
  }
  while (!input_.empty()) {
    input_.remove_prefix(reader_.feed(input_));
    if (reader_.state() == ReplyReader::State::Broken) return end(ClientEvent::Kind::Broken);
    if (reader_.state() != ReplyReader::State::Complete) break;
    const ClientEvent event = on_reply();
    if (event.kind != ClientEvent::Kind::NeedInput) return event;
  }
  if (!peer_closed_) return {};
  return end(reader_.in_the_middle() ? ClientEvent::Kind::Broken : ClientEvent::Kind::Closing);
}

// NeedInput: the reply was dealt with here.
ClientEvent ClientSession::on_reply() {
  const Reply& reply = reader_.reply();
  if (unanswered().empty()) {
    // Only a farewell may come unasked.
    closing_reply_ = reply.code == 421;
    return end(closing_reply_ ? ClientEvent::Kind::Closing : ClientEvent::Kind::Broken);
  }
  const ClientCommand command = unanswered().front();
  if (reply.code == 421) {
    closing_reply_ = true;
    return end(ClientEvent::Kind::Closing);
  }
  if (++expected_begin_ == expected_.size()) {
    expected_.clear();
    expected_begin_ = 0;
  }
  // Only DATA asks for more, and it cannot be done with at once.
  const bool wants_more = command == ClientCommand::Data;
  if (wants_more ? reply.positive() : reply.intermediate()) return end(ClientEvent::Kind::Broken);
  if (wants_more) body_open_ = reply.intermediate();
  if (command == ClientCommand::Hello && on_hello_reply(reply)) {
    reader_.next_reply();
    return {};
  }
  if (command == ClientCommand::Xclient && reply.positive()) {
    capabilities_ = {};
    said_helo_ = false;
  }
  if (command == ClientCommand::Mail) next_rcpt_index_ = 0;
  reply_given_ = true;
  ClientEvent event;
  event.kind = ClientEvent::Kind::Reply;
  event.command = command;
  event.index = command == ClientCommand::Rcpt ? next_rcpt_index_++ : 0;
  event.reply = &reader_.reply();
  return event;
}

// True when HELO is tried instead.
bool ClientSession::on_hello_reply(const Reply& reply) {
  if (!said_helo_ && reply.permanent()) {
    said_helo_ = true;
    if (queue(ClientCommand::Hello)) append_line("HELO", our_name_);
    return true;
  }
  capabilities_ = said_helo_ ? Capabilities{} : parse_capabilities(reply);
  return false;
}

ClientEvent ClientSession::end(ClientEvent::Kind kind) {
  dead_ = true;
  end_kind_ = kind;
  input_ = {};
  ClientEvent event;
  event.kind = kind;
  if (!unanswered().empty()) event.command = unanswered().front();
  if (closing_reply_) event.reply = &reader_.reply();
  return event;
}

void ClientSession::append_line(std::string_view verb, std::string_view argument) {
  SLUICE_CHECK(is_clean(argument));
  output_.append(verb);
  if (!argument.empty()) {
    output_.push_back(' ');
    output_.append(argument);
  }
  output_.append("\r\n");
}

// False when the session is dead: nothing leaves it any more.
bool ClientSession::queue(ClientCommand command) {
  if (dead_) return false;
  // Behind DATA comes its body, and behind that the final dot, and no other command.
  const bool data_unanswered = !unanswered().empty() && unanswered().back() == ClientCommand::Data;
  SLUICE_CHECK(!data_unanswered);
  SLUICE_CHECK(body_open_ == (command == ClientCommand::EndOfData));
  expected_.push_back(command);
  return true;
}

void ClientSession::hello(std::string_view our_name) {
  our_name_ = our_name;
  said_helo_ = false;
  if (queue(ClientCommand::Hello)) append_line("EHLO", our_name_);
}

void ClientSession::xclient(const XclientOverrides& overrides) {
  if (!queue(ClientCommand::Xclient)) return;
  XclientOverrides said = overrides;
  std::string attributes;
  append_xclient(attributes, said, capabilities_.xclient);
  constexpr std::string_view kVerb = "XCLIENT";
  for (XclientValue<std::string>* name : {&said.login, &said.helo, &said.name}) {
    if (kVerb.size() + attributes.size() + 2 <= limits::kPeerCommandLine) break;
    if (name->given()) *name = {XclientState::Unavailable, {}};
    attributes.clear();
    append_xclient(attributes, said, capabilities_.xclient);
  }
  append_line(kVerb, trim(attributes));
}

void ClientSession::mail(std::string_view sender, const MailParameters& parameters) {
  SLUICE_CHECK(is_clean(sender));
  if (!queue(ClientCommand::Mail)) return;
  output_.append("MAIL FROM:<");
  output_.append(sender);
  output_.push_back('>');
  if (parameters.size && capabilities_.size_offered) {
    fmt::format_to(std::back_inserter(output_), " SIZE={}", *parameters.size);
  }
  if (capabilities_.eight_bit_mime && parameters.body == BodyType::EightBitMime)
    output_.append(" BODY=8BITMIME");
  if (capabilities_.eight_bit_mime && parameters.body == BodyType::SevenBit) output_.append(" BODY=7BIT");
  if (capabilities_.smtputf8 && parameters.smtputf8) output_.append(" SMTPUTF8");
  output_.append("\r\n");
}

void ClientSession::rcpt(std::string_view recipient) {
  SLUICE_CHECK(is_clean(recipient));
  if (!queue(ClientCommand::Rcpt)) return;
  output_.append("RCPT TO:<");
  output_.append(recipient);
  output_.append(">\r\n");
}

void ClientSession::data() {
  if (queue(ClientCommand::Data)) append_line("DATA", {});
}

void ClientSession::end_of_data() {
  if (!queue(ClientCommand::EndOfData)) return;
  body_open_ = false;
  output_.append(kEndOfData);
}

void ClientSession::bdat_last(uint64_t octets) {
  SLUICE_CHECK(dead_ || capabilities_.chunking);
  if (queue(ClientCommand::Bdat)) fmt::format_to(std::back_inserter(output_), "BDAT {} LAST\r\n", octets);
}

void ClientSession::rset() {
  if (queue(ClientCommand::Rset)) append_line("RSET", {});
}

void ClientSession::noop() {
  if (queue(ClientCommand::Noop)) append_line("NOOP", {});
}

void ClientSession::quit() {
  if (queue(ClientCommand::Quit)) append_line("QUIT", {});
}

void ClientSession::take_output(std::string& out) {
  out.clear();
  out.swap(output_);
}

std::string_view to_string(ClientCommand command) {
  switch (command) {
    case ClientCommand::Greeting:
      return "greeting";
    case ClientCommand::Hello:
      return "EHLO";
    case ClientCommand::Xclient:
      return "XCLIENT";
    case ClientCommand::Mail:
      return "MAIL";
    case ClientCommand::Rcpt:
      return "RCPT";
    case ClientCommand::Data:
      return "DATA";
    case ClientCommand::EndOfData:
      return "end of data";
    case ClientCommand::Bdat:
      return "BDAT";
    case ClientCommand::Rset:
      return "RSET";
    case ClientCommand::Noop:
      return "NOOP";
    case ClientCommand::Quit:
      return "QUIT";
  }
  return "";
}

}  // namespace sluice::smtp
