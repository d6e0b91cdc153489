#include "dnscache/question/name.h"

#include "io/base/ascii.h"
#include "io/base/cursor.h"
#include "io/base/octet_block.h"

#include <algorithm>
#include <bit>
#include <utility>

namespace sluice::dns {

namespace {

constexpr size_t kWord = sizeof(uint64_t);

// Copies with A to Z in lower case; lengths of labels stay as they are, since they lie below the letters.
// Returns whether all octets stand for themselves in text: printable, and no backslash.
bool copy_lower(char* to, std::string_view from) {
  uint32_t special = 0;
  const auto special_in = [](const OctetBlock& block) {
    return block.at_most(' ') | block.at_least(0x7f) | block.equal_to('\\');
  };
  const auto whole = [&](size_t at) {
    const OctetBlock block = OctetBlock::load(from.data() + at);
    special |= special_in(block);
    block.lower().store(to + at);
  };
  const auto half = [&](size_t at) {
    const OctetBlock block = OctetBlock::load_half(from.data() + at);
    special |= special_in(block) & OctetBlock::kHalfBits;
    block.lower().store_half(to + at);
  };
  if (from.size() >= OctetBlock::kSize) {
    for (size_t at = 0; at + OctetBlock::kSize < from.size(); at += OctetBlock::kSize) whole(at);
    whole(from.size() - OctetBlock::kSize);
  } else if (from.size() >= OctetBlock::kHalf) {
    half(0);
    half(from.size() - OctetBlock::kHalf);
  } else {
    for (size_t i = 0; i < from.size(); ++i) {
      to[i] = ascii_lower(from[i]);
      special |= from[i] > ' ' && from[i] < 0x7f && from[i] != '\\' ? 0 : 1;
    }
  }
  return special == 0;
}

}  // namespace

// Of 8 to kPadded - 2 octets, without a final dot. All is made in registers, whatever the size.
bool DnsName::take_usual_text(std::string_view text) {
  const char* const octets = text.data();
  const auto word_from = [&](size_t from) {  // with zeros behind the text
    const size_t at = std::min(from, text.size() - kWord);
    const size_t beyond = from - at;
    return beyond < kWord ? word_at(octets + at) >> (8U * beyond) : 0;
  };
  static_assert(kPadded == 2 * OctetBlock::kSize);
  const auto low = OctetBlock::of_words(word_at(octets) << 8U, word_from(kWord - 1)).lower();
  const auto high = OctetBlock::of_words(word_from(2 * kWord - 1), word_from(3 * kWord - 1)).lower();
  // Of labels: octets on the wire that are no text.
  const uint64_t dots = low.equal_to('.') | uint64_t{high.equal_to('.')} << OctetBlock::kSize;
  const uint64_t ends = dots | uint64_t{1} << (text.size() + 1);
  if (((ends | 1U) & ends >> 1U) != 0) return false;  // a label without octets
  low.store(octets_.data());
  high.store(octets_.data() + OctetBlock::kSize);
  size_t length_at = 0;
  for (uint64_t left = ends; left != 0; left &= left - 1) {
    const auto end = static_cast<size_t>(std::countr_zero(left));
    char* const word = octets_.data() + length_at / kWord * kWord;
    const uint64_t change = (end - length_at - 1) ^ (length_at == 0 ? 0U : static_cast<unsigned>('.'));
    const uint64_t changed = word_at(word) ^ change << (8U * (length_at % kWord));
    std::memcpy(word, &changed, kWord);
    length_at = end;
  }
  size_ = static_cast<uint8_t>(text.size() + 2);
  return true;
}

std::optional<DnsName> DnsName::from_text(std::string_view text) {
  std::optional<DnsName> made(std::in_place);
  if (text.ends_with('.')) text.remove_suffix(1);
  if (text.empty()) return made;
  if (text.size() >= kWord && text.size() <= kPadded - 2) {
    if (!made->take_usual_text(text)) made.reset();
    return made;
  }
  char* const octets = made->octets_.data();
  size_t length_at = 0;  // where the current label's length octet stands
  // A label ends before the text's octet `end`, whose place on the wire is one further.
  const auto end_label = [&](size_t end) {
    const size_t length = end - length_at;
    octets[length_at] = static_cast<char>(length);
    length_at = end + 1;
    return length != 0 && length <= limits::kDnsLabel;
  };
  bool fits = text.size() + 2 <= limits::kDnsName;
  if (fits) {
    copy_lower(octets + 1, text);
    for (size_t dot = text.find('.'); dot != text.npos && fits; dot = text.find('.', dot + 1))
      fits = end_label(dot);
    fits = fits && end_label(text.size());
  }
  if (!fits) {
    made.reset();
    return made;
  }
  octets[text.size() + 1] = 0;
  made->size_ = static_cast<uint8_t>(text.size() + 2);
  return made;
}

bool DnsName::fold_text(std::string_view text, std::string& into) {
  if (text.ends_with('.')) text.remove_suffix(1);
  bool plain = false;
  // The callback's size is not used: libstdc++ 12 gives it the capacity that it has grown to.
  into.resize_and_overwrite(text.size(), [&](char* to, size_t) {
    plain = copy_lower(to, text);
    return text.size();
  });
  return plain && !text.empty();
}

std::optional<DnsName> DnsName::from_wire(std::string_view wire) {
  std::optional<DnsName> made;
  if (wire.empty() || wire.size() > limits::kDnsName) return made;
  Cursor cursor(wire);
  for (uint8_t length = 1; length != 0;) {
    length = cursor.u8();
    if (length > limits::kDnsLabel) return made;
    cursor.skip(length);
    if (!cursor.ok()) return made;
  }
  if (!cursor.at_end()) return made;
  made.emplace();
  copy_lower(made->octets_.data(), wire);
  made->size_ = static_cast<uint8_t>(wire.size());
  return made;
}

unsigned DnsName::label_count() const {
  unsigned count = 0;
  for (size_t at = 0; octets_[at] != 0; at += static_cast<unsigned char>(octets_[at]) + 1U) ++count;
  return count;
}

std::string DnsName::to_text() const {
  if (is_root()) return ".";
  std::string text;
  text.reserve(size_);
  for (size_t at = 0; octets_[at] != 0;) {
    if (at != 0) text += '.';
    const size_t end = at + 1 + static_cast<unsigned char>(octets_[at]);
    for (++at; at < end; ++at) {
      const char c = octets_[at];
      if (c == '.' || c == '\\') {
        text += '\\';
        text += c;
      } else if (c > 0x20 && c < 0x7f) {
        text += c;
      } else {
        const auto octet = static_cast<unsigned char>(c);
        text += '\\';
        text += static_cast<char>('0' + octet / 100);
        text += static_cast<char>('0' + octet / 10 % 10);
        text += static_cast<char>('0' + octet % 10);
      }
    }
  }
  return text;
}

bool DnsName::is_at_or_below(const DnsName& ancestor) const {
  size_t at = 0;
  while (size_ - at > ancestor.size_) at += static_cast<unsigned char>(octets_[at]) + 1U;
  return wire().substr(at) == ancestor.wire();
}

DnsName DnsName::parent() const {
  DnsName result;
  if (is_root()) return result;
  const size_t skip = static_cast<unsigned char>(octets_[0]) + 1U;
  result.size_ = static_cast<uint8_t>(size_ - skip);
  std::memcpy(result.octets_.data(), octets_.data() + skip, result.size_);
  return result;
}

// Two words at a time are multiplied under two secrets and folded: the usual names always as four words, of
// longer ones the last two overlap those before. The size tells apart what would read alike.
uint64_t DnsName::hash(uint64_t seed) const {
  const uint64_t secret = (seed ^ 0x9E3779B97F4A7C15U) * 0xD6E8FEB86659FD93U;
  const auto fold = [](uint64_t a, uint64_t b) {
    const auto product = static_cast<unsigned __int128>(a) * b;
    return static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64U);
  };
  const char* const octets = octets_.data();
  uint64_t h = seed ^ size_;
  if (size_ <= kPadded) {
    const uint64_t other = fold(word_at(octets + 2 * kWord) ^ ~secret, word_at(octets + 3 * kWord) ^ ~h);
    h = fold(word_at(octets) ^ secret, word_at(octets + kWord) ^ h);
    return fold(h ^ secret, other ^ seed ^ 0xA0761D6478BD642FU);
  }
  for (size_t at = 0; at + 2 * kWord < size_; at += 2 * kWord)
    h = fold(word_at(octets + at) ^ secret, word_at(octets + at + kWord) ^ h);
  const char* const last = octets + size_ - 2 * kWord;
  h = fold(word_at(last) ^ secret, word_at(last + kWord) ^ h);
  return fold(h ^ secret, seed ^ 0xA0761D6478BD642FU);
}

}  // namespace sluice::dns
