#include "tools/sluicectl/printable.h"

#include "io/base/ascii.h"

#include <fmt/format.h>

namespace sluice::ctl {

std::string printable(std::string_view octets) {
  std::string out;
  for (const char c : octets) {
    if (is_ascii_printable(c)) {
      out += c;
    } else {
      out += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    }
  }
  return out;
}

}  // namespace sluice::ctl
