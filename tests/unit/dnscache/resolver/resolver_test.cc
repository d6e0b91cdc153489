#include "dnscache/resolver/resolver.h"

#include "dnscache/wire/rdata.h"
#include "tests/unit/dnscache/resolver/replay.h"

#include <optional>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace sluice::dns {
namespace {

TEST(Resolver, AsksAndAnswers) {
  Replay script;
  script.ask(7, question("a.example"));
  const Send send = script.sent(0);
  const auto query = decode_query(send.message.view());
  ASSERT_TRUE(query);
  EXPECT_EQ(query->question, question("a.example"));
  EXPECT_TRUE(query->recursion_desired);
  EXPECT_EQ(query->edns_payload, limits::kDnsUdpPayload);
  script.silent();
  script.nobody_done();
  script.advance(30ms);
  script.deliver(send, Replay::text_reply(send, "hello", 77));
  const Completion completion = script.done();
  EXPECT_EQ(completion.question, question("a.example"));
  EXPECT_EQ(completion.askers, std::vector{asker(7)});
  EXPECT_EQ(text_of(completion), "hello");
  EXPECT_EQ(completion.answer.ttl, 77U);
  EXPECT_TRUE(completion.for_cache);
  EXPECT_EQ(script.resolver.under_way(), 0U);
  EXPECT_EQ(script.resolver.health().round_trip(0), 30ms);
}

TEST(Resolver, OneQuestionServesManyAskers) {
  Replay script;
  for (uint64_t id = 1; id <= 3; ++id) script.ask(id, question("a.example"));
  script.ask(4, question("a.example", RecordType::A));
  const Send first = script.sent(0);
  (void)script.sent(0);
  script.silent();
  script.deliver(first, Replay::text_reply(first));
  EXPECT_EQ(script.done().askers, (std::vector{asker(1), asker(2), asker(3)}));
  script.nobody_done();
  EXPECT_EQ(script.resolver.statistics().joined, 2U);
}

TEST(Resolver, ForgottenAskersAreNotNamed) {
  Replay script;
  script.ask(1, question("a.example"));
  script.ask(2, question("a.example"), 1s);
  script.resolver.forget(question("a.example"), asker(2));
  script.resolver.forget(question("b.example"), asker(2));
  script.advance(2s);
  script.nobody_done();
  const Send send = script.sent(0);
  script.deliver(send, Replay::text_reply(send));
  EXPECT_EQ(script.done().askers, std::vector{asker(1)});
}

// Shows: D-8, ESE-11
TEST(Resolver, GivesUpAfterFiveSeconds) {
  Replay script;
  script.ask(1, question("a.example"));
  script.advance(5s - 1ns);
  script.nobody_done();
  script.advance(1ns);
  EXPECT_EQ(script.done(1), AnswerStatus::Timeout);
  EXPECT_EQ(script.resolver.under_way(), 1U);  // the probe before the server is given up
  EXPECT_EQ(script.resolver.statistics().time_outs, 1U);
  EXPECT_GE(script.resolver.statistics().sent_udp, 3U);
}

TEST(Resolver, AnAskersDeadlineEndsOnlyItsWait) {
  Replay script;
  script.ask(1, question("a.example"), 20s);
  script.ask(2, question("a.example"), 1s);
  script.advance(1s);
  const Completion early = script.done();
  EXPECT_EQ(early.askers, std::vector{asker(2)});
  EXPECT_EQ(early.answer.status, AnswerStatus::Timeout);
  EXPECT_FALSE(early.for_cache);
  const Send send = script.sent(0);
  script.deliver(send, Replay::text_reply(send));
  EXPECT_EQ(script.done(1), AnswerStatus::Records);
}

TEST(Resolver, PastDeadlineSendsNothing) {
  Replay script;
  script.ask(1, question("a.example"), 0s);
  script.silent();
  EXPECT_EQ(script.done(1), AnswerStatus::Timeout);
}

// Shows: ESE-10
TEST(Resolver, TurnsToTheNextServerInOrder) {
  Replay script(3);
  script.ask(1, question("a.example"));
  (void)script.sent(0);
  script.advance(600ms);
  (void)script.sent(1);
  script.advance(600ms);
  const Send third = script.sent(2);
  script.advance(600ms);
  (void)script.sent(0);
  script.deliver(third, Replay::text_reply(third));
  EXPECT_EQ(script.done(1), AnswerStatus::Records);
  EXPECT_EQ(script.resolver.statistics().retries, 3U);
}

TEST(Resolver, LateAnswersOfEarlierSendingsCount) {
  Replay script(2);
  script.ask(1, question("a.example"));
  const Send first = script.sent(0);
  script.advance(700ms);
  (void)script.sent(1);
  script.deliver(first, Replay::text_reply(first));
  EXPECT_EQ(script.done(1), AnswerStatus::Records);
  EXPECT_EQ(script.resolver.health().round_trip(0), 700ms);
}

TEST(Resolver, WaitAdaptsToTheServer) {
  Replay script(2);
  for (int i = 0; i < 20; ++i) {
    script.ask(1, question("a.example"));
    const Send send = script.sent(0);
    script.advance(10ms);
    script.deliver(send, Replay::text_reply(send));
    EXPECT_EQ(script.done(1), AnswerStatus::Records);
  }
  script.ask(1, question("b.example"));
  (void)script.sent(0);
  script.advance(150ms - 1ns);
  script.silent();
  script.advance(1ns);
  (void)script.sent(1);
}

TEST(Resolver, ServerFailureLeadsToTheNextServer) {
  for (const ResponseCode code : {ResponseCode::ServerFailure, ResponseCode::Refused}) {
    Replay script(2);
    script.ask(1, question("a.example"));
    script.fail_with(script.sent(0), code);
    script.nobody_done();
    const Send second = script.sent(1);
    script.deliver(second, Replay::text_reply(second));
    EXPECT_EQ(script.done(1), AnswerStatus::Records);
  }
}

TEST(Resolver, AllServersFailingIsServFailAtOnce) {
  Replay script(2);
  script.ask(1, question("a.example"));
  script.fail_with(script.sent(0), ResponseCode::ServerFailure);
  script.fail_with(script.sent(1), ResponseCode::ServerFailure);
  EXPECT_EQ(script.done(1), AnswerStatus::ServFail);
  script.silent();
}

TEST(Resolver, FailureOfOneAndSilenceOfTheOtherDoesNotWaitTwice) {
  Replay script(2);
  script.ask(1, question("a.example"));
  script.fail_with(script.sent(0), ResponseCode::ServerFailure);
  (void)script.sent(1);
  script.advance(600ms);
  EXPECT_EQ(script.done(1), AnswerStatus::ServFail);
}

TEST(Resolver, AbsenceIsAnAnswer) {
  Replay script(2);
  script.ask(1, question("a.example"));
  script.fail_with(script.sent(0), ResponseCode::NameError);
  EXPECT_EQ(script.done(1), AnswerStatus::NxDomain);
  script.silent();
}

TEST(Resolver, DropsEdnsForServersThatDislikeIt) {
  Replay script;
  script.ask(1, question("a.example"));
  script.fail_with(script.sent(0), ResponseCode::FormatError);
  const Send plain = script.sent(0);
  EXPECT_FALSE(decode_query(plain.message.view())->edns_payload);
  script.deliver(plain, Replay::text_reply(plain));
  EXPECT_EQ(script.done(1), AnswerStatus::Records);
}

TEST(Resolver, FormatErrorWithoutEdnsIsFailure) {
  Replay script;
  script.ask(1, question("a.example"));
  script.fail_with(script.sent(0), ResponseCode::FormatError);
  script.fail_with(script.sent(0), ResponseCode::FormatError);
  EXPECT_EQ(script.done(1), AnswerStatus::ServFail);
}

// Shows: P-03
TEST(Resolver, TruncationLeadsToTcpAtTheSameServer) {
  Replay script(2);
  script.ask(1, question("a.example"));
  const Send datagram = script.sent(0);
  script.deliver(datagram, Replay::truncated_reply(datagram));
  const Send stream = script.sent(0, DnsTransport::Tcp);
  script.deliver(stream, Replay::text_reply(stream, std::string(400, 'y')));
  EXPECT_EQ(text_of(script.done()), std::string(400, 'y'));
  EXPECT_EQ(script.resolver.statistics().truncated, 1U);
}

// Shows: P-03
TEST(Resolver, TcpThatFailsIsTemporaryNeverAbsence) {
  Replay script(2);
  script.ask(1, question("a.example"));
  const Send datagram = script.sent(0);
  script.deliver(datagram, Replay::truncated_reply(datagram));
  (void)script.sent(0, DnsTransport::Tcp);
  script.resolver.on_tcp_failed(0, script.now);
  (void)script.sent(1, DnsTransport::Tcp);
  script.nobody_done();
  script.resolver.on_tcp_failed(1, script.now);
  EXPECT_EQ(script.done(1), AnswerStatus::ServFail);
}

TEST(Resolver, QuestionsOfAClosedConnectionAreAskedThereOnceMore) {
  Replay script(2);
  std::vector<Send> datagrams;
  for (uint64_t id = 1; id <= 2; ++id) {
    script.ask(id, question("n" + std::to_string(id) + ".example"));
    datagrams.push_back(script.sent(0));
  }
  for (const Send& send : datagrams) script.deliver(send, Replay::truncated_reply(send));
  for (int i = 0; i < 2; ++i) (void)script.sent(0, DnsTransport::Tcp);
  script.resolver.on_tcp_closed(0, script.now);
  const Send again = script.sent(0, DnsTransport::Tcp);
  (void)script.sent(0, DnsTransport::Tcp);
  script.silent();
  script.deliver(again, Replay::text_reply(again));
  EXPECT_EQ(script.done().answer.status, AnswerStatus::Records);
  script.resolver.on_tcp_closed(0, script.now);  // the second time for the other
  const Send elsewhere = script.sent(1, DnsTransport::Tcp);
  script.silent();
  script.resolver.on_tcp_closed(1, script.now);  // the first time at this server
  (void)script.sent(1, DnsTransport::Tcp);
  script.resolver.on_tcp_closed(1, script.now);
  EXPECT_EQ(script.done().answer.status, AnswerStatus::ServFail);
  (void)elsewhere;
}

TEST(Resolver, ServerThatWasSilentBeforeItClosedIsNotAskedAgain) {
  Replay script(2);
  script.ask(1, question("a.example"));
  const Send datagram = script.sent(0);
  script.deliver(datagram, Replay::truncated_reply(datagram));
  (void)script.sent(0, DnsTransport::Tcp);
  script.advance(2500ms);
  const Send second = script.sent(1, DnsTransport::Tcp);
  script.resolver.on_tcp_closed(0, script.now);
  script.silent();
  script.deliver(second, Replay::text_reply(second));
  EXPECT_EQ(script.done(1), AnswerStatus::Records);
}

TEST(Resolver, TcpFailureConcernsOnlyItsServersStreams) {
  Replay script(2);
  script.ask(1, question("a.example"));
  (void)script.sent(0);
  script.resolver.on_tcp_failed(0, script.now);
  script.silent();
  script.nobody_done();
}

TEST(Resolver, TcpWithoutAnswerTurnsToTheNextServer) {
  Replay script(2);
  script.ask(1, question("a.example"));
  const Send datagram = script.sent(0);
  script.deliver(datagram, Replay::truncated_reply(datagram));
  (void)script.sent(0, DnsTransport::Tcp);
  script.advance(2500ms);
  (void)script.sent(1, DnsTransport::Tcp);
}

TEST(Resolver, TruncationByTcpIsFailure) {
  Replay script;
  script.ask(1, question("a.example"));
  const Send datagram = script.sent(0);
  script.deliver(datagram, Replay::truncated_reply(datagram));
  const Send stream = script.sent(0, DnsTransport::Tcp);
  script.deliver(stream, Replay::truncated_reply(stream));
  EXPECT_EQ(script.done(1), AnswerStatus::ServFail);
}

TEST(Resolver, FollowsAliasesThatLeaveTheMessage) {
  Replay script;
  script.ask(1, question("a.example"));
  const Send first = script.sent(0);
  script.deliver(first, Replay::alias_reply(first, "b.example", 30));
  const Send second = script.sent(0);
  EXPECT_EQ(decode_query(second.message.view())->question, question("b.example"));
  script.deliver(second, Replay::text_reply(second, "end", 300));
  const Completion completion = script.done();
  EXPECT_EQ(completion.question, question("a.example"));
  EXPECT_EQ(completion.answer.ttl, 30U);
  EXPECT_EQ(text_of(completion), "end");
}

TEST(Resolver, AliasChainHasABound) {
  Replay script;
  script.ask(1, question("n0.example"));
  for (size_t i = 0; i < limits::kDnsCnameChain; ++i) {
    const Send send = script.sent(0);
    script.deliver(send, Replay::alias_reply(send, "n" + std::to_string(i + 1) + ".example"));
    script.nobody_done();
  }
  const Send last = script.sent(0);
  script.deliver(last, Replay::alias_reply(last, "n11.example"));
  EXPECT_EQ(script.done(1), AnswerStatus::ServFail);
}

TEST(Resolver, AliasLoopAcrossMessagesEnds) {
  Replay script;
  script.ask(1, question("a.example"));
  size_t sends = 0;
  while (const auto send = script.resolver.next_send()) {
    ASSERT_LE(++sends, limits::kDnsCnameChain + 1);
    const bool from_a = decode_query(send->message.view())->question == question("a.example");
    script.deliver(*send, Replay::alias_reply(*send, from_a ? "b.example" : "a.example"));
  }
  EXPECT_EQ(script.done(1), AnswerStatus::ServFail);
}

TEST(Resolver, ForgedResponsesAreCountedAndDropped) {
  Replay script(2);
  script.ask(1, question("a.example"));
  const Send send = script.sent(0);
  const std::string good = Replay::text_reply(send);

  std::string wrong_id = good;
  wrong_id[0] = static_cast<char>(wrong_id[0] ^ 1);
  script.resolver.on_datagram(0, send.slot, wrong_id, script.now);
  script.resolver.on_datagram(0, send.slot ^ 1U, good, script.now);  // wrong port
  script.resolver.on_datagram(1, send.slot, good, script.now);       // wrong server
  script.resolver.on_tcp_message(0, good, script.now);
  Send other = send;
  other.message = encode_query(question("b.example"), decode_query(send.message.view())->id);
  script.resolver.on_datagram(0, send.slot, Replay::text_reply(other), script.now);  // wrong question
  other.message = encode_query(question("a.example", RecordType::A), decode_query(send.message.view())->id);
  script.resolver.on_datagram(0, send.slot, Replay::text_reply(other), script.now);  // wrong type
  script.resolver.on_datagram(0, send.slot, send.message.view(), script.now);        // our own query
  script.resolver.on_datagram(0, send.slot, "", script.now);
  EXPECT_EQ(script.resolver.statistics().unmatched, 8U);
  script.nobody_done();

  script.deliver(send, good);
  EXPECT_EQ(script.done(1), AnswerStatus::Records);
  script.deliver(send, good);  // a second time
  EXPECT_EQ(script.resolver.statistics().unmatched, 9U);
}

TEST(Resolver, MalformedAnswerCountsAsFailureOfTheServer) {
  Replay script(2);
  script.ask(1, question("a.example"));
  const Send send = script.sent(0);
  std::string broken = Replay::text_reply(send);
  broken.pop_back();
  script.deliver(send, broken);
  EXPECT_EQ(script.resolver.statistics().malformed, 1U);
  (void)script.sent(1);
}

TEST(Resolver, DatagramsWithoutOurQuestionDoNotEndTheWait) {
  Replay script(2);
  script.ask(1, question("a.example"));
  const Send send = script.sent(0);
  const std::string good = Replay::text_reply(send);
  std::string other_question = good;
  other_question[kDnsHeader + 1] = 'b';
  other_question.pop_back();
  script.deliver(send, good.substr(0, kDnsHeader));      // counts a question, has none
  script.deliver(send, good.substr(0, kDnsHeader + 5));  // ends inside it
  script.deliver(send, other_question);                  // not readable, and not ours
  for (const ResponseCode code : {ResponseCode::ServerFailure, ResponseCode::Refused}) {
    std::string bare = Replay::reply_to(send, code).finish().substr(0, kDnsHeader);
    for (size_t count = 4; count < kDnsHeader; ++count) bare[count] = 0;
    script.deliver(send, bare);
  }
  EXPECT_EQ(script.resolver.statistics().unmatched, 5U);
  EXPECT_EQ(script.resolver.statistics().malformed, 0U);
  EXPECT_EQ(script.resolver.statistics().answers, 0U);
  script.silent();
  script.deliver(send, good);
  EXPECT_EQ(script.done(1), AnswerStatus::Records);
}

TEST(Resolver, ServersThatCannotReadAQueryNeedNotEchoIt) {
  for (const ResponseCode code : {ResponseCode::FormatError, ResponseCode::NotImplemented}) {
    Replay script(2);
    script.ask(1, question("a.example"));
    const Send send = script.sent(0);
    std::string bare = Replay::reply_to(send, code).finish().substr(0, kDnsHeader);
    for (size_t count = 4; count < kDnsHeader; ++count) bare[count] = 0;
    script.deliver(send, bare);
    EXPECT_FALSE(decode_query(script.sent(0).message.view())->edns_payload);
  }
}

TEST(Resolver, WhatComesByTcpIsTheServersOwn) {
  Replay script(2);
  script.ask(1, question("a.example"));
  const Send datagram = script.sent(0);
  script.deliver(datagram, Replay::truncated_reply(datagram));
  const Send stream = script.sent(0, DnsTransport::Tcp);
  script.deliver(stream, Replay::text_reply(stream).substr(0, kDnsHeader));
  EXPECT_EQ(script.resolver.statistics().malformed, 1U);
  (void)script.sent(1, DnsTransport::Tcp);
}

TEST(Resolver, IdsAndSocketsVary) {
  Replay script(1, 16);
  std::set<std::string> ids;
  std::set<uint16_t> slots;
  for (int i = 0; i < 200; ++i) {
    script.ask(1, question("n" + std::to_string(i) + ".example"));
    const Send send = script.sent(0);
    ids.emplace(send.message.view().substr(0, 2));
    slots.insert(send.slot);
  }
  EXPECT_GE(ids.size(), 190U);
  EXPECT_EQ(slots.size(), 16U);
}

TEST(Resolver, WornSocketsAreReplaced) {
  Replay script(1, 1);
  const auto exchange = [&script] {
    script.ask(1, question("a.example"));
    const Send send = script.sent(0);
    script.deliver(send, Replay::text_reply(send));
    EXPECT_EQ(script.done(1), AnswerStatus::Records);
    return send;
  };
  for (int i = 0; i < 500; ++i) {
    const Send send = exchange();
    EXPECT_EQ(send.slot, 0U);
    EXPECT_FALSE(send.retires);
  }
  const Send renewed = exchange();
  EXPECT_EQ(renewed.slot, 1U);
  EXPECT_EQ(renewed.retires, 0U);
  script.advance(60s - 1ns);
  EXPECT_FALSE(exchange().retires);
  script.advance(1ns);
  const Send aged = exchange();
  EXPECT_EQ(aged.slot, 0U);
  EXPECT_EQ(aged.retires, 1U);
}

TEST(Resolver, SlotIsNotUsedAgainWhileItIsOwedAnAnswer) {
  Replay script(2, 1);
  script.ask(1, question("old.example"));
  const Send old = script.sent(0);
  for (int i = 0; i < 1200; ++i) {
    script.ask(2, question("n" + std::to_string(i) + ".example"));
    const Send send = script.sent(0);
    EXPECT_EQ(send.slot, i < 499 ? 0U : 1U);
    script.deliver(send, Replay::text_reply(send));
    (void)script.done();
  }
  EXPECT_EQ(script.resolver.under_way(0, 0), 1U);
  EXPECT_EQ(script.resolver.under_way(0, 1), 0U);
  script.deliver(old, Replay::text_reply(old));
  EXPECT_EQ(script.done(1), AnswerStatus::Records);
  EXPECT_EQ(script.resolver.under_way(0, 0), 0U);
  script.ask(3, question("b.example"));
  EXPECT_EQ(script.sent(0).retires, 1U);
}

TEST(Resolver, FullTableRefuses) {
  Resolver resolver({.questions_max = 2}, Random(1));
  const MonoTime now{1h};
  for (int i = 0; i < 3; ++i) resolver.ask(question("n" + std::to_string(i)), asker(i), now + 5s, now);
  const auto completion = resolver.next_completion();
  ASSERT_TRUE(completion);
  EXPECT_EQ(completion->answer.status, AnswerStatus::ServFail);
  EXPECT_EQ(completion->askers, std::vector{asker(2)});
  EXPECT_FALSE(completion->for_cache);
  EXPECT_EQ(resolver.statistics().refused_full, 1U);
}

// Shows: ESE-10
TEST(Resolver, SilentServerIsPassedOverAndTriedBesideAnother) {
  Replay script(2);
  for (int i = 0; i < 3; ++i) {
    script.ask(1, question("a.example"));
    (void)script.sent(0);
    script.advance(600ms);
    const Send second = script.sent(1);
    script.deliver(second, Replay::text_reply(second));
    EXPECT_EQ(script.done(1), AnswerStatus::Records);
  }
  EXPECT_TRUE(script.resolver.health().is_demoted(0));
  script.event(ResolverEventKind::ServerDemoted, 0);
  script.ask(1, question("b.example"));
  const Send direct = script.sent(1);
  script.silent();
  script.deliver(direct, Replay::text_reply(direct));
  EXPECT_EQ(script.done(1), AnswerStatus::Records);

  script.advance(2s);
  script.ask(1, question("c.example"));
  const Send real = script.sent(1);
  const Send trial = script.sent(0);
  script.silent();
  script.deliver(trial, Replay::text_reply(trial));
  EXPECT_EQ(script.done(1), AnswerStatus::Records);
  script.event(ResolverEventKind::ServerRestored, 0);
  (void)real;
  script.ask(1, question("d.example"));
  (void)script.sent(0);
}

TEST(Resolver, FailedTrialCostsTheQuestionNothing) {
  Replay script(2);
  for (int i = 0; i < 3; ++i) {
    script.ask(1, question("a.example"));
    (void)script.sent(0);
    script.advance(600ms);
    const Send second = script.sent(1);
    script.deliver(second, Replay::text_reply(second));
    (void)script.done();
  }
  script.advance(2s);
  script.ask(1, question("c.example"));
  const Send real = script.sent(1);
  const Send trial = script.sent(0);
  script.fail_with(trial, ResponseCode::ServerFailure);
  script.nobody_done();
  script.silent();
  script.deliver(real, Replay::text_reply(real));
  EXPECT_EQ(script.done(1), AnswerStatus::Records);
}

TEST(Resolver, UnreachablePortTurnsToTheNextServerAtOnce) {
  Replay script(2);
  script.ask(1, question("a.example"));
  const Send send = script.sent(0);
  script.resolver.on_udp_unreachable(0, static_cast<uint16_t>(send.slot ^ 1U), script.now);
  script.silent();
  script.resolver.on_udp_unreachable(0, send.slot, script.now);
  (void)script.sent(1);
}

TEST(Resolver, UnreachableOnlyServerIsNotFlooded) {
  Replay script(1);
  script.ask(1, question("a.example"));
  const Send send = script.sent(0);
  for (int i = 0; i < 10; ++i) script.resolver.on_udp_unreachable(0, send.slot, script.now);
  script.silent();
  script.advance(600ms);
  (void)script.sent(0);
}

// Shows: W-35
TEST(Resolver, OutageBeginsAfterTenSilentSecondsOfAsking) {
  Replay script(2);
  script.ask(1, question("a.example"));
  script.advance(5s);
  EXPECT_EQ(script.done(1), AnswerStatus::Timeout);
  script.ask(2, question("b.example"));
  script.advance(5s - 1ns);
  EXPECT_FALSE(script.resolver.outage());
  script.advance(1ns);
  EXPECT_TRUE(script.resolver.outage());
  script.event(ResolverEventKind::ServerDemoted, 0);
  script.event(ResolverEventKind::ServerDemoted, 1);
  script.event(ResolverEventKind::OutageBegan);
  script.no_event();
}

// Shows: W-35
TEST(Resolver, AnyAnswerEndsTheOutage) {
  Replay script;
  script.ask(1, question("a.example"));
  script.advance(5s);
  script.ask(2, question("b.example"));
  script.advance(5s);
  ASSERT_TRUE(script.resolver.outage());
  script.drop_sends();
  script.ask(3, question("c.example"));
  script.fail_with(script.sent(0), ResponseCode::ServerFailure);
  EXPECT_FALSE(script.resolver.outage());
}

// Shows: W-35
TEST(Resolver, ProbesOnItsOwnDuringAnOutage) {
  Replay script;
  script.ask(1, question("a.example"));
  script.advance(5s);
  script.ask(2, question("b.example"));
  script.advance(5s);
  ASSERT_TRUE(script.resolver.outage());
  script.advance(60s);  // nobody asks any more
  script.drop_sends();
  std::optional<Send> next;
  for (int i = 0; i < 100 && !next; ++i) {
    script.advance(100ms);
    next = script.resolver.next_send();
  }
  ASSERT_TRUE(next);
  const Send probe = *next;
  EXPECT_EQ(decode_query(probe.message.view())->question, (Question{DnsName(), RecordType::Ns}));
  script.deliver(probe, Replay::reply_to(probe).finish());
  EXPECT_FALSE(script.resolver.outage());
  script.drop_sends();
  script.advance(60s);
  script.silent();
  EXPECT_EQ(script.resolver.next_wakeup(), kNever);
}

TEST(Resolver, SlowQuestionsDoNotDemoteTheLastServer) {
  Replay script;
  script.ask(1, question("fast.example"));
  const Send fast = script.sent(0);
  script.advance(10ms);
  script.deliver(fast, Replay::text_reply(fast));
  for (int i = 0; i < 10; ++i) {
    script.ask(2, question("slow" + std::to_string(i) + ".example"));
    script.advance_answering_probes(400ms);
  }
  EXPECT_GE(script.resolver.statistics().probes, 1U);
  EXPECT_FALSE(script.resolver.health().is_demoted(0));
  script.no_event();
}

TEST(Resolver, SilenceToTheProbeDemotesTheLastServer) {
  Replay script;
  script.ask(1, question("a.example"));
  script.ask(2, question("b.example"));
  script.advance(5s - 1ns);
  EXPECT_EQ(script.resolver.statistics().probes, 1U);
  EXPECT_TRUE(script.resolver.health().is_demoted(0));
  script.event(ResolverEventKind::ServerDemoted, 0);
}

// Shows: W-35
TEST(Resolver, SlowQuestionsAreNoOutage) {
  Replay script(2);
  for (int i = 0; i < 30; ++i) {
    script.ask(1, question("slow" + std::to_string(i) + ".example"));
    script.advance_answering_probes(1s);
    EXPECT_FALSE(script.resolver.outage());
  }
  EXPECT_GE(script.resolver.statistics().probes, 1U);
}

// Shows: W-35
TEST(Resolver, FewSlowQuestionsAreNoOutageEither) {
  Replay script(4);  // the last of them is far from being passed over
  for (int i = 0; i < 3; ++i) {
    script.ask(1, question("slow" + std::to_string(i) + ".example"));
    script.advance_answering_probes(5s);
    EXPECT_FALSE(script.resolver.outage());
  }
  EXPECT_FALSE(script.resolver.health().is_demoted(3));
  EXPECT_GE(script.resolver.statistics().probes, 1U);
}

// Shows: W-35
TEST(Resolver, OutageWaitsForItsProbe) {
  Replay script(3);
  script.ask(1, question("a.example"));
  script.advance(9s);
  script.ask(2, question("b.example"));  // the first that is asked after half of the time
  script.advance(2s - 1ns);
  EXPECT_FALSE(script.resolver.outage());
  script.advance(1ns);
  EXPECT_TRUE(script.resolver.outage());
}

// Shows: W-35
TEST(Resolver, PausesInAskingAreNoOutage) {
  Replay script;
  script.ask(1, question("a.example"));
  script.advance(60s);
  script.ask(2, question("b.example"));
  script.advance(4s);
  EXPECT_FALSE(script.resolver.outage());
}

TEST(Resolver, IdleNeedsNoWakeup) {
  Replay script;
  EXPECT_EQ(script.resolver.next_wakeup(), kNever);
  script.ask(1, question("a.example"));
  EXPECT_EQ(script.resolver.next_wakeup(), script.now + 600ms);
}

// Whatever is lost, delayed, doubled or refused: each asker hears exactly once and in time.
TEST(ResolverModel, EveryAskerHearsExactlyOnce) {
  for (uint64_t seed = 1; seed <= 8; ++seed) {
    Random random(seed);
    Replay script(1 + random.below(4));
    std::vector<Send> on_the_way;
    std::set<uint64_t> waiting;
    std::vector<MonoTime> asked_at;
    for (int step = 0; step < 1000; ++step) {
      if (random.one_in(3)) {
        const uint64_t id = asked_at.size();
        asked_at.push_back(script.now);
        waiting.insert(id);
        script.ask(id, question("n" + std::to_string(random.below(30)) + ".example"));
      }
      while (const auto send = script.resolver.next_send()) {
        if (!random.one_in(4)) on_the_way.push_back(*send);
      }
      if (!on_the_way.empty()) {
        const size_t which = random.below(static_cast<uint32_t>(on_the_way.size()));
        const Send send = on_the_way[which];
        if (!random.one_in(5)) on_the_way.erase(on_the_way.begin() + static_cast<ptrdiff_t>(which));
        switch (random.below(7)) {
          case 0:
            script.fail_with(send, ResponseCode::ServerFailure);
            break;
          case 1:
            script.deliver(send, Replay::truncated_reply(send));
            break;
          case 2:
            script.deliver(send,
                           Replay::alias_reply(send, "n" + std::to_string(random.below(30)) + ".example"));
            break;
          case 3:
            if (send.transport == DnsTransport::Tcp) script.resolver.on_tcp_failed(send.server, script.now);
            break;
          case 4:
            if (send.transport == DnsTransport::Tcp) script.resolver.on_tcp_closed(send.server, script.now);
            break;
          default:
            script.deliver(send, Replay::text_reply(send));
        }
      }
      script.advance(std::chrono::milliseconds(random.below(100)));
      while (const auto completion = script.resolver.next_completion()) {
        for (const AskerId id : completion->askers) {
          ASSERT_EQ(waiting.erase(id.value), 1U) << "seed " << seed;
          ASSERT_LE(script.now - asked_at[id.value], 5s + 100ms) << "seed " << seed;
        }
      }
    }
    script.advance(6s);
    while (const auto completion = script.resolver.next_completion()) {
      for (const AskerId id : completion->askers) ASSERT_EQ(waiting.erase(id.value), 1U) << "seed " << seed;
    }
    EXPECT_TRUE(waiting.empty()) << "seed " << seed;
  }
}

}  // namespace
}  // namespace sluice::dns
