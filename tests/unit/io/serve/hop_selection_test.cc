#include "io/serve/hop_selection.h"

#include <algorithm>
#include <map>

#include <gtest/gtest.h>

namespace sluice::serve {
namespace {

using namespace std::chrono_literals;

HopCandidate candidate(size_t host, unsigned priority, unsigned weight) {
  HopCandidate made;
  made.host = host;
  made.priority = priority;
  made.weight = weight;
  return made;
}

TEST(HopSelection, LowerPrioritiesComeFirstWhateverTheirPlace) {
  const std::vector<HopCandidate> list{candidate(0, 20, 100), candidate(1, 10, 1), candidate(2, 5, 0)};
  Random random(1);
  for (int i = 0; i < 20; ++i) EXPECT_EQ(order_of_trial(list, random), (std::vector<size_t>{2, 1, 0}));
}

TEST(HopSelection, WeightsAreSharesOfTheFirstPlace) {
  const std::vector<HopCandidate> list{candidate(0, 0, 10), candidate(1, 0, 30), candidate(2, 0, 60)};
  Random random(2);
  std::map<size_t, int> first;
  for (int i = 0; i < 10'000; ++i) ++first[order_of_trial(list, random).front()];
  EXPECT_NEAR(first[0], 1000, 150);
  EXPECT_NEAR(first[1], 3000, 200);
  EXPECT_NEAR(first[2], 6000, 200);
}

TEST(HopSelection, TheSecondPlaceIsDrawnByWeightAmongTheRest) {
  const std::vector<HopCandidate> list{candidate(0, 0, 1'000'000), candidate(1, 0, 1), candidate(2, 0, 3)};
  Random random(3);
  int third = 0;
  for (int i = 0; i < 4000; ++i) third += order_of_trial(list, random)[1] == 2 ? 1 : 0;
  EXPECT_NEAR(third, 3000, 150);
}

TEST(HopSelection, WeightZeroStandsBehindItsEqualsAsWritten) {
  const std::vector<HopCandidate> list{candidate(0, 0, 0), candidate(1, 0, 1), candidate(2, 0, 0)};
  Random random(4);
  for (int i = 0; i < 50; ++i) EXPECT_EQ(order_of_trial(list, random), (std::vector<size_t>{1, 0, 2}));
}

TEST(HopSelection, OneSeedGivesOneOrder) {
  const std::vector<HopCandidate> list{candidate(0, 0, 1), candidate(1, 0, 1), candidate(2, 0, 1)};
  Random one(5);
  Random same(5);
  for (int i = 0; i < 20; ++i) EXPECT_EQ(order_of_trial(list, one), order_of_trial(list, same));
}

TEST(HopSelection, FamiliesAlternateAndAddressesGoRound) {
  std::vector<HopCandidate> list(5, candidate(0, 0, 1));  // 4 4 6 6 6
  for (size_t i = 2; i < 5; ++i) list[i].v4 = false;
  Random random(6);
  std::map<size_t, int> first;
  for (int i = 0; i < 200; ++i) {
    const std::vector<size_t> order = order_of_trial(list, random);
    std::vector<bool> v4;
    for (const size_t index : order) v4.push_back(list[index].v4);
    EXPECT_EQ(v4, (std::vector<bool>{true, false, true, false, false}));
    ++first[order.front()];
  }
  EXPECT_GT(first[0], 50);
  EXPECT_GT(first[1], 50);
}

TEST(HopSelection, ThoseThatFailStandBehindAllOthersButNoneIsLeftOut) {
  std::vector<HopCandidate> list{candidate(0, 0, 1), candidate(1, 0, 1), candidate(2, 10, 1)};
  list[0].usable = list[1].usable = false;
  list[0].retry_at = MonoTime{} + 50s;
  list[1].retry_at = MonoTime{} + 20s;
  Random random(7);
  EXPECT_EQ(order_of_trial(list, random), (std::vector<size_t>{2, 1, 0}));
  list[2].usable = false;
  list[2].retry_at = MonoTime{} + 30s;
  EXPECT_EQ(order_of_trial(list, random), (std::vector<size_t>{1, 2, 0}));
}

TEST(HopSelection, EachIsNamedOnce) {
  Random random(8);
  for (int round = 0; round < 500; ++round) {
    std::vector<HopCandidate> list;
    const uint32_t hosts = 1 + random.below(4);
    for (uint32_t host = 0; host < hosts; ++host) {
      const HopCandidate each = candidate(host, random.below(3), random.below(3));
      for (uint32_t i = 0; i <= random.below(3); ++i) {
        list.push_back(each);
        list.back().v4 = random.one_in(2);
        list.back().usable = !random.one_in(3);
      }
    }
    std::vector<size_t> order = order_of_trial(list, random);
    std::ranges::sort(order);
    std::vector<size_t> all(list.size());
    for (size_t i = 0; i < all.size(); ++i) all[i] = i;
    EXPECT_EQ(order, all);
  }
}

}  // namespace
}  // namespace sluice::serve
