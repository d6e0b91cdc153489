// What somebody can do who may send datagrams to the resolver but does not see its questions, and what
// somebody can do who makes it ask.
#include "tests/unit/dnscache/resolver/replay.h"

#include <set>

namespace sluice::dns {
namespace {

// Shows: P-03
TEST(ResolverSpoofing, IdsAndSocketsAreSpread) {
  Replay script(1, 8);
  std::set<uint16_t> ids;
  std::vector<unsigned> by_slot(8);
  for (uint64_t i = 0; i < 1000; ++i) {
    script.ask(i, question("n" + std::to_string(i) + ".example"));
    const Send send = script.sent(0);
    ids.insert(decode_query(send.message.view())->id);
    ++by_slot.at(send.slot % 8U);
  }
  EXPECT_GT(ids.size(), 980U);
  for (const unsigned sent : by_slot) EXPECT_GT(sent, 80U);
}

TEST(ResolverSpoofing, AllOtherIdsAreGuessedInVain) {
  Replay script;
  script.ask(1, question("a.example"));
  const Send send = script.sent(0);
  std::string forged = Replay::text_reply(send, "forged");
  const uint16_t id = decode_query(send.message.view())->id;
  for (unsigned guess = 0; guess <= UINT16_MAX; ++guess) {
    if (guess == id) continue;
    forged[0] = static_cast<char>(guess >> 8U);
    forged[1] = static_cast<char>(guess & 0xFFU);
    script.deliver(send, forged);
  }
  EXPECT_EQ(script.resolver.statistics().unmatched, UINT16_MAX);
  script.nobody_done();
  script.silent();
  script.deliver(send, Replay::text_reply(send, "true"));
  EXPECT_EQ(text_of(script.done()), "true");
}

TEST(ResolverSpoofing, RecordsOfOtherNamesInAnAnswerAreNotBelieved) {
  Replay script;
  script.ask(1, question("a.example"));
  const Send send = script.sent(0);
  ResponseWriter writer = Replay::reply_to(send);
  writer.record(Section::Answer, name("victim.example"), RecordType::Txt, 60, encode_rdata(RecordData("x")));
  writer.record(Section::Answer, name("a.example"), RecordType::Txt, 60, encode_rdata(RecordData("y")));
  script.deliver(send, writer.finish());
  const Completion completion = script.done();
  EXPECT_EQ(completion.question, question("a.example"));
  EXPECT_EQ(completion.answer.records.size(), 1U);
  EXPECT_EQ(text_of(completion), "y");
  script.nobody_done();
}

class MixedCase : public ::testing::Test {
 protected:
  // The response with the letters of its question as they were sent.
  static std::string echoed(const Send& send, std::string reply) {
    const size_t size = decode_query(send.message.view())->question.name.wire_size();
    return reply.replace(kDnsHeader, size, send.message.view().substr(kDnsHeader, size));
  }
  static bool has_upper(const Send& send) {
    return std::ranges::any_of(send.message.view().substr(kDnsHeader),
                               [](char c) { return c >= 'A' && c <= 'Z'; });
  }
  Replay script_{ResolverSettings{.server_count = 1, .sockets = 4, .mixed_case = true}};
  const Question asked_ = question("a-name-of-many-letters.example");
};

TEST_F(MixedCase, NamesLeaveInRandomCase) {
  std::set<std::string> forms;
  for (uint64_t i = 0; i < 20; ++i) {
    script_.ask(i, asked_);
    const Send send = script_.sent(0);
    EXPECT_EQ(decode_query(send.message.view())->question, asked_);
    forms.emplace(send.message.view().substr(kDnsHeader));
    script_.deliver(send, echoed(send, Replay::text_reply(send)));
    EXPECT_EQ(script_.done(i), AnswerStatus::Records);
  }
  EXPECT_EQ(forms.size(), 20U);
}

TEST_F(MixedCase, IsNotUsedUnlessAsked) {
  Replay script;
  script.ask(1, asked_);
  const Send send = script.sent(0);
  EXPECT_FALSE(has_upper(send));
  std::string reply = Replay::text_reply(send);
  reply[kDnsHeader + 1] = 'A';
  script.deliver(send, reply);
  EXPECT_EQ(script.done(1), AnswerStatus::Records);
}

TEST_F(MixedCase, AnAnswerInOtherCaseLeadsToTcp) {
  script_.ask(1, asked_);
  const Send send = script_.sent(0);
  ASSERT_TRUE(has_upper(send));
  script_.deliver(send, Replay::text_reply(send, "forged"));
  script_.nobody_done();
  const Send by_tcp = script_.sent(0, DnsTransport::Tcp);
  EXPECT_FALSE(has_upper(by_tcp));
  script_.deliver(send, Replay::text_reply(send, "forged"));  // once more: one connection is enough
  script_.silent();
  EXPECT_EQ(script_.resolver.statistics().other_case, 2U);
  EXPECT_EQ(script_.resolver.statistics().answers, 0U);
  script_.deliver(by_tcp, Replay::text_reply(by_tcp, "true"));
  EXPECT_EQ(text_of(script_.done()), "true");
}

TEST_F(MixedCase, TheTrueAnswerStillCountsBehindAForgedOne) {
  script_.ask(1, asked_);
  const Send send = script_.sent(0);
  script_.deliver(send, Replay::text_reply(send, "forged"));
  (void)script_.sent(0, DnsTransport::Tcp);
  script_.deliver(send, echoed(send, Replay::text_reply(send, "true")));
  EXPECT_EQ(text_of(script_.done()), "true");
}

TEST_F(MixedCase, BrokenAnswersInOtherCaseDoNotEndTheWait) {
  script_.ask(1, asked_);
  const Send send = script_.sent(0);
  std::string broken = Replay::text_reply(send);
  broken.pop_back();
  script_.deliver(send, broken);
  EXPECT_EQ(script_.resolver.statistics().unmatched, 1U);
  script_.deliver(send, echoed(send, broken));
  EXPECT_EQ(script_.resolver.statistics().malformed, 1U);
}

TEST(ResolverFlood, OfOneDomainsNamesLeavesPlacesForOthers) {
  Replay script(ResolverSettings{.questions_max = 800});
  uint64_t id = 0;
  for (int i = 0; i < 5000; ++i) {
    script.ask(++id, question("random" + std::to_string(i) + ".attacker.example"));
    script.drop_sends();
  }
  // A quarter of all, and then no more of it.
  EXPECT_EQ(script.resolver.under_way(), 200U);
  EXPECT_EQ(script.resolver.statistics().refused_domain, 4800U);
  for (int i = 0; i < 4800; ++i) EXPECT_FALSE(script.done().for_cache);
  for (int i = 0; i < 300; ++i) {
    script.ask(++id, question("mail.customer" + std::to_string(i) + ".example"));
    (void)script.sent(0);
  }
  script.nobody_done();
  EXPECT_EQ(script.resolver.under_way(), 500U);
}

TEST(ResolverFlood, OfOneDomainLeavesPlacesForThoseBesideIt) {
  struct Neighbours {
    std::string flooded;
    std::string other;
  };
  const std::vector<Neighbours> all = {{"attacker.co.uk", "customer.co.uk"},
                                       {"attacker.com.au", "customer.com.au"},
                                       {"2.0.192.in-addr.arpa", "113.0.203.in-addr.arpa"},
                                       {"8.b.d.0.1.0.0.2.ip6.arpa", "1.b.d.0.1.0.0.2.ip6.arpa"}};
  for (const Neighbours& each : all) {
    Replay script(ResolverSettings{.questions_max = 800});
    for (uint64_t i = 0; i < 250; ++i) {
      script.ask(i, question("r" + std::to_string(i) + "." + each.flooded));
      script.drop_sends();
    }
    EXPECT_EQ(script.resolver.statistics().refused_domain, 50U) << each.flooded;
    script.ask(1000, question("mail." + each.other));
    (void)script.sent(0);
    EXPECT_EQ(script.resolver.under_way(), 201U) << each.other;
  }
}

TEST(ResolverFlood, EndsWithItsQuestions) {
  Replay script(ResolverSettings{.questions_max = 800});
  for (uint64_t i = 0; i < 200; ++i) script.ask(i, question("r" + std::to_string(i) + ".attacker.example"));
  script.ask(200, question("one-more.attacker.example"));
  EXPECT_EQ(script.done(200), AnswerStatus::ServFail);
  std::vector<Send> sends;
  for (int i = 0; i < 200; ++i) sends.push_back(script.sent(0));
  for (uint64_t i = 0; i < 150; ++i)
    script.ask(300 + i, question("customer" + std::to_string(i) + ".example"));
  script.drop_sends();
  for (int i = 0; i < 150; ++i)
    script.deliver(sends[static_cast<size_t>(i)], Replay::text_reply(sends[static_cast<size_t>(i)]));
  for (int i = 0; i < 150; ++i) EXPECT_EQ(script.done().answer.status, AnswerStatus::Records);
  script.ask(201, question("one-more.attacker.example"));
  (void)script.sent(0);
  script.nobody_done();
}

TEST(ResolverRefresh, AsksWithoutAnyoneWaiting) {
  Replay script;
  script.resolver.refresh(question("a.example"), script.now);
  const Send send = script.sent(0);
  script.resolver.refresh(question("a.example"), script.now);
  script.silent();
  script.deliver(send, Replay::text_reply(send));
  const Completion completion = script.done();
  EXPECT_TRUE(completion.askers.empty());
  EXPECT_TRUE(completion.for_cache);
}

TEST(ResolverRefresh, WaitsForQuieterTimes) {
  Replay script(ResolverSettings{.questions_max = 8});
  for (uint64_t i = 0; i < 3; ++i) script.ask(i, question("n" + std::to_string(i) + ".example"));
  script.drop_sends();
  script.resolver.refresh(question("a.example"), script.now);
  script.silent();
  EXPECT_EQ(script.resolver.under_way(), 3U);
}

}  // namespace
}  // namespace sluice::dns
