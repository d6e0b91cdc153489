// What a server allows its clients: connections, time, errors.
#include "tests/unit/io/serve/smtp_server_fixture.h"

#include <string>

#include <gmock/gmock.h>

namespace sluice::serve {
namespace {

using namespace std::chrono_literals;
using namespace sluice::test;

using testing::Contains;

// Shows: W-7
TEST_F(SmtpServerTest, OctetsJustBeforeEachTimeoutDoNotKeepASession) {
  serve();
  Script dribble;
  for (int i = 0; i < 10; ++i) dribble = dribble + Script{pause(179s), say("x")};
  const MonoTime begin = sim_.world.now();
  play(kHello + kEnvelope + kData + dribble);
  ASSERT_TRUE(sim_.run_until([this] { return !service_.calls.empty() && server_->sessions() == 0; }));
  EXPECT_LT(sim_.world.now() - begin, limits::kServerBodyGrace + 5s);
  EXPECT_EQ(server_->counters().time_outs, 1U);
  EXPECT_TRUE(sim_.finish());
}

TEST_F(SmtpServerTest, ASteadyMessageMayTakeLongerThanTheGrace) {
  options_.limits.times.data_rate_min = 1;
  serve();
  Script steady;
  for (int i = 0; i < 10; ++i) steady = steady + Script{pause(100s), say(std::string(118, 'x') + "\r\n")};
  play(kHello + kEnvelope + kData + steady + Script{say(".\r\n"), hear_reply("250")} + kQuit);
  ASSERT_TRUE(done());
  EXPECT_EQ(server_->counters().accepted, 1U);
}

TEST_F(SmtpServerTest, AMessageInChunksHasTheSameTime) {
  serve();
  Script dribble;
  for (int i = 0; i < 10; ++i) dribble = dribble + Script{pause(170s), say("BDAT 1\r\nx")};
  const MonoTime begin = sim_.world.now();
  play(kHello + kEnvelope + dribble);
  ASSERT_TRUE(sim_.run_until([this] { return !service_.calls.empty() && server_->sessions() == 0; }));
  EXPECT_LT(sim_.world.now() - begin, 170s + limits::kServerBodyGrace + 5s);
  EXPECT_TRUE(sim_.finish());
}

TEST_F(SmtpServerTest, OneMessageBehindAnotherHasItsOwnTime) {
  serve();
  Script messages;
  for (int i = 0; i < 4; ++i) {
    messages = messages + kEnvelope + kData + Script{pause(170s), say("x\r\n.\r\n"), hear_reply("250")};
  }
  play(kHello + messages + kQuit);
  ASSERT_TRUE(done());
  EXPECT_EQ(server_->counters().accepted, 4U);
}

TEST_F(SmtpServerTest, ASessionWithoutAMessageEnds) {
  options_.limits.times.session_wait = 600s;
  serve();
  Script idle;
  for (int i = 0; i < 2; ++i) idle = idle + Script{pause(290s), say("NOOP\r\n"), hear_reply("250")};
  play(kHello + idle + Script{hear("421 4.4.2"), hear_end()});
  ASSERT_TRUE(done());
  // A message buys another 600 s.
  const Script message = kEnvelope + kData + Script{say("x\r\n.\r\n"), hear_reply("250")};
  play(kHello + idle + message + idle + kQuit);
  ASSERT_TRUE(done());
}

TEST_F(SmtpServerTest, AClientThatErrsWaitsLongerAndLongerAndNobodyElseDoes) {
  serve();
  Script errors;
  for (int i = 0; i < 9; ++i) errors = errors + Script{say("BOGUS\r\n"), hear_reply("500")};
  const MonoTime begin = sim_.world.now();
  play(kHello + errors + kQuit);
  sim_.run_for(3s);
  EXPECT_EQ(server_->sessions(), 1U);
  const MonoTime other = sim_.world.now();
  std::string octets;
  sim_.start(sim_.client, play_client(sim_.client, sim_.at_mx(25), kHello + kQuit, octets));
  ASSERT_TRUE(sim_.run_until([&] { return octets.contains("221"); }));
  EXPECT_LT(sim_.world.now() - other, 1s);
  ASSERT_TRUE(done());
  EXPECT_EQ(server_->counters().delays, 6U);
  EXPECT_GE(sim_.world.now() - begin, 1s + 2s + 4s + 8s + 8s + 8s);
  EXPECT_LT(sim_.world.now() - begin, 35s);
}

TEST_F(SmtpServerTest, ManyRefusedRecipientsAreErrorsToo) {
  service_.refusals["rcpt no@example.org"] = {550, {5, 1, 1}, "No such user"};
  serve();
  Script probing{say("MAIL FROM:<a@example.com>\r\n"), hear_reply("250")};
  for (int i = 0; i < 40; ++i)
    probing = probing + Script{say("RCPT TO:<no@example.org>\r\n"), hear_reply("550")};
  play(kHello + probing + kQuit);
  ASSERT_TRUE(done());
  EXPECT_EQ(server_->counters().delays, 1U);
}

TEST_F(SmtpServerTest, AListedPeerIsNotDelayed) {
  service_.lists_peers = true;
  serve();
  Script errors;
  for (int i = 0; i < 9; ++i) errors = errors + Script{say("BOGUS\r\n"), hear_reply("500")};
  play(kHello + errors + kQuit);
  ASSERT_TRUE(done());
  EXPECT_EQ(server_->counters().delays, 0U);
}

TEST_F(SmtpServerTest, ADrainDoesNotWaitForDelayedReplies) {
  options_.limits.delay_max = 1000s;
  serve();
  Script errors;
  for (int i = 0; i < 9; ++i) errors = errors + Script{say("BOGUS\r\n"), hear_reply("500")};
  play(kHello + errors);
  sim_.run_for(40s);
  const MonoTime begin = sim_.world.now();
  drain(begin + limits::kDrainWait);
  ASSERT_TRUE(sim_.run_until([this] { return drained_at_ != MonoTime{}; }));
  EXPECT_LT(drained_at_ - begin, 5s);
  EXPECT_TRUE(sim_.finish());
  server_.reset();
}

TEST_F(SmtpServerTest, AnAddressHasItsShareOfConnections) {
  options_.limits.sessions_per_client_max = 2;
  serve();
  play(kHello + Script{pause(10s)} + kQuit);
  play(kHello + Script{pause(10s)} + kQuit);
  sim_.run_for(1s);
  play({hear("421 4.7.0"), hear_end()});
  sim_.run_for(1s);
  EXPECT_EQ(server_->counters().over_client_limit, 1U);
  ASSERT_TRUE(done());
  play(kHello + kQuit);
  ASSERT_TRUE(done());
}

TEST_F(SmtpServerTest, AnAddressMayConnectOnlySoOftenASecond) {
  options_.limits.connections_per_second = 2;
  serve();
  for (int i = 0; i < 2; ++i) play(kHello + kQuit);
  sim_.run_for(100ms);
  play({hear("421 4.7.0"), hear_end()});
  sim_.run_for(100ms);
  EXPECT_EQ(server_->counters().over_client_rate, 1U);
  sim_.run_for(1s);
  play(kHello + kQuit);
  ASSERT_TRUE(done());
  EXPECT_EQ(server_->counters().over_client_rate, 1U);
}

TEST_F(SmtpServerTest, AListedPeerMayConnectAsOftenAsItLikes) {
  options_.limits.connections_per_second = 1;
  service_.lists_peers = true;
  serve();
  for (int i = 0; i < 5; ++i) play(kHello + kQuit);
  ASSERT_TRUE(done());
  EXPECT_EQ(server_->counters().over_client_rate, 0U);
}

TEST_F(SmtpServerTest, AListedPeerMayHaveMore) {
  options_.limits.sessions_per_client_max = 1;
  service_.lists_peers = true;
  serve();
  play(kHello + Script{pause(10s)} + kQuit);
  play(kHello + Script{pause(10s)} + kQuit);
  ASSERT_TRUE(done());
  EXPECT_EQ(server_->counters().over_client_limit, 0U);
}

TEST_F(SmtpServerTest, AFullShardSaysSo) {
  options_.limits.sessions_max = 1;
  serve();
  play(kHello + Script{pause(10s)} + kQuit);
  sim_.run_for(1s);
  play({hear("421 4.3.2"), hear_end()});
  ASSERT_TRUE(done());
  EXPECT_EQ(server_->counters().over_shard_limit, 1U);
}

TEST_F(SmtpServerTest, EarlyTalkersAreRefusedWhereThatIsWanted) {
  options_.early_talker = EarlyTalker::Refuse;
  service_.greet_time = 2s;
  serve();
  play({say("EHLO hasty.example\r\n"), hear("554 5.5.0"), hear_end()});
  play(kHello + kQuit);
  ASSERT_TRUE(done());
  EXPECT_EQ(server_->counters().early_talkers, 1U);
  EXPECT_THAT(service_.calls, Contains("disconnect protocol errors"));
  EXPECT_THAT(service_.calls, Contains("disconnect quit"));
}

TEST_F(SmtpServerTest, EarlyTalkersAreCountedOtherwise) {
  service_.greet_time = 2s;
  serve();
  play(Script{say("EHLO hasty.example\r\n"), hear_reply("220"), hear_reply("250")} + kQuit);
  ASSERT_TRUE(done());
  EXPECT_EQ(server_->counters().early_talkers, 1U);
}

TEST_F(SmtpServerTest, HalfACommandDoesNotBuyTime) {
  serve();
  const MonoTime begin = sim_.world.now();
  play(kHello + Script{say("MA"), pause(200s), say("IL"), hear("421 4.4.2"), hear_end()});
  ASSERT_TRUE(done());
  EXPECT_LT(sim_.world.now() - begin, limits::kServerCommandWait + 5s);
}

TEST_F(SmtpServerTest, ASilentBodyIsTimedOutAndASlowOneIsNot) {
  serve();
  play(kHello + kEnvelope + kData +
       Script{say("slow\r\n"), pause(170s), say("slower\r\n"), pause(170s), say("x"), hear("421 4.4.2"),
              hear_end()});
  ASSERT_TRUE(done());
  EXPECT_EQ(service_.body, "");  // the tail was never handed over
  EXPECT_THAT(service_.calls, Contains("abort disconnected"));
}

TEST_F(SmtpServerTest, ASlowBodyThatWasRefusedIsReadToItsEnd) {
  serve();
  Script slow{say("bare\nline feed\r\n")};
  for (const auto wait : {170s, 120s}) slow = slow + Script{pause(wait), say("more\r\n")};
  play(kHello + kEnvelope + kData + slow + Script{say(".\r\n"), hear_reply("554")} + kQuit);
  ASSERT_TRUE(done());
  EXPECT_EQ(server_->counters().time_outs, 0U);
}

TEST_F(SmtpServerTest, AClientThatReadsNoRepliesIsBrokenOff) {
  options_.session.idle_commands = 10'000'000;
  serve();
  std::string noise;
  for (int i = 0; i < 100'000; ++i) noise += "NOOP\r\n";
  play(kHello + Script{say(noise), pause(600s), cut()});
  const MonoTime begin = sim_.world.now();
  sim_.run_for(1s);
  ASSERT_EQ(server_->sessions(), 1U);
  ASSERT_TRUE(sim_.run_until([this] { return server_->sessions() == 0; }));
  EXPECT_GE(sim_.world.now() - begin, limits::kServerWriteWait);
  EXPECT_LT(sim_.world.now() - begin, limits::kServerWriteWait + 5s);
  EXPECT_EQ(server_->counters().broken, 1U);
  ASSERT_TRUE(done());
}

}  // namespace
}  // namespace sluice::serve
