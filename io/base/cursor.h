// Cursor: reads big-endian fields out of foreign bytes. Errors stick: after the first read past the end every
// read returns zero or empty and ok() is false, so a parser checks once, at its end or before it loops.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace sluice {

class Cursor {
 public:
  // The octets must live as long as the Cursor and what take() returned.
  explicit constexpr Cursor(std::string_view octets) : octets_(octets) {}

  constexpr bool ok() const { return ok_; }
  constexpr size_t remaining() const { return octets_.size() - position_; }
  constexpr size_t position() const { return position_; }
  constexpr bool at_end() const { return remaining() == 0; }
  constexpr void fail() {
    ok_ = false;
    position_ = octets_.size();
  }

  constexpr uint8_t u8() { return static_cast<uint8_t>(number(1)); }
  constexpr uint16_t u16() { return static_cast<uint16_t>(number(2)); }
  constexpr uint32_t u32() { return number(4); }
  constexpr std::string_view take(size_t count) {
    if (count > remaining()) {
      fail();
      return {};
    }
    const std::string_view taken = octets_.substr(position_, count);
    position_ += count;
    return taken;
  }
  constexpr void skip(size_t count) { (void)take(count); }

 private:
  constexpr uint32_t number(size_t count) {
    uint32_t value = 0;
    for (const char octet : take(count)) value = value << 8 | static_cast<unsigned char>(octet);
    return value;
  }

  std::string_view octets_;
  size_t position_ = 0;
  bool ok_ = true;
};

}  // namespace sluice
