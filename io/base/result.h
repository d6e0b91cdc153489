// Result<T>: a value, or the reason why there is none. For what the peer, the input or the world got wrong.
//
// An Error is built where it is reported, with words for a person: what was attempted, on what, why it failed
// and, where it helps, what to do. Parsers on the message path return std::expected<T, TheirOwnEnum> instead
// and leave the words to whoever reports.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <utility>

namespace sluice {

enum class ErrorKind : uint8_t {
  Invalid,      // the input is not well-formed
  Limit,        // a limit of limits.h or of the configuration was reached
  NotFound,     // a file, name or entry that is not there
  System,       // the kernel refused; os_error says why
  Unavailable,  // a peer or service that does not answer now
  Timeout,      // a deadline passed
  Canceled,     // the owner is stopping
};

struct Error {
  ErrorKind kind = ErrorKind::Invalid;
  int os_error = 0;  // errno, where kind is System
  std::string message;

  // "message" or "message: strerror(os_error)".
  [[nodiscard]] std::string to_string() const;
};

template <class T>
using Result = std::expected<T, Error>;

[[nodiscard]] inline std::unexpected<Error> fail(ErrorKind kind, std::string message) {
  return std::unexpected(Error{kind, 0, std::move(message)});
}
[[nodiscard]] std::unexpected<Error> fail_system(int os_error, std::string message);

}  // namespace sluice
