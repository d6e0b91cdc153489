#include "io/base/result.h"

#include <system_error>

namespace sluice {

std::string Error::to_string() const {
  if (os_error == 0) return message;
  return message + ": " + std::generic_category().message(os_error);
}

std::unexpected<Error> fail_system(int os_error, std::string message) {
  return std::unexpected(Error{ErrorKind::System, os_error, std::move(message)});
}

}  // namespace sluice
