// Names asked by two shards at once, over mailboxes and loopback sockets. Proves what the simulator cannot:
// that the crossing is right between threads. Times are only upper bounds against hanging.
#include "dnscache/client/home_shards.h"

#include "dnscache/zone/zone_file.h"
#include "io/reactor/shard_group.h"
#include "io/runtime/per_shard.h"
#include "tests/node_shards/dns_thread.h"

#include <chrono>
#include <latch>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace sluice::dns {
namespace {

using namespace std::chrono_literals;
using reactor::Shard;
using reactor::ShardGroup;
using runtime::Task;
using runtime::Wake;

constexpr unsigned kNames = 100;
constexpr size_t kShards = 2;
constexpr uint64_t kSeed = 7;

Question question(unsigned number) {
  const std::string text = "n" + std::to_string(number) + ".example";
  return {DnsName::from_text(text).value(), RecordType::Txt};
}

Zone zone() {
  std::string text;
  for (unsigned i = 0; i < kNames; ++i) text += "n" + std::to_string(i) + ".example: [{TXT: found}]\n";
  return zone_from_yaml(text).value();
}

struct Tally {
  size_t records = 0;
  size_t time_outs = 0;
  size_t others = 0;
  size_t known = 0;  // asked again, from the cache
  uint64_t forwarded = 0;
  uint64_t answered_for_others = 0;
  uint64_t questions = 0;  // that left, their repetitions aside
};

class Member final : public AnswerReceiver {
 public:
  Member(Shard& shard, HomeShards& homes, const DnsClientSettings& settings)
      : client(shard, settings), home(shard, homes, client) {}

  void on_answer(uint64_t /*tag*/, const Answer& answer) override { count(answer); }
  // True when it was answered at once.
  bool ask(unsigned number) {
    LookupBudget budget;
    const auto asked = client.ask(question(number), LookupKind::Uncounted, budget, *this, number);
    const auto* hit = std::get_if<AnswerCache::Hit>(&asked);
    if (hit == nullptr) return false;
    count(*hit->answer);
    return true;
  }
  Task<void> wait_for(Shard& shard, size_t answers) {
    const MonoTime deadline = shard.now() + 20s;
    while (heard_ < answers) {
      const Wake wake = co_await arrived_.wait_until(shard, deadline);
      if (wake != Wake::Notified) co_return;
    }
  }

  Tally tally;
  DnsClient client;
  HomeShard home;
  bool stopped = false;

 private:
  void count(const Answer& answer) {
    ++heard_;
    switch (answer.status) {
      case AnswerStatus::Records:
        ++tally.records;
        break;
      case AnswerStatus::Timeout:
        ++tally.time_outs;
        break;
      default:
        ++tally.others;
    }
    arrived_.notify();
  }

  size_t heard_ = 0;
  runtime::Signal arrived_;
};

class Program : public reactor::ShardProgram {
 public:
  Program(const ShardGroup& group, const Endpoint& server, size_t under_way_max = 0)
      : homes_(group.directory(), kSeed, under_way_max), members_(kShards), tallies_(kShards) {
    settings_.servers = {server};
    settings_.question_wait = 15s;  // a busy machine is no time-out
  }
  Task<void> run(Shard& shard) final {
    Member& member = members_.emplace(shard, shard, homes_, settings_);
    co_await act(shard, member);
    acted_.count_down();
  }
  Task<void> stop(Shard& shard) final {
    Member& member = members_.on(shard);
    co_await leave(shard, member);
    Tally& tally = member.tally;
    const ResolverStatistics& resolver = member.client.resolver_statistics();
    tally.forwarded = member.client.statistics().forwarded;
    tally.answered_for_others = member.client.statistics().answered_for_others;
    tally.questions = resolver.sent_udp - resolver.retries;
    tallies_[shard.id().value] = tally;
    members_.reset(shard);
  }
  // On the thread of the test: until every shard has acted, then to the end.
  std::vector<Tally> play(ShardGroup& group) {
    group.start(*this);
    acted_.wait();
    group.request_stop();
    group.wait();
    return tallies_;
  }

 protected:
  ~Program() = default;
  virtual Task<void> act(Shard& shard, Member& member) = 0;
  static Task<void> leave(Shard& shard, Member& member) {
    if (std::exchange(member.stopped, true)) co_return;
    co_await member.client.stop(shard);
  }

 private:
  HomeShards homes_;
  DnsClientSettings settings_;
  runtime::PerShard<Member> members_;
  std::vector<Tally> tallies_;  // each written by its shard, read after all have ended
  std::latch acted_{kShards};
};

// Every shard asks every name at once, and once more when all have been answered.
class AskAll final : public Program {
 public:
  using Program::Program;

 private:
  Task<void> act(Shard& shard, Member& member) override {
    for (unsigned i = 0; i < kNames; ++i) static_cast<void>(member.ask(i));
    co_await member.wait_for(shard, kNames);
    for (unsigned i = 0; i < kNames; ++i) member.tally.known += member.ask(i) ? 1 : 0;
  }
};

// As many as one turn leaves under way; the stop finds them so.
class AskAndStop final : public Program {
 public:
  using Program::Program;

 private:
  Task<void> act(Shard& /*shard*/, Member& member) override {
    for (unsigned i = 0; i < kNames; ++i) static_cast<void>(member.ask(i));
    co_return;
  }
};

// The second shard leaves while the first asks one name after the other.
class LeaveEarly final : public Program {
 public:
  using Program::Program;

 private:
  Task<void> act(Shard& shard, Member& member) override {
    for (unsigned i = 0; i < kNames; ++i) {
      if (shard.id().value == 1 && i == kNames / 4) {
        co_await leave(shard, member);
        co_return;
      }
      static_cast<void>(member.ask(i));
      co_await member.wait_for(shard, i + 1);
    }
  }
};

std::unique_ptr<ShardGroup> make_group() {
  reactor::ShardGroupOptions options;
  options.shards = kShards;
  options.backend.kind = reactor::BackendKind::Epoll;
  return ShardGroup::create(options).value();
}

TEST(HomeShardsOnThreads, EachNameLeavesTheNodeOnce) {
  const DnsThread server(zone(), Manner::Answers);
  const auto group = make_group();
  AskAll program(*group, server.address());
  const std::vector<Tally> tallies = program.play(*group);
  for (const Tally& tally : tallies) {
    EXPECT_EQ(tally.records, 2 * kNames);
    EXPECT_EQ(tally.known, kNames);
  }
  EXPECT_EQ(tallies[0].questions + tallies[1].questions, kNames);
  EXPECT_EQ(tallies[0].forwarded, tallies[1].questions);
  EXPECT_EQ(tallies[1].forwarded, tallies[0].questions);
  EXPECT_EQ(tallies[0].answered_for_others, tallies[1].forwarded);
  EXPECT_EQ(tallies[1].answered_for_others, tallies[0].forwarded);
}

TEST(HomeShardsOnThreads, MailboxesThatAreTooSmallLoseNothing) {
  const DnsThread server(zone(), Manner::Answers);
  const auto group = make_group();
  AskAll program(*group, server.address(), 4);
  for (const Tally& tally : program.play(*group)) {
    EXPECT_EQ(tally.records, 2 * kNames);
    EXPECT_GE(tally.forwarded, 4U);
  }
}

TEST(HomeShardsOnThreads, StoppingInTheMiddleAnswersEveryone) {
  const DnsThread server(zone(), Manner::IsSilent);
  for (int round = 0; round < 20; ++round) {
    const auto group = make_group();
    AskAndStop program(*group, server.address());
    for (const Tally& tally : program.play(*group)) EXPECT_EQ(tally.time_outs, kNames);
  }
}

TEST(HomeShardsOnThreads, AShardThatLeavesIsNotMissed) {
  const DnsThread server(zone(), Manner::Answers);
  for (int round = 0; round < 5; ++round) {
    const auto group = make_group();
    LeaveEarly program(*group, server.address());
    const std::vector<Tally> tallies = program.play(*group);
    EXPECT_EQ(tallies[0].records, kNames);
    EXPECT_EQ(tallies[1].records, kNames / 4);
  }
}

}  // namespace
}  // namespace sluice::dns
