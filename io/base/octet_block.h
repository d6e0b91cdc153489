// OctetBlock: sixteen octets of text in one register, with instructions that every processor of the build
// has. For texts so short that choosing a kernel at run time, as the long ones do, would cost more than it
// gives. Octets are numbers from 0 to 255. Pure.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

namespace sluice {

class OctetBlock {
 public:
  static constexpr size_t kSize = 16;
  static constexpr size_t kHalf = 8;
  static constexpr uint32_t kBits = (1U << kSize) - 1;
  static constexpr uint32_t kHalfBits = (1U << kHalf) - 1;

  static OctetBlock load(const char* from) {
    OctetBlock block;
    std::memcpy(&block.octets_, from, kSize);
    return block;
  }
  // Eight octets and zeros behind them.
  static OctetBlock load_half(const char* from) {
    uint64_t word = 0;
    std::memcpy(&word, from, kHalf);
    return of_words(word, 0);
  }
  // The first octet is the lowest of the first word.
  static OctetBlock of_words(uint64_t first, uint64_t second) {
    static_assert(std::endian::native == std::endian::little);
    return OctetBlock(std::bit_cast<Octets>(Words{first, second}));
  }

  void store(char* to) const { std::memcpy(to, &octets_, kSize); }
  void store_half(char* to) const {
    const uint64_t word = first_word();
    std::memcpy(to, &word, kHalf);
  }
  uint64_t first_word() const { return std::bit_cast<Words>(octets_)[0]; }

  // ascii_lower() of each.
  OctetBlock lower() const {
    const Octets is_upper = mask(octets_ - every('A') <= every('Z' - 'A'));
    return OctetBlock(octets_ | (is_upper & every('a' - 'A')));
  }

  // Bit i tells of octet i.
  uint32_t equal_to(char value) const { return bits(mask(octets_ == every(static_cast<uint8_t>(value)))); }
  uint32_t at_most(uint8_t value) const { return bits(mask(octets_ <= every(value))); }
  uint32_t at_least(uint8_t value) const { return bits(mask(octets_ >= every(value))); }

 private:
  using Octets [[gnu::vector_size(kSize)]] = uint8_t;
  using Words [[gnu::vector_size(kSize)]] = uint64_t;

  OctetBlock() = default;
  explicit OctetBlock(Octets octets) : octets_(octets) {}

  static Octets every(uint8_t value) { return Octets{} + value; }
  template <class Comparison>
  static Octets mask(Comparison comparison) {
    return reinterpret_cast<Octets>(comparison);
  }
  // The highest bit of each octet.
  static uint32_t bits(Octets mask) {
#ifdef __SSE2__
    return static_cast<uint32_t>(_mm_movemask_epi8(reinterpret_cast<__m128i>(mask)));
#else
    uint32_t word = 0;
    for (size_t i = 0; i < kSize; ++i) word |= uint32_t{mask[i]} >> 7 << i;
    return word;
#endif
  }

  Octets octets_;
};

}  // namespace sluice
