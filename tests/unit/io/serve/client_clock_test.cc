#include "io/serve/client_clock.h"

#include <gtest/gtest.h>

namespace sluice::serve {
namespace {

using namespace std::chrono_literals;

class ClientClockTest : public testing::Test {
 protected:
  ClientTimes times_;
  MonoTime begin_{};
};

// Shows: W-7
TEST_F(ClientClockTest, ACommandHasItsTimeFromTheLastOne) {
  ClientClock clock(times_, begin_);
  EXPECT_EQ(clock.deadline(), begin_ + limits::kServerCommandWait);
  clock.heard(begin_ + 100s);
  EXPECT_EQ(clock.deadline(), begin_ + 100s + limits::kServerCommandWait);
}

TEST_F(ClientClockTest, SingleOctetsDoNotKeepASession) {
  ClientClock clock(times_, begin_);
  MonoTime now = begin_;
  clock.body_begins(now);
  int octets = 0;
  for (; now < clock.deadline() && octets < 1000; ++octets) {
    now += limits::kServerDataWait - 1s;
    clock.body_octets(1);
    clock.heard(now);
  }
  EXPECT_LE(octets, 2);
}

TEST_F(ClientClockTest, OctetsEarnTime) {
  times_.data_rate_min = 100;
  ClientClock clock(times_, begin_);
  clock.body_begins(begin_);
  clock.body_octets(100 * 400);
  clock.heard(begin_ + 690s);
  EXPECT_EQ(clock.deadline(), begin_ + 300s + 400s);
}

TEST_F(ClientClockTest, EvenAFastMessageMustEnd) {
  ClientClock clock(times_, begin_);
  clock.body_begins(begin_);
  clock.body_octets(UINT64_MAX / 2);
  clock.heard(begin_ + limits::kServerMessageWait - 1s);
  EXPECT_EQ(clock.deadline(), begin_ + limits::kServerMessageWait);
}

TEST_F(ClientClockTest, WithoutARateOnlyTheOtherWaitsHold) {
  times_.data_rate_min = 0;
  ClientClock clock(times_, begin_);
  clock.body_begins(begin_);
  clock.heard(begin_ + 2000s);
  EXPECT_EQ(clock.deadline(), begin_ + 2000s + limits::kServerDataWait);
}

TEST_F(ClientClockTest, OurOwnTimeIsNotTheClients) {
  ClientClock clock(times_, begin_);
  clock.body_begins(begin_);
  clock.we_took(900s);
  EXPECT_EQ(clock.deadline(), begin_ + 900s + limits::kServerDataWait);
}

TEST_F(ClientClockTest, ASessionWithoutMailEnds) {
  ClientClock clock(times_, begin_);
  clock.heard(begin_ + limits::kServerSessionWait - 10s);
  EXPECT_EQ(clock.deadline(), begin_ + limits::kServerSessionWait);
  clock.message_ends(begin_ + limits::kServerSessionWait - 10s);
  EXPECT_EQ(clock.deadline(), begin_ + limits::kServerSessionWait - 10s + limits::kServerCommandWait);
}

TEST_F(ClientClockTest, AProxysSessionStays) {
  ClientClock clock(times_, begin_);
  clock.bind(ClientClock::Bound::Proxy);
  clock.heard(begin_ + 10 * limits::kServerSessionWait);
  EXPECT_EQ(clock.deadline(), begin_ + 10 * limits::kServerSessionWait + limits::kServerCommandWait);
}

}  // namespace
}  // namespace sluice::serve
