#include "rules/policy/removed_fields.h"

#include "io/base/ascii.h"
#include "rules/policy/domain_name.h"

#include <cstddef>
#include <optional>

namespace sluice::policy {
namespace {

constexpr bool is_folding(char c) { return is_space_or_tab(c) || c == '\r' || c == '\n'; }

std::string_view without_trailing_space(std::string_view name) {
  while (!name.empty() && is_folding(name.back())) name.remove_suffix(1);
  return name;
}

bool is_protected(std::string_view name) {
  return equals_ignore_case(name, "Received") || equals_ignore_case(name, "DKIM-Signature") ||
         equals_ignore_case(name, "Return-Path") || starts_with_ignore_case(name, "ARC-");
}

// Reads RFC 8601 values. Every step goes forward in the text, so time is linear. Stricter than the reader of
// rules/auth, which makes the best of what it is given ("us,x" and a comment without an end among it): what
// is no exact authserv-id is unreadable here, so that the search for ours in it decides (W-20).
class ValueReader {
 public:
  explicit ValueReader(std::string_view text) : text_(text) {}

  bool at_end() const { return position_ >= text_.size(); }
  char peek() const { return text_[position_]; }

  // CFWS of RFC 5322 3.2.2; false when a comment does not end.
  bool skip_space_and_comments() {
    while (!at_end()) {
      if (is_folding(peek())) {
        ++position_;
      } else if (peek() != '(') {
        return true;
      } else if (!skip_comment()) {
        return false;
      }
    }
    return true;
  }

  std::optional<std::string> quoted_string() {
    std::string value;
    ++position_;
    while (!at_end()) {
      char c = text_[position_++];
      if (c == '"') return value;
      if (c == '\\' && !at_end()) c = text_[position_++];
      if (c != '\r' && c != '\n') value += c;
    }
    return std::nullopt;
  }

  std::string token() {
    std::string value;
    while (!at_end() && !is_folding(peek()) && !std::string_view("()<>@,;:\\\"/[]?=").contains(peek())) {
      value += text_[position_++];
    }
    return value;
  }

 private:
  bool skip_comment() {
    size_t depth = 0;
    while (!at_end()) {
      const char c = text_[position_++];
      if (c == '\\' && !at_end()) {
        ++position_;
      } else if (c == '(') {
        ++depth;
      } else if (c == ')' && --depth == 0) {
        return true;
      }
    }
    return false;
  }

  std::string_view text_;
  size_t position_ = 0;
};

// [CFWS] authserv-id [ CFWS version ] [CFWS] ";" or the end. Null when it is not that.
std::optional<std::string> read_authserv_id(std::string_view raw_value) {
  ValueReader reader(raw_value);
  if (!reader.skip_space_and_comments() || reader.at_end()) return std::nullopt;
  std::optional<std::string> id = reader.peek() == '"' ? reader.quoted_string() : reader.token();
  if (!id || id->empty() || !reader.skip_space_and_comments()) return std::nullopt;
  while (!reader.at_end() && is_ascii_digit(reader.peek())) (void)reader.token();
  if (!reader.skip_space_and_comments()) return std::nullopt;
  if (!reader.at_end() && reader.peek() != ';') return std::nullopt;
  return id;
}

bool is_same_id(std::string_view a, std::string_view b) {
  if (equals_ignore_case(a, b)) return true;
  const std::optional<std::string> name = to_domain_name(a);
  return name && name == to_domain_name(b);
}

// Without white space, folded to lower case: for the search in values that cannot be read.
std::string squeezed(std::string_view text) {
  std::string result;
  for (const char c : text) {
    if (!is_folding(c)) result += ascii_lower(c);
  }
  return result;
}

// Drops what stands in parentheses, whether or not they are balanced.
std::string without_comments(std::string_view text) {
  std::string result;
  size_t depth = 0;
  for (const char c : text) {
    if (c == '(') ++depth;
    if (depth == 0 && c != ')') result += c;
    if (c == ')' && depth > 0) --depth;
  }
  return result;
}

}  // namespace

bool names_authserv_id(std::string_view raw_value, std::string_view authserv_id) {
  if (authserv_id.empty()) return false;
  if (const std::optional<std::string> id = read_authserv_id(raw_value)) return is_same_id(*id, authserv_id);
  const std::string wanted = squeezed(authserv_id);
  return squeezed(raw_value).contains(wanted) || squeezed(without_comments(raw_value)).contains(wanted);
}

RemovedFields::RemovedFields(const ResultHeaderSettings& settings) : settings_(settings) {}

bool RemovedFields::matches(std::string_view name, std::string_view raw_value) const {
  name = without_trailing_space(name);
  if (is_protected(name)) return false;
  // The default name goes even where another one is set: rules behind us may still look for it.
  for (const std::string_view ours : {std::string_view(settings_.name), kDefaultResultField,
                                      kAuthenticationResultsXField, kVersionStampField}) {
    if (equals_ignore_case(name, ours)) return true;
  }
  if (equals_ignore_case(name, kReceivedSpfField)) return settings_.received_spf;
  return equals_ignore_case(name, kAuthenticationResultsField) &&
         names_authserv_id(raw_value, settings_.authserv_id);
}

}  // namespace sluice::policy
