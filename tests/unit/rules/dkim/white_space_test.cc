#include "rules/dkim/white_space.h"

#include <cstdint>
#include <string>

#include <gtest/gtest.h>
#include <hwy/highway.h>

namespace sluice::dkim {
namespace {

struct Outcome {
  std::string reduced;
  std::string rest;
};

template <class Reduce>
Outcome run(Reduce reduce, const std::string& octets) {
  std::string out(octets.size() + kReduceSlack, '?');
  const Reduced done = reduce(octets, out.data());
  return {out.substr(0, done.written), octets.substr(done.consumed)};
}

TEST(WhiteSpace, IsReducedAsFarAsIsKnown) {
  const auto both = [](const std::string& octets, const std::string& reduced, const std::string& rest) {
    const Outcome outcome = run(reduce_white_space_scalar, octets);
    EXPECT_EQ(outcome.reduced, reduced) << testing::PrintToString(octets);
    EXPECT_EQ(outcome.rest, rest) << testing::PrintToString(octets);
  };
  both("", "", "");
  both("a b", "a b", "");
  both("a \t b", "a b", "");
  both("a \t ", "a", " \t ");
  both("a \r", "a", " \r");
  both("a \r\n", "a\r\n", "");
  both("a \rb", "a \rb", "");
  both("a\r", "a\r", "");
}

// Each instruction set gives what the scalar form gives; of a run that is not finished, the vector form may
// have consumed the beginning.
TEST(WhiteSpace, IsReducedAlikeByAllKernels) {
  constexpr std::string_view kParts[] = {
      " ",          "\t",         "\r\n",
      "\r",         "\n",         "x",
      "some words", "          ", "sixty-four octets without any white space, or nearly: it has this"};
  for (int64_t left = hwy::SupportedTargets() & HWY_TARGETS; left != 0; left &= left - 1) {
    const int64_t target = left & -left;
    SCOPED_TRACE(hwy::TargetName(target));
    hwy::GetChosenTarget().Update(target);
    uint32_t dice = 7;
    for (size_t round = 0; round < 3000; ++round) {
      std::string octets;
      dice = dice * 1664525 + 1013904223;
      const size_t size = (dice >> 12) % 700;
      const size_t kinds = 2 + round % (std::size(kParts) - 1);
      while (octets.size() < size) {
        dice = dice * 1664525 + 1013904223;
        octets += kParts[(dice >> 16) % kinds];
      }
      const Outcome fast = run(reduce_white_space, octets);
      const Outcome slow = run(reduce_white_space_scalar, octets);
      ASSERT_EQ(fast.reduced, slow.reduced) << testing::PrintToString(octets);
      ASSERT_TRUE(slow.rest.ends_with(fast.rest));
      ASSERT_EQ(fast.rest.empty(), slow.rest.empty());
    }
  }
  hwy::GetChosenTarget().Update(hwy::SupportedTargets());
}

}  // namespace
}  // namespace sluice::dkim
