#include "engine/delivery/subject_tag.h"

#include "io/base/ascii.h"
#include "io/base/limits.h"
#include "rules/auth/tag_list.h"
#include "rules/dkim/tag_writer.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>
#include <utility>
#include <vector>

namespace sluice::delivery {
namespace {

constexpr std::string_view kName = "Subject: ";
constexpr size_t kColumns = 78;        // RFC 5322 2.1.1
constexpr size_t kEncodedOctets = 45;  // of text in one encoded word: 60 of base64, 72 in all (at most 75)
constexpr std::string_view kWordBegin = "=?UTF-8?B?";
constexpr size_t kLookedAt =
    4 * limits::kSubjectTag;  // of a decoded subject, for tags that are there already

constexpr bool is_white(char c) { return is_space_or_tab(c) || c == '\r' || c == '\n'; }

std::string_view without_white_front(std::string_view text) {
  while (!text.empty() && is_white(text.front())) text.remove_prefix(1);
  return text;
}

int hex_value(char c) {
  if (is_ascii_digit(c)) return c - '0';
  const char lower = ascii_lower(c);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

// "Q" of RFC 2047 section 4.2.
std::optional<std::string> decode_q(std::string_view text) {
  std::string octets;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '=') {
      octets += text[i] == '_' ? ' ' : text[i];
      continue;
    }
    if (i + 2 >= text.size() || hex_value(text[i + 1]) < 0 || hex_value(text[i + 2]) < 0) return std::nullopt;
    octets += static_cast<char>(hex_value(text[i + 1]) * 16 + hex_value(text[i + 2]));
    i += 2;
  }
  return octets;
}

// Charsets in which ASCII text is not written as ASCII.
bool hides_ascii(std::string_view charset) {
  return starts_with_ignore_case(charset, "utf-16") || starts_with_ignore_case(charset, "utf-32") ||
         starts_with_ignore_case(charset, "utf-7") || starts_with_ignore_case(charset, "ucs");
}

// Takes an encoded word off the front; its octets in its own charset. Nothing is taken where there is none.
std::optional<std::string> take_encoded_word(std::string_view& text) {
  if (!text.starts_with("=?")) return std::nullopt;
  const size_t charset_end = text.find('?', 2);
  if (charset_end == std::string_view::npos || charset_end + 2 >= text.size() ||
      text[charset_end + 2] != '?') {
    return std::nullopt;
  }
  const size_t end = text.find("?=", charset_end + 3);
  if (end == std::string_view::npos || hides_ascii(text.substr(2, charset_end - 2))) return std::nullopt;
  const std::string_view encoded = text.substr(charset_end + 3, end - charset_end - 3);
  if (std::ranges::any_of(encoded, is_white)) return std::nullopt;
  const char form = ascii_lower(text[charset_end + 1]);
  std::optional<std::string> octets;
  if (form == 'b') octets = auth::base64_decode(encoded, kLookedAt);
  if (form == 'q') octets = decode_q(encoded);
  if (octets) text.remove_prefix(end + 2);
  return octets;
}

// What a reader sees at the front of a subject, as far as tags could reach. White space runs are one space.
std::string shown_front(std::string_view value) {
  std::string shown;
  std::string_view rest = without_white_front(value);
  bool behind_word = false;
  while (!rest.empty() && shown.size() < kLookedAt) {
    const std::string_view behind_space = without_white_front(rest);
    std::string_view word = behind_space;
    if (std::optional<std::string> octets = take_encoded_word(word)) {
      // White space between two encoded words is not shown (RFC 2047 section 6.2).
      if (!behind_word && behind_space.size() != rest.size()) shown += ' ';
      shown += *octets;
      rest = word;
      behind_word = true;
      continue;
    }
    behind_word = false;
    shown += is_white(rest.front()) ? ' ' : rest.front();
    rest = is_white(rest.front()) ? behind_space : rest.substr(1);
  }
  return shown;
}

// Those of `tags` that do not stand at the front already.
std::vector<std::string_view> missing_tags(std::string_view value, std::span<const std::string_view> tags) {
  std::vector<std::string_view> missing(tags.begin(), tags.end());
  const std::string shown = shown_front(value);
  std::string_view rest = without_white_front(shown);
  while (true) {
    const auto present =
        std::ranges::find_if(missing, [rest](std::string_view tag) { return rest.starts_with(tag); });
    if (present == missing.end()) return missing;
    rest = without_white_front(rest.substr(present->size()));
    missing.erase(present);
  }
}

// As encoded words of UTF-8, cut between characters and folded.
std::string encoded_words(std::string_view text) {
  std::string words;
  while (!text.empty()) {
    size_t size = std::min(text.size(), kEncodedOctets);
    while (size < text.size() && size > 1 && (static_cast<unsigned char>(text[size]) & 0xC0U) == 0x80U)
      --size;
    if (!words.empty()) words += "\r\n ";
    words.append(kWordBegin).append(dkim::to_base64(text.substr(0, size))).append("?=");
    text.remove_prefix(size);
  }
  return words;
}

std::string prefix_of(std::span<const std::string_view> tags, bool encoded_word_follows) {
  std::string text;
  for (const std::string_view tag : tags) {
    if (!text.empty()) text += ' ';
    text += tag;
  }
  if (std::ranges::all_of(text, is_ascii_printable)) return text;
  // The space between two encoded words is not shown: it goes into the word.
  if (encoded_word_follows) text += ' ';
  return encoded_words(text);
}

bool covers_subject(const dkim::SignatureOutcome& signature) {
  if (signature.result != dkim::Result::Pass) return false;
  return auth::list_contains(signature.signed_headers, "subject");
}

}  // namespace

std::string tagged_subject(std::string_view value, std::span<const std::string_view> tags) {
  const std::vector<std::string_view> missing = missing_tags(value, tags);
  if (missing.empty()) return {};
  const std::string_view rest = without_white_front(value);
  const std::string prefix = prefix_of(missing, rest.starts_with("=?"));
  std::string line(kName);
  line += prefix;
  if (!rest.empty()) {
    const size_t last = prefix.rfind('\n');
    const size_t column = last == std::string::npos ? line.size() : prefix.size() - last;
    const size_t first_line = std::min(rest.find('\r'), rest.size());
    line += column + 1 + first_line > kColumns ? "\r\n " : " ";
    line += rest;
  }
  return line + "\r\n";
}

bool is_signed_mail(const mail::HeaderBlock& block, const evidence::DkimEvidence& dkim) {
  if (std::ranges::any_of(dkim.signatures, covers_subject)) return true;
  for (auto at = block.find("Content-Type"); at; at = block.find("Content-Type", *at + 1)) {
    const std::string type = to_ascii_lower(mail::unfold(block[*at].value));
    for (const std::string_view form :
         {"multipart/signed", "application/pkcs7-mime", "application/x-pkcs7-mime"}) {
      if (type.starts_with(form)) return true;
    }
  }
  return false;
}

void tag_subject(HeaderEdits& edits, const mail::HeaderBlock& block, std::span<const policy::SubjectTag> tags,
                 bool signed_mail) {
  std::vector<std::string_view> texts;
  for (const policy::SubjectTag& tag : tags) {
    if (tag.tag_signed || !signed_mail) texts.emplace_back(tag.text);
  }
  if (texts.empty()) return;
  bool found = false;
  for (auto at = block.find("Subject"); at; at = block.find("Subject", *at + 1)) {
    found = true;
    std::string line = tagged_subject(block[*at].value, texts);
    if (!line.empty()) edits.replaced.push_back({*at, std::move(line)});
  }
  if (!found) edits.added += tagged_subject("", texts);
}

}  // namespace sluice::delivery
