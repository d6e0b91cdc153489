#include "tools/sluice_load/distribution.h"

#include <algorithm>
#include <map>
#include <vector>

#include <gtest/gtest.h>

namespace sluice::load {
namespace {

std::vector<uint64_t> draws(std::string_view text, size_t count) {
  const Result<Distribution> made = Distribution::parse(text);
  EXPECT_TRUE(made.has_value()) << text;
  Random random(1);
  std::vector<uint64_t> found;
  for (size_t i = 0; i < count; ++i) found.push_back(made->draw(random));
  std::ranges::sort(found);
  return found;
}

TEST(Distribution, WeightsAreKept) {
  std::map<uint64_t, int> counts;
  for (const uint64_t value : draws("1k=6,20k=3,1m=1", 10000)) ++counts[value];
  EXPECT_EQ(counts.size(), 3U);
  EXPECT_NEAR(counts[1024], 6000, 200);
  EXPECT_NEAR(counts[20480], 3000, 200);
  EXPECT_NEAR(counts[1048576], 1000, 150);
}

TEST(Distribution, LognormalHasItsMedianAndMean) {
  const std::vector<uint64_t> found = draws("lognormal:22000:42000", 100000);
  double sum = 0;
  for (const uint64_t value : found) sum += static_cast<double>(value);
  EXPECT_NEAR(static_cast<double>(found[found.size() / 2]), 22000, 500);
  EXPECT_NEAR(sum / static_cast<double>(found.size()), 42000, 1500);
  EXPECT_NEAR(static_cast<double>(found[found.size() * 9 / 10]), 95000, 3000);
}

TEST(Distribution, UniformReachesBothEnds) {
  const std::vector<uint64_t> found = draws("uniform:3:5", 1000);
  EXPECT_EQ(found.front(), 3U);
  EXPECT_EQ(found.back(), 5U);
  EXPECT_NEAR(static_cast<double>(std::ranges::count(found, 4U)), 333, 60);
}

TEST(Distribution, LimitsAreSaidOrHeld) {
  EXPECT_FALSE(Distribution::parse("0")->limit(1, 10));
  EXPECT_FALSE(Distribution::parse("5=1,11=1")->limit(1, 10));
  EXPECT_FALSE(Distribution::parse("uniform:1:11")->limit(1, 10));
  Result<Distribution> made = Distribution::parse("lognormal:100:1000");
  ASSERT_TRUE(made->limit(90, 110));
  Random random(1);
  for (int i = 0; i < 1000; ++i) {
    const uint64_t value = made->draw(random);
    EXPECT_TRUE(value >= 90 && value <= 110) << value;
  }
}

TEST(Distribution, RefusesWhatIsNone) {
  for (const std::string_view wrong : {"", "x", "1=", "1=0", "1,,2", "-1", "uniform:5:3", "uniform:5",
                                       "lognormal:10:5", "lognormal:0:5", "1=nan", "inf"}) {
    EXPECT_FALSE(Distribution::parse(wrong).has_value()) << wrong;
  }
}

TEST(AddressPattern, DrawsFromRanges) {
  Random random(1);
  const Result<AddressPattern> pattern = AddressPattern::parse("user{1-3}@d{0008-0010}.example");
  ASSERT_TRUE(pattern.has_value());
  std::map<std::string, int> seen;
  for (int i = 0; i < 1000; ++i) ++seen[pattern->draw(random)];
  EXPECT_EQ(seen.size(), 9U);
  EXPECT_GT(seen["user3@d0010.example"], 50);
  EXPECT_EQ(AddressPattern::parse("a@b.example")->draw(random), "a@b.example");
  EXPECT_EQ(AddressPattern::parse("")->draw(random), "");
}

TEST(AddressPattern, RefusesBracesThatHoldNoRange) {
  for (const std::string_view wrong : {"{", "a{1-", "{1}", "{2-1}", "{a-b}", "{1-2"}) {
    EXPECT_FALSE(AddressPattern::parse(wrong).has_value()) << wrong;
  }
}

}  // namespace
}  // namespace sluice::load
