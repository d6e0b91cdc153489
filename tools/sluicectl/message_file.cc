#include "tools/sluicectl/message_file.h"

#include "io/base/limits.h"

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <sstream>
#include <utility>

#include <fmt/format.h>

namespace sluice::ctl {

Result<std::string> read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return fail_system(errno, "cannot read " + path);
  std::ostringstream text;
  text << file.rdbuf();
  if (file.bad()) return fail_system(errno, "cannot read " + path);
  return std::move(text).str();
}

std::string with_wire_line_ends(std::string octets) {
  const auto lines = static_cast<size_t>(std::ranges::count(octets, '\n'));
  if (lines == 0 || octets.find("\r\n") != std::string::npos) return octets;
  std::string wire;
  wire.reserve(octets.size() + lines);
  for (const char octet : octets) {
    if (octet == '\n') wire += '\r';
    wire += octet;
  }
  return wire;
}

Result<std::string> read_message(const std::string& path) {
  Result<std::string> octets = read_file(path);
  if (!octets) return octets;
  if (octets->size() > limits::kMessageOctets) {
    return fail(ErrorKind::Invalid, fmt::format("{} has {} octets, a message has at most {}", path,
                                                octets->size(), limits::kMessageOctets));
  }
  return with_wire_line_ends(std::move(*octets));
}

}  // namespace sluice::ctl
