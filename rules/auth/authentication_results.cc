#include "rules/auth/authentication_results.h"

#include "io/base/ascii.h"
#include "io/base/limits.h"

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <utility>

namespace sluice::auth {
namespace {

constexpr bool is_white(char c) { return is_space_or_tab(c) || c == '\r' || c == '\n'; }
constexpr bool is_keyword_octet(char c) { return is_ascii_alnum(c) || c == '-' || c == '_'; }

// Goes forward only. Every reading function stands behind what it took; a false or null result means that the
// text is not what was looked for, and skip_to_semicolon() finds the next part.
class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  bool at_end() const { return position_ >= text_.size(); }
  bool at(char c) const { return !at_end() && text_[position_] == c; }
  bool take(char c) {
    if (!at(c)) return false;
    ++position_;
    return true;
  }

  // White space and comments. A comment that does not end takes all that is left, as it does for other
  // readers.
  void skip_space() {
    while (!at_end()) {
      if (is_white(text_[position_])) {
        ++position_;
      } else if (!at('(')) {
        return;
      } else {
        skip_comment();
      }
    }
  }

  // A name of letters, digits, "-" and "_"; with `dots` also ".". Lower case.
  std::string word(bool dots) {
    const size_t begin = position_;
    while (!at_end() && (is_keyword_octet(text_[position_]) || (dots && text_[position_] == '.')))
      ++position_;
    return to_ascii_lower(text_.substr(begin, position_ - begin));
  }

  // Quoted strings and bare octets in any mixture, up to white space, ";" or "(". Null: a quoted string does
  // not end.
  std::optional<std::string> value() {
    std::string result;
    while (!at_end()) {
      const char c = text_[position_];
      if (is_white(c) || c == ';' || c == '(') break;
      if (c == '"') {
        if (!append_quoted(result)) return std::nullopt;
      } else {
        result += c;
        ++position_;
      }
    }
    return result;
  }

  void skip_to_semicolon() {
    std::string unused;
    while (!at_end() && !at(';')) {
      if (at('(')) {
        skip_comment();
      } else if (at('"')) {
        (void)append_quoted(unused);
      } else {
        ++position_;
      }
    }
  }

  bool comment_open() const { return comment_open_; }
  size_t position() const { return position_; }
  void go_back(size_t position) { position_ = position; }

 private:
  void skip_comment() {
    size_t depth = 0;
    while (!at_end()) {
      const char c = text_[position_++];
      if (c == '\\' && !at_end()) {
        ++position_;
      } else if (c == '(') {
        ++depth;
      } else if (c == ')' && --depth == 0) {
        return;
      }
    }
    comment_open_ = true;
  }

  bool append_quoted(std::string& out) {
    ++position_;
    while (!at_end()) {
      char c = text_[position_++];
      if (c == '"') return true;
      if (c == '\\' && !at_end()) c = text_[position_++];
      if (c != '\r' && c != '\n') out += c;
    }
    return false;
  }

  std::string_view text_;
  size_t position_ = 0;
  bool comment_open_ = false;
};

std::optional<unsigned> small_number(std::string_view digits) {
  unsigned number = 0;
  const auto [stop, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (digits.empty() || error != std::errc() || stop != digits.data() + digits.size()) return std::nullopt;
  return number;
}

// "i = 1 ;" before the authserv-id. Nothing is taken where it is not that.
std::optional<unsigned> read_instance(Reader& reader) {
  const size_t begin = reader.position();
  reader.skip_space();
  const bool named = reader.word(false) == "i";
  reader.skip_space();
  if (named && reader.take('=')) {
    reader.skip_space();
    const std::optional<unsigned> number = small_number(reader.word(false));
    reader.skip_space();
    if (number && reader.take(';')) return number;
  }
  reader.go_back(begin);
  return std::nullopt;
}

// authserv-id [ CFWS version ]. False: not that; the id may be empty then.
bool read_head(Reader& reader, AuthenticationResults& found) {
  reader.skip_space();
  const size_t begin = reader.position();
  std::optional<std::string> id = reader.value();
  if (!id || id->empty()) return false;
  // The id was left out, and a result stands in its place.
  if (id->contains('=')) {
    reader.go_back(begin);
    return false;
  }
  found.authserv_id = std::move(*id);
  reader.skip_space();
  if (reader.at(';') || reader.at_end()) return true;
  const std::optional<unsigned> version = small_number(reader.word(false));
  reader.skip_space();
  if (!version || !(reader.at(';') || reader.at_end())) return false;
  found.version = *version;
  return true;
}

// "header.from" or "action": parts of letters, digits and the like with single dots between.
bool is_property_name(std::string_view name) {
  return !name.empty() && !name.starts_with('.') && !name.ends_with('.') && !name.contains("..");
}

// "reason=..." or "ptype.property=...". False: cannot be read.
bool read_property(Reader& reader, MethodResult& result) {
  std::string name = reader.word(true);
  reader.skip_space();
  // White space may stand around the dot.
  if (reader.take('.')) {
    reader.skip_space();
    name += '.' + reader.word(true);
    reader.skip_space();
  } else if (name.ends_with('.')) {
    name += reader.word(true);
    reader.skip_space();
  }
  if (!is_property_name(name) || !reader.take('=')) return false;
  reader.skip_space();
  std::optional<std::string> value = reader.value();
  if (!value) return false;
  if (name == "reason") {
    result.reason = std::move(*value);
    return true;
  }
  const size_t dot = name.find('.');
  ResultProperty property;
  if (dot != std::string::npos) property.type = name.substr(0, dot);
  property.name = name.substr(dot == std::string::npos ? 0 : dot + 1);
  property.value = std::move(*value);
  if (result.properties.size() == limits::kAuthResultProperties) return false;
  result.properties.push_back(std::move(property));
  return true;
}

// Behind the ";". Null: cannot be read.
std::optional<MethodResult> read_result(Reader& reader) {
  MethodResult result;
  result.method = reader.word(false);
  reader.skip_space();
  if (reader.take('/')) {
    reader.skip_space();
    if (!small_number(reader.word(false))) return std::nullopt;
    reader.skip_space();
  }
  if (result.method.empty() || !reader.take('=')) return std::nullopt;
  reader.skip_space();
  result.result = reader.word(false);
  if (result.result.empty()) return std::nullopt;
  while (true) {
    reader.skip_space();
    if (reader.at_end() || reader.at(';')) return result;
    if (!read_property(reader, result)) return std::nullopt;
  }
}

// "; none" and an empty part say nothing.
bool is_empty_part(Reader& reader) {
  const size_t begin = reader.position();
  const std::string word = reader.word(false);
  reader.skip_space();
  if ((word.empty() || word == "none") && (reader.at_end() || reader.at(';'))) return true;
  reader.go_back(begin);
  return false;
}

}  // namespace

const std::string* MethodResult::find(std::string_view type, std::string_view name) const {
  const auto found = std::ranges::find_if(properties, [type, name](const ResultProperty& property) {
    return property.type == type && property.name == name;
  });
  return found == properties.end() ? nullptr : &found->value;
}

AuthenticationResults read_authentication_results(std::string_view value) {
  AuthenticationResults found;
  const bool cut = value.size() > limits::kArcResults;
  Reader reader(value.substr(0, limits::kArcResults));
  found.instance = read_instance(reader);
  found.complete = read_head(reader, found) && !cut;
  if (found.complete || !found.authserv_id.empty()) reader.skip_to_semicolon();
  while (!reader.at_end()) {
    (void)reader.take(';');
    reader.skip_space();
    if (is_empty_part(reader)) continue;
    std::optional<MethodResult> result = read_result(reader);
    // What an open comment or the limit cut short may have had more to say.
    const bool whole = result && !reader.comment_open() && !(cut && reader.at_end());
    if (whole && found.results.size() < limits::kAuthResults) {
      found.results.push_back(std::move(*result));
    } else {
      found.complete = false;
    }
    reader.skip_to_semicolon();
  }
  if (reader.comment_open()) found.complete = false;
  return found;
}

}  // namespace sluice::auth
