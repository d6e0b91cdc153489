#include "dnscache/question/name.h"

#include "io/base/ascii.h"
#include "io/base/cursor.h"

#include <bit>

namespace sluice::dns {

std::optional<DnsName> DnsName::from_text(std::string_view text) {
  DnsName name;
  if (text.ends_with('.')) text.remove_suffix(1);
  if (text.empty()) return name;
  if (text.size() + 2 > limits::kDnsName) return std::nullopt;
  size_t length_at = 0;  // where the current label's length octet stands
  size_t out = 1;
  for (const char c : text) {
    if (c != '.') {
      name.octets_[out++] = ascii_lower(c);
      continue;
    }
    const size_t length = out - length_at - 1;
    if (length == 0 || length > limits::kDnsLabel) return std::nullopt;
    name.octets_[length_at] = static_cast<char>(length);
    length_at = out++;
  }
  const size_t length = out - length_at - 1;
  if (length == 0 || length > limits::kDnsLabel) return std::nullopt;
  name.octets_[length_at] = static_cast<char>(length);
  name.octets_[out++] = 0;
  name.size_ = static_cast<uint8_t>(out);
  return name;
}

std::optional<DnsName> DnsName::from_wire(std::string_view wire) {
  if (wire.empty() || wire.size() > limits::kDnsName) return std::nullopt;
  DnsName name;
  Cursor cursor(wire);
  for (;;) {
    const size_t at = cursor.position();
    const uint8_t length = cursor.u8();
    if (!cursor.ok() || length > limits::kDnsLabel) return std::nullopt;
    name.octets_[at] = static_cast<char>(length);
    if (length == 0) break;
    const std::string_view label = cursor.take(length);
    if (!cursor.ok()) return std::nullopt;
    for (size_t i = 0; i < label.size(); ++i) name.octets_[at + 1 + i] = ascii_lower(label[i]);
  }
  if (!cursor.at_end()) return std::nullopt;
  name.size_ = static_cast<uint8_t>(wire.size());
  return name;
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

uint64_t DnsName::hash(uint64_t seed) const {
  uint64_t h = seed ^ size_;
  size_t at = 0;
  const auto mix = [&h](uint64_t word) {
    const auto product = static_cast<unsigned __int128>(h ^ word) * 0x9E3779B97F4A7C15U;
    h = static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64);
    h = std::rotl(h, 23) + 0xD6E8FEB86659FD93U;
  };
  for (; at + 8 <= size_; at += 8) {
    uint64_t word = 0;
    std::memcpy(&word, octets_.data() + at, 8);
    mix(word);
  }
  uint64_t rest = 0;
  std::memcpy(&rest, octets_.data() + at, size_ - at);
  mix(rest);
  mix(seed);
  return h;
}

}  // namespace sluice::dns
