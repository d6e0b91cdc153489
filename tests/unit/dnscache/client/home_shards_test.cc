// Two shards of one simulated node, a DNS client on each, and a server that counts what leaves the node.
#include "dnscache/client/home_shards.h"

#include "dnscache/zone/zone_file.h"
#include "io/reactor/sim_world.h"
#include "tests/unit/dnscache/client/zone_server.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace sluice::dns {
namespace {

using namespace std::chrono_literals;
using reactor::Shard;
using reactor::SimWorld;
using runtime::Task;

constexpr uint64_t kSeed = 7;
constexpr unsigned kNames = 64;

std::string name_text(unsigned number) { return "n" + std::to_string(number) + ".example"; }

Zone zone() {
  std::string text;
  for (unsigned i = 0; i < kNames; ++i) text += name_text(i) + ": [{TXT: found}]\n";
  for (unsigned i = 0; i < kNames; ++i) text += "broken-" + name_text(i) + ": [{TXT: SERVFAIL}]\n";
  return zone_from_yaml(text).value();
}

// What one shard hears.
struct Recorder final : AnswerReceiver {
  void on_answer(uint64_t /*tag*/, const Answer& answer) override { heard.push_back(answer); }
  size_t count(AnswerStatus status) const {
    return static_cast<size_t>(std::ranges::count(heard, status, &Answer::status));
  }
  std::vector<Answer> heard;
};

struct Member {
  Member(Shard& on, HomeShards& homes, DnsClientSettings settings)
      : shard(on), client(on, std::move(settings)), home(on, homes, client) {}
  Task<void> stop(Shard& on) {
    if (std::exchange(stopped, true)) co_return;
    co_await client.stop(on);
  }
  // The answer at once, or later to the recorder.
  const Answer* ask(const Question& question, MonoTime deadline = kNever) {
    LookupBudget budget{.terms_left = 10, .deadline = deadline};
    const auto asked = client.ask(question, LookupKind::Uncounted, budget, recorder, 0);
    const auto* hit = std::get_if<AnswerCache::Hit>(&asked);
    return hit == nullptr ? nullptr : hit->answer;
  }
  Shard& shard;
  DnsClient client;
  HomeShard home;
  Recorder recorder;
  runtime::TaskGroup tasks;
  bool stopped = false;
};

class HomeShardsTest : public ::testing::Test {
 protected:
  explicit HomeShardsTest(size_t under_way_max = 0, size_t questions_max = DnsClientSettings{}.questions_max)
      : homes_(directory_, kSeed, under_way_max) {
    DnsClientSettings settings;
    settings.questions_max = questions_max;
    settings.servers = {{sim_.address("dns"), ZoneServer::kPort}};
    near_.emplace(near_shard_, homes_, settings);
    far_.emplace(far_shard_, homes_, settings);
  }
  ~HomeShardsTest() override {
    stop(*near_);
    stop(*far_);
    bool ended = false;
    EXPECT_TRUE(tasks_.spawn(server_shard_, stop_server(server_shard_, ended)));
    EXPECT_TRUE(run_until([&] { return ended; }));
    sim_.run(shards_, sim_.now() + 1s);
    near_.reset();
    far_.reset();
  }
  HomeShardsTest(const HomeShardsTest&) = delete;
  HomeShardsTest& operator=(const HomeShardsTest&) = delete;

  Task<void> stop_server(Shard& shard, bool& ended) {
    co_await server_.stop(shard);
    ended = true;
  }
  static Task<void> stop_member(Shard& shard, Member& member, bool& ended) {
    co_await member.stop(shard);
    ended = true;
  }
  void stop(Member& member) {
    bool ended = false;
    EXPECT_TRUE(member.tasks.spawn(member.shard, stop_member(member.shard, member, ended)));
    EXPECT_TRUE(run_until([&] { return ended; }));
  }
  template <class Done>
  bool run_until(Done done) {
    return sim_.run_until(shards_, done, sim_.now() + 1h);
  }
  // The second run makes shards that had nothing to do look at the clock.
  void run_for(std::chrono::nanoseconds time) {
    sim_.run(shards_, sim_.now() + time);
    sim_.run(shards_, sim_.now());
  }
  // While the far shard hangs.
  void run_without_far(std::chrono::nanoseconds time) {
    std::array<Shard*, 2> some{&near_shard_, &server_shard_};
    sim_.run(some, sim_.now() + time);
    sim_.run(some, sim_.now());
  }

  // The index-th name that is at home there.
  Question at_home(const Shard& home, unsigned index = 0, const std::string& prefix = {}) const {
    for (unsigned i = 0; i < kNames; ++i) {
      const DnsName name = DnsName::from_text(prefix + name_text(i)).value();
      if (homes_.home_of(name) == home.id() && index-- == 0) return {name, RecordType::Txt};
    }
    ADD_FAILURE() << "too few names";
    return {};
  }

  SimWorld sim_{1};
  Shard near_shard_{ShardId{0}, sim_.make_reactor("node")};
  Shard far_shard_{ShardId{1}, sim_.make_reactor("node")};
  Shard server_shard_{ShardId{2}, sim_.make_reactor("dns")};
  std::array<Shard*, 3> shards_{&near_shard_, &far_shard_, &server_shard_};
  reactor::ShardDirectory directory_{&near_shard_, &far_shard_};
  HomeShards homes_;
  ZoneServer server_{server_shard_, sim_.address("dns"), zone()};
  std::optional<Member> near_;
  std::optional<Member> far_;
  runtime::TaskGroup tasks_;
};

TEST_F(HomeShardsTest, ANameInUseIsAskedForAgainThroughItsHome) {
  const Question asked = at_home(far_shard_);
  EXPECT_EQ(near_->ask(asked), nullptr);
  EXPECT_TRUE(run_until([&] { return near_->recorder.heard.size() == 1; }));
  EXPECT_NE(near_->ask(asked), nullptr);
  run_for(280s);
  EXPECT_NE(near_->ask(asked), nullptr);
  run_for(1s);
  EXPECT_EQ(server_.by_udp, 2U);  // the home did not answer with what it had
  run_for(100s);
  EXPECT_NE(near_->ask(asked), nullptr);
  EXPECT_EQ(server_.by_udp, 2U);
  EXPECT_EQ(near_->client.cache().statistics().renewals, 1U);
  EXPECT_EQ(far_->client.cache().statistics().renewals, 1U);
}

class BusyHomes : public HomeShardsTest {
 protected:
  BusyHomes() : HomeShardsTest(0, 8) {}
};

TEST_F(BusyHomes, AnswerWhoAsksAheadOfTheEndWithWhatIsThere) {
  const Question used = at_home(far_shard_);
  near_->ask(used);
  run_for(1s);
  EXPECT_NE(near_->ask(used), nullptr);
  run_for(280s);
  EXPECT_NE(near_->ask(used), nullptr);  // due
  server_.silent = true;
  for (unsigned i = 1; i <= 3; ++i) EXPECT_EQ(far_->ask(at_home(far_shard_, i)), nullptr);
  const uint64_t before = far_->client.resolver_statistics().asked;
  run_for(10ms);
  EXPECT_EQ(near_->client.statistics().refreshed, 1U);
  EXPECT_EQ(far_->client.statistics().answered_for_others, 2U);
  EXPECT_EQ(far_->client.resolver_statistics().asked, before);
  EXPECT_NE(near_->ask(used), nullptr);
}

TEST_F(HomeShardsTest, TwoShardsAskingAtOnceCauseOnePacket) {
  const Question asked = at_home(far_shard_);
  EXPECT_EQ(near_->ask(asked), nullptr);
  EXPECT_EQ(far_->ask(asked), nullptr);
  run_for(1s);
  EXPECT_EQ(near_->recorder.count(AnswerStatus::Records), 1U);
  EXPECT_EQ(far_->recorder.count(AnswerStatus::Records), 1U);
  EXPECT_EQ(server_.by_udp, 1U);
  EXPECT_EQ(near_->client.statistics().forwarded, 1U);
  EXPECT_EQ(far_->client.statistics().answered_for_others, 1U);
  EXPECT_EQ(far_->client.statistics().forwarded, 0U);

  // Both know it now: nothing crosses any more.
  for (Member* member : {&*near_, &*far_}) {
    const Answer* known = member->ask(asked);
    ASSERT_NE(known, nullptr);
    EXPECT_EQ(std::get<std::string>(known->records.at(0)), "found");
  }
  EXPECT_EQ(near_->client.statistics().forwarded, 1U);
  EXPECT_EQ(server_.by_udp, 1U);
}

TEST_F(HomeShardsTest, SessionsOfOneShardShareOneMessage) {
  const Question asked = at_home(far_shard_);
  for (int i = 0; i < 5; ++i) EXPECT_EQ(near_->ask(asked), nullptr);
  run_for(1s);
  EXPECT_EQ(near_->recorder.count(AnswerStatus::Records), 5U);
  EXPECT_EQ(near_->client.statistics().forwarded, 1U);
}

TEST_F(HomeShardsTest, NamesAtHomeHereDoNotCross) {
  EXPECT_EQ(near_->ask(at_home(near_shard_)), nullptr);
  run_for(1s);
  EXPECT_EQ(near_->recorder.count(AnswerStatus::Records), 1U);
  EXPECT_EQ(near_->client.statistics().forwarded, 0U);
  EXPECT_EQ(server_.by_udp, 1U);
}

TEST_F(HomeShardsTest, TheHomeSaysWhatItKnowsForTheTimeThatIsLeft) {
  const Question asked = at_home(far_shard_);
  EXPECT_EQ(far_->ask(asked), nullptr);
  run_for(100s);
  EXPECT_EQ(near_->ask(asked), nullptr);
  run_for(1s);
  ASSERT_EQ(near_->recorder.heard.size(), 1U);
  EXPECT_EQ(server_.by_udp, 1U);
  const uint32_t left = near_->recorder.heard[0].ttl;
  EXPECT_LE(left, far_->recorder.heard[0].ttl - 99);
  run_for(std::chrono::seconds(left));
  EXPECT_EQ(near_->ask(asked), nullptr);
  EXPECT_EQ(near_->client.statistics().forwarded, 2U);
}

TEST_F(HomeShardsTest, AbsencesAreKeptByBoth) {
  Question asked = at_home(far_shard_, 0, "gone-");
  EXPECT_EQ(near_->ask(asked), nullptr);
  run_for(1s);
  EXPECT_EQ(near_->recorder.count(AnswerStatus::NxDomain), 1U);
  ASSERT_NE(near_->ask(asked), nullptr);
  ASSERT_NE(far_->ask(asked), nullptr);
  EXPECT_EQ(server_.by_udp, 1U);
}

TEST_F(HomeShardsTest, FailuresAreKeptByBothForTheirTimeOnly) {
  const Question asked = at_home(far_shard_, 0, "broken-");
  EXPECT_EQ(near_->ask(asked), nullptr);
  run_for(1s);
  EXPECT_EQ(near_->recorder.count(AnswerStatus::ServFail), 1U);
  const unsigned packets = server_.by_udp;
  ASSERT_NE(near_->ask(asked), nullptr);
  ASSERT_NE(far_->ask(asked), nullptr);
  EXPECT_EQ(server_.by_udp, packets);
  run_for(limits::kDnsFailureTtl);
  EXPECT_EQ(near_->ask(asked), nullptr);
}

TEST_F(HomeShardsTest, AKnownFailureIsNotKnownForLongerByCrossing) {
  const Question asked = at_home(far_shard_, 0, "broken-");
  EXPECT_EQ(far_->ask(asked), nullptr);
  run_for(limits::kDnsFailureTtl - 1s);
  const unsigned packets = server_.by_udp;
  EXPECT_EQ(near_->ask(asked), nullptr);
  run_for(500ms);
  EXPECT_EQ(near_->recorder.count(AnswerStatus::ServFail), 1U);
  EXPECT_EQ(server_.by_udp, packets);
  run_for(1s);
  EXPECT_EQ(near_->ask(asked), nullptr);
  run_for(1s);
  EXPECT_GT(server_.by_udp, packets);
}

TEST_F(HomeShardsTest, ForgottenQuestionsStillFillTheCache) {
  const Question asked = at_home(far_shard_);
  LookupBudget budget;
  const auto id = near_->client.ask(asked, LookupKind::Uncounted, budget, near_->recorder, 0);
  near_->client.forget(std::get<DnsClient::AskId>(id));
  run_for(1s);
  EXPECT_TRUE(near_->recorder.heard.empty());
  EXPECT_NE(near_->ask(asked), nullptr);
}

// --- homes that do not answer ---

// Shows: D-8
TEST_F(HomeShardsTest, AHangingHomeIsATimeOut) {
  const Question asked = at_home(far_shard_);
  EXPECT_EQ(near_->ask(asked), nullptr);
  EXPECT_EQ(near_->ask(asked, sim_.now() + 1s), nullptr);
  run_without_far(999ms);
  EXPECT_EQ(near_->recorder.heard.size(), 0U);
  run_without_far(10ms);
  EXPECT_EQ(near_->recorder.heard.size(), 1U);
  run_without_far(3900ms);
  EXPECT_EQ(near_->recorder.heard.size(), 1U);
  run_without_far(400ms);
  EXPECT_EQ(near_->recorder.count(AnswerStatus::Timeout), 2U);

  // Too late for the question: nobody is asked. And it was not the DNS that failed: nothing was kept.
  run_for(1s);
  EXPECT_EQ(server_.by_udp, 0U);
  EXPECT_EQ(near_->ask(asked), nullptr);
  run_for(1s);
  EXPECT_EQ(near_->recorder.count(AnswerStatus::Records), 1U);
}

TEST_F(HomeShardsTest, AnAnswerAfterTheAskersDeadlineIsKept) {
  const Question asked = at_home(far_shard_);
  EXPECT_EQ(near_->ask(asked, sim_.now() + 1s), nullptr);
  run_without_far(2s);
  EXPECT_EQ(near_->recorder.count(AnswerStatus::Timeout), 1U);
  run_for(1s);
  EXPECT_EQ(near_->recorder.heard.size(), 1U);
  const Answer* known = near_->ask(asked);
  ASSERT_NE(known, nullptr);
  EXPECT_EQ(known->status, AnswerStatus::Records);
}

TEST_F(HomeShardsTest, SilentServersAreATimeOutOfTheHomes) {
  server_.silent = true;
  const Question asked = at_home(far_shard_);
  const MonoTime start = sim_.now();
  EXPECT_EQ(near_->ask(asked), nullptr);
  EXPECT_TRUE(run_until([&] { return !near_->recorder.heard.empty(); }));
  EXPECT_EQ(near_->recorder.count(AnswerStatus::Timeout), 1U);
  EXPECT_LT(sim_.now() - start, limits::kDnsQuestionWait + 100ms);
  EXPECT_NE(near_->ask(asked), nullptr);  // the DNS was silent: that is known for a while
}

class SmallMailboxes : public HomeShardsTest {
 protected:
  SmallMailboxes() : HomeShardsTest(2) {}
};

TEST_F(SmallMailboxes, WhatIsTooMuchForTheHomeIsAskedHere) {
  for (unsigned i = 0; i < 5; ++i) EXPECT_EQ(near_->ask(at_home(far_shard_, i)), nullptr);
  run_for(1s);
  EXPECT_EQ(near_->recorder.count(AnswerStatus::Records), 5U);
  EXPECT_EQ(near_->client.statistics().forwarded, 2U);
  EXPECT_EQ(near_->client.resolver_statistics().sent_udp, 3U);
  EXPECT_EQ(server_.by_udp, 5U);
  // What was answered makes room.
  EXPECT_EQ(near_->ask(at_home(far_shard_, 5)), nullptr);
  run_for(1s);
  EXPECT_EQ(near_->client.statistics().forwarded, 3U);
}

// The mailboxes are empty then, but that of the answers would not take a third.
TEST_F(SmallMailboxes, NoMoreIsUnderWayThanTheAnswersMailboxTakes) {
  server_.silent = true;
  for (unsigned i = 0; i < 2; ++i) EXPECT_EQ(near_->ask(at_home(far_shard_, i)), nullptr);
  run_for(100ms);
  EXPECT_EQ(far_->client.resolver_statistics().sent_udp, 2U);
  EXPECT_EQ(near_->ask(at_home(far_shard_, 2)), nullptr);
  EXPECT_EQ(near_->client.statistics().forwarded, 2U);
  EXPECT_EQ(near_->client.resolver_statistics().sent_udp, 1U);
}

TEST_F(SmallMailboxes, AFullMailboxMeansAskingHere) {
  for (unsigned i = 0; i < 2; ++i) EXPECT_EQ(near_->ask(at_home(far_shard_, i)), nullptr);
  run_without_far(6s);
  EXPECT_EQ(near_->recorder.count(AnswerStatus::Timeout), 2U);
  // Nothing is under way, but both messages still lie there.
  EXPECT_EQ(near_->ask(at_home(far_shard_, 2)), nullptr);
  run_without_far(1s);
  EXPECT_EQ(near_->recorder.count(AnswerStatus::Records), 1U);
  EXPECT_EQ(near_->client.statistics().forwarded, 2U);
  run_for(1s);
}

// --- stopping ---

TEST_F(HomeShardsTest, AHomeThatLeavesGivesItsQuestionsBack) {
  server_.silent = true;
  const Question asked = at_home(far_shard_);
  EXPECT_EQ(near_->ask(asked), nullptr);
  run_for(100ms);
  EXPECT_EQ(far_->client.resolver_statistics().sent_udp, 1U);
  server_.silent = false;
  stop(*far_);
  run_for(1s);
  EXPECT_EQ(near_->recorder.count(AnswerStatus::Records), 1U);
  EXPECT_EQ(near_->client.resolver_statistics().sent_udp, 1U);
  // From now on its names are asked here.
  EXPECT_EQ(near_->ask(at_home(far_shard_, 1)), nullptr);
  run_for(1s);
  EXPECT_EQ(near_->recorder.count(AnswerStatus::Records), 2U);
  EXPECT_EQ(near_->client.statistics().forwarded, 1U);
}

TEST_F(HomeShardsTest, QuestionsPostedToAHomeThatHasLeftComeBack) {
  stop(*far_);
  EXPECT_EQ(near_->ask(at_home(far_shard_)), nullptr);
  run_for(1s);
  EXPECT_EQ(near_->recorder.count(AnswerStatus::Records), 1U);
}

TEST_F(HomeShardsTest, StoppingInTheMiddleIsATimeOut) {
  EXPECT_EQ(near_->ask(at_home(far_shard_)), nullptr);
  EXPECT_EQ(near_->ask(at_home(far_shard_)), nullptr);
  run_without_far(1ms);
  stop(*near_);
  EXPECT_EQ(near_->recorder.count(AnswerStatus::Timeout), 2U);
  // The home's answer finds nobody.
  run_for(10s);
  EXPECT_EQ(near_->recorder.heard.size(), 2U);
  ASSERT_NE(near_->ask(at_home(far_shard_)), nullptr);
  EXPECT_EQ(near_->ask(at_home(far_shard_))->status, AnswerStatus::OverBudget);
}

TEST_F(HomeShardsTest, WhoLeavesAnswersNobody) {
  server_.silent = true;
  EXPECT_EQ(far_->ask(at_home(near_shard_)), nullptr);
  EXPECT_EQ(near_->ask(at_home(far_shard_)), nullptr);
  run_for(100ms);
  stop(*near_);
  stop(*far_);
  EXPECT_EQ(near_->recorder.count(AnswerStatus::Timeout), 1U);
  EXPECT_EQ(far_->recorder.count(AnswerStatus::Timeout), 1U);
  EXPECT_EQ(near_->client.statistics().answered_for_others, 0U);
}

// --- outages ---

// Shows: W-35
TEST_F(HomeShardsTest, AnOutageAtTheHomeIsAnOutageHere) {
  server_.silent = true;
  for (unsigned i = 0; i < 3; ++i) {
    EXPECT_EQ(near_->ask(at_home(far_shard_, i)), nullptr);
    run_for(5s);
  }
  EXPECT_EQ(near_->client.resolver_statistics().sent_udp, 0U);
  EXPECT_TRUE(far_->client.outage());
  EXPECT_TRUE(near_->client.outage());
  run_for(60s);  // nobody asks but the home's resolver by itself
  EXPECT_TRUE(near_->client.outage());
  server_.silent = false;
  run_for(3s);
  EXPECT_FALSE(far_->client.outage());
  EXPECT_FALSE(near_->client.outage());
}

// Shows: W-35
TEST_F(HomeShardsTest, AnOutageOfWhichNoMoreIsHeardIsOver) {
  server_.silent = true;
  for (unsigned i = 0; i < 3; ++i) {
    EXPECT_EQ(near_->ask(at_home(far_shard_, i)), nullptr);
    run_for(5s);
  }
  ASSERT_TRUE(near_->client.outage());
  run_without_far(HomeShard::kOutageBelieved + 1s);
  EXPECT_FALSE(near_->client.outage());
}

TEST_F(HomeShardsTest, AShardThatLeavesTakesItsOutageAlong) {
  server_.silent = true;
  for (unsigned i = 0; i < 3; ++i) {
    EXPECT_EQ(near_->ask(at_home(far_shard_, i)), nullptr);
    run_for(5s);
  }
  ASSERT_TRUE(near_->client.outage());
  stop(*far_);
  run_for(1ms);
  EXPECT_FALSE(near_->client.outage());
}

// Shows: W-35
TEST_F(HomeShardsTest, TheHomesOldAnswersServeOtherShards) {
  const Question asked = at_home(far_shard_);
  EXPECT_EQ(far_->ask(asked), nullptr);
  run_for(301s);
  server_.silent = true;
  EXPECT_EQ(near_->ask(asked), nullptr);
  run_for(6s);
  ASSERT_EQ(near_->recorder.heard.size(), 1U);
  EXPECT_EQ(near_->recorder.heard[0].status, AnswerStatus::Records);
  EXPECT_TRUE(near_->recorder.heard[0].stale);
}

}  // namespace
}  // namespace sluice::dns
