#include "rules/spf/macro.h"

#include "io/base/ascii.h"
#include "io/base/limits.h"

#include <iterator>
#include <vector>

#include <fmt/format.h>

namespace sluice::spf {
namespace {

constexpr std::string_view kDelimiters = ".-+,/_=";
constexpr std::string_view kDomainLetters = "slodiphv";
constexpr std::string_view kExplanationLetters = "slodiphvcrt";
// Octets of one value that are expanded, the right-hand ones: SMTP lets no path be longer than 256, so this
// bounds the work that a record of macros can make of input from elsewhere.
constexpr size_t kValueMax = 512;
constexpr uint32_t kKeepMax = 1000;  // more parts than any value here can have; larger numbers mean the same

// macro-literal: visible ASCII but "%". A space is a literal of explanations only.
bool is_literal(char c, MacroUse use) {
  if (c == ' ') return use == MacroUse::Explanation;
  return c > 0x20 && c < 0x7f && c != '%';
}

bool is_unreserved(char c) { return is_ascii_alnum(c) || c == '-' || c == '.' || c == '_' || c == '~'; }

// toplabel: letters, digits and inner hyphens, but not digits alone.
bool is_top_label(std::string_view label) {
  if (label.empty() || label.front() == '-' || label.back() == '-') return false;
  bool digits_only = true;
  for (const char c : label) {
    if (!is_ascii_alnum(c) && c != '-') return false;
    if (!is_ascii_digit(c)) digits_only = false;
  }
  return !digits_only;
}

// 7.3 leaves the case of the nibbles open; the openspf suite wants capitals in an explanation.
std::string dotted_client(const IpAddress& client) {
  if (client.is_v4()) return client.to_string();
  std::string text;
  for (const uint8_t octet : client.bytes()) {
    fmt::format_to(std::back_inserter(text), "{}{:X}.{:X}", text.empty() ? "" : ".", octet >> 4, octet & 15);
  }
  return text;
}

int64_t unix_seconds(WallTime now) {
  return std::chrono::floor<std::chrono::seconds>(now).time_since_epoch().count();
}

std::string value_of(char letter, const MacroValues& values) {
  switch (letter) {
    case 's':
      return fmt::format("{}@{}", values.local_part, values.sender_domain);
    case 'l':
      return std::string(values.local_part);
    case 'o':
      return std::string(values.sender_domain);
    case 'd':
      return std::string(values.domain);
    case 'i':
      return dotted_client(values.client);
    case 'p':
      return std::string(values.validated.empty() ? "unknown" : values.validated);
    case 'h':
      return std::string(values.helo);
    case 'v':
      return values.client.is_v4() ? "in-addr" : "ip6";
    case 'c':
      return values.client.to_string();
    case 'r':
      return std::string(values.receiver.empty() ? "unknown" : values.receiver);
    case 't':
      return fmt::format("{}", unix_seconds(values.now));
    default:
      return {};
  }
}

std::vector<std::string_view> split(std::string_view value, std::string_view delimiters) {
  std::vector<std::string_view> parts;
  size_t start = 0;
  for (size_t i = 0; i <= value.size(); ++i) {
    if (i < value.size() && delimiters.find(value[i]) == std::string_view::npos) continue;
    parts.push_back(value.substr(start, i - start));
    start = i + 1;
  }
  return parts;
}

// Splits, reverses, keeps the right-hand parts and joins them with dots, in this order (7.3).
std::string transform(const MacroPiece& piece, std::string_view value) {
  std::vector<std::string_view> parts = split(value, piece.delimiters.empty() ? "." : piece.delimiters);
  if (piece.reverse) parts = {parts.rbegin(), parts.rend()};
  const size_t first = piece.keep == 0 || piece.keep >= parts.size() ? 0 : parts.size() - piece.keep;
  std::string text;
  for (size_t i = first; i < parts.size(); ++i) {
    if (i != first) text += '.';
    text += parts[i];
  }
  return text;
}

void append_escaped(std::string& out, std::string_view value) {
  for (const char c : value) {
    if (is_unreserved(c)) {
      out += c;
    } else {
      constexpr std::string_view kHex = "0123456789ABCDEF";
      const auto octet = static_cast<unsigned char>(c);
      out += '%';
      out += kHex[octet >> 4];
      out += kHex[octet & 15];
    }
  }
}

void append_piece(std::string& out, const MacroPiece& piece, const MacroValues& values) {
  if (piece.letter == 0) {
    out += piece.literal;
    return;
  }
  std::string value = value_of(piece.letter, values);
  if (value.size() > kValueMax) value.erase(0, value.size() - kValueMax);
  if (piece.splits) value = transform(piece, value);
  if (piece.url_escape) {
    append_escaped(out, value);
  } else {
    out += value;
  }
}

// Removes whole labels from the left until the rest fits; nothing is left of a single label that does not.
void cut_from_left(std::string& name) {
  if (name.size() <= limits::kSpfMacroName) return;
  const size_t dot = name.find('.', name.size() - limits::kSpfMacroName - 1);
  name.erase(0, dot == std::string::npos ? name.size() : dot + 1);
}

}  // namespace

std::expected<MacroPiece, MacroError> MacroReader::next() {
  if (text_[position_] == '%') return expand_piece();
  const size_t start = position_;
  while (position_ < text_.size() && is_literal(text_[position_], use_)) ++position_;
  if (position_ == start) return std::unexpected(MacroError{start, "a character that may not stand here"});
  MacroPiece piece;
  piece.literal = text_.substr(start, position_ - start);
  return piece;
}

std::expected<MacroPiece, MacroError> MacroReader::expand_piece() {
  const size_t start = position_;
  const auto wrong = [start](std::string_view problem) {
    return std::unexpected(MacroError{start, problem});
  };
  const std::string_view rest = text_.substr(start + 1);
  MacroPiece piece;
  if (!rest.starts_with('{')) {
    if (rest.starts_with('%')) {
      piece.literal = "%";
    } else if (rest.starts_with('_')) {
      piece.literal = " ";
    } else if (rest.starts_with('-')) {
      piece.literal = "%20";
    } else {
      return wrong("\"%\" must be followed by \"{\", \"%\", \"_\" or \"-\"");
    }
    position_ += 2;
    return piece;
  }
  const size_t close = rest.find('}');
  if (close == std::string_view::npos) return wrong("a macro without \"}\"");
  std::string_view body = rest.substr(1, close - 1);
  if (body.empty()) return wrong("a macro without a letter");
  piece.letter = ascii_lower(body.front());
  piece.url_escape = is_ascii_upper(body.front());
  if (kExplanationLetters.find(piece.letter) == std::string_view::npos)
    return wrong("an unknown macro letter");
  if (use_ == MacroUse::Domain && kDomainLetters.find(piece.letter) == std::string_view::npos) {
    return wrong("a macro that is allowed in explanations only");
  }
  body.remove_prefix(1);
  piece.splits = !body.empty();
  const bool counted = !body.empty() && is_ascii_digit(body.front());
  for (; !body.empty() && is_ascii_digit(body.front()); body.remove_prefix(1)) {
    piece.keep = piece.keep * 10 + static_cast<uint32_t>(body.front() - '0');
    if (piece.keep > kKeepMax) piece.keep = kKeepMax;
  }
  if (counted && piece.keep == 0) return wrong("a macro that keeps zero parts");
  if (!body.empty() && ascii_lower(body.front()) == 'r') {
    piece.reverse = true;
    body.remove_prefix(1);
  }
  if (body.find_first_not_of(kDelimiters) != std::string_view::npos)
    return wrong("an unknown macro delimiter");
  piece.delimiters = body;
  position_ = start + 1 + close + 1;
  return piece;
}

std::optional<MacroError> check_macro_string(std::string_view text, MacroUse use) {
  MacroReader reader(text, use);
  while (!reader.at_end()) {
    const auto piece = reader.next();
    if (!piece) return piece.error();
  }
  return std::nullopt;
}

std::optional<MacroError> check_domain_spec(std::string_view text) {
  if (text.empty()) return MacroError{0, "a domain is missing"};
  MacroReader reader(text, MacroUse::Domain);
  size_t last_start = 0;
  bool ends_in_macro = false;
  while (!reader.at_end()) {
    last_start = reader.position();
    const auto piece = reader.next();
    if (!piece) return piece.error();
    ends_in_macro = text[last_start] == '%';
  }
  if (ends_in_macro) return std::nullopt;
  std::string_view tail = text.substr(last_start);
  if (tail.ends_with('.')) tail.remove_suffix(1);
  const size_t dot = tail.rfind('.');
  if (dot == std::string_view::npos || !is_top_label(tail.substr(dot + 1))) {
    return MacroError{last_start, "a domain must end in a macro or in a dot and a top-level name"};
  }
  return std::nullopt;
}

bool has_macro(std::string_view text, char letter) {
  MacroReader reader(text, MacroUse::Explanation);
  while (!reader.at_end()) {
    const auto piece = reader.next();
    if (!piece) return false;
    if (piece->letter == letter) return true;
  }
  return false;
}

std::string expand_domain(std::string_view text, const MacroValues& values) {
  // Only the right end can be kept, so the left is dropped on the way: memory stays bounded whatever the
  // record repeats. The margin keeps the label boundary that the final cut looks for.
  constexpr size_t kKept = 2 * limits::kSpfMacroName;
  std::string name;
  MacroReader reader(text, MacroUse::Domain);
  while (!reader.at_end()) {
    const auto piece = reader.next();
    if (!piece) return {};
    append_piece(name, *piece, values);
    if (name.size() > 2 * kKept) name.erase(0, name.size() - kKept);
  }
  if (name.ends_with('.')) name.pop_back();
  cut_from_left(name);
  return name;
}

std::string expand_explanation(std::string_view text, const MacroValues& values) {
  std::string out;
  MacroReader reader(text, MacroUse::Explanation);
  while (!reader.at_end() && out.size() < limits::kSpfExplanation) {
    const auto piece = reader.next();
    if (!piece) return {};
    append_piece(out, *piece, values);
  }
  if (out.size() > limits::kSpfExplanation) out.resize(limits::kSpfExplanation);
  return out;
}

}  // namespace sluice::spf
