// Two shards on real threads: mail between them, published versions, a Worker, orderly stop. On each kernel
// back end; what io_uring does to memory is invisible to ThreadSanitizer, epoll's is not.
#include "io/reactor/shard_group.h"

#include "io/runtime/published.h"
#include "io/runtime/signal.h"
#include "io/runtime/worker.h"
#include "tests/unit/io/reactor/stream_recorder.h"

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <sched.h>

namespace sluice::reactor {
namespace {

using runtime::Signal;
using runtime::Task;

struct Ball {
  int hits = 0;
  std::string text;
};

// Each shard throws its balls at the other, which throws them back until they have been hit often enough.
class PingPong final : public ShardProgram {
 public:
  PingPong(const ShardDirectory& shards, int balls, int hits)
      : mail_(shards, static_cast<size_t>(balls) * 2), balls_(balls), hits_(hits) {
    for (size_t i = 0; i < shards.size(); ++i) players_.push_back(std::make_unique<Player>());
  }
  Task<void> run(Shard& shard) override {
    Player& player = *players_[shard.id().value];
    player.program = this;
    player.shard = &shard;
    mail_.open(shard, player);
    for (int i = 0; i < balls_; ++i) throw_ball(shard, Ball{.hits = 0, .text = std::to_string(i)});
    co_return;
  }
  Task<void> stop(Shard& shard) override {
    // The balls of both shards end at both; whoever is done earlier still answers.
    Player& player = *players_[shard.id().value];
    while (player.ended < balls_) {
      const MonoTime deadline = shard.now() + std::chrono::seconds(20);
      const runtime::Wake wake = co_await player.all_ended.wait_until(shard, deadline);
      if (wake == runtime::Wake::TimedOut) break;
    }
    mail_.close(shard);
  }
  int ended() const {
    int sum = 0;
    for (const auto& player : players_) sum += player->ended;
    return sum;
  }

 private:
  struct Player final : MailHandler<Ball> {
    void on_mail(ShardId /*from*/, Ball ball) override {
      if (++ball.hits < program->hits_) return program->throw_ball(*shard, std::move(ball));
      ++ended;
      all_ended.notify();
    }
    PingPong* program = nullptr;
    Shard* shard = nullptr;
    int ended = 0;
    Signal all_ended;
  };
  void throw_ball(Shard& from, Ball ball) {
    const ShardId to{static_cast<uint16_t>((from.id().value + 1U) % mail_.shard_count())};
    EXPECT_TRUE(mail_.post(from, to, std::move(ball)));
  }

  Mail<Ball> mail_;
  std::vector<std::unique_ptr<Player>> players_;
  int balls_;
  int hits_;
};

class ShardGroups : public testing::TestWithParam<BackendKind> {
 protected:
  std::unique_ptr<ShardGroup> make(size_t shards) {
    ShardGroupOptions options{.shards = shards};
    options.backend.kind = GetParam();
    auto group = ShardGroup::create(options);
    return group ? std::move(*group) : nullptr;
  }
};

TEST_P(ShardGroups, MailGoesBothWaysUntilAllIsDone) {
  auto group = make(2);
  if (!group) GTEST_SKIP() << "this back end is refused here";
  PingPong game(group->directory(), 20, 101);  // odd: each shard catches as many as it threw
  group->start(game);
  group->request_stop();
  group->wait();
  EXPECT_EQ(game.ended(), 40);
}

TEST_P(ShardGroups, OneShardPostsToItself) {
  auto group = make(1);
  if (!group) GTEST_SKIP() << "this back end is refused here";
  PingPong game(group->directory(), 5, 10);
  group->start(game);
  group->request_stop();
  group->wait();
  EXPECT_EQ(game.ended(), 5);
}

TEST_P(ShardGroups, GivenUpBeforeItStarted) {
  auto group = make(2);
  if (!group) GTEST_SKIP() << "this back end is refused here";
  EXPECT_EQ(group->size(), 2U);
  EXPECT_FALSE(group->capabilities().name.empty());
  group.reset();
}

// Shard 0 listens, shard 1 connects; a third party says when to stop.
class Talk final : public ShardProgram {
 public:
  explicit Talk(ShardGroup& group) : group_(group), addresses_(group.directory(), 4) {}

  Task<void> run(Shard& shard) override {
    if (shard.id().value == 0) {
      acceptor_.shard = &shard;
      auto listening = shard.reactor().listen({.address = *Endpoint::parse("127.0.0.1:0")}, acceptor_);
      EXPECT_TRUE(listening.has_value());
      acceptor_.id = *listening;
      const uint16_t port = shard.reactor().local_endpoint(*listening).port;
      EXPECT_TRUE(addresses_.post(shard, ShardId{1}, uint16_t{port}));
    } else {
      client_.shard = &shard;
      client_.group = &group_;
      addresses_.open(shard, client_);
    }
    co_return;
  }
  Task<void> stop(Shard& shard) override {
    if (shard.id().value == 0) {
      shard.reactor().close_listener(acceptor_.id);
      if (acceptor_.server.id) shard.reactor().close(acceptor_.server.id, CloseMode::Graceful);
    } else {
      shard.reactor().close(client_.id, CloseMode::Graceful);
      addresses_.close(shard);
    }
    co_return;
  }
  const std::string& received() const { return client_.received; }

 private:
  struct Greeter final : test::StreamRecorder {};
  struct Acceptor final : AcceptHandler {
    StreamHandler* on_accepted(SocketId stream, const Endpoint& /*peer*/,
                               const Endpoint& /*local*/) override {
      server.id = stream;
      server.send(shard->reactor(), "220 hello");
      return &server;
    }
    void on_accept_error(int /*error*/) override {}
    void on_listener_closed() override {}
    Shard* shard = nullptr;
    SocketId id;
    Greeter server;
  };
  struct Client final : test::StreamRecorder, MailHandler<uint16_t> {
    void on_mail(ShardId /*from*/, uint16_t port) override {
      const Endpoint remote{IpAddress::v4(0x7F000001), port};
      auto connecting = shard->reactor().connect(remote, *this);
      EXPECT_TRUE(connecting.has_value());
      id = *connecting;
    }
    void on_received(Chunk chunk) override {
      received += chunk.view();
      if (received.size() == 9) group->request_stop();
    }
    Shard* shard = nullptr;
    ShardGroup* group = nullptr;
  };

  ShardGroup& group_;
  Mail<uint16_t> addresses_;
  Acceptor acceptor_;
  Client client_;
};

TEST_P(ShardGroups, ShardsTalkOverSocketsAndOneOfThemStopsAll) {
  auto group = make(2);
  if (!group) GTEST_SKIP() << "this back end is refused here";
  Talk talk(*group);
  group->start(talk);
  group->wait();
  EXPECT_EQ(talk.received(), "220 hello");
}

// Workers and published versions together: each shard reads the newest version through a job.
class Readers final : public ShardProgram {
 public:
  Readers(size_t shards, runtime::Published<int>& numbers, runtime::Worker& worker)
      : numbers_(numbers), worker_(worker), seen_(shards, 0), stops_(shards) {}

  Task<void> run(Shard& shard) override {
    numbers_.attach(shard);
    Stop& stop = stops_[shard.id().value];
    while (!stop.wanted) {
      {
        auto pin = numbers_.pin(shard);
        auto job = [&pin] { return *pin; };
        const int number = co_await runtime::run_on(worker_, shard, std::move(job));
        EXPECT_GE(number, seen_[shard.id().value]);
        seen_[shard.id().value] = number;
      }
      const MonoTime soon = shard.now() + std::chrono::milliseconds(1);
      static_cast<void>(co_await stop.signal.wait_until(shard, soon));
    }
    numbers_.detach(shard);
  }
  Task<void> stop(Shard& shard) override {
    stops_[shard.id().value].wanted = true;
    stops_[shard.id().value].signal.notify();
    co_return;
  }
  const std::vector<int>& seen() const { return seen_; }

 private:
  struct Stop {
    Signal signal;
    bool wanted = false;
  };
  runtime::Published<int>& numbers_;
  runtime::Worker& worker_;
  std::vector<int> seen_;
  std::vector<Stop> stops_;
};

TEST_P(ShardGroups, VersionsArePublishedToRunningShards) {
  auto group = make(2);
  if (!group) GTEST_SKIP() << "this back end is refused here";
  runtime::Published<int> numbers(2, std::make_unique<const int>(1));
  runtime::ThreadWorker worker("test-worker");
  Readers readers(2, numbers, worker);
  group->start(readers);
  // The shards need not have attached before; they are not detached while this publishes.
  for (int number = 2; number <= 200; ++number) numbers.publish(std::make_unique<const int>(number));
  group->request_stop();
  group->wait();
  EXPECT_EQ(readers.seen().size(), 2U);
  EXPECT_EQ(numbers.collect(), 1U);
}

INSTANTIATE_TEST_SUITE_P(Kernel, ShardGroups, testing::Values(BackendKind::Uring, BackendKind::Epoll),
                         [](const auto& run) { return std::string(backend_name(run.param)); });

}  // namespace
}  // namespace sluice::reactor
