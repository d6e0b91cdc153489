#include "io/serve/hop_transaction.h"

#include "tests/unit/io/serve/hop_fixture.h"

namespace sluice::serve {
namespace {

using namespace std::chrono_literals;
using namespace sluice::test;

class HopTransactionTest : public HopFixture {};

TEST_F(HopTransactionTest, DeliversOneMessage) {
  hop_plays({greet() + take_mail() + take_rcpt("b@example.org") + take_body() + take_quit()});
  begin();
  EXPECT_TRUE(rcpt("b@example.org").accepted());
  const HopReply done = deliver();
  EXPECT_EQ(done.result, HopResult::Accepted);
  EXPECT_EQ(done.hop_said, "250 2.0.0 Ok: queued as 1");
  EXPECT_EQ(pool_->counters().delivered, 1U);
  EXPECT_EQ(pool_->idle_sessions(), 1U);
}

TEST_F(HopTransactionTest, TheHopGetsTheOctetsAsTheyAre) {
  hop_plays({greet() + take_mail() + take_rcpt("b@example.org") + take_body() + Script{hang_up()}});
  begin();
  EXPECT_TRUE(rcpt("b@example.org").accepted());
  EXPECT_TRUE(deliver().accepted());
  rest(1s);
  ASSERT_EQ(peers_[0]->bodies().size(), 1U);
  EXPECT_EQ(peers_[0]->bodies()[0], header_ + text_);
}

TEST_F(HopTransactionTest, MailAndTheFirstRcptGoInOneFlight) {
  hop_plays({greet() +
             Script{hear("MAIL FROM:<a@example.com>"), hear("RCPT TO:<b@example.org>"),
                    say("250 2.1.0 Ok\r\n250 2.1.5 Ok\r\n")} +
             take_body() + take_quit()});
  begin();
  EXPECT_TRUE(rcpt("b@example.org").accepted());
  EXPECT_TRUE(deliver().accepted());
}

TEST_F(HopTransactionTest, WithoutPipeliningEachCommandWaits) {
  hop_plays({Script{say("220 old ESMTP\r\n"), hear("EHLO"), say("500 what?\r\n"), hear("HELO node.example"),
                    say("250 old\r\n")} +
             take_mail() + take_rcpt("b@example.org") + take_rcpt("c@example.org") + take_body() +
             take_quit()});
  begin();
  const std::vector<HopReply> answers = rcpt_all({"b@example.org", "c@example.org"});
  EXPECT_TRUE(answers[0].accepted());
  EXPECT_TRUE(answers[1].accepted());
  EXPECT_TRUE(deliver().accepted());
}

TEST_F(HopTransactionTest, RefusedRecipientsHaveTheirOwnAnswers) {
  hop_plays({greet() + take_mail() + take_rcpt("bad@example.org", "550 5.1.1 No such user") +
             take_rcpt("b@example.org") + take_rcpt("slow@example.org", "450 4.2.0 Later") + take_body() +
             take_quit()});
  begin();
  const std::vector<HopReply> answers = rcpt_all({"bad@example.org", "b@example.org", "slow@example.org"});
  EXPECT_EQ(answers[0].result, HopResult::Refused);
  EXPECT_EQ(answers[0].reply.to_line(), "550 5.1.1 No such user");
  EXPECT_TRUE(answers[1].accepted());
  EXPECT_EQ(answers[2].reply.code, 450);
  EXPECT_EQ(hop_->accepted_recipients(), 1U);
  EXPECT_TRUE(deliver().accepted());
}

TEST_F(HopTransactionTest, SeveralRecipientsGoInOneFlightWithMail) {
  hop_plays({greet() +
             Script{hear("MAIL"), hear("RCPT TO:<b@"), hear("RCPT TO:<c@"), hear("RCPT TO:<d@"),
                    say("250 2.1.0 Ok\r\n250 2.1.5 Ok\r\n550 5.1.1 No such user\r\n250 2.1.5 Ok\r\n")} +
             take_body() + take_quit()});
  begin();
  const std::vector<HopReply> answers = rcpt_all({"b@example.org", "c@example.org", "d@example.org"});
  EXPECT_TRUE(answers[0].accepted());
  EXPECT_EQ(answers[1].reply.to_line(), "550 5.1.1 No such user");
  EXPECT_TRUE(answers[2].accepted());
  EXPECT_TRUE(deliver().accepted());
}

// Shows: W-3
TEST_F(HopTransactionTest, NoMoreAreUnderWayThanTheSessionMayHearRefused) {
  options_.refusals_max = 2;
  hop_plays({greet() +
                 Script{hear("MAIL"), hear("RCPT TO:<b@"), hear("RCPT TO:<c@"), pause(1s),
                        say("250 2.1.0 Ok\r\n250 2.1.5 Ok\r\n550 5.1.1 no\r\n"), hear("RCPT TO:<d@"),
                        pause(1s), say("550 5.1.1 no\r\n")} +
                 take_quit(),
             greet() +
                 Script{hear("MAIL"), hear("RCPT TO:<b@"), hear("RCPT TO:<e@"),
                        say("250 2.1.0 Ok\r\n250 2.1.5 Ok\r\n250 2.1.5 Ok\r\n")} +
                 take_body() + take_quit()});
  begin();
  const std::vector<HopReply> answers =
      rcpt_all({"b@example.org", "c@example.org", "d@example.org", "e@example.org"});
  EXPECT_TRUE(answers[0].accepted() && !answers[1].accepted() && !answers[2].accepted());
  EXPECT_TRUE(answers[3].accepted());
  EXPECT_TRUE(deliver().accepted());
}

// Shows: W-3, W-6
TEST_F(HopTransactionTest, WhatWasAnsweredStandsWhenTheHopIsLostTwice) {
  const Script lost = Script{hear("RCPT TO:<d@"), hang_up()};
  hop_plays(
      {greet() +
           Script{hear("MAIL"), hear("RCPT TO:<b@"), hear("RCPT TO:<c@"),
                  say("250 2.1.0 Ok\r\n250 2.1.5 Ok\r\n550 5.1.1 no\r\n")} +
           lost,
       greet() + Script{hear("MAIL"), hear("RCPT TO:<b@"), say("250 2.1.0 Ok\r\n250 2.1.5 Ok\r\n")} + lost,
       greet() + take_mail() + take_rcpt("b@example.org") + take_body() + take_quit()});
  begin();
  const std::vector<HopReply> answers = rcpt_all({"b@example.org", "c@example.org", "d@example.org"});
  EXPECT_TRUE(answers[0].accepted());
  EXPECT_EQ(answers[1].result, HopResult::Refused);
  EXPECT_EQ(answers[2].result, HopResult::Fault);
  EXPECT_EQ(pool_->counters().faults, 1U);
  EXPECT_EQ(hop_->accepted_recipients(), 1U);
  EXPECT_TRUE(deliver().accepted());
}

TEST_F(HopTransactionTest, EachOfSeveralRecipientsHasTheTimeOfACommand) {
  options_.command_wait = 20s;
  const auto slow = [](const std::string& recipient, MonoClock::duration time) {
    return Script{hear("RCPT TO:<" + recipient), pause(time), say("250 2.1.5 Ok\r\n")};
  };
  hop_plays({greet() + take_mail() + slow("b@", 15s) + slow("c@", 15s) + slow("d@", 25s)});
  begin();
  const std::vector<HopReply> answers = rcpt_all({"b@example.org", "c@example.org", "d@example.org"});
  EXPECT_TRUE(answers[0].accepted());
  EXPECT_TRUE(answers[1].accepted());
  EXPECT_EQ(answers[2].result, HopResult::Fault);
}

// Shows: W-6
TEST_F(HopTransactionTest, ARefusalOfTheSenderAnswersEveryRecipient) {
  hop_plays({greet() +
             Script{hear("MAIL"), hear("RCPT"), say("553 5.1.8 Sender?\r\n503 5.5.1 MAIL first\r\n")} +
             take_quit()});
  begin();
  EXPECT_EQ(rcpt("b@example.org").reply.to_line(), "553 5.1.8 Sender?");
  EXPECT_EQ(rcpt("c@example.org").reply.to_line(), "553 5.1.8 Sender?");
  EXPECT_TRUE(pool_->healthy());
}

// Shows: W-6
TEST_F(HopTransactionTest, OtherRefusalsOfMailAreFaultsAndMarkTheHop) {
  hop_plays({greet() + Script{hear("MAIL"), hear("RCPT"), say("530 5.7.0 STARTTLS first\r\n503 5.5.1 no\r\n"),
                              hear_end()}});
  begin();
  const HopReply said = rcpt("b@example.org");
  EXPECT_EQ(said.result, HopResult::Fault);
  EXPECT_EQ(said.reply.code, 451);
  EXPECT_FALSE(pool_->healthy());
  EXPECT_EQ(pool_->counters().faults, 1U);
}

// Shows: W-6
TEST_F(HopTransactionTest, AReplyAboutUsAtRcptIsAFaultAndMarksTheHop) {
  for (const std::string said : {"503 5.5.1 MAIL first", "530 5.7.0 STARTTLS first"}) {
    hop_plays({greet() + take_mail() + take_rcpt("b@example.org") + take_rcpt("c@example.org", said) +
               Script{hear_end()}});
    begin();
    EXPECT_TRUE(rcpt("b@example.org").accepted());
    const uint64_t faults = pool_->counters().faults;
    const HopReply fault = rcpt("c@example.org");
    EXPECT_EQ(fault.result, HopResult::Fault);
    EXPECT_EQ(fault.reply.code, 451);
    EXPECT_EQ(pool_->counters().faults, faults + 1);
    EXPECT_FALSE(pool_->healthy());
    EXPECT_EQ(pool_->open_sessions(), 0U);
    EXPECT_EQ(hop_->accepted_recipients(), 1U);
    hop_.reset();
    for (const auto& peer : peers_) sim_.start(sim_.mx, peer->close(sim_.mx));
    EXPECT_TRUE(sim_.finish());
    peers_.clear();
  }
}

// Shows: W-6
TEST_F(HopTransactionTest, ARefusedGreetingIsAFault) {
  hop_plays({{say("554 5.7.1 not you\r\n"), hear_end()}});
  begin();
  const HopReply said = rcpt("b@example.org");
  EXPECT_EQ(said.result, HopResult::Fault);
  EXPECT_EQ(said.reply.code, 451);
  EXPECT_FALSE(pool_->healthy());
  EXPECT_NE(said.hop_said.find("554 5.7.1 not you"), std::string::npos);
}

// Shows: W-6
TEST_F(HopTransactionTest, ARefusalOfDataIsAFaultAndOfTheDotIsTheClients) {
  hop_plays({greet() + take_mail() + take_rcpt("b@example.org") +
                 Script{hear("DATA"), say("554 5.5.1 no\r\n"), hear_end()},
             greet() + take_mail() + take_rcpt("b@example.org") + take_body("554 5.7.1 Spam") + take_quit()});
  begin();
  EXPECT_TRUE(rcpt("b@example.org").accepted());
  EXPECT_EQ(deliver().result, HopResult::Fault);
  begin();
  EXPECT_TRUE(rcpt("b@example.org").accepted());
  const HopReply refused = deliver();
  EXPECT_EQ(refused.result, HopResult::Refused);
  EXPECT_EQ(refused.reply.to_line(), "554 5.7.1 Spam");
  EXPECT_EQ(pool_->idle_sessions(), 1U);
}

// --- W-2 ---

// Shows: W-2
TEST_F(HopTransactionTest, AWaitingTransactionIsResetAndRepeated) {
  hop_plays({greet() + take_mail() + take_rcpt("b@example.org") + take_rset() + take_mail() +
             take_rcpt("b@example.org") + take_body() + take_quit()});
  begin();
  EXPECT_TRUE(rcpt("b@example.org").accepted());
  rest(limits::kHopBodyWait - 1s);
  EXPECT_FALSE(hop_->parked());
  rest(2s);
  EXPECT_TRUE(hop_->parked());
  EXPECT_EQ(pool_->idle_sessions(), 1U);
  rest(20s);
  EXPECT_TRUE(deliver().accepted());
  EXPECT_EQ(pool_->counters().parked, 1U);
  EXPECT_EQ(pool_->counters().repeated_envelopes, 1U);
  EXPECT_EQ(pool_->counters().connects, 1U);
}

// Shows: W-2
TEST_F(HopTransactionTest, ARefusalOfTheRepeatedEnvelopeIsARefusalAtEndOfData) {
  hop_plays({greet() + take_mail() + take_rcpt("b@example.org") + take_rset() + take_mail() +
             take_rcpt("b@example.org", "550 5.1.1 Gone by now") + take_rset() + take_quit()});
  begin();
  EXPECT_TRUE(rcpt("b@example.org").accepted());
  rest(11s);
  const HopReply said = deliver();
  EXPECT_EQ(said.result, HopResult::Refused);
  EXPECT_EQ(said.reply.to_line(), "550 5.1.1 Gone by now");
  rest();
}

// Shows: W-2
TEST_F(HopTransactionTest, ARepeatedEnvelopeRefusedInPartIsTemporary) {
  hop_plays({greet() + take_mail() + take_rcpt("b@example.org") + take_rcpt("c@example.org") + take_rset() +
             take_mail() + take_rcpt("b@example.org", "550 5.1.1 Gone by now") + take_rcpt("c@example.org") +
             take_rset() + take_quit()});
  begin();
  (void)rcpt_all({"b@example.org", "c@example.org"});
  rest(11s);
  const HopReply said = deliver();
  EXPECT_EQ(said.result, HopResult::Refused);
  EXPECT_EQ(said.reply.code, 451);
  EXPECT_EQ(said.hop_said, "550 5.1.1 Gone by now");
  rest();
}

// Shows: W-2
TEST_F(HopTransactionTest, AnotherRecipientAfterTheWaitBringsTheEnvelopeAgain) {
  hop_plays({greet() + take_mail() + take_rcpt("b@example.org") + take_rset() + take_mail() +
             take_rcpt("b@example.org") + take_rcpt("c@example.org") + take_body() + take_quit()});
  begin();
  EXPECT_TRUE(rcpt("b@example.org").accepted());
  rest(11s);
  EXPECT_TRUE(rcpt("c@example.org").accepted());
  EXPECT_EQ(hop_->accepted_recipients(), 2U);
  EXPECT_TRUE(deliver().accepted());
}

// Shows: W-2
TEST_F(HopTransactionTest, AParkedSessionServesOthersMeanwhile) {
  options_.sessions_max = 1;
  hop_plays({greet() + take_mail() + take_rcpt("slow@example.org") + take_rset() + take_mail() +
             take_rcpt("fast@example.org") + take_body() + take_mail() + take_rcpt("slow@example.org") +
             take_body() + take_quit()});
  begin();
  EXPECT_TRUE(rcpt("slow@example.org").accepted());
  auto slow = std::move(hop_);
  begin();
  EXPECT_TRUE(rcpt("fast@example.org").accepted());  // waits for the only session
  EXPECT_TRUE(deliver().accepted());
  hop_ = std::move(slow);
  EXPECT_TRUE(deliver().accepted());
}

// Shows: W-2
TEST_F(HopTransactionTest, RcptsDoNotProlongTheHoldOfASession) {
  hop_plays({greet() + take_mail() + take_rcpt("b@example.org") + take_rcpt("c@example.org") + take_rset() +
             take_mail() + take_rcpt("b@example.org") + take_rcpt("c@example.org") +
             take_rcpt("d@example.org") + take_body() + take_quit()});
  begin();
  EXPECT_TRUE(rcpt("b@example.org").accepted());
  rest(limits::kHopBodyWait - 500ms);
  EXPECT_TRUE(rcpt("c@example.org").accepted());
  EXPECT_FALSE(hop_->parked());
  rest(1s);
  EXPECT_TRUE(hop_->parked());
  EXPECT_TRUE(rcpt("d@example.org").accepted());
  EXPECT_TRUE(deliver().accepted());
}

// Shows: W-2
TEST_F(HopTransactionTest, ACallThatOutlastsTheHoldIsParkedBehindIt) {
  hop_plays({greet() + take_mail() + take_rcpt("b@example.org") +
             Script{hear("RCPT TO:<c@example.org>"), pause(5s), say("250 2.1.5 Ok\r\n")} + take_rset() +
             take_quit()});
  begin();
  EXPECT_TRUE(rcpt("b@example.org").accepted());
  rest(limits::kHopBodyWait - 2s);
  EXPECT_TRUE(rcpt("c@example.org").accepted());
  EXPECT_TRUE(hop_->parked());
  rest();
}

// Shows: W-2
TEST_F(HopTransactionTest, ALateRefusalIsNotTheAnswerOfThoseAcceptedAfterIt) {
  hop_plays({greet() + take_mail() + take_rcpt("b@example.org") + take_rset() + take_mail() +
             take_rcpt("b@example.org", "550 5.1.1 Gone by now") + take_rcpt("c@example.org") + take_rset() +
             take_quit()});
  begin();
  EXPECT_TRUE(rcpt("b@example.org").accepted());
  rest(11s);
  EXPECT_TRUE(rcpt("c@example.org").accepted());
  const HopReply said = deliver();
  EXPECT_EQ(said.result, HopResult::Refused);
  EXPECT_EQ(said.reply.code, 451);
  EXPECT_EQ(said.hop_said, "550 5.1.1 Gone by now");
  rest();
}

// Shows: W-2
TEST_F(HopTransactionTest, ALateRefusalForNowGoesBeforeOneForGood) {
  hop_plays({greet() + take_mail() + take_rcpt("b@example.org") + take_rcpt("c@example.org") + take_rset() +
             take_mail() + take_rcpt("b@example.org", "550 5.1.1 Gone by now") +
             take_rcpt("c@example.org", "450 4.2.0 Later") + take_rset() + take_quit()});
  begin();
  (void)rcpt_all({"b@example.org", "c@example.org"});
  rest(11s);
  EXPECT_EQ(deliver().reply.to_line(), "450 4.2.0 Later");
  rest();
}

// --- W-3: retry ---

// Shows: W-3
TEST_F(HopTransactionTest, ACloseBeforeDataIsRetriedOnceUnseen) {
  hop_plays({greet() + take_mail() + take_rcpt("b@example.org") + Script{hear("DATA"), hang_up()},
             greet() + take_mail() + take_rcpt("b@example.org") + take_body() + take_quit()});
  begin();
  EXPECT_TRUE(rcpt("b@example.org").accepted());
  EXPECT_TRUE(deliver().accepted());
  EXPECT_EQ(pool_->counters().retries, 1U);
}

// Shows: W-3
TEST_F(HopTransactionTest, A421AtRcptIsRetriedOnceUnseen) {
  hop_plays(
      {greet() + Script{hear("MAIL"), hear("RCPT"), say("250 2.1.0 Ok\r\n421 4.3.2 bye\r\n"), hang_up()},
       greet() + take_mail() + take_rcpt("b@example.org") + take_body() + take_quit()});
  begin();
  EXPECT_TRUE(rcpt("b@example.org").accepted());
  EXPECT_TRUE(deliver().accepted());
}

// Shows: W-3
TEST_F(HopTransactionTest, ASecondLossIsAFault) {
  const Script bye = greet() + Script{hear("MAIL"), hear("RCPT"), say("421 4.3.2 bye\r\n"), hang_up()};
  hop_plays({bye, bye});
  begin();
  const HopReply said = rcpt("b@example.org");
  EXPECT_EQ(said.result, HopResult::Fault);
  EXPECT_EQ(said.reply.code, 451);
}

// Shows: W-3
TEST_F(HopTransactionTest, AnIdleSessionThatTheHopClosedIsNotSeen) {
  hop_plays({greet() + take_mail() + take_rcpt("b@example.org") + take_body() + Script{pause(5s), hang_up()},
             greet() + take_mail() + take_rcpt("b@example.org") + take_body() + take_quit()});
  begin();
  EXPECT_TRUE(rcpt("b@example.org").accepted());
  EXPECT_TRUE(deliver().accepted());
  rest(10s);
  begin();
  EXPECT_TRUE(rcpt("b@example.org").accepted());
  EXPECT_TRUE(deliver().accepted());
  EXPECT_EQ(pool_->counters().retries, 0U);
}

// --- W-7 ---

// Shows: W-7
TEST_F(HopTransactionTest, SilenceAfterTheDotIsUnknownAndNeverRepeated) {
  hop_plays({greet() + take_mail() + take_rcpt("b@example.org") +
             Script{hear("DATA"), say("354 go\r\n"), hear_body(), hear_end()}});
  begin();
  EXPECT_TRUE(rcpt("b@example.org").accepted());
  const MonoTime begin_time = sim_.world.now();
  const HopReply said = deliver();
  EXPECT_EQ(said.result, HopResult::Unknown);
  EXPECT_EQ(said.reply.to_line().substr(0, 9), "451 4.4.2");
  EXPECT_GE(sim_.world.now() - begin_time, limits::kHopEndOfDataWait);
  EXPECT_LT(sim_.world.now() - begin_time, limits::kHopEndOfDataWait + 1s);
  EXPECT_EQ(pool_->open_sessions(), 0U);
  EXPECT_EQ(pool_->counters().unknown, 1U);
}

// Shows: W-7
TEST_F(HopTransactionTest, ALossAfterTheDotIsUnknown) {
  hop_plays({greet() + take_mail() + take_rcpt("b@example.org") +
             Script{hear("DATA"), say("354 go\r\n"), hear_body(), cut()}});
  begin();
  EXPECT_TRUE(rcpt("b@example.org").accepted());
  EXPECT_EQ(deliver().result, HopResult::Unknown);
}

// Shows: W-7
TEST_F(HopTransactionTest, NonsenseAfterTheDotIsUnknown) {
  hop_plays({greet() + take_mail() + take_rcpt("b@example.org") +
             Script{hear("DATA"), say("354 go\r\n"), hear_body(), say("what was that?\r\n"), hear_end()}});
  begin();
  EXPECT_TRUE(rcpt("b@example.org").accepted());
  EXPECT_EQ(deliver().result, HopResult::Unknown);
}

// Shows: W-7
TEST_F(HopTransactionTest, A421ToTheDotIsAnAnswer) {
  hop_plays(
      {greet() + take_mail() + take_rcpt("b@example.org") + take_body("421 4.3.2 down") + Script{hang_up()}});
  begin();
  EXPECT_TRUE(rcpt("b@example.org").accepted());
  const HopReply said = deliver();
  EXPECT_EQ(said.result, HopResult::Fault);
  EXPECT_EQ(said.reply.code, 451);
}

// Shows: W-7
TEST_F(HopTransactionTest, AHopThatStopsReadingBeforeTheDotIsAFault) {
  text_ = std::string(4'000'000, 'x') + "\r\n";
  hop_plays({greet() + take_mail() + take_rcpt("b@example.org") +
             Script{hear("DATA"), say("354 go\r\n"), pause(400s), cut()}});
  begin();
  EXPECT_TRUE(rcpt("b@example.org").accepted());
  EXPECT_EQ(deliver().result, HopResult::Fault);
}

TEST_F(HopTransactionTest, AnAnswerBeforeTheDotEndsTheSession) {
  text_ = std::string(4'000'000, 'x') + "\r\n";
  hop_plays({greet() + take_mail() + take_rcpt("b@example.org") +
             Script{hear("DATA"), say("354 go\r\n552 5.3.4 Too big\r\n"), pause(400s), cut()}});
  begin();
  EXPECT_TRUE(rcpt("b@example.org").accepted());
  const HopReply said = deliver();
  EXPECT_EQ(said.result, HopResult::Refused);
  EXPECT_EQ(said.reply.code, 552);
  EXPECT_EQ(pool_->open_sessions(), 0U);
}

TEST_F(HopTransactionTest, AnAcceptanceBeforeTheDotIsNotBelieved) {
  text_ = std::string(4'000'000, 'x') + "\r\n";
  hop_plays({greet() + take_mail() + take_rcpt("b@example.org") +
             Script{hear("DATA"), say("354 go\r\n250 2.0.0 fine\r\n"), pause(400s), cut()}});
  begin();
  EXPECT_TRUE(rcpt("b@example.org").accepted());
  EXPECT_EQ(deliver().result, HopResult::Fault);
}

TEST_F(HopTransactionTest, TheCallersDeadlineHolds) {
  hop_plays({greet() + take_mail() + take_rcpt("b@example.org") +
             Script{hear("DATA"), say("354 go\r\n"), hear_body(), hear_end()}});
  begin();
  EXPECT_TRUE(rcpt("b@example.org").accepted());
  const MonoTime begin_time = sim_.world.now();
  EXPECT_EQ(deliver(30s).result, HopResult::Unknown);
  EXPECT_LT(sim_.world.now() - begin_time, 31s);
}

// Shows: W-7
TEST_F(HopTransactionTest, TheCallersDeadlineHoldsForARepeatedEnvelope) {
  hop_plays({greet() + take_mail() + take_rcpt("b@example.org") + take_rset() +
             Script{hear("MAIL"), hear("RCPT"), hear_end()}});
  begin();
  EXPECT_TRUE(rcpt("b@example.org").accepted());
  rest(11s);
  const MonoTime begin_time = sim_.world.now();
  EXPECT_EQ(deliver(5s).result, HopResult::Fault);
  EXPECT_LT(sim_.world.now() - begin_time, 6s);
  EXPECT_TRUE(pool_->healthy());  // it had no fair time
}

// Shows: W-7
TEST_F(HopTransactionTest, TheCallersDeadlineHoldsForANewConnection) {
  hop_plays({greet() + take_mail() + take_rcpt("b@example.org") + Script{hear("RSET"), hang_up()},
             Script{hear_end()}});
  begin();
  EXPECT_TRUE(rcpt("b@example.org").accepted());
  rest(11s);
  const MonoTime begin_time = sim_.world.now();
  EXPECT_EQ(deliver(5s).result, HopResult::Fault);
  EXPECT_LT(sim_.world.now() - begin_time, 6s);
  EXPECT_TRUE(pool_->healthy());  // it had no fair time
}

// Shows: W-7
TEST_F(HopTransactionTest, ARcptAndItsRetryShareOneWait) {
  options_.command_wait = 20s;
  hop_plays({greet() + Script{hear("MAIL"), hear("RCPT"), pause(9s), hang_up()},
             greet() + Script{hear("MAIL"), hear("RCPT"), hear_end()}});
  begin();
  const MonoTime begin_time = sim_.world.now();
  EXPECT_EQ(rcpt("b@example.org").result, HopResult::Fault);
  EXPECT_EQ(pool_->counters().retries, 1U);
  EXPECT_LT(sim_.world.now() - begin_time, 21s);
}

// --- W-16: cancel ---

class HopCancelTest : public HopFixture {
 protected:
  // The call that is under way ends at once, and every later one.
  void cancel_and_expect(const Call& call, HopResult result) {
    rest(5s);
    EXPECT_FALSE(call.over);
    const MonoTime canceled = sim_.world.now();
    hop_->cancel();
    EXPECT_TRUE(sim_.finish());
    EXPECT_LT(sim_.world.now() - canceled, 1s);
    EXPECT_EQ(call.reply.result, result);
    EXPECT_EQ(call.reply.reply.to_line().substr(0, 9),
              result == HopResult::Unknown ? "451 4.4.2" : "451 4.3.2");
    EXPECT_TRUE(pool_->healthy());
    const HopReply later = rcpt("later@example.org");
    EXPECT_EQ(later.result, HopResult::Fault);
    EXPECT_EQ(later.reply.to_line().substr(0, 9), "451 4.3.2");
    EXPECT_LT(sim_.world.now() - canceled, 1s);
  }
};

// Shows: W-16
TEST_F(HopCancelTest, EndsAWaitForRoom) {
  options_.queue_wait = 300s;
  options_.sessions_max = 1;
  hop_plays({greet() + take_mail() + Script{hear("RCPT"), pause(60s), say("250 2.1.5 Ok\r\n")} + take_rset() +
             take_mail() + take_rcpt("d@example.org") + take_rset() + take_quit()});
  auto first = another();
  auto third = another();
  Call busy;
  Call call;
  Call next;
  start_rcpt(*first, "b@example.org", busy);
  rest(1s);
  begin();
  start_rcpt(*hop_, "c@example.org", call);
  rest(1s);
  start_rcpt(*third, "d@example.org", next);
  rest(5s);
  hop_->cancel();
  rest(1s);
  EXPECT_TRUE(call.over);
  EXPECT_EQ(call.reply.reply.to_line().substr(0, 9), "451 4.3.2");
  EXPECT_TRUE(sim_.finish());
  EXPECT_TRUE(next.reply.accepted());
  first.reset();
  third.reset();
  rest();
}

// Shows: W-16
TEST_F(HopCancelTest, EndsAWaitForTheGreeting) {
  hop_plays({Script{hear_end()}});
  begin();
  Call call;
  start_rcpt(*hop_, "b@example.org", call);
  cancel_and_expect(call, HopResult::Fault);
  EXPECT_EQ(pool_->open_sessions(), 0U);
}

// Shows: W-16
TEST_F(HopCancelTest, EndsAWaitForAConnection) {
  reactor::SimFaults slow;
  slow.latency_min = slow.latency_max = 20s;
  sim_.world.set_faults(slow);
  hop_plays({});
  begin();
  Call call;
  start_rcpt(*hop_, "b@example.org", call);
  cancel_and_expect(call, HopResult::Fault);
}

// Shows: W-16
TEST_F(HopCancelTest, EndsAWaitForAReplyToRcpt) {
  hop_plays({greet() + take_mail() + Script{hear("RCPT"), hear_end()}});
  begin();
  Call call;
  start_rcpt(*hop_, "b@example.org", call);
  cancel_and_expect(call, HopResult::Fault);
}

// Shows: W-16
TEST_F(HopCancelTest, EndsADeliveryBeforeItsBody) {
  hop_plays({greet() + take_mail() + take_rcpt("b@example.org") + Script{hear("DATA"), hear_end()}});
  begin();
  EXPECT_TRUE(rcpt("b@example.org").accepted());
  Call call;
  start_deliver(*hop_, call);
  cancel_and_expect(call, HopResult::Fault);
}

// Shows: W-16
TEST_F(HopCancelTest, EndsADeliveryInItsBody) {
  text_ = std::string(4'000'000, 'x') + "\r\n";
  hop_plays({greet() + take_mail() + take_rcpt("b@example.org") +
             Script{hear("DATA"), say("354 go\r\n"), pause(400s), cut()}});
  begin();
  EXPECT_TRUE(rcpt("b@example.org").accepted());
  Call call;
  start_deliver(*hop_, call);
  cancel_and_expect(call, HopResult::Fault);
}

// Shows: W-7, W-16
TEST_F(HopCancelTest, ADeliveryWhoseDotHasLeftIsUnknown) {
  hop_plays({greet() + take_mail() + take_rcpt("b@example.org") +
             Script{hear("DATA"), say("354 go\r\n"), hear_body(), hear_end()}});
  begin();
  EXPECT_TRUE(rcpt("b@example.org").accepted());
  Call call;
  start_deliver(*hop_, call);
  cancel_and_expect(call, HopResult::Unknown);
}

// Shows: W-16
TEST_F(HopCancelTest, BreaksOffASessionThatWaits) {
  hop_plays({greet() + take_mail() + take_rcpt("b@example.org") + Script{hear_end()}});
  begin();
  EXPECT_TRUE(rcpt("b@example.org").accepted());
  hop_->cancel();
  EXPECT_EQ(pool_->open_sessions(), 0U);
  EXPECT_EQ(deliver().reply.to_line().substr(0, 9), "451 4.3.2");
  EXPECT_EQ(pool_->counters().connects, 1U);
}

// --- W-9, SPF-16 ---

// Shows: W-9
TEST_F(HopTransactionTest, AHopWithout8BitMimeGetsTheMessageWithoutBody) {
  envelope_.parameters.body = smtp::BodyType::EightBitMime;
  hop_plays(
      {greet("250-PIPELINING\r\n") +
       Script{hear("MAIL FROM:<a@example.com>"), hear("RCPT"), say("250 2.1.0 Ok\r\n250 2.1.5 Ok\r\n")} +
       take_body() + take_quit()});
  begin();
  EXPECT_TRUE(rcpt("b@example.org").accepted());
  EXPECT_TRUE(deliver().accepted());
  EXPECT_EQ(pool_->counters().sent_without_8bitmime, 1U);
}

// Shows: W-9
TEST_F(HopTransactionTest, AHopWithoutSmtputf8IsNotOfferedSuchAddresses) {
  hop_plays(
      {greet("250-PIPELINING\r\n") + take_mail() + take_rcpt("b@example.org") + take_rset() + take_quit()});
  begin();
  const std::vector<HopReply> answers = rcpt_all({"\xC3\xA9@example.org", "b@example.org"});
  EXPECT_EQ(answers[0].reply.to_line().substr(0, 9), "550 5.6.7");
  EXPECT_TRUE(answers[1].accepted());
  envelope_.needs_smtputf8 = true;
  begin();
  rest();
  EXPECT_EQ(rcpt("b@example.org").reply.to_line().substr(0, 9), "550 5.6.7");
}

// Shows: W-9
TEST_F(HopTransactionTest, ARepeatedEnvelopeAsksTheNewHopForSmtputf8) {
  const std::string plain = "250-PIPELINING\r\n";
  const std::string unicode = "\xC3\xA9@example.org";
  const Script lost = greet() + take_mail() + take_rcpt("b@example.org") + take_rcpt(unicode) +
                      Script{hear("RSET"), hang_up()};
  hop_plays({lost, greet(plain) + take_mail() + take_rcpt("b@example.org") + take_rset() + take_quit()});
  begin();
  (void)rcpt_all({"b@example.org", unicode});
  rest(11s);
  const HopReply said = deliver();
  EXPECT_EQ(said.reply.code, 451);
  EXPECT_EQ(said.hop_said, "the next hop does not offer SMTPUTF8");
  rest();
}

// Shows: W-9
TEST_F(HopTransactionTest, ARetryAsksTheNewHopForSmtputf8) {
  envelope_.needs_smtputf8 = true;
  hop_plays({greet() + take_mail() + take_rcpt("b@example.org") + Script{hear("DATA"), hang_up()},
             greet("250-PIPELINING\r\n") + take_quit()});
  begin();
  EXPECT_TRUE(rcpt("b@example.org").accepted());
  EXPECT_EQ(deliver().reply.to_line().substr(0, 9), "550 5.6.7");
}

// Shows: W-9
TEST_F(HopTransactionTest, NothingIsSaidForRecipientsThatAllNeedSmtputf8) {
  hop_plays({greet("250-PIPELINING\r\n") + take_quit()});
  begin();
  EXPECT_EQ(rcpt("\xC3\xA9@example.org").reply.to_line().substr(0, 9), "550 5.6.7");
}

// Shows: SPF-16
TEST_F(HopTransactionTest, TheClientIsHandedOnByXclientOncePerClient) {
  send_xclient_ = true;
  envelope_.client.addr = {smtp::XclientState::Given, *IpAddress::parse("192.0.2.7")};
  const std::string offer = "250-PIPELINING\r\n250-XCLIENT NAME ADDR PORT\r\n";
  hop_plays({greet(offer) + Script{hear("XCLIENT ADDR=192.0.2.7")} + greet(offer) + take_mail() +
             take_rcpt("b@example.org") + take_body() + take_mail() + take_rcpt("b@example.org") +
             take_body() + Script{hear("XCLIENT ADDR=192.0.2.8")} + greet(offer) + take_mail() +
             take_rcpt("b@example.org") + take_body() + take_quit()});
  begin();
  EXPECT_TRUE(rcpt("b@example.org").accepted());
  EXPECT_TRUE(deliver().accepted());
  begin();
  EXPECT_TRUE(rcpt("b@example.org").accepted());
  EXPECT_TRUE(deliver().accepted());
  envelope_.client.addr.value = *IpAddress::parse("192.0.2.8");
  begin();
  EXPECT_TRUE(rcpt("b@example.org").accepted());
  EXPECT_TRUE(deliver().accepted());
}

// Shows: SPF-16
TEST_F(HopTransactionTest, ASessionThatCannotBeToldOfAnotherClientIsNotUsedForIt) {
  send_xclient_ = true;
  envelope_.client.addr = {smtp::XclientState::Given, *IpAddress::parse("192.0.2.7")};
  const std::string offer = "250-PIPELINING\r\n250-XCLIENT NAME ADDR PORT\r\n";
  const Script message = take_mail() + take_rcpt("b@example.org") + take_body();
  // Once it was told it offers XCLIENT no more.
  hop_plays(
      {greet(offer) + Script{hear("XCLIENT ADDR=192.0.2.7")} + greet() + message + message + take_quit(),
       greet(offer) + Script{hear("XCLIENT ADDR=192.0.2.8")} + greet() + message + take_quit()});
  for (const std::string client : {"192.0.2.7", "192.0.2.7", "192.0.2.8"}) {
    envelope_.client.addr.value = *IpAddress::parse(client);
    begin();
    EXPECT_TRUE(rcpt("b@example.org").accepted());
    EXPECT_TRUE(deliver().accepted());
  }
}

TEST_F(HopTransactionTest, ARefusalOfOneClientByXclientDoesNotMarkTheHop) {
  send_xclient_ = true;
  envelope_.client.addr = {smtp::XclientState::Given, *IpAddress::parse("192.0.2.7")};
  const std::string offer = "250-PIPELINING\r\n250-XCLIENT NAME ADDR PORT\r\n";
  hop_plays({greet(offer) + Script{hear("XCLIENT"), say("554 5.7.1 not him\r\n"), hear_end()},
             greet(offer) + Script{hear("XCLIENT"), say("501 5.5.4 Bad\r\n"), hear_end()}});
  for (int i = 0; i < 2; ++i) {
    begin();
    const HopReply said = rcpt("b@example.org");
    EXPECT_EQ(said.result, HopResult::Fault);
    EXPECT_EQ(said.reply.code, 451);
    EXPECT_TRUE(pool_->healthy());
  }
  EXPECT_EQ(pool_->counters().faults, 2U);
}

// Shows: W-2
TEST_F(HopTransactionTest, WhatHasLostItsSessionIsNotParked) {
  hop_plays({greet() + take_mail() + take_rcpt("b@example.org", "503 5.5.1 no") + Script{hear_end()}});
  begin();
  EXPECT_EQ(rcpt("b@example.org").result, HopResult::Fault);
  rest(options_.body_wait + 1s);
  EXPECT_EQ(pool_->counters().parked, 0U);
}

TEST_F(HopTransactionTest, AbandoningResetsAndKeepsTheSession) {
  hop_plays({greet() + take_mail() + take_rcpt("b@example.org") + take_rset() + take_quit()});
  begin();
  EXPECT_TRUE(rcpt("b@example.org").accepted());
  hop_.reset();
  rest();
  EXPECT_EQ(pool_->idle_sessions(), 1U);
}

}  // namespace
}  // namespace sluice::serve
