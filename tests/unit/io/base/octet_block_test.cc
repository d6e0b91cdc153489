#include "io/base/octet_block.h"

#include "io/base/ascii.h"

#include <array>
#include <string>

#include <gtest/gtest.h>

namespace sluice {
namespace {

// All values of an octet, in blocks; every place of a block holds every value.
template <class Look>
void each_block(Look look) {
  for (unsigned turn = 0; turn < OctetBlock::kSize; ++turn) {
    for (unsigned first = 0; first < 256; first += OctetBlock::kSize) {
      std::array<char, OctetBlock::kSize> octets{};
      for (unsigned i = 0; i < octets.size(); ++i)
        octets[i] = static_cast<char>(first + (i + turn) % OctetBlock::kSize);
      look(octets);
    }
  }
}

template <class Holds>
uint32_t bits_of(const std::array<char, OctetBlock::kSize>& octets, Holds holds) {
  uint32_t bits = 0;
  for (size_t i = 0; i < octets.size(); ++i) bits |= uint32_t{holds(octets[i])} << i;
  return bits;
}

TEST(OctetBlock, ComparesEachOctetAsANumber) {
  each_block([](const auto& octets) {
    const auto block = OctetBlock::load(octets.data());
    for (unsigned value = 0; value < 256; ++value) {
      const auto as_number = [](char c) { return static_cast<uint8_t>(c); };
      ASSERT_EQ(block.equal_to(static_cast<char>(value)),
                bits_of(octets, [&](char c) { return as_number(c) == value; }));
      ASSERT_EQ(block.at_most(static_cast<uint8_t>(value)),
                bits_of(octets, [&](char c) { return as_number(c) <= value; }));
      ASSERT_EQ(block.at_least(static_cast<uint8_t>(value)),
                bits_of(octets, [&](char c) { return as_number(c) >= value; }));
    }
  });
}

TEST(OctetBlock, MakesLettersLowerAndLeavesTheRest) {
  each_block([](const auto& octets) {
    std::array<char, OctetBlock::kSize> lower{};
    OctetBlock::load(octets.data()).lower().store(lower.data());
    for (size_t i = 0; i < lower.size(); ++i) ASSERT_EQ(lower[i], ascii_lower(octets[i]));
  });
}

TEST(OctetBlock, AHalfIsEightOctetsAndTouchesNoMore) {
  const std::string text = "ABCDEFGHIJ";
  const auto block = OctetBlock::load_half(text.data() + 1);
  EXPECT_EQ(block.equal_to('B'), 1U);
  EXPECT_EQ(block.equal_to('I'), 1U << 7);
  EXPECT_EQ(block.equal_to('\0'), OctetBlock::kBits & ~OctetBlock::kHalfBits);
  std::string to = "..........";
  block.lower().store_half(to.data() + 1);
  EXPECT_EQ(to, ".bcdefghi.");
}

TEST(OctetBlock, WordsAreReadWithTheLowestOctetFirst) {
  const auto block = OctetBlock::of_words(0x0000000000006261, 0x7A00000000000000);
  std::string text(OctetBlock::kSize, '?');
  block.store(text.data());
  EXPECT_EQ(text, std::string("ab") + std::string(13, '\0') + "z");
  EXPECT_EQ(block.first_word(), 0x6261U);
}

}  // namespace
}  // namespace sluice
