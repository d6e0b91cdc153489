#include "io/smtp/command.h"

#include "io/base/ascii.h"
#include "io/base/limits.h"

#include <algorithm>
#include <array>
#include <charconv>

namespace sluice::smtp {

namespace {

struct NamedVerb {
  std::string_view name;
  Verb verb;
};
constexpr std::array<NamedVerb, 15> kVerbs = {{{"MAIL", Verb::Mail},
                                               {"RCPT", Verb::Rcpt},
                                               {"DATA", Verb::Data},
                                               {"EHLO", Verb::Ehlo},
                                               {"HELO", Verb::Helo},
                                               {"RSET", Verb::Rset},
                                               {"NOOP", Verb::Noop},
                                               {"QUIT", Verb::Quit},
                                               {"XCLIENT", Verb::Xclient},
                                               {"BDAT", Verb::Bdat},
                                               {"VRFY", Verb::Vrfy},
                                               {"EXPN", Verb::Expn},
                                               {"HELP", Verb::Help},
                                               {"STARTTLS", Verb::StartTls},
                                               {"AUTH", Verb::Auth}}};

std::string_view take_word(std::string_view& text) {
  while (!text.empty() && is_space_or_tab(text.front())) text.remove_prefix(1);
  const auto end = std::ranges::find_if(text, is_space_or_tab);
  const std::string_view word = text.substr(0, static_cast<size_t>(end - text.begin()));
  text.remove_prefix(word.size());
  return word;
}

// "FROM:" or "TO:" and the white space behind it; false when it is not there.
bool take_prefix(std::string_view& argument, std::string_view prefix) {
  if (!starts_with_ignore_case(argument, prefix)) return false;
  argument.remove_prefix(prefix.size());
  while (!argument.empty() && is_space_or_tab(argument.front())) argument.remove_prefix(1);
  return true;
}

std::unexpected<CommandError> wrong(CommandError::Kind kind) {
  return std::unexpected(CommandError{kind, {}});
}

std::unexpected<CommandError> wrong_address(mail::AddressError error) {
  return std::unexpected(CommandError{CommandError::Kind::Address, error});
}

// RFC 5321 4.1.2: esmtp-keyword ["=" esmtp-value].
bool is_parameter(std::string_view keyword, std::string_view value) {
  if (keyword.empty() || !is_ascii_alnum(keyword.front())) return false;
  if (!std::ranges::all_of(keyword, [](char c) { return is_ascii_alnum(c) || c == '-'; })) return false;
  return std::ranges::none_of(value, [](char c) { return c == '=' || c <= 0x20 || c == 0x7f; });
}

using ParameterFault = std::optional<CommandError::Kind>;

ParameterFault take_size(MailFrom& mail, std::string_view value) {
  if (mail.size) return CommandError::Kind::BadParameter;
  mail.size = value.size() <= 20 ? parse_number(value) : std::nullopt;
  if (!mail.size) return CommandError::Kind::BadParameter;
  return std::nullopt;
}

ParameterFault take_body(MailFrom& mail, std::string_view value) {
  if (mail.body != BodyType::Unspecified) return CommandError::Kind::BadParameter;
  if (equals_ignore_case(value, "7BIT")) {
    mail.body = BodyType::SevenBit;
  } else if (equals_ignore_case(value, "8BITMIME")) {
    mail.body = BodyType::EightBitMime;
  } else {
    return CommandError::Kind::BadParameter;  // BINARYMIME too: it is not offered
  }
  return std::nullopt;
}

ParameterFault take_mail_parameter(MailFrom& mail, std::string_view parameter, ParameterRules rules) {
  const size_t equals = parameter.find('=');
  const std::string_view keyword = parameter.substr(0, equals);
  const bool has_value = equals != std::string_view::npos;
  const std::string_view value = has_value ? parameter.substr(equals + 1) : std::string_view();
  if (!is_parameter(keyword, value) || (has_value && value.empty())) return CommandError::Kind::BadParameter;
  if (equals_ignore_case(keyword, "SIZE")) return take_size(mail, value);
  if (equals_ignore_case(keyword, "BODY")) return take_body(mail, value);
  if (!equals_ignore_case(keyword, "SMTPUTF8") || !rules.utf8_offered)
    return CommandError::Kind::UnknownParameter;
  if (has_value || mail.smtputf8) return CommandError::Kind::BadParameter;
  mail.smtputf8 = true;
  return std::nullopt;
}

// Between a path and its parameters there is white space, or nothing more.
bool is_parted(std::string_view rest) { return rest.empty() || is_space_or_tab(rest.front()); }

}  // namespace

Command parse_command(std::string_view line) {
  const std::string_view word = take_word(line);
  Command command;
  command.argument = trim(line);
  const auto known = std::ranges::find_if(
      kVerbs, [word](const NamedVerb& verb) { return equals_ignore_case(word, verb.name); });
  if (known != kVerbs.end()) command.verb = known->verb;
  return command;
}

std::expected<MailFrom, CommandError> parse_mail(std::string_view argument, ParameterRules rules) {
  if (!take_prefix(argument, "FROM:")) return wrong(CommandError::Kind::Syntax);
  auto path = mail::parse_reverse_path(argument, rules.address);
  if (!path) return wrong_address(path.error());
  argument.remove_prefix(path->size);
  if (!is_parted(argument)) return wrong(CommandError::Kind::Syntax);

  MailFrom mail;
  mail.sender = std::move(path->address);
  size_t count = 0;
  for (auto word = take_word(argument); !word.empty(); word = take_word(argument)) {
    if (++count > limits::kSmtpParameters) return wrong(CommandError::Kind::TooManyParameters);
    if (const auto fault = take_mail_parameter(mail, word, rules)) return wrong(*fault);
  }
  return mail;
}

std::expected<Recipient, CommandError> parse_rcpt(std::string_view argument, ParameterRules rules) {
  if (!take_prefix(argument, "TO:")) return wrong(CommandError::Kind::Syntax);
  auto path = mail::parse_forward_path(argument, rules.address);
  if (!path) return wrong_address(path.error());
  argument.remove_prefix(path->size);
  if (!is_parted(argument)) return wrong(CommandError::Kind::Syntax);
  // No extension with a parameter of RCPT is offered.
  if (!trim(argument).empty()) return wrong(CommandError::Kind::UnknownParameter);
  return Recipient{std::move(path->address)};
}

std::optional<BdatArgument> parse_bdat(std::string_view argument) {
  const std::string_view size = take_word(argument);
  const std::string_view last = take_word(argument);
  const auto octets = parse_number(size);
  if (!octets || !trim(argument).empty()) return std::nullopt;
  if (!last.empty() && !equals_ignore_case(last, "LAST")) return std::nullopt;
  return BdatArgument{*octets, !last.empty()};
}

bool is_hello_name(std::string_view argument) {
  return !argument.empty() && argument.size() <= limits::kSmtpDomain && !argument.contains(' ') &&
         mail::is_clean_utf8(argument);
}

std::optional<uint64_t> parse_number(std::string_view digits) {
  uint64_t value = 0;
  if (digits.empty() || !is_ascii_digit(digits.front())) return std::nullopt;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  return value;
}

}  // namespace sluice::smtp
