// The client over the simulated network: a server that answers from a zone by UDP and TCP, one that is
// silent.

#include "dnscache/client/dns_client.h"

#include "dnscache/zone/zone_file.h"
#include "io/reactor/sim_world.h"
#include "tests/unit/dnscache/client/zone_server.h"

#include <array>
#include <chrono>
#include <cstddef>
#include <initializer_list>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace sluice::dns {
namespace {

using namespace std::chrono_literals;
using reactor::Shard;
using reactor::SimWorld;
using runtime::Task;

Question question(std::string_view name) { return {DnsName::from_text(name).value(), RecordType::Txt}; }

struct Recorder final : AnswerReceiver {
  void on_answer(uint64_t tag, const Answer& answer) override { heard.emplace_back(tag, answer.status); }
  std::vector<std::pair<uint64_t, AnswerStatus>> heard;
};

class DnsClientTest : public ::testing::Test {
 protected:
  DnsClientTest() {
    DnsClientSettings settings;
    settings.servers = {{sim_.address("first"), ZoneServer::kPort},
                        {sim_.address("second"), ZoneServer::kPort}};
    settings.questions_max = 3;
    client_.emplace(client_shard_, settings);
  }
  ~DnsClientTest() override {
    bool ended = false;
    EXPECT_TRUE(tasks_.spawn(client_shard_, stop(client_shard_, ended)));
    EXPECT_TRUE(sim_.run_until(shards_, [&] { return ended; }, sim_.now() + 1h));
    sim_.run(shards_, sim_.now() + 1s);
    client_.reset();
  }
  DnsClientTest(const DnsClientTest&) = delete;
  DnsClientTest& operator=(const DnsClientTest&) = delete;

  Task<void> stop(Shard& shard, bool& ended) {
    co_await client_->stop(shard);
    co_await first_.stop(server_shard_);
    co_await second_.stop(other_shard_);
    ended = true;
  }
  Task<void> ask_into(Shard& shard, Question asked, LookupBudget& budget, std::optional<Answer>& into) {
    Answer answer = co_await client_->ask(shard, asked, LookupKind::Term, budget);
    into = std::move(answer);
  }
  Answer ask(std::string_view name) { return ask(name, budget_); }
  Answer ask(std::string_view name, LookupBudget& budget) {
    std::optional<Answer> answer;
    const Question asked = question(name);
    EXPECT_TRUE(tasks_.spawn(client_shard_, ask_into(client_shard_, asked, budget, answer)));
    EXPECT_TRUE(sim_.run_until(shards_, [&] { return answer.has_value(); }, sim_.now() + 1h));
    return answer.value_or(Answer{});
  }

  void set_latency(std::chrono::microseconds latency) {
    reactor::SimFaults faults;
    faults.latency_min = faults.latency_max = latency;
    sim_.set_faults(faults);
  }
  DnsClientSettings settings_of(std::initializer_list<std::string_view> nodes) {
    DnsClientSettings settings;
    for (const std::string_view node : nodes)
      settings.servers.push_back({sim_.address(node), ZoneServer::kPort});
    return settings;
  }
  // And has the client know what time it is, as if something else had happened on its shard.
  void run_to(MonoTime time) {
    sim_.run(shards_, time);
    client_shard_.turn(time);
  }
  // Asks so many questions in one turn and waits for their answers.
  void ask_many(DnsClient& client, size_t count, std::string_view letter) {
    Recorder recorder;
    for (size_t i = 0; i < count; ++i) {
      const Question asked = question(std::string(letter) + std::to_string(i) + ".example");
      static_cast<void>(client.ask(asked, LookupKind::Uncounted, budget_, recorder, i));
    }
    EXPECT_TRUE(sim_.run_until(shards_, [&] { return recorder.heard.size() == count; }, sim_.now() + 6s));
  }
  static Task<void> stop_into(Shard& shard, DnsClient& client, bool& ended) {
    co_await client.stop(shard);
    ended = true;
  }
  void stop_now(DnsClient& client) {
    bool ended = false;
    EXPECT_TRUE(tasks_.spawn(client_shard_, stop_into(client_shard_, client, ended)));
    EXPECT_TRUE(sim_.run_until(shards_, [&] { return ended; }, sim_.now() + 1s));
  }

  static Zone zone() {
    return zone_from_yaml("a.example: [{TXT: x}]\nb.example: [{TXT: y}]\nshort.example: [{TXT: z}]\n")
        .value();
  }

  SimWorld sim_{1};
  Shard client_shard_{ShardId{0}, sim_.make_reactor("client")};
  Shard server_shard_{ShardId{1}, sim_.make_reactor("first")};
  Shard other_shard_{ShardId{2}, sim_.make_reactor("second")};
  std::array<Shard*, 3> shards_{&client_shard_, &server_shard_, &other_shard_};
  ZoneServer first_{server_shard_, sim_.address("first"), zone()};
  ZoneServer second_{other_shard_, sim_.address("second"), zone()};
  LookupBudget budget_{.terms_left = 100};
  runtime::TaskGroup tasks_;
  std::optional<DnsClient> client_;
};
using DnsClientOverTheNetwork = DnsClientTest;

TEST_F(DnsClientOverTheNetwork, AsksOnceAndThenKnows) {
  EXPECT_EQ(std::get<std::string>(ask("a.example").records.at(0)), "x");
  EXPECT_EQ(ask("a.example").status, AnswerStatus::Records);
  EXPECT_EQ(ask("gone.example").status, AnswerStatus::NxDomain);
  EXPECT_EQ(ask("gone.example").status, AnswerStatus::NxDomain);
  EXPECT_EQ(first_.by_udp, 2U);
  EXPECT_EQ(second_.by_udp, 0U);
}

// Shows: P-03
TEST_F(DnsClientOverTheNetwork, TruncatedAnswersAreFetchedByTcp) {
  first_.truncate = true;
  EXPECT_EQ(ask("a.example").status, AnswerStatus::Records);
  EXPECT_EQ(ask("b.example").status, AnswerStatus::Records);
  EXPECT_EQ(first_.by_tcp, 2U);
}

TEST_F(DnsClientOverTheNetwork, ClosedConnectionIsMadeAnewOnce) {
  first_.truncate = true;
  first_.hang_ups = 1;
  EXPECT_EQ(ask("a.example").status, AnswerStatus::Records);
  EXPECT_EQ(first_.by_tcp, 2U);
  EXPECT_EQ(second_.by_tcp, 0U);
  first_.hang_ups = 2;
  EXPECT_EQ(ask("b.example").status, AnswerStatus::Records);
  EXPECT_EQ(first_.by_tcp, 4U);
  EXPECT_EQ(second_.by_tcp, 1U);
}

TEST_F(DnsClientOverTheNetwork, BrokenFramingIsNotTriedAgain) {
  first_.truncate = first_.break_framing = true;
  EXPECT_EQ(ask("a.example").status, AnswerStatus::Records);
  EXPECT_EQ(first_.by_tcp, 1U);
  EXPECT_EQ(second_.by_tcp, 1U);
}

TEST_F(DnsClientOverTheNetwork, ConnectionIsIdleTenSecondsAfterItsLastQuestion) {
  first_.truncate = true;
  EXPECT_EQ(ask("a.example").status, AnswerStatus::Records);
  sim_.run(shards_, sim_.now() + 9850ms);
  set_latency(60ms);  // so that the idle time would end under way
  EXPECT_EQ(ask("b.example").status, AnswerStatus::Records);
  EXPECT_EQ(first_.by_tcp, 2U);
  sim_.run(shards_, sim_.now() + 11s);
  EXPECT_EQ(ask("short.example").status, AnswerStatus::Records);
  EXPECT_EQ(first_.by_tcp, 3U);
}

// Shows: ESE-10
TEST_F(DnsClientOverTheNetwork, SecondServerStandsIn) {
  first_.silent = true;
  EXPECT_EQ(ask("a.example").status, AnswerStatus::Records);
  EXPECT_GE(second_.by_udp, 1U);
}

TEST_F(DnsClientOverTheNetwork, ErrorsOfManyDatagramsAreToldAtOnce) {
  set_latency(1ms);  // all errors arrive together
  DnsClient client(client_shard_, settings_of({"nobody", "second"}));
  const MonoTime start = sim_.now();
  ask_many(client, 100, "n");
  EXPECT_LT(sim_.now() - start, 100ms);
  EXPECT_EQ(second_.by_udp, 100U);
  EXPECT_GE(client.resolver_statistics().unreachable, 1U);
  EXPECT_LE(client.resolver_statistics().unreachable, 8U);  // a server's sockets
  stop_now(client);
}

TEST_F(DnsClientOverTheNetwork, AnErrorThatIsNotTheServersOwnEndsNoWait) {
  set_latency(10ms);
  first_.too_long = true;
  EXPECT_EQ(ask("a.example").status, AnswerStatus::Records);
  EXPECT_EQ(client_->statistics().datagram_errors, 1U);
  EXPECT_EQ(client_->resolver_statistics().unreachable, 0U);
  EXPECT_EQ(second_.by_udp, 0U);
}

TEST_F(DnsClientOverTheNetwork, PortsAreReplacedAndTheOldOnesClosed) {
  LookupBudget budget{.terms_left = 1000};
  for (int i = 0; i < 100; ++i) ask("n" + std::to_string(i) + ".example", budget);
  const std::set<uint16_t> old = std::exchange(first_.ports, {});
  EXPECT_EQ(old.size(), 8U);
  sim_.run(shards_, sim_.now() + 61s);
  for (int i = 0; i < 100; ++i) ask("m" + std::to_string(i) + ".example", budget);
  EXPECT_EQ(first_.ports.size(), 8U);
  for (const uint16_t port : first_.ports) EXPECT_FALSE(old.contains(port));
  EXPECT_EQ(client_->udp_sockets(), 8U);
}

TEST_F(DnsClientOverTheNetwork, RetiredPortIsHeardWhileItIsOwedAnAnswer) {
  set_latency(60ms);  // so that the second server is not asked
  DnsClient client(client_shard_, settings_of({"first", "second"}));
  const MonoTime start = sim_.now();
  run_to(start);
  ask_many(client, 100, "n");
  EXPECT_EQ(client.udp_sockets(), 8U);
  run_to(start + 60s - 10ms);
  Recorder recorder;
  const Question late = question("late.example");
  static_cast<void>(client.ask(late, LookupKind::Uncounted, budget_, recorder, 1));
  run_to(start + 60s);
  ask_many(client, 100, "m");
  EXPECT_EQ(recorder.heard.size(), 1U);
  EXPECT_EQ(first_.by_udp, 201U);
  EXPECT_EQ(first_.ports.size(), 16U);
  EXPECT_EQ(second_.by_udp, 0U);
  EXPECT_EQ(client.udp_sockets(), 8U);
  stop_now(client);
}

// Shows: D-8
TEST_F(DnsClientOverTheNetwork, SilenceIsATimeOutAfterFiveSeconds) {
  first_.silent = second_.silent = true;
  const MonoTime start = sim_.now();
  EXPECT_EQ(ask("a.example").status, AnswerStatus::Timeout);
  EXPECT_GE(sim_.now() - start, 5s);
  EXPECT_LT(sim_.now() - start, 6s);
}

TEST_F(DnsClientOverTheNetwork, SendsNothingBeyondTheBudget) {
  LookupBudget budget{.terms_left = 1};
  EXPECT_EQ(ask("a.example", budget).status, AnswerStatus::Records);
  EXPECT_EQ(ask("b.example", budget).status, AnswerStatus::OverBudget);
  EXPECT_EQ(first_.by_udp, 1U);
}

// Shows: W-35
TEST_F(DnsClientOverTheNetwork, OldAnswersServeWhenNobodyAnswers) {
  EXPECT_EQ(ask("a.example").status, AnswerStatus::Records);
  first_.silent = second_.silent = true;
  sim_.run(shards_, sim_.now() + 301s);
  const Answer stale = ask("a.example");
  EXPECT_EQ(stale.status, AnswerStatus::Records);
  EXPECT_TRUE(stale.stale);
  sim_.run(shards_, sim_.now() + 3600s);
  EXPECT_EQ(ask("a.example").status, AnswerStatus::Timeout);
}

TEST_F(DnsClientOverTheNetwork, AnswersAtOnceWhenItCannotAsk) {
  Recorder recorder;
  for (const std::string_view name : {"a.example", "b.example", "short.example"}) {
    const auto asked = client_->ask(question(name), LookupKind::Uncounted, budget_, recorder, 1);
    EXPECT_TRUE(std::holds_alternative<DnsClient::AskId>(asked));
  }
  const auto refused = client_->ask(question("gone.example"), LookupKind::Uncounted, budget_, recorder, 2);
  ASSERT_TRUE(std::holds_alternative<AnswerCache::Hit>(refused));
  EXPECT_EQ(std::get<AnswerCache::Hit>(refused).answer->status, AnswerStatus::ServFail);
  EXPECT_TRUE(recorder.heard.empty());
  EXPECT_TRUE(sim_.run_until(shards_, [&] { return recorder.heard.size() == 3; }, sim_.now() + 1s));
  EXPECT_EQ(ask("gone.example").status, AnswerStatus::NxDomain);  // the refusal was not kept
}

TEST_F(DnsClientOverTheNetwork, AReceiverMayAskAgainWhenItHears) {
  struct Asking final : AnswerReceiver {
    void on_answer(uint64_t /*tag*/, const Answer& /*answer*/) override {
      EXPECT_FALSE(inside);
      ++heard;
      inside = true;
      if (heard == 1) {
        for (const std::string_view name : {"b.example", "c.example", "d.example", "e.example"})
          static_cast<void>(client->ask(question(name), LookupKind::Uncounted, *budget, *this, 0));
      }
      inside = false;
    }
    DnsClient* client = nullptr;
    LookupBudget* budget = nullptr;
    unsigned heard = 0;
    bool inside = false;
  } asking;
  asking.client = &*client_;
  asking.budget = &budget_;
  static_cast<void>(client_->ask(question("a.example"), LookupKind::Uncounted, budget_, asking, 0));
  // The fifth is one too many and is heard of like the others, after the call.
  EXPECT_TRUE(sim_.run_until(shards_, [&] { return asking.heard == 5; }, sim_.now() + 1s));
}

// The zone's answers are kept for 300 s.
TEST_F(DnsClientOverTheNetwork, ANameInUseIsAskedForAgainAheadOfItsEnd) {
  const MonoTime start = sim_.now();
  run_to(start);
  ask("a.example");
  run_to(start + 200s);
  ask("a.example");
  run_to(start + 280s);
  LookupBudget budget{.terms_left = 1};
  EXPECT_EQ(ask("a.example", budget).status, AnswerStatus::Records);
  EXPECT_EQ(budget.terms_left, 0U);
  EXPECT_EQ(ask("a.example").status, AnswerStatus::Records);
  sim_.run(shards_, sim_.now() + 1s);
  EXPECT_EQ(first_.by_udp, 2U);
  EXPECT_EQ(client_->statistics().refreshed, 1U);
  // Past the end of the first answer nobody waits.
  run_to(start + 400s);
  ask("a.example");
  EXPECT_EQ(first_.by_udp, 2U);
}

TEST_F(DnsClientOverTheNetwork, ARefreshDoesNotWaitForWhatElseIsAsked) {
  const MonoTime start = sim_.now();
  run_to(start);
  ask("a.example");
  ask("a.example");
  run_to(start + 280s);
  Recorder recorder;
  for (const std::string_view name : {"a.example", "b.example"})
    static_cast<void>(client_->ask(question(name), LookupKind::Uncounted, budget_, recorder, 0));
  sim_.run(shards_, sim_.now() + 20ms);
  EXPECT_EQ(first_.by_udp, 3U);
}

TEST_F(DnsClientOverTheNetwork, AFailedRefreshLeavesTheAnswer) {
  const MonoTime start = sim_.now();
  run_to(start);
  ask("a.example");
  ask("a.example");
  run_to(start + 280s);
  first_.silent = second_.silent = true;
  EXPECT_EQ(ask("a.example").status, AnswerStatus::Records);
  run_to(start + 290s);
  const Answer answer = ask("a.example");
  EXPECT_EQ(answer.status, AnswerStatus::Records);
  EXPECT_FALSE(answer.stale);
}

// Shows: P-03
TEST_F(DnsClientOverTheNetwork, AFloodOfRandomNamesTakesNoMoreSocketsAndLeavesWhatIsInUse) {
  DnsClientSettings settings = settings_of({"first", "second"});
  settings.questions_max = 2000;
  settings.cache.bytes_max = 200000;
  DnsClient client(client_shard_, settings);
  Recorder recorder;
  const Question used = question("a.example");
  static_cast<void>(client.ask(used, LookupKind::Uncounted, budget_, recorder, 0));
  EXPECT_TRUE(sim_.run_until(shards_, [&] { return !recorder.heard.empty(); }, sim_.now() + 6s));
  EXPECT_TRUE(client.cache().find(used, client_shard_.now()));
  for (int round = 0; round < 20; ++round) ask_many(client, 200, "random" + std::to_string(round) + "x");
  EXPECT_LE(client.udp_sockets(), 16U);
  EXPECT_GT(client.cache().statistics().evictions, 1000U);
  EXPECT_LE(client.cache().statistics().bytes, 200000U);
  EXPECT_TRUE(client.cache().find(used, client_shard_.now()));
  EXPECT_EQ(client.resolver_statistics().refused_full, 0U);
  stop_now(client);
}

TEST_F(DnsClientOverTheNetwork, MixedCaseIsRepeatedByOurOwnServer) {
  DnsClientSettings settings = settings_of({"first"});
  settings.mixed_case = true;
  DnsClient client(client_shard_, settings);
  ask_many(client, 20, "letters");
  EXPECT_EQ(client.resolver_statistics().other_case, 0U);
  EXPECT_EQ(first_.by_udp, 20U);
  EXPECT_EQ(first_.by_tcp, 0U);
  stop_now(client);
}

}  // namespace
}  // namespace sluice::dns
