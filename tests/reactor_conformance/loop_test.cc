#include "tests/reactor_conformance/conformance.h"

#include <chrono>
#include <thread>

namespace sluice::reactor {
namespace {

using namespace std::chrono_literals;

using LoopConformance = StreamConformance;

TEST_P(LoopConformance, PollWaitsUntilItsTimeWhenNothingHappens) {
  const MonoTime begun = reactor().now();
  const MonoTime wake_at = begun + 30ms;
  // A back end may return early; the shard then polls again.
  int polls = 0;
  while (reactor().now() < wake_at) {
    reactor().poll(wake_at);
    ASSERT_LT(++polls, 10);
  }
  EXPECT_LT(reactor().now(), begun + 5s);
  if (simulated()) {
    EXPECT_EQ(reactor().now(), wake_at);
  }
}

TEST_P(LoopConformance, PollOfThePastDoesNotWait) {
  const MonoTime begun = reactor().now();
  for (int i = 0; i < 10; ++i) reactor().poll(begun - 1s);
  reactor().poll(begun);
  EXPECT_LT(reactor().now(), begun + 5s);
}

TEST_P(LoopConformance, SmallWaitsDoNotSpin) {
  if (simulated()) GTEST_SKIP() << "time is virtual";
  int polls = 0;
  const MonoTime end = reactor().now() + 20ms;
  for (; reactor().now() < end; ++polls) reactor().poll(reactor().now() + 300us);
  EXPECT_LT(polls, 400);
}

TEST_P(LoopConformance, WakeFromAnotherThreadEndsAWait) {
  if (simulated()) GTEST_SKIP() << "one thread";
  const MonoTime begun = reactor().now();
  std::thread other([&] { reactor().wake(); });
  reactor().poll(begun + 60s);
  EXPECT_LT(reactor().now(), begun + 30s);
  other.join();
}

TEST_P(LoopConformance, WakeBeforeThePollIsNotLost) {
  const MonoTime begun = reactor().now();
  reactor().poll(begun);
  reactor().wake();
  reactor().wake();
  reactor().poll(begun + 60s);
  EXPECT_LT(reactor().now(), begun + 30s);
}

TEST_P(LoopConformance, WakesFromManyThreadsAllCount) {
  if (simulated()) GTEST_SKIP() << "one thread";
  std::atomic<int> rung = 0;
  std::vector<std::thread> others;
  for (int i = 0; i < 4; ++i)
    others.emplace_back([&] {
      for (int j = 0; j < 250; ++j) {
        rung.fetch_add(1);
        reactor().wake();
      }
    });
  const MonoTime begun = reactor().now();
  while (rung.load() < 1000) reactor().poll(begun + 60s);
  EXPECT_LT(reactor().now(), begun + 30s);
  for (std::thread& other : others) other.join();
}

TEST_P(LoopConformance, TimeMovesForward) {
  const MonoTime first = reactor().now();
  const WallTime first_wall = reactor().wall_now();
  rig().pass(20ms);
  EXPECT_GE(reactor().now(), first + 20ms);
  EXPECT_GE(reactor().wall_now(), first_wall + 15ms);
  EXPECT_GT(reactor().wall_now(), WallTime(std::chrono::sys_days{std::chrono::year{2025} / 1 / 1}));
}

TEST_P(LoopConformance, SeedsDiffer) { EXPECT_NE(reactor().random_seed(), reactor().random_seed()); }

TEST_P(LoopConformance, ItsNameIsKnown) {
  const std::string name = GetParam().name;
  const std::string expected = name.starts_with("uring") ? "uring" : name == "epoll" ? "epoll" : "sim";
  EXPECT_EQ(reactor().capabilities().name, expected);
}

// A receiver that keeps what it got: receiving stops at the cap of the buffers, not before and not beyond,
// and goes on when they come back.
TEST_P(LoopConformance, KeptChunksStopReceivingUntilTheyComeBack) {
  constexpr size_t kCap = 512UL * 1024;
  make_rig({.buffer_size = 4096, .max_octets = kCap});
  if (testing::Test::IsSkipped()) return;
  Pair pair(reactor());
  connect(pair);
  pair.server().keep_chunks = true;
  const std::string octets = pattern(16UL * 1024 * 1024);
  pair.client.send(octets);
  rig().pass(200ms);
  size_t held = 0;
  for (const Chunk& chunk : pair.server().kept) held += chunk.capacity();
  EXPECT_GT(held, 0U);
  EXPECT_LE(held, kCap);
  EXPECT_LT(pair.server().received_octets, octets.size());
  std::string received;
  ASSERT_TRUE(until([&] {
    for (const Chunk& chunk : pair.server().kept) received += chunk.view();
    pair.server().kept.clear();
    return received.size() == octets.size();
  }));
  EXPECT_TRUE(received == octets);
  close(pair);
}

TEST_P(LoopConformance, ChunksMayBeKeptLongAfterTheirStream) {
  std::vector<Chunk> kept;
  std::string expected;
  for (int i = 0; i < 20; ++i) {
    Pair pair(reactor());
    connect(pair);
    pair.server().keep_chunks = true;
    const std::string octets = std::to_string(i) + pattern(10'000);
    pair.client.send(octets);
    ASSERT_TRUE(until([&] { return pair.server().received_octets == octets.size(); }));
    close(pair);
    expected += octets;
    for (Chunk& chunk : pair.server().kept) kept.push_back(std::move(chunk));
  }
  std::string received;
  for (const Chunk& chunk : kept) received += chunk.view();
  EXPECT_TRUE(received == expected);
}

TEST_P(LoopConformance, EverythingIsInFlightUntilItsLastReport) {
  EXPECT_EQ(reactor().in_flight(), 0U);
  Pair pair(reactor());
  pair.listener.listen(loopback_v4());
  EXPECT_EQ(reactor().in_flight(), 1U);
  pair.client.connect(pair.listener.address());
  EXPECT_EQ(reactor().in_flight(), 2U);
  ASSERT_TRUE(until([&] { return pair.client.connected && !pair.listener.streams.empty(); }));
  EXPECT_EQ(reactor().in_flight(), 3U);
  pair.close();
  EXPECT_EQ(reactor().in_flight(), 3U);
  EXPECT_TRUE(until([&] { return pair.closed(); }));
  EXPECT_EQ(reactor().in_flight(), 0U);
}

INSTANTIATE_TEST_SUITE_P(All, LoopConformance, testing::ValuesIn(backends_under_test()), backend_of);

}  // namespace
}  // namespace sluice::reactor
