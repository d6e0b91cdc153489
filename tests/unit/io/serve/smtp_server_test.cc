#include "io/serve/smtp_server.h"

#include "tests/unit/io/serve/smtp_server_fixture.h"

#include <algorithm>

#include <gmock/gmock.h>

namespace sluice::serve {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using namespace std::chrono_literals;
using namespace sluice::test;
using runtime::Task;

TEST_F(SmtpServerTest, CarriesOneMessageToItsHandler) {
  serve();
  play(kHello + kEnvelope + kData + Script{say("Subject: x\r\n\r\n..dots\r\n.\r\n"), hear_reply("250")} +
       kQuit);
  ASSERT_TRUE(done());
  EXPECT_THAT(service_.calls, ElementsAre("connect", "hello client.example", "mail a@example.com",
                                          "rcpt b@example.org", "data", "end", "told", "disconnect quit"));
  EXPECT_EQ(service_.body, "Subject: x\r\n\r\n..dots\r\n");
  EXPECT_EQ(server_->counters().accepted, 1U);
  EXPECT_EQ(server_->sessions(), 0U);
}

TEST_F(SmtpServerTest, AnswersAPipelineInOrderWithAsyncDecisions) {
  service_.think_time = 20ms;
  service_.refusals["rcpt bad@example.org"] = {550, {5, 1, 1}, "No such user"};
  serve();
  play(kHello + Script{say("MAIL FROM:<a@example.com>\r\nRCPT TO:<bad@example.org>\r\nRCPT "
                           "TO:<b@example.org>\r\nDATA\r\n"),
                       hear("250 2.1.0"), hear("550 5.1.1 No such user"), hear("250 2.1.5"), hear("354"),
                       say("x\r\n.\r\nMAIL FROM:<>\r\nRSET\r\nQUIT\r\n"), hear("250"), hear("250"),
                       hear("250"), hear("221"), hear_end()});
  ASSERT_TRUE(done());
  EXPECT_EQ(server_->counters().messages, 1U);
  EXPECT_THAT(service_.calls, Contains("abort reset"));
}

TEST_F(SmtpServerTest, APipelineCostsOneRoundTrip) {
  serve();
  reactor::SimFaults whole;
  whole.tiny_segment = 0;
  whole.latency_min = whole.latency_max = 10ms;
  sim_.world.set_faults(whole);
  std::string pipeline = "MAIL FROM:<a@example.com>\r\n";
  Script replies{hear("250 2.1.0")};
  for (int i = 0; i < 50; ++i) {
    pipeline += "RCPT TO:<b@example.org>\r\n";
    replies.push_back(hear("250 2.1.5"));
  }
  play(kHello + Script{say(pipeline + "RSET\r\n")} + replies + Script{hear("250")} + kQuit);
  const MonoTime begin = sim_.world.now();
  ASSERT_TRUE(done());
  // Connect, greeting, EHLO and its reply, the pipeline and its replies, QUIT and its reply, the ends.
  EXPECT_LT(sim_.world.now() - begin, 120ms);
}

TEST_F(SmtpServerTest, OctetByOctetIsTheSame) {
  serve();
  reactor::SimFaults faults;
  faults.segment_max = 1;
  sim_.world.set_faults(faults);
  play(kHello + kEnvelope + kData + Script{say("a\r\n..\r\n.b\r\n.\r\n"), hear_reply("250")} + kQuit);
  ASSERT_TRUE(done());
  EXPECT_EQ(service_.body, "a\r\n..\r\n.b\r\n");
  EXPECT_EQ(server_->counters().accepted, 1U);
}

class FullBuffersTest : public SmtpServerTest {
 protected:
  FullBuffersTest() : SmtpServerTest(3, {.chunk_capacity = 65536}) {}
};

TEST_F(FullBuffersTest, CapacityHandedOverIsMostlyUsed) {
  serve();
  std::string message;
  for (int i = 0; i < 60000; ++i) message += "a line of some text\r\n";
  play(kHello + kEnvelope + kData + Script{say(message + ".\r\n"), hear_reply("250")} + kQuit);
  ASSERT_TRUE(done());
  EXPECT_EQ(service_.body, message);
  size_t capacity = 0;
  for (const auto& piece : service_.pieces) capacity += piece.capacity;
  EXPECT_LE(capacity, 4 * message.size() + limits::kBodyChunk);
}

TEST_F(FullBuffersTest, SmallReceivesShareChunks) {
  serve();
  reactor::SimFaults faults;
  faults.segment_max = 8;
  sim_.world.set_faults(faults);
  std::string message;
  for (int i = 0; i < 3000; ++i) message += "line of text\r\n";
  play(kHello + kEnvelope + kData + Script{say(message + ".\r\n"), hear_reply("250")} + kQuit);
  ASSERT_TRUE(done());
  EXPECT_EQ(service_.body, message);
  // Few where the stream has gathered some itself, and never one for each of the thousands of receives.
  EXPECT_LE(service_.pieces.size(), message.size() / 1024);
}

class SmallBuffersTest : public SmtpServerTest {
 protected:
  SmallBuffersTest() : SmtpServerTest(5, {.chunk_capacity = 4096}) {}
};

TEST_F(SmallBuffersTest, FullReceivesAreHandedOnAsTheyAre) {
  reactor::SimFaults faults;
  faults.tiny_segment = 0;
  sim_.world.set_faults(faults);
  serve();
  std::string message;
  for (int i = 0; i < 10000; ++i) message += "a line of some text\r\n";
  play(kHello + kEnvelope + kData + Script{say(message + ".\r\n"), hear_reply("250")} + kQuit);
  ASSERT_TRUE(done());
  EXPECT_EQ(service_.body, message);
  EXPECT_TRUE(std::ranges::any_of(service_.pieces, [](const auto& piece) { return piece.capacity == 4096; }));
}

// --- decisions ---

TEST_F(SmtpServerTest, ARefusedConnectionIsGreetedWithTheReply) {
  service_.refusals["connect"] = {554, {5, 7, 1}, "Go away"};
  serve();
  play({hear("554 5.7.1 Go away"), hear_end()});
  ASSERT_TRUE(done());
  EXPECT_THAT(service_.calls, ElementsAre("connect", "disconnect refused"));
}

TEST_F(SmtpServerTest, ARefusalInTheBodyAnswersTheFinalDot) {
  service_.refusals["body"] = {452, {4, 3, 1}, "Out of memory"};
  serve();
  const std::string message(100000, 'x');
  play(kHello + kEnvelope + kData + Script{say(message), say("\r\n.\r\n"), hear_reply("452 4.3.1")} + kQuit);
  ASSERT_TRUE(done());
  EXPECT_THAT(service_.calls, Not(Contains("end")));
  EXPECT_THAT(service_.calls, Not(Contains(HasSubstr("abort"))));
  EXPECT_EQ(service_.pieces.size(), 1U);
}

TEST_F(SmtpServerTest, ARefusalOfTheLastPieceAnswersTheFinalDot) {
  service_.refusals["body"] = {452, {4, 3, 1}, "Out of memory"};
  serve();
  play(kHello + kEnvelope + kData + Script{say("small\r\n.\r\n"), hear_reply("452 4.3.1")} + kQuit);
  ASSERT_TRUE(done());
  EXPECT_THAT(service_.calls, Not(Contains("end")));
}

TEST_F(SmtpServerTest, ABareLineFeedAbortsTheTransaction) {
  serve();
  play(kHello + kEnvelope + kData + Script{say("smuggled\n.\r\nx\r\n.\r\n"), hear_reply("5")} + kQuit);
  ASSERT_TRUE(done());
  EXPECT_THAT(service_.calls, Contains("abort body refused"));
  EXPECT_THAT(service_.calls, Not(Contains("end")));
}

TEST_F(SmtpServerTest, A421OfTheHandlerEndsTheSession) {
  service_.refusals["mail a@example.com"] = {421, {4, 3, 0}, "Not now"};
  serve();
  play(kHello + Script{say("MAIL FROM:<a@example.com>\r\n"), hear("421 4.3.0"), hear_end()});
  ASSERT_TRUE(done());
  EXPECT_THAT(service_.calls, Contains("disconnect refused"));
}

TEST_F(SmtpServerTest, RecipientsThatCameTogetherAreAskedTogether) {
  options_.session.recipients_at_once = 2;
  service_.refusals["rcpt c@example.org"] = {550, {5, 1, 1}, "Nobody"};
  serve();
  reactor::SimFaults whole;
  whole.tiny_segment = 0;
  whole.segment_max = 1U << 30;
  sim_.world.set_faults(whole);
  play(kHello +
       Script{say("MAIL FROM:<a@example.com>\r\nRCPT TO:<b@example.org>\r\nRCPT TO:<c@example.org>\r\n"
                  "RCPT TO:<d@example.org>\r\nRSET\r\n"),
              hear("250 2.1.0"), hear("250 2.1.5"), hear("550 5.1.1"), hear("250 2.1.5"), hear("250 2.0.0")} +
       kQuit);
  ASSERT_TRUE(done());
  EXPECT_THAT(service_.together, testing::ElementsAre(2U));
}

TEST_F(SmtpServerTest, BehindA421InTheMiddleOfSeveralRecipientsNothingIsAnswered) {
  options_.session.recipients_at_once = 50;
  service_.refusals["rcpt c@example.org"] = {421, {4, 3, 0}, "Not now"};
  serve();
  play(kHello + Script{say("MAIL FROM:<a@example.com>\r\nRCPT TO:<b@example.org>\r\n"
                           "RCPT TO:<c@example.org>\r\nRCPT TO:<d@example.org>\r\n"),
                       hear("250 2.1.0"), hear("250 2.1.5"), hear("421 4.3.0"), hear_end()});
  ASSERT_TRUE(done());
  EXPECT_THAT(service_.calls, Contains("disconnect refused"));
  EXPECT_THAT(service_.calls, testing::Not(Contains("rcpt d@example.org")));
}

// Shows: W-13
TEST_F(SmtpServerTest, XclientOfAListedPeerChangesTheClient) {
  service_.lists_peers = true;
  serve();
  play(kHello +
       Script{say("XCLIENT ADDR=192.0.2.7 PORT=4000 HELO=spike.example\r\n"), hear_reply("220"),
              say("EHLO proxy.example\r\n"), hear_reply("250")} +
       kEnvelope + kQuit);
  ASSERT_TRUE(done());
  EXPECT_THAT(service_.calls, Contains("xclient 192.0.2.7:4000"));
  EXPECT_EQ(service_.calls.at(3), "hello spike.example");
}

// Shows: W-13
TEST_F(SmtpServerTest, ANewXclientAddressForgetsTheClientBefore) {
  service_.lists_peers = true;
  serve();
  play(kHello +
       Script{say("XCLIENT ADDR=192.0.2.7 PORT=4000 HELO=spike.example\r\n"), hear_reply("220"),
              say("XCLIENT ADDR=192.0.2.8\r\n"), hear_reply("220"), say("EHLO second.example\r\n"),
              hear_reply("250")} +
       kQuit);
  ASSERT_TRUE(done());
  EXPECT_THAT(service_.calls, Contains("xclient 192.0.2.8:0"));
  EXPECT_THAT(service_.calls, Contains("hello second.example"));
}

// Shows: W-13
TEST_F(SmtpServerTest, XclientOfOthersIsRefused) {
  serve();
  play(kHello + Script{say("XCLIENT ADDR=192.0.2.7\r\n"), hear_reply("5")} + kQuit);
  ASSERT_TRUE(done());
  EXPECT_EQ(service_.last_client, Endpoint());
}

TEST_F(SmtpServerTest, ARefusedXclientChangesNothing) {
  service_.lists_peers = true;
  service_.refusals["xclient 192.0.2.7:0"] = {550, {5, 7, 0}, "No"};
  serve();
  play(kHello +
       Script{say("XCLIENT ADDR=192.0.2.7 HELO=other.example\r\n"), hear_reply("550"),
              say("EHLO again.example\r\n"), hear_reply("250")} +
       kQuit);
  ASSERT_TRUE(done());
  EXPECT_THAT(service_.calls, Contains("hello again.example"));
}

// Shows: W-8
TEST_F(SmtpServerTest, RecipientsBeyondTheLimitAreReported) {
  options_.session.recipients = 1;
  serve();
  play(kHello + kEnvelope + Script{say("RCPT TO:<c@example.org>\r\n"), hear_reply("452 4.5.3")} + kQuit);
  ASSERT_TRUE(done());
  EXPECT_THAT(service_.calls, Contains("refused c@example.org"));
  EXPECT_THAT(service_.calls, Contains("abort disconnected"));
}

// --- time ---

TEST_F(SmtpServerTest, AnIdleClientIsTimedOut) {
  serve();
  const MonoTime begin = sim_.world.now();
  play(kHello + Script{hear("421 4.4.2"), hear_end()});
  ASSERT_TRUE(done());
  EXPECT_GE(sim_.world.now() - begin, limits::kServerCommandWait);
  EXPECT_LT(sim_.world.now() - begin, limits::kServerCommandWait + 5s);
  EXPECT_THAT(service_.calls, Contains("disconnect timed out"));
  EXPECT_EQ(server_->counters().time_outs, 1U);
}

TEST_F(SmtpServerTest, ADisconnectInTheMiddleAbortsTheTransaction) {
  serve();
  play(kHello + kEnvelope + kData + Script{say("half a mess"), cut()});
  ASSERT_TRUE(done());
  sim_.run_for(1s);
  EXPECT_THAT(service_.calls, Contains("abort disconnected"));
  EXPECT_THAT(service_.calls, Not(Contains("end")));
}

TEST_F(SmtpServerTest, AClientThatGoesBeforeTheReplyIsNotTold) {
  service_.think_time = 10s;
  serve();
  play(kHello + kEnvelope + kData + Script{say("x\r\n.\r\n"), pause(1s), cut()});
  ASSERT_TRUE(done());
  sim_.run_for(30s);
  EXPECT_THAT(service_.calls, Contains("not told"));
}

TEST_F(SmtpServerTest, AMessageInChunksIsTheOneThatDataBrings) {
  serve();
  const std::string text = "Subject: x\r\n\r\n.dots\r\nlast";
  play(kHello + kEnvelope +
       Script{say("BDAT 20\r\n" + text.substr(0, 20) + "BDAT 3\r\n" + text.substr(20, 3)), hear_reply("250"),
              hear_reply("250"), pause(1s), say("BDAT 2 LAST\r\n" + text.substr(23)), hear_reply("250")} +
       kQuit);
  ASSERT_TRUE(done());
  EXPECT_EQ(service_.body, "Subject: x\r\n\r\n..dots\r\nlast\r\n");
  EXPECT_EQ(server_->counters().accepted, 1U);
}

TEST_F(SmtpServerTest, AMessageInChunksIsRefusedWhereItsOctetsAre) {
  service_.refusals["body"] = {452, {4, 3, 1}, "No room"};
  serve();
  const std::string octets(40'000, 'x');
  play(kHello + kEnvelope +
       Script{say("BDAT 40000\r\n" + octets), hear_reply("452"), say("BDAT 40000 LAST\r\n" + octets),
              hear_reply("452"), say("NOOP\r\n"), hear_reply("250")} +
       kQuit);
  ASSERT_TRUE(done());
  EXPECT_EQ(server_->counters().aborted, 1U);
}

// --- drain ---

// Shows: W-16
TEST_F(SmtpServerTest, DrainTellsIdleSessionsAndLetsTransactionsEnd) {
  serve();
  play(kHello + Script{hear("421 4.3.2"), hear_end()});
  play(kHello + kEnvelope + kData +
       Script{pause(20s), say("late\r\n.\r\n"), hear_reply("250"), hear("421 4.3.2"), hear_end()});
  sim_.run_for(5s);
  const MonoTime begin = sim_.world.now();
  drain(begin + limits::kDrainWait);
  ASSERT_TRUE(done());
  EXPECT_EQ(service_.body, "late\r\n");
  EXPECT_EQ(server_->counters().accepted, 1U);
  EXPECT_GE(drained_at_ - begin, 10s);
  EXPECT_LT(drained_at_ - begin, 30s);
  server_.reset();
}

// Shows: W-16
TEST_F(SmtpServerTest, DrainBreaksOffWhatDoesNotEnd) {
  serve();
  play(kHello + kEnvelope + kData + Script{say("never ends"), hear_end()});
  sim_.run_for(5s);
  const MonoTime begin = sim_.world.now();
  drain(begin + limits::kDrainWait);
  ASSERT_TRUE(done());
  EXPECT_THAT(service_.calls, Contains("abort disconnected"));
  EXPECT_THAT(service_.calls, Contains("disconnect draining"));
  EXPECT_GE(drained_at_ - begin, 60s);
  EXPECT_LT(drained_at_ - begin, 65s);
  server_.reset();
}

// Shows: W-16
TEST_F(SmtpServerTest, DrainEndsWhatAHandlerWaitsFor) {
  service_.think_time = 400s;
  serve();
  // What is pipelined behind the recipient is not looked at any more.
  play(kHello + Script{say("MAIL FROM:<a@example.com>\r\n"), hear_reply("250"),
                       say("RCPT TO:<b@example.org>\r\nRCPT TO:<c@example.org>\r\nDATA\r\n"), hear_end()});
  sim_.run_for(5s);
  const MonoTime begin = sim_.world.now();
  drain(begin + limits::kDrainWait);
  ASSERT_TRUE(done());
  EXPECT_THAT(service_.calls,
              ElementsAre("connect", "hello client.example", "mail a@example.com", "drain deadline",
                          "rcpt b@example.org", "abort disconnected", "disconnect draining"));
  EXPECT_LT(drained_at_ - begin, limits::kDrainWait + 1s);
  server_.reset();
}

// Shows: W-16
TEST_F(SmtpServerTest, DrainTellsAHandlerOnceThatItsTimeIsOver) {
  service_.ends_at_drain_deadline = false;
  serve();
  play(kHello + kEnvelope + kData + Script{pause(10s), say("x\r\n.\r\n"), hear_end()});
  sim_.run_for(5s);
  service_.think_time = 400s;
  drain(sim_.world.now() + limits::kDrainWait);
  ASSERT_TRUE(done());
  EXPECT_THAT(service_.calls, Contains("drain deadline").Times(1));
  EXPECT_THAT(service_.calls, Contains("not told"));
  server_.reset();
}

}  // namespace
}  // namespace sluice::serve
