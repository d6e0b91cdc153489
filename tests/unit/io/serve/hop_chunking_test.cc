// A next hop that offers CHUNKING gets a message by one BDAT.
#include "io/serve/hop_transaction.h"
#include "tests/unit/io/serve/hop_fixture.h"

#include <string>

namespace sluice::serve {
namespace {

using namespace std::chrono_literals;
using namespace sluice::test;

Script greet_chunking() { return greet("250-PIPELINING\r\n250-CHUNKING\r\n"); }
Script take_envelope() { return take_mail() + take_rcpt("b@example.org"); }

class HopChunkingTest : public HopFixture {
 protected:
  // The command and its octets, line by line: stuffing is taken away.
  Script hear_chunk() const {
    const size_t size = header_.size() + text_.size() - 1;
    return {hear("BDAT " + std::to_string(size) + " LAST"), hear("Received: by node"), hear("Subject: x"),
            hear(""), hear(".dot")};
  }
  HopReply send() {
    begin();
    EXPECT_TRUE(rcpt("b@example.org").accepted());
    return deliver();
  }
};

// Shows: W-9
TEST_F(HopChunkingTest, AMessageGoesInOneChunkWithoutItsStuffing) {
  hop_plays({greet_chunking() + take_envelope() + hear_chunk() + Script{say("250 2.0.0 Ok: queued\r\n")} +
             take_quit()});
  const HopReply said = send();
  EXPECT_TRUE(said.accepted());
  EXPECT_EQ(said.hop_said, "250 2.0.0 Ok: queued");
  EXPECT_EQ(pool_->counters().sent_in_chunks, 1U);
  EXPECT_EQ(pool_->idle_sessions(), 1U);
}

TEST_F(HopChunkingTest, TheSettingOrAnOldHopMeansData) {
  options_.chunking = false;
  hop_plays({greet_chunking() + take_envelope() + take_body() + take_quit()});
  EXPECT_TRUE(send().accepted());
}

TEST_F(HopChunkingTest, ALargeMessageAsksByDataFirst) {
  text_ = std::string(limits::kHopChunk, 'x') + "\r\n";
  hop_plays({greet_chunking() + take_envelope() + take_body() + take_quit()});
  EXPECT_TRUE(send().accepted());
  EXPECT_EQ(pool_->counters().sent_in_chunks, 0U);
}

// Shows: W-6
TEST_F(HopChunkingTest, ARefusalIsTheClientsAndOneOfTheCommandIsNot) {
  hop_plays({greet_chunking() + take_envelope() + hear_chunk() + Script{say("554 5.7.1 Spam\r\n")} +
             take_envelope() + hear_chunk() + Script{say("501 5.5.4 What is BDAT\r\n"), hear_end()}});
  const HopReply refused = send();
  EXPECT_EQ(refused.result, HopResult::Refused);
  EXPECT_EQ(refused.reply.code, 554);
  const HopReply fault = send();
  EXPECT_EQ(fault.result, HopResult::Fault);
  EXPECT_EQ(fault.reply.to_line().substr(0, 9), "451 4.3.0");
}

// Shows: W-3
TEST_F(HopChunkingTest, A421OrASessionThatWasClosedIsRetriedOnceUnseen) {
  hop_plays(
      {greet_chunking() + take_envelope() + hear_chunk() + Script{say("421 4.3.2 bye\r\n"), hang_up()},
       greet_chunking() + take_envelope() + hear_chunk() + Script{say("250 2.0.0 Ok\r\n")} + take_quit()});
  EXPECT_TRUE(send().accepted());
  EXPECT_EQ(pool_->counters().retries, 1U);
}

TEST_F(HopChunkingTest, ASessionThatTheHopClosedMeanwhileIsNotUsed) {
  hop_plays(
      {greet_chunking() + take_envelope() + Script{hang_up()},
       greet_chunking() + take_envelope() + hear_chunk() + Script{say("250 2.0.0 Ok\r\n")} + take_quit()});
  begin();
  EXPECT_TRUE(rcpt("b@example.org").accepted());
  rest(1s);
  EXPECT_TRUE(deliver().accepted());
  EXPECT_EQ(pool_->counters().retries, 1U);
}

// Shows: W-7
TEST_F(HopChunkingTest, AHopThatIsLostBehindTheWholeChunkIsUnknown) {
  hop_plays({greet_chunking() + take_envelope() + hear_chunk() + Script{hang_up()}});
  const HopReply said = send();
  EXPECT_EQ(said.result, HopResult::Unknown);
  EXPECT_EQ(said.reply.to_line().substr(0, 9), "451 4.4.2");
}

TEST_F(HopChunkingTest, AHopThatStopsReadingInTheChunkIsAFault) {
  text_ = std::string(1'000'000, 'x') + "\r\n";
  hop_plays({greet_chunking() + take_envelope() + Script{hear("BDAT"), pause(30s), cut()}});
  begin();
  EXPECT_TRUE(rcpt("b@example.org").accepted());
  EXPECT_EQ(deliver(10s).result, HopResult::Fault);
  rest(60s);
}

// Shows: W-9
TEST_F(HopChunkingTest, EightBitDataForAnOldHopIsRefusedWhereTheSettingSaysSo) {
  options_.refuse_eight_bit = true;
  hop_plays({greet_chunking() + take_envelope() + take_rset() + take_quit()});
  const HopReply said = send();
  EXPECT_EQ(said.result, HopResult::Refused);
  EXPECT_EQ(said.reply.to_line().substr(0, 9), "554 5.6.3");
}

// Shows: W-9
TEST_F(HopChunkingTest, AHeaderInUtf8NeedsAHopThatTakesIt) {
  octets_need_utf8_ = true;
  hop_plays({greet_chunking() + take_envelope() + take_rset() + take_quit()});
  const HopReply said = send();
  EXPECT_EQ(said.result, HopResult::Refused);
  EXPECT_EQ(said.reply.to_line().substr(0, 9), "550 5.6.7");
}

}  // namespace
}  // namespace sluice::serve
