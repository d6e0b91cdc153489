#include "dnscache/resolver/server_health.h"

#include <gtest/gtest.h>

namespace sluice::dns {
namespace {

using namespace std::chrono_literals;

constexpr MonoTime kNow{1h};

TEST(ServerHealth, WaitsAFixedTimeBeforeAnythingIsKnown) {
  const ServerHealth health(1, {});
  EXPECT_EQ(health.wait(0, 0), 600ms);
  EXPECT_EQ(health.wait(0, 1), 1200ms);
  EXPECT_EQ(health.wait(0, 9), 2500ms);
  EXPECT_FALSE(health.round_trip(0));
}

TEST(ServerHealth, WaitFollowsTheRoundTrip) {
  ServerHealth health(1, {});
  health.on_answer(0, 100ms);
  EXPECT_EQ(health.round_trip(0), 100ms);
  EXPECT_EQ(health.wait(0, 0), 300ms);  // RFC 6298 2.2: the first variation is half of the first time
  health.on_answer(0, 180ms);
  EXPECT_EQ(health.round_trip(0), 110ms);
  EXPECT_EQ(health.wait(0, 0), 110ms + 4 * 57500us);
}

TEST(ServerHealth, WaitStaysWithinItsBounds) {
  ServerHealth health(1, {});
  for (int i = 0; i < 50; ++i) health.on_answer(0, 1ms);
  EXPECT_EQ(health.wait(0, 0), 150ms);
  for (int i = 0; i < 50; ++i) health.on_answer(0, 4s);
  EXPECT_EQ(health.wait(0, 0), 2500ms);
}

// Shows: ESE-10
TEST(ServerHealth, DemotesAfterThreeTimeOutsInARow) {
  ServerHealth health(2, {});
  EXPECT_FALSE(health.on_time_out(0, kNow));
  EXPECT_FALSE(health.on_time_out(0, kNow));
  EXPECT_FALSE(health.on_answer(0, 1ms));
  EXPECT_FALSE(health.on_time_out(0, kNow));
  EXPECT_FALSE(health.on_time_out(0, kNow));
  EXPECT_FALSE(health.is_demoted(0));
  EXPECT_TRUE(health.on_time_out(0, kNow));
  EXPECT_TRUE(health.is_demoted(0));
  EXPECT_EQ(health.first_good(0), 1U);
  EXPECT_EQ(health.first_good(2), 0U);
  EXPECT_FALSE(health.first_good(3));
  EXPECT_TRUE(health.on_answer(0, std::nullopt));
  EXPECT_EQ(health.first_good(0), 0U);
}

TEST(ServerHealth, KnowsTheLastChanceOfTheLastServer) {
  ServerHealth health(2, {});
  for (int i = 0; i < 2; ++i) {
    EXPECT_FALSE(health.is_last_chance(1));
    health.on_time_out(1, kNow);
  }
  EXPECT_FALSE(health.is_last_chance(1));  // the other is good
  for (int i = 0; i < 3; ++i) health.on_time_out(0, kNow);
  EXPECT_FALSE(health.is_last_chance(0));
  EXPECT_TRUE(health.is_last_chance(1));
  health.on_answer(1, 1ms);
  EXPECT_FALSE(health.is_last_chance(1));
}

TEST(ServerHealth, TrialsAreRarerEachTimeTheyFail) {
  ServerHealth health(1, {});
  for (int i = 0; i < 3; ++i) health.on_time_out(0, kNow);
  EXPECT_FALSE(health.take_trial(kNow + 2s - 1ns));
  EXPECT_EQ(health.take_trial(kNow + 2s), 0U);
  EXPECT_FALSE(health.take_trial(kNow + 2s));
  health.on_time_out(0, kNow + 3s);
  EXPECT_FALSE(health.take_trial(kNow + 7s - 1ns));
  EXPECT_EQ(health.take_trial(kNow + 7s), 0U);
  for (int i = 0; i < 20; ++i) health.on_time_out(0, kNow + 10s);
  EXPECT_EQ(health.take_trial(kNow + 40s), 0U);
}

TEST(ServerHealth, HealthyServersNeedNoTrial) {
  ServerHealth health(1, {});
  EXPECT_FALSE(health.take_trial(kNow + 1h));
}

}  // namespace
}  // namespace sluice::dns
