// tag=value lists (RFC 6376 section 3.2), as DKIM-Signature, key records, ARC fields and DMARC records hold
// them, and the small grammars of their values. Views into the caller's text, which must outlive the list.
// What a tag means is the caller's. Pure.
//
// Strict: a name is letters, digits and underscores, a letter first; names are told apart by case; a value
// holds printable ASCII but ';', UTF-8 (RFC 8616) and white space inside; an empty entry, a doubled name or a
// control character makes the whole list unreadable. Tolerant in two places: a line end of folding may be a
// bare LF (files), and white space may stand behind the final ';'.
#pragma once

#include "io/base/limits.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace sluice::auth {

struct Tag {
  std::string_view name;
  std::string_view value;  // without the white space around it; folding inside is kept
  std::string_view whole;  // all between '=' and ';', white space included: what emptying b= takes away
};

enum class TagError : uint8_t {
  Empty,      // no tag at all
  BadName,    // an entry without a name (";;" too), or a name that is none
  NoEquals,   // a name without "="
  BadValue,   // an octet that may not stand in a value
  Duplicate,  // a name twice
  TooMany,    // over limits::kTagListTags
};

class TagList {
 public:
  [[nodiscard]] static std::expected<TagList, TagError> parse(std::string_view text);

  std::span<const Tag> tags() const { return std::span(tags_).first(size_); }  // in their order
  size_t size() const { return size_; }
  const Tag* tag(std::string_view name) const;                        // null where there is none
  std::optional<std::string_view> find(std::string_view name) const;  // its value

 private:
  std::optional<TagError> read(std::string_view text);

  std::array<Tag, limits::kTagListTags> tags_;
  size_t size_ = 0;
  // Nearly all names are one letter: which tag, counted from one; 0: none.
  std::array<uint8_t, 128> letters_{};
};

// White space of folding: space, tab, CR, LF.
constexpr bool is_folding_space(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }
std::string_view trim_folding(std::string_view text);
std::string without_white_space(std::string_view text);

// Decimal digits and nothing else, at least one and at most `digits_max`; too large for 64 bits is the
// largest.
std::optional<uint64_t> read_number(std::string_view text, size_t digits_max);

// Takes the next item off a list like "a : b : c", white space around it stripped; null when `rest` is used
// up. An empty list has one empty item, so that the caller sees what is wrong with it.
class ItemList {
 public:
  explicit ItemList(std::string_view text, char separator = ':') : rest_(text), separator_(separator) {}
  std::optional<std::string_view> next();

 private:
  std::string_view rest_;
  char separator_;
  bool ended_ = false;
};
// Whether an item of the list is `wanted`, compared as octets.
bool list_contains(std::string_view list, std::string_view wanted);

// Base64 (RFC 4648 section 4) with white space anywhere, as RFC 6376 writes it; padding is required. Null for
// anything else, and beyond `octets_max` decoded octets.
std::optional<std::string> base64_decode(std::string_view text, size_t octets_max);

}  // namespace sluice::auth
