#include "io/base/json_text.h"

#include "io/base/digits.h"

namespace sluice {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";
constexpr std::string_view kHex = "0123456789abcdef";

constexpr bool is_plain(unsigned char c) { return c >= 0x20 && c < 0x7f && c != '"' && c != '\\'; }
constexpr bool is_continuation(unsigned char c) { return (c & 0xC0U) == 0x80U; }

void append_code(std::string& out, unsigned code) {
  out += "\\u";
  for (unsigned shift = 16; shift != 0;) out += kHex[code >> (shift -= 4) & 0xFU];
}

void append_escaped(std::string& out, unsigned char c) {
  switch (c) {
    case '"':
      out += "\\\"";
      return;
    case '\\':
      out += "\\\\";
      return;
    case '\n':
      out += "\\n";
      return;
    case '\r':
      out += "\\r";
      return;
    case '\t':
      out += "\\t";
      return;
    default:
      break;
  }
  append_code(out, c);
}

// Whether a terminal or a viewer obeys this character: C1 controls, separators of lines and paragraphs,
// controls of the direction of text (Unicode 15 section 23, UAX 9).
constexpr bool acts(unsigned code) {
  return (code >= 0x80 && code <= 0x9F) || (code >= 0x2028 && code <= 0x202E) ||
         (code >= 0x2066 && code <= 0x2069);
}

// The length of the well-formed UTF-8 sequence at the front of `text` (RFC 3629 section 4), 0 where there is
// none.
size_t utf8_length(std::string_view text) {
  const auto at = [&](size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U; };
  const unsigned lead = at(0);
  if (lead >= 0xC2 && lead <= 0xDF) return is_continuation(static_cast<unsigned char>(at(1))) ? 2 : 0;
  if (lead >= 0xE0 && lead <= 0xEF) {
    const unsigned low = lead == 0xE0 ? 0xA0 : 0x80;
    const unsigned high = lead == 0xED ? 0x9F : 0xBF;
    return at(1) >= low && at(1) <= high && is_continuation(static_cast<unsigned char>(at(2))) ? 3 : 0;
  }
  if (lead >= 0xF0 && lead <= 0xF4) {
    const unsigned low = lead == 0xF0 ? 0x90 : 0x80;
    const unsigned high = lead == 0xF4 ? 0x8F : 0xBF;
    return at(1) >= low && at(1) <= high && is_continuation(static_cast<unsigned char>(at(2))) &&
                   is_continuation(static_cast<unsigned char>(at(3)))
               ? 4
               : 0;
  }
  return 0;
}

// Appends the well-formed UTF-8 sequence `octets`, not ASCII.
void append_sequence(std::string& out, std::string_view octets) {
  const auto low = [&](size_t i) { return static_cast<unsigned char>(octets[i]) & 0x3FU; };
  const unsigned lead = static_cast<unsigned char>(octets.front());
  unsigned code = 0;  // below U+10000 only: nothing above acts
  if (octets.size() == 2) code = (lead & 0x1FU) << 6U | low(1);
  if (octets.size() == 3) code = (lead & 0xFU) << 12U | low(1) << 6U | low(2);
  if (acts(code)) {
    append_code(out, code);
  } else {
    out += octets;
  }
}

}  // namespace

void append_json_string(std::string& out, std::string_view text) {
  out += '"';
  while (!text.empty()) {
    size_t plain = 0;
    while (plain < text.size() && is_plain(static_cast<unsigned char>(text[plain]))) ++plain;
    out += text.substr(0, plain);
    text.remove_prefix(plain);
    if (text.empty()) break;
    const auto c = static_cast<unsigned char>(text.front());
    if (c < 0x80) {
      append_escaped(out, c);
      text.remove_prefix(1);
    } else if (const size_t length = utf8_length(text); length != 0) {
      append_sequence(out, text.substr(0, length));
      text.remove_prefix(length);
    } else {
      out += kReplacement;
      text.remove_prefix(1);
    }
  }
  out += '"';
}

void JsonObject::begin(std::string_view key) {
  if (!first_) out_ += ',';
  first_ = false;
  out_ += '"';
  out_ += key;
  out_ += "\":";
}

JsonObject& JsonObject::text(std::string_view key, std::string_view value) {
  begin(key);
  append_json_string(out_, value);
  return *this;
}

JsonObject& JsonObject::number(std::string_view key, uint64_t value) {
  begin(key);
  append_number(out_, value);
  return *this;
}

JsonObject& JsonObject::time(std::string_view key, WallTime value) {
  begin(key);
  out_ += '"';
  append_timestamp(out_, value);
  out_ += '"';
  return *this;
}

JsonObject& JsonObject::boolean(std::string_view key, bool value) {
  begin(key);
  out_ += value ? "true" : "false";
  return *this;
}

JsonObject& JsonObject::null(std::string_view key) {
  begin(key);
  out_ += "null";
  return *this;
}

JsonObject& JsonObject::texts(std::string_view key, std::span<const std::string> values) {
  begin(key);
  out_ += '[';
  for (size_t i = 0; i < values.size(); ++i) {
    if (i != 0) out_ += ',';
    append_json_string(out_, values[i]);
  }
  out_ += ']';
  return *this;
}

JsonObject& JsonObject::raw(std::string_view key, std::string_view json) {
  begin(key);
  out_ += json;
  return *this;
}

}  // namespace sluice
