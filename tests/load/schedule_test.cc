#include "tools/sluice_load/schedule.h"

#include <cmath>
#include <vector>

#include <gtest/gtest.h>

namespace sluice::load {
namespace {

std::vector<double> times(Schedule schedule) {
  std::vector<double> found;
  while (const auto next = schedule.next()) found.push_back(std::chrono::duration<double>(*next).count());
  return found;
}

TEST(Schedule, ConstantArrivalsAreEven) {
  const std::vector<double> found = times(Schedule({{2, 100, 100}}, Arrivals::Constant, 1));
  ASSERT_EQ(found.size(), 200U);
  for (size_t i = 0; i < found.size(); ++i) EXPECT_NEAR(found[i], static_cast<double>(i) / 100, 1e-6);
}

TEST(Schedule, RampFollowsItsRate) {
  // From 0 to 100 in 10 s: 5 t^2 messages until t.
  const std::vector<double> found = times(Schedule({{10, 0, 100}}, Arrivals::Constant, 1));
  ASSERT_EQ(found.size(), 500U);
  for (size_t i = 0; i < found.size(); ++i) {
    EXPECT_NEAR(5 * found[i] * found[i], static_cast<double>(i), 1e-3);
  }
}

TEST(Schedule, RampsMayFallAndPhasesMayBeSilent) {
  const std::vector<double> found =
      times(Schedule({{1, 10, 10}, {5, 0, 0}, {2, 100, 0}}, Arrivals::Constant, 1));
  EXPECT_EQ(found.size(), 110U);
  for (const double time : found) EXPECT_TRUE(time < 1 || time >= 6) << time;
  EXPECT_LT(found.back(), 8);
  for (size_t i = 1; i < found.size(); ++i) EXPECT_GT(found[i], found[i - 1]);
}

TEST(Schedule, PoissonArrivalsHaveTheRateAndItsSpread) {
  const std::vector<double> found = times(Schedule({{1000, 20, 20}}, Arrivals::Poisson, 7));
  EXPECT_NEAR(static_cast<double>(found.size()), 20000, 600);  // four standard deviations
  std::vector<double> seconds(1000);
  for (const double time : found) ++seconds[static_cast<size_t>(time)];
  double spread = 0;
  for (const double count : seconds) spread += (count - 20) * (count - 20) / 1000;
  EXPECT_NEAR(spread, 20, 4);  // of a Poisson count the variance is the mean
}

TEST(Schedule, PoissonRampKeepsTheExpectedCount) {
  const std::vector<double> found = times(Schedule({{100, 0, 400}}, Arrivals::Poisson, 3));
  EXPECT_NEAR(static_cast<double>(found.size()), 20000, 600);
  size_t early = 0;
  while (found[early] < 50) ++early;
  EXPECT_NEAR(static_cast<double>(early), 5000, 300);  // a quarter in the first half
}

TEST(Schedule, SharesOfShardsMakeTheWhole) {
  const Profile profile{{3, 50, 200}};
  for (const Arrivals arrivals : {Arrivals::Constant, Arrivals::Poisson}) {
    const std::vector<double> whole = times(Schedule(profile, arrivals, 5));
    std::vector<std::vector<double>> shares;
    for (uint64_t shard = 0; shard < 3; ++shard) {
      shares.push_back(times(Schedule(profile, arrivals, 5, shard, 3)));
    }
    for (size_t i = 0; i < whole.size(); ++i) EXPECT_EQ(shares[i % 3].at(i / 3), whole[i]);
    EXPECT_EQ(shares[0].size() + shares[1].size() + shares[2].size(), whole.size());
  }
}

TEST(Schedule, ReadsProfiles) {
  const Result<Profile> profile = parse_profile("100-5000:30,5k:1.5");
  ASSERT_TRUE(profile.has_value());
  ASSERT_EQ(profile->size(), 2U);
  EXPECT_EQ((*profile)[0].to, 5000);
  EXPECT_EQ((*profile)[1].from, 5120);
  EXPECT_EQ(seconds_of(*profile), 31.5);
  EXPECT_EQ(count_of(*profile), 30 * 2550 + 1.5 * 5120);
  for (const std::string_view wrong :
       {"", "100", "100:", "100:0", "-5:3", "a:3", "0:5", "1-2-3:4", "1e9:1", "5:nan"}) {
    EXPECT_FALSE(parse_profile(wrong).has_value()) << wrong;
  }
}

}  // namespace
}  // namespace sluice::load
