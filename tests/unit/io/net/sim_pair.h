// Two shards on two simulated nodes, "mx" and "client", for tests of what runs on streams.
#pragma once

#include "io/net/listener.h"
#include "io/net/stream.h"
#include "io/reactor/shard.h"
#include "io/reactor/sim_world.h"
#include "io/runtime/task.h"
#include "io/runtime/task_group.h"

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace sluice::test {

using namespace std::chrono_literals;
using reactor::Shard;
using runtime::Task;

inline Task<void> sleep(Shard& shard, MonoClock::duration time) {
  runtime::Signal never;
  const MonoTime until = shard.now() + time;
  (void)co_await never.wait_until(shard, until);
}

// Keeps what a listener hands over.
class Keeper final : public net::AcceptSink {
 public:
  void on_stream(net::StreamPtr stream) override {
    streams_.push_back(std::move(stream));
    arrived_.notify();
  }
  Task<net::StreamPtr> next(Shard& shard) {
    while (streams_.empty()) (void)co_await arrived_.wait_until(shard, kNever);
    net::StreamPtr stream = std::move(streams_.front());
    streams_.erase(streams_.begin());
    co_return std::move(stream);
  }

 private:
  std::vector<net::StreamPtr> streams_;
  runtime::Signal arrived_;
};

class SimPair {
 public:
  explicit SimPair(uint64_t seed = 1, const reactor::SimReactorOptions& options = {})
      : world(seed),
        mx(ShardId{0}, world.make_reactor("mx", options)),
        client(ShardId{1}, world.make_reactor("client", options)) {}
  // What was dropped is gone before the shards go.
  ~SimPair() {
    settle();
    EXPECT_EQ(mx.reactor().in_flight(), 0U);
    EXPECT_EQ(client.reactor().in_flight(), 0U);
  }

  Endpoint at_mx(uint16_t port) { return {world.address("mx"), port}; }
  bool run_until(const std::function<bool()>& done, MonoClock::duration limit = std::chrono::hours(1)) {
    return world.run_until(shards_, done, world.now() + limit);
  }
  void run_for(MonoClock::duration time) { world.run(shards_, world.now() + time); }
  void settle() {
    (void)run_until([this] { return mx.reactor().in_flight() == 0 && client.reactor().in_flight() == 0; });
  }
  // Starts a task; true in `over` when it has ended.
  void start(Shard& shard, Task<void> task) {
    ++started_;
    ASSERT_TRUE(group_.spawn(shard, count(shard, std::move(task))));
  }
  // Runs until all started tasks have ended.
  bool finish(MonoClock::duration limit = std::chrono::hours(1)) {
    return run_until([this] { return ended_ == started_; }, limit);
  }

  reactor::SimWorld world;
  Shard mx;
  Shard client;

 private:
  Task<void> count(Shard& /*shard*/, Task<void> task) {
    co_await std::move(task);
    ++ended_;
  }

  Shard* shards_[2] = {&mx, &client};
  runtime::TaskGroup group_;
  size_t started_ = 0;
  size_t ended_ = 0;
};

}  // namespace sluice::test
