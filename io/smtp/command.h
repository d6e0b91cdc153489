// Command lines of SMTP taken apart (RFC 5321 section 4.1.1, RFC 1870, 6152, 6531, 3030). A line comes
// without its CRLF, and whoever cut it saw to it that it holds no CR, LF or NUL. Nothing is decided here:
// errors say what is wrong and the session chooses the words. Pure.
#pragma once

#include "io/mail/address.h"

#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <string_view>

namespace sluice::smtp {

enum class Verb : uint8_t {
  Helo,
  Ehlo,
  Mail,
  Rcpt,
  Data,
  Bdat,
  Rset,
  Noop,
  Quit,
  Vrfy,
  Expn,
  Help,
  StartTls,
  Auth,
  Xclient,
  Unknown,
};

struct Command {
  Verb verb = Verb::Unknown;
  std::string_view argument;  // behind the verb, without white space at both ends; a view of the line
};
Command parse_command(std::string_view line);

enum class BodyType : uint8_t { Unspecified, SevenBit, EightBitMime };

struct MailFrom {
  mail::Address sender;
  std::optional<uint64_t> size;  // as declared
  BodyType body = BodyType::Unspecified;
  bool smtputf8 = false;
};

struct Recipient {
  mail::Address address;
};

struct CommandError {
  enum class Kind : uint8_t {
    Address,           // of the path: `address` says what
    Syntax,            // no FROM:/TO:, or something between path and parameters
    UnknownParameter,  // W-10
    BadParameter,      // a known one with a wrong or missing value, or twice
    TooManyParameters,
  };
  Kind kind = Kind::Syntax;
  mail::AddressError address{};
};

// The argument of MAIL: "FROM:<path> [parameters]"; of RCPT: "TO:<path> [parameters]". White space before the
// path is tolerated. `utf8_offered` makes SMTPUTF8 a known parameter.
struct ParameterRules {
  bool utf8_offered = true;
  mail::AddressRules address{};
};
[[nodiscard]] std::expected<MailFrom, CommandError> parse_mail(std::string_view argument,
                                                               ParameterRules rules = {});
[[nodiscard]] std::expected<Recipient, CommandError> parse_rcpt(std::string_view argument,
                                                                ParameterRules rules = {});

struct BdatArgument {
  uint64_t octets = 0;
  bool last = false;
};
[[nodiscard]] std::optional<BdatArgument> parse_bdat(std::string_view argument);

// A HELO or EHLO name that may stand in logs and headers: 1..255 printable ASCII octets without space, or
// clean UTF-8 with it. What it names is not checked (W-31).
bool is_hello_name(std::string_view argument);

// Decimal digits only, no sign; null on anything else or above 2^64-1.
std::optional<uint64_t> parse_number(std::string_view digits);

}  // namespace sluice::smtp
