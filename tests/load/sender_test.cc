// The sender in virtual time, against a next hop that follows a script.

#include "tools/sluice_load/sender.h"

#include "tests/unit/io/serve/scripted_peer.h"

#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace sluice::load {
namespace {

using namespace std::chrono_literals;
using test::hear;
using test::hear_body;
using test::hear_end;
using test::say;
using test::Script;

const Script kGreet{say("220 hop\r\n"), hear("EHLO "), say("250-hop\r\n250 PIPELINING\r\n")};
const Script kQuit{hear("QUIT"), say("221 bye\r\n"), hear_end()};

Script take(const std::string& reply = "250 ok", MonoClock::duration before = 0ms) {
  Script script{hear("MAIL"), say("250 ok\r\n"), hear("RCPT"), say("250 ok\r\n"),
                hear("DATA"), say("354 go\r\n"), hear_body()};
  if (before != 0ms) script.push_back(test::pause(before));
  script.push_back(say(reply + "\r\n"));
  return script;
}

class SenderTest : public testing::Test {
 protected:
  SenderTest() {
    set_.from.push_back(*AddressPattern::parse("a@b.example"));
    set_.to.push_back(*AddressPattern::parse("c@d.example"));
    set_.size = *Distribution::parse("1000");
    plan_.server = sim_.at_mx(25);
    plan_.messages = 1'000'000;
    plan_.messages_per_connection = Distribution(1'000'000);
  }
  ~SenderTest() override {
    if (hop_) sim_.start(sim_.mx, hop_->close(sim_.mx));
    EXPECT_TRUE(sim_.finish());
  }
  void hop_plays(std::vector<Script> scripts) {
    hop_ = std::make_unique<test::ScriptedHop>(sim_.mx, sim_.at_mx(25), std::move(scripts));
  }
  void open_loop(double rate, double seconds) {
    const Profile profile{{seconds, rate, rate}};
    plan_.schedule.emplace(profile, Arrivals::Constant, 1);
    plan_.time_limit = std::chrono::nanoseconds(static_cast<int64_t>(seconds * 1e9));
  }
  const Tally& run() {
    sender_ = std::make_unique<Sender>(plan_, set_);
    sim_.start(sim_.client, sender_->run(sim_.client));
    EXPECT_TRUE(sim_.finish());
    return sender_->tally();
  }

  test::SimPair sim_;
  MessageSet set_;
  SenderPlan plan_;
  std::unique_ptr<test::ScriptedHop> hop_;
  std::unique_ptr<Sender> sender_;
};

TEST_F(SenderTest, AStallShowsInAllMessagesThatItHeldUp) {
  // Ten a second for three seconds on one connection; the server takes two seconds over the sixth. The
  // messages due in these two seconds wait, though none of them is slow to be served.
  Script script = kGreet;
  for (int number = 0; number < 30; ++number) script = script + take("250 ok", number == 5 ? 2s : 0ms);
  hop_plays({script + kQuit});
  open_loop(10, 3);
  const Tally& tally = run();
  EXPECT_EQ(tally.accepted, 30U);
  const Histogram& service = tally.point(Point::Service);
  EXPECT_LT(service.percentile(0.9), 100'000U);
  EXPECT_GT(service.max(), 1'900'000U);
  const Histogram& message = tally.point(Point::Message);
  EXPECT_GT(message.percentile(0.4), 50'000U);
  EXPECT_GT(message.percentile(0.8), 1'000'000U);
  EXPECT_GE(tally.queue.count(), 19U);
  EXPECT_EQ(tally.late, 0U);  // that was not the generator
}

TEST_F(SenderTest, ASecondConnectionTakesWhatAStallHoldsUp) {
  Script stalled = kGreet + take("250 ok", 2s);
  Script other = kGreet;
  for (int number = 0; number < 19; ++number) other = other + take();
  hop_plays({stalled + kQuit, other + kQuit});
  plan_.connections = 2;
  open_loop(10, 2);
  const Tally& tally = run();
  EXPECT_EQ(tally.accepted, 20U);
  EXPECT_LT(tally.point(Point::Message).percentile(0.9), 200'000U);
  EXPECT_EQ(tally.queue.count(), 0U);
}

TEST_F(SenderTest, KeepsTheRateOfItsSchedule) {
  Script script = kGreet;
  for (int number = 0; number < 40; ++number) script = script + take();
  hop_plays({script + kQuit});
  open_loop(20, 2);
  const Tally& tally = run();
  ASSERT_EQ(tally.series.buckets().size(), 2U);
  for (const TimeBucket& second : tally.series.buckets()) {
    EXPECT_EQ(second.due, 20U);
    EXPECT_EQ(second.begun, 20U);
  }
  EXPECT_LE(tally.lag.max(), 1000U + 100U);  // a tick of the timers
}

TEST_F(SenderTest, WhatCannotBeSentWithinTheGraceIsSaid) {
  Script script = kGreet + take("250 ok", 20s);
  for (int number = 0; number < 4; ++number) script = script + take();
  hop_plays({script + kQuit});
  plan_.grace = 16500ms;
  open_loop(1, 8);
  const Tally& tally = run();
  EXPECT_EQ(tally.unsent, 3U);  // due at 1, 2 and 3 s, and free only at 20
  EXPECT_EQ(tally.begun, 5U);
  EXPECT_EQ(tally.accepted, 5U);
}

TEST_F(SenderTest, EveryEndIsCountedOnce) {
  Script first = kGreet + take("550 5.7.1 no") + take();
  first.push_back(hear("MAIL"));
  first.push_back(test::cut());
  Script second = kGreet;
  second.insert(second.end(), {hear("MAIL"), say("250 ok\r\n"), hear("RCPT"), say("452 4.3.1 later\r\n"),
                               hear("DATA"), say("503 no\r\n"), hear("RSET"), say("250 ok\r\n")});
  hop_plays({first, second + take() + kQuit});
  plan_.messages = 5;
  const Tally& tally = run();
  EXPECT_EQ(tally.begun, 5U);
  EXPECT_EQ(tally.accepted, 2U);
  EXPECT_EQ(tally.errors, 1U);
  EXPECT_EQ(tally.faults.at("lost"), 1U);
  EXPECT_EQ(tally.refused.at("550 5.7.1"), 1U);
  EXPECT_EQ(tally.refused.at("452 4.3.1"), 1U);
  EXPECT_EQ(tally.replies.at("rcpt 452 4.3.1"), 1U);
  EXPECT_EQ(tally.replies.at("end 550 5.7.1"), 1U);
  EXPECT_EQ(tally.recipients_refused, 1U);
  EXPECT_EQ(tally.connections, 2U);
}

TEST_F(SenderTest, PointsAreMeasuredWhereTheTimeGoes) {
  Script script{test::pause(100ms), say("220 hop\r\n"), hear("EHLO "),      test::pause(200ms),
                say("250 hop\r\n"), hear("MAIL"),       test::pause(300ms), say("250 ok\r\n"),
                hear("RCPT"),       test::pause(400ms), say("250 ok\r\n"),  hear("DATA"),
                test::pause(500ms), say("354 go\r\n"),  hear_body(),        test::pause(600ms),
                say("250 ok\r\n")};
  hop_plays({script + kQuit});
  plan_.messages = 1;
  const Tally& tally = run();
  const auto millis = [&](Point which) { return tally.point(which).max() / 1000; };
  EXPECT_NEAR(static_cast<double>(millis(Point::Greeting)), 100, 20);
  EXPECT_NEAR(static_cast<double>(millis(Point::Hello)), 200, 20);
  EXPECT_NEAR(static_cast<double>(millis(Point::Mail)), 300, 20);
  EXPECT_NEAR(static_cast<double>(millis(Point::Rcpt)), 400, 20);
  EXPECT_NEAR(static_cast<double>(millis(Point::Data)), 500, 20);
  EXPECT_NEAR(static_cast<double>(millis(Point::End)), 600, 20);
  EXPECT_NEAR(static_cast<double>(millis(Point::Service)), 1800, 60);
  EXPECT_NEAR(static_cast<double>(millis(Point::Message)), 2100, 80);
}

TEST_F(SenderTest, PausesBetweenMessagesOfAConnection) {
  hop_plays({kGreet + take() + take() + take() + kQuit});
  plan_.messages = 3;
  plan_.pause_ms = Distribution(5000);
  const MonoTime begin = sim_.world.now();
  run();
  EXPECT_GT(sim_.world.now() - begin, 10s);
  EXPECT_LT(sim_.world.now() - begin, 12s);
}

TEST_F(SenderTest, StopsBetweenMessages) {
  hop_plays({kGreet + take() + kQuit});
  open_loop(1, 1000);
  sender_ = std::make_unique<Sender>(plan_, set_);
  sim_.start(sim_.client, sender_->run(sim_.client));
  sim_.run_for(500ms);
  sender_->stop();
  EXPECT_TRUE(sim_.finish(5s));
  EXPECT_EQ(sender_->tally().accepted, 1U);
  EXPECT_EQ(sender_->tally().unsent, 0U);
}

}  // namespace
}  // namespace sluice::load
