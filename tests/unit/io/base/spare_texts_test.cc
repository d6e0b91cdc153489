#include "io/base/spare_texts.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

#ifndef SLUICE_SANITIZED
TEST(SpareTexts, GivesTheSameMemoryAgainAndNothingThatWasInIt) {
  SpareTexts texts;
  std::string text = texts.take();
  text.assign(1000, 'x');
  const char* const memory = text.data();
  texts.give_back(std::move(text));
  const std::string again = texts.take();
  EXPECT_EQ(again, "");
  EXPECT_EQ(again.data(), memory);
  EXPECT_LT(texts.take().capacity(), 1000U);
}
#endif

TEST(SpareTexts, KeepsNoneThatIsLarge) {
  SpareTexts texts;
  texts.give_back(std::string(100'000, 'x'));
  EXPECT_LT(texts.take().capacity(), 1000U);
}

}  // namespace
}  // namespace sluice
