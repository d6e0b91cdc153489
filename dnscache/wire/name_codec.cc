#include "dnscache/wire/name_codec.h"

#include "io/base/ascii.h"

#include <array>
#include <cstddef>
#include <cstdint>

namespace sluice::dns {
namespace {

constexpr uint8_t kPointerBits = 0xC0;

}  // namespace

std::optional<DnsName> read_name(std::string_view message, Cursor& cursor) {
  std::array<char, limits::kDnsName> octets;
  size_t size = 0;
  // Labels are read through `at`; once a pointer was met, the caller's cursor stays behind that pointer.
  Cursor at = cursor;
  bool jumped = false;
  size_t lowest = cursor.position();  // each pointer must lead below what was read so far
  for (;;) {
    const uint8_t length = at.u8();
    if (!at.ok()) break;
    if ((length & kPointerBits) == kPointerBits) {
      const size_t target = static_cast<size_t>(length & 0x3FU) << 8 | at.u8();
      if (!at.ok() || target >= lowest) break;
      if (!jumped) cursor = at;
      jumped = true;
      lowest = target;
      at = Cursor(message);
      at.skip(target);
      continue;
    }
    if (length > limits::kDnsLabel || size + 1 + length >= limits::kDnsName + (length == 0 ? 1 : 0)) break;
    octets[size++] = static_cast<char>(length);
    if (length == 0) {
      if (!jumped) cursor = at;
      return DnsName::from_wire({octets.data(), size});
    }
    const std::string_view label = at.take(length);
    if (!at.ok()) break;
    label.copy(octets.data() + size, length);
    size += length;
  }
  cursor.fail();
  return std::nullopt;
}

bool skip_name(Cursor& cursor) {
  size_t size = 0;
  for (;;) {
    const uint8_t length = cursor.u8();
    if ((length & kPointerBits) == kPointerBits) {
      cursor.skip(1);
      return cursor.ok();
    }
    size += 1U + length;
    if (length > limits::kDnsLabel || size > limits::kDnsName) cursor.fail();
    if (!cursor.ok() || length == 0) return cursor.ok();
    cursor.skip(length);
  }
}

}  // namespace sluice::dns
