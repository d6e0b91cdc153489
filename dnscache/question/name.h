// DnsName: a domain name in wire form, folded to lower case (RFC 1035 3.1, RFC 4343 3), held in place without
// allocation. Labels may hold any octets, as RFC 7208 macros can produce them. A pure value; equality is DNS
// equality.
#pragma once

#include "io/base/limits.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

namespace sluice::dns {

class DnsName {
 public:
  constexpr DnsName() noexcept {  // the root
    for (size_t i = 0; i < kPadded; ++i) octets_[i] = 0;
  }
  DnsName(const DnsName& other) noexcept { assign(other); }
  DnsName& operator=(const DnsName& other) noexcept {
    if (this != &other) assign(other);
    return *this;
  }

  // Dotted text, each octet taken literally (no \DDD escapes); one trailing dot is allowed. Null when a label
  // is empty or over 63 octets, or the whole is over 255 on the wire. Case is folded; nothing is converted to
  // A-labels here.
  static std::optional<DnsName> from_text(std::string_view text);
  // Writes what to_text() gives for a name of this text. False where that would have escapes.
  static bool fold_text(std::string_view text, std::string& into);
  // Uncompressed wire form with its final zero octet, and nothing behind it.
  static std::optional<DnsName> from_wire(std::string_view wire);

  // Wire form, final zero octet included. Valid as long as this object is unchanged.
  std::string_view wire() const { return {octets_.data(), size_}; }
  size_t wire_size() const { return size_; }
  bool is_root() const { return size_ == 1; }
  unsigned label_count() const;  // the root has none
  // Dotted, without the final dot; octets that are not printable, and dots and backslashes inside labels, as
  // \DDD or \x. The root is ".".
  std::string to_text() const;

  // "a.b.example" is below "b.example" and below itself.
  bool is_at_or_below(const DnsName& ancestor) const;
  // Without its first label; the root's parent is the root.
  DnsName parent() const;

  // Keyed, so that others cannot choose names that collide (compare the whole name afterwards).
  uint64_t hash(uint64_t seed) const;

  // The same as comparing wire(), without a call for the usual lengths.
  bool has_wire(std::string_view wire) const {
    const char* other = wire.data();
    return size_ == wire.size() && equal_octets(octets_.data(), other, size_);
  }
  // The same for a wire form of at most kPadded octets with zeros behind it, without a branch on its size.
  bool has_padded_wire(const char* wire, size_t size) const {
    if (size_ != size) return false;
    uint64_t differs = 0;
    for (size_t at = 0; at < kPadded; at += 8) differs |= word_at(octets_.data() + at) ^ word_at(wire + at);
    return differs == 0;
  }
  // Octets behind the name are not set, but for the first of all: up to here they are zero, so that the usual
  // names can be read and written by whole words, always the same ones: a processor that finds in one load
  // what several stores wrote waits for them.
  static constexpr size_t kPadded = 32;
  friend bool operator==(const DnsName& a, const DnsName& b) { return a.has_wire(b.wire()); }

 private:
  static constexpr size_t kShort = 64;  // copied as a whole

  bool take_usual_text(std::string_view text);

  static uint64_t word_at(const char* octets) {
    uint64_t word = 0;
    std::memcpy(&word, octets, sizeof word);
    return word;
  }
  static bool equal_octets(const char* a, const char* b, size_t size) {
    if (size < 8) return std::memcmp(a, b, size) == 0;
    uint64_t differs = word_at(a + size - 8) ^ word_at(b + size - 8);
    for (size_t at = 0; at + 8 < size; at += 8) differs |= word_at(a + at) ^ word_at(b + at);
    return differs == 0;
  }

  void assign(const DnsName& other) noexcept {
    size_ = other.size_;
    std::memcpy(octets_.data(), other.octets_.data(), kShort);
    if (size_ > kShort) std::memcpy(octets_.data() + kShort, other.octets_.data() + kShort, size_ - kShort);
  }

  std::array<char, limits::kDnsName> octets_;
  uint8_t size_ = 1;
};

}  // namespace sluice::dns
