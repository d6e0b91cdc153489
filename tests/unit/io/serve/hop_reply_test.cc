#include "io/serve/hop_reply.h"

#include <cerrno>

#include <gtest/gtest.h>

namespace sluice::serve {
namespace {

smtp::Reply reply(uint16_t code, smtp::EnhancedStatus status, std::string text) {
  return {code, status, std::move(text)};
}

// Shows: W-6
TEST(HopReply, RepliesToRcptArePassedOnWithTextAndStatus) {
  const HopReply refused = map_rcpt_reply(reply(550, {5, 1, 1}, "No such user\nreally"));
  EXPECT_EQ(refused.result, HopResult::Refused);
  EXPECT_EQ(refused.reply, reply(550, {5, 1, 1}, "No such user really"));
  const HopReply later = map_rcpt_reply(reply(450, {4, 2, 0}, "Greylisted"));
  EXPECT_EQ(later.result, HopResult::Refused);
  EXPECT_EQ(later.reply.code, 450);
  EXPECT_EQ(map_rcpt_reply(reply(250, {2, 1, 5}, "Ok")).result, HopResult::Accepted);
}

// Shows: W-6
TEST(HopReply, RepliesToTheFinalDotArePassedOn) {
  EXPECT_EQ(map_end_of_data_reply(reply(250, {2, 0, 0}, "queued")).result, HopResult::Accepted);
  const HopReply refused = map_end_of_data_reply(reply(554, {5, 7, 1}, "Spam"));
  EXPECT_EQ(refused.result, HopResult::Refused);
  EXPECT_EQ(refused.reply.code, 554);
}

// Shows: W-6
TEST(HopReply, WhatIsAboutUsIsAFault) {
  for (const uint16_t code : {502, 503, 530}) {
    for (const HopReply& mapped :
         {map_rcpt_reply(reply(code, {5, 5, 1}, "x")), map_end_of_data_reply(reply(code, {5, 5, 1}, "x")),
          map_mail_reply(reply(code, {5, 5, 1}, "x"))}) {
      EXPECT_EQ(mapped.result, HopResult::Fault) << code;
      EXPECT_EQ(mapped.reply.code, 451);
      EXPECT_EQ(mapped.reply.status, (smtp::EnhancedStatus{4, 3, 0}));
    }
  }
}

// Shows: W-6
TEST(HopReply, OfMailRepliesOnlyThoseAboutTheSenderArePassedOn) {
  EXPECT_EQ(map_mail_reply(reply(552, {5, 3, 4}, "Too big")).result, HopResult::Refused);
  EXPECT_EQ(map_mail_reply(reply(553, {5, 1, 3}, "Bad address")).result, HopResult::Refused);
  EXPECT_EQ(map_mail_reply(reply(550, {5, 1, 8}, "Domain not found")).result, HopResult::Refused);
  EXPECT_EQ(map_mail_reply(reply(501, {5, 1, 7}, "Bad sender")).result, HopResult::Refused);
  EXPECT_EQ(map_mail_reply(reply(550, {5, 6, 7}, "No SMTPUTF8")).result, HopResult::Refused);
  EXPECT_EQ(map_mail_reply(reply(550, {5, 7, 1}, "You are blocked")).result, HopResult::Fault);
  EXPECT_EQ(map_mail_reply(reply(550, {}, "no")).result, HopResult::Fault);
  EXPECT_EQ(map_mail_reply(reply(451, {4, 3, 0}, "later")).result, HopResult::Fault);
  EXPECT_EQ(map_mail_reply(reply(554, {5, 1, 8}, "x")).result, HopResult::Fault);
}

TEST(HopReply, AMissingStatusIsMadeToFit) {
  EXPECT_EQ(map_rcpt_reply(reply(550, {}, "no")).reply.status, (smtp::EnhancedStatus{5, 0, 0}));
  EXPECT_EQ(map_rcpt_reply(reply(452, {}, "no")).reply.status, (smtp::EnhancedStatus{4, 0, 0}));
}

TEST(HopReply, A521DoesNotEndOurSession) {
  EXPECT_EQ(map_rcpt_reply(reply(521, {5, 3, 2}, "no mail here")).reply.code, 550);
}

TEST(HopReply, ForeignTextIsMadePrintable) {
  const HopReply mapped = map_rcpt_reply(reply(550, {5, 1, 1}, std::string(1000, '\x80')));
  EXPECT_EQ(mapped.reply.text, std::string(limits::kReplyText, '?'));
}

// Shows: W-6
TEST(HopReply, FaultsSayWhetherTheHopAnswers) {
  ClientFault away;
  away.kind = ClientFault::Kind::Connect;
  away.os_error = ECONNREFUSED;
  EXPECT_EQ(map_fault(away).reply.status, (smtp::EnhancedStatus{4, 4, 1}));
  EXPECT_NE(map_fault(away).hop_said.find("refused"), std::string::npos);
  ClientFault broken;
  broken.kind = ClientFault::Kind::Broken;
  EXPECT_EQ(map_fault(broken).reply.status, (smtp::EnhancedStatus{4, 3, 0}));
  EXPECT_EQ(map_fault(broken).reply.code, 451);
}

// Shows: W-7
TEST(HopReply, AnUnknownOutcomeIs442) {
  ClientFault silent;
  silent.kind = ClientFault::Kind::Timeout;
  const HopReply unknown = unknown_outcome(silent);
  EXPECT_EQ(unknown.result, HopResult::Unknown);
  EXPECT_EQ(unknown.reply.code, 451);
  EXPECT_EQ(unknown.reply.status, (smtp::EnhancedStatus{4, 4, 2}));
}

}  // namespace
}  // namespace sluice::serve
