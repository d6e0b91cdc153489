#include "io/serve/hop_health.h"

#include <gtest/gtest.h>

namespace sluice::serve {
namespace {

using namespace std::chrono_literals;

class HopHealthTest : public testing::Test {
 protected:
  MonoTime at(MonoClock::duration time) const { return MonoTime{} + 1h + time; }
  void fail_at(MonoClock::duration time) { health_.failed(at(time), backoff_, random_); }
  MonoClock::duration wait_after(MonoClock::duration time) const { return health_.retry_at() - at(time); }

  HopHealth health_;
  HopBackoff backoff_{10s, 80s};
  Random random_{7};
};

TEST_F(HopHealthTest, OneFaultIsEnoughAndAWordEndsIt) {
  EXPECT_TRUE(health_.usable());
  fail_at(0s);
  EXPECT_TRUE(health_.failing());
  EXPECT_FALSE(health_.usable());
  health_.spoke();
  EXPECT_FALSE(health_.failing());
  EXPECT_TRUE(health_.usable());
}

TEST_F(HopHealthTest, TheWaitDoublesUpToItsLongestWithAQuarterOfJitter) {
  MonoClock::duration now = 0s;
  for (const auto wait : {10s, 20s, 40s, 80s, 80s, 80s}) {
    fail_at(now);
    EXPECT_GE(wait_after(now), wait * 3 / 4);
    EXPECT_LE(wait_after(now), wait * 5 / 4);
    now += wait_after(now);
  }
}

TEST_F(HopHealthTest, TheWaitIsNotTheSameForAll) {
  HopHealth other;
  fail_at(0s);
  other.failed(at(0s), backoff_, random_);
  EXPECT_NE(health_.retry_at(), other.retry_at());
}

TEST_F(HopHealthTest, ManyFaultsInOneOutageAreOneStep) {
  fail_at(0s);
  const MonoTime first = health_.retry_at();
  for (int i = 1; i < 5; ++i) fail_at(i * 1s);
  EXPECT_EQ(health_.retry_at(), first);
  EXPECT_EQ(health_.failures(), 1U);
}

TEST_F(HopHealthTest, AProbeIsDueOnceTheWaitIsOverAndOneAtATime) {
  fail_at(0s);
  EXPECT_FALSE(health_.probe_due(at(7s)));
  EXPECT_TRUE(health_.probe_due(health_.retry_at()));
  health_.begin_probe();
  EXPECT_FALSE(health_.probe_due(at(60s)));
  health_.probe_broken_off();
  EXPECT_TRUE(health_.probe_due(at(60s)));
}

TEST_F(HopHealthTest, AnAnswerMakesItUsableButItsFaultsAreRemembered) {
  fail_at(0s);
  health_.answered();
  EXPECT_TRUE(health_.usable());
  EXPECT_TRUE(health_.failing());  // nobody has heard a word on mail yet
  fail_at(1s);                     // refused at MAIL: the next step, though the wait was not over
  EXPECT_FALSE(health_.usable());
  EXPECT_GE(wait_after(1s), 15s);
}

TEST_F(HopHealthTest, AMessageThatWasTakenForgetsAllFaults) {
  fail_at(0s);
  fail_at(20s);
  health_.served();
  fail_at(30s);
  EXPECT_LE(wait_after(30s), 12500ms);
  health_.spoke();  // a word on a recipient does not
  fail_at(31s);
  EXPECT_GE(wait_after(31s), 15s);
}

TEST_F(HopHealthTest, AnOldFaultCountsNoMore) {
  fail_at(0s);
  health_.spoke();
  fail_at(161s);
  EXPECT_LE(wait_after(161s), 12500ms);
}

}  // namespace
}  // namespace sluice::serve
