#include "io/base/octet_text.h"

#include "io/base/ascii.h"
#include "io/base/digits.h"

namespace sluice {

std::string escape_octets(std::string_view octets) {
  std::string out;
  for (const char c : octets) {
    if (is_ascii_printable(c) && c != '\\') {
      out += c;
    } else {
      out += '\\';
      append_padded(out, static_cast<unsigned char>(c), 3);
    }
  }
  return out;
}

std::optional<std::string> unescape_octets(std::string_view text) {
  std::string out;
  for (size_t at = 0; at < text.size();) {
    if (!is_ascii_printable(text[at])) return std::nullopt;
    if (text[at] != '\\') {
      out += text[at++];
      continue;
    }
    if (text.size() - at < 4) return std::nullopt;
    unsigned value = 0;
    for (const char digit : text.substr(at + 1, 3)) {
      if (digit < '0' || digit > '9') return std::nullopt;
      value = value * 10 + static_cast<unsigned>(digit - '0');
    }
    const char octet = static_cast<char>(value);
    if (value > 255 || (is_ascii_printable(octet) && octet != '\\')) return std::nullopt;
    out += octet;
    at += 4;
  }
  return out;
}

}  // namespace sluice
