#include "rules/auth/tag_list.h"

#include "io/base/ascii.h"
#include "io/base/octet_block.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace sluice::auth {
namespace {

constexpr bool is_name_octet(char c) { return is_ascii_alnum(c) || c == '_'; }

enum class OctetClass : uint8_t { Bad, Value, Space, High };

constexpr std::array<OctetClass, 256> kOctetClasses = [] {
  std::array<OctetClass, 256> classes{};
  for (size_t c = 0; c < classes.size(); ++c) {
    if (c > 0x20 && c < 0x7f) classes[c] = OctetClass::Value;
    if (c >= 0x80) classes[c] = OctetClass::High;
  }
  for (const char c : {' ', '\t', '\r', '\n'}) classes[static_cast<uint8_t>(c)] = OctetClass::Space;
  return classes;
}();

// Octets of the UTF-8 sequence that starts the text (RFC 3629 section 4); 0: there is none.
size_t utf8_sequence(std::string_view text) {
  const auto at = [&](size_t i) { return i < text.size() ? static_cast<uint8_t>(text[i]) : uint8_t{0}; };
  const auto follows = [&](size_t i) { return (at(i) & 0xC0) == 0x80; };
  const uint8_t first = at(0);
  if (first >= 0xC2 && first <= 0xDF) return follows(1) ? 2 : 0;
  if (first >= 0xE0 && first <= 0xEF) {
    const bool overlong = first == 0xE0 && at(1) < 0xA0;
    const bool surrogate = first == 0xED && at(1) > 0x9F;
    return follows(1) && follows(2) && !overlong && !surrogate ? 3 : 0;
  }
  if (first >= 0xF0 && first <= 0xF4) {
    const bool overlong = first == 0xF0 && at(1) < 0x90;
    const bool beyond = first == 0xF4 && at(1) > 0x8F;
    return follows(1) && follows(2) && follows(3) && !overlong && !beyond ? 4 : 0;
  }
  return 0;
}

// Eight octets that may all stand in a value wherever they are: printable ASCII and spaces. No more of them
// at once: lines are short, and what is left over goes one by one.
bool is_printable_half(const char* text) {
  const auto half = OctetBlock::load_half(text);
  return ((half.at_most(0x1f) | half.at_least(0x7f)) & OctetBlock::kHalfBits) == 0;
}

// A line end only as folding: LF, with a CR in front or not, and white space or the end behind it.
bool is_value(std::string_view text) {
  for (size_t i = 0; i < text.size();) {
    while (text.size() - i >= OctetBlock::kHalf && is_printable_half(text.data() + i)) i += OctetBlock::kHalf;
    if (i == text.size()) break;
    switch (kOctetClasses[static_cast<uint8_t>(text[i])]) {
      case OctetClass::Value:
        ++i;
        break;
      case OctetClass::Space:
        if (text[i] == '\r' && (i + 1 == text.size() || text[i + 1] != '\n')) return false;
        if (text[i] == '\n' && i + 1 < text.size() && !is_folding_space(text[i + 1])) return false;
        ++i;
        break;
      case OctetClass::High: {
        const size_t octets = utf8_sequence(text.substr(i));
        if (octets == 0) return false;
        i += octets;
        break;
      }
      case OctetClass::Bad:
        return false;
    }
  }
  return true;
}

constexpr std::array<int8_t, 256> kBase64Values = [] {
  std::array<int8_t, 256> values{};
  values.fill(-1);
  constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  for (size_t i = 0; i < kDigits.size(); ++i)
    values[static_cast<uint8_t>(kDigits[i])] = static_cast<int8_t>(i);
  return values;
}();

constexpr size_t kSpareOctets = 64;  // ours: of memory behind what was decoded

constexpr uint32_t big_endian(uint32_t value) {
  return std::endian::native == std::endian::big ? value : std::byteswap(value);
}

// `out` has room for three octets for every four of the text, and three more.
std::optional<size_t> decode_into(char* out, std::string_view text) {
  char* to = out;
  uint32_t bits = 0;
  size_t digits = 0;  // of a group of four
  size_t padding = 0;
  // One octet more than a group has is written, and written over by what follows.
  const auto put_group = [&to](uint32_t group) {
    const auto octets = std::bit_cast<std::array<char, 4>>(big_endian(group << 8));
    std::memcpy(to, octets.data(), octets.size());
    to += 3;
  };
  const auto value_at = [text](size_t i) { return int{kBase64Values[static_cast<uint8_t>(text[i])]}; };
  for (size_t i = 0; i < text.size(); ++i) {
    // Whole groups, as long as nothing stands between their digits: what is no digit makes all negative.
    while (digits == 0 && padding == 0 && text.size() - i >= 4) {
      const int group = value_at(i) << 18 | value_at(i + 1) << 12 | value_at(i + 2) << 6 | value_at(i + 3);
      if (group < 0) break;
      put_group(static_cast<uint32_t>(group));
      i += 4;
    }
    if (i == text.size()) break;
    const int8_t value = kBase64Values[static_cast<uint8_t>(text[i])];
    if (value < 0) {
      if (is_folding_space(text[i])) continue;
      if (text[i] != '=' || ++padding > 2) return std::nullopt;
      continue;
    }
    if (padding != 0) return std::nullopt;
    bits = bits << 6 | static_cast<uint32_t>(value);
    if (++digits < 4) continue;
    digits = 0;
    put_group(bits);
  }
  if ((digits + padding) % 4 != 0) return std::nullopt;
  if (digits != 0) {  // two or three, which padding completes
    bits <<= 6 * padding;
    *to++ = static_cast<char>(bits >> 16 & 0xFF);
    if (digits == 3) *to++ = static_cast<char>(bits >> 8 & 0xFF);
  }
  return static_cast<size_t>(to - out);
}

}  // namespace

static_assert(limits::kTagListTags <= UINT8_MAX);  // letters_

// Made where it is returned: a list is large beside what it takes to read one.
std::expected<TagList, TagError> TagList::parse(std::string_view text) {
  std::expected<TagList, TagError> made(std::in_place);
  if (const auto error = made->read(text)) made = std::unexpected(*error);
  return made;
}

std::optional<TagError> TagList::read(std::string_view text) {
  const bool clean = is_value(text);  // then every part of it is
  while (true) {
    const size_t end = std::min(text.find(';'), text.size());
    const std::string_view entry = text.substr(0, end);
    const bool last = end == text.size();
    const size_t equals = entry.find('=');
    const std::string_view name = trim_folding(entry.substr(0, equals));
    if (name.empty() && equals == std::string_view::npos && last && (clean || is_value(entry))) {
      // Nothing but white space: what may stand behind the final ';'.
      if (size_ == 0) return TagError::Empty;
      return std::nullopt;
    }
    if (equals == std::string_view::npos && !name.empty()) return TagError::NoEquals;
    if (name.empty() || !is_ascii_alpha(name.front()) || !std::ranges::all_of(name, is_name_octet)) {
      return TagError::BadName;
    }
    const std::string_view whole = entry.substr(equals + 1);
    if (!clean && (!is_value(whole) || !is_value(entry.substr(0, equals)))) {
      return TagError::BadValue;
    }
    if (tag(name) != nullptr) return TagError::Duplicate;
    if (size_ == tags_.size()) return TagError::TooMany;
    tags_[size_++] = {name, trim_folding(whole), whole};
    if (name.size() == 1) letters_[static_cast<uint8_t>(name.front())] = static_cast<uint8_t>(size_);
    if (last) return std::nullopt;
    text.remove_prefix(end + 1);
  }
}

const Tag* TagList::tag(std::string_view name) const {
  if (name.size() == 1 && is_ascii(name.front())) {
    const uint8_t place = letters_[static_cast<uint8_t>(name.front())];
    return place == 0 ? nullptr : &tags_[place - 1];
  }
  for (const Tag& tag : tags()) {
    if (tag.name == name) return &tag;
  }
  return nullptr;
}

std::optional<std::string_view> TagList::find(std::string_view name) const {
  const Tag* found = tag(name);
  return found == nullptr ? std::nullopt : std::optional(found->value);
}

std::string_view trim_folding(std::string_view text) {
  while (!text.empty() && is_folding_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_folding_space(text.back())) text.remove_suffix(1);
  return text;
}

std::string without_white_space(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  std::ranges::copy_if(text, std::back_inserter(out), [](char c) { return !is_folding_space(c); });
  return out;
}

std::optional<uint64_t> read_number(std::string_view text, size_t digits_max) {
  if (text.empty() || text.size() > digits_max || !std::ranges::all_of(text, is_ascii_digit)) {
    return std::nullopt;
  }
  uint64_t value = 0;
  for (const char c : text) {
    const auto digit = static_cast<uint64_t>(c - '0');
    if (value > (UINT64_MAX - digit) / 10) return UINT64_MAX;
    value = value * 10 + digit;
  }
  return value;
}

std::optional<std::string_view> ItemList::next() {
  if (ended_) return std::nullopt;
  const size_t end = std::min(rest_.find(separator_), rest_.size());
  const std::string_view item = trim_folding(rest_.substr(0, end));
  ended_ = end == rest_.size();
  rest_.remove_prefix(ended_ ? end : end + 1);
  return item;
}

bool list_contains(std::string_view list, std::string_view wanted) {
  ItemList items(list);
  while (const auto item = items.next()) {
    if (*item == wanted) return true;
  }
  return false;
}

std::optional<std::string> base64_decode(std::string_view text, size_t octets_max) {
  std::string out;
  bool right = true;
  out.resize_and_overwrite(text.size() / 4 * 3 + 3, [&](char* octets, size_t) {
    const auto size = decode_into(octets, text);
    right = size.has_value() && *size <= octets_max;
    return right ? *size : 0;
  });
  if (!right) return std::nullopt;
  // Much white space: the sender does not decide how much is kept.
  if (out.capacity() > 2 * out.size() + kSpareOctets) out.shrink_to_fit();
  return out;
}

}  // namespace sluice::auth
