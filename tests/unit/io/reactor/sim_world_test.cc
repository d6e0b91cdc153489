#include "io/reactor/sim_world.h"

#include "io/runtime/signal.h"
#include "io/runtime/task_group.h"
#include "tests/reactor_conformance/recorders.h"

#include <cerrno>

#include <fcntl.h>
#include <gtest/gtest.h>

namespace sluice::reactor {
namespace {

using namespace std::chrono_literals;

// Two nodes that are driven by hand.
class SimWorldTest : public testing::Test {
 protected:
  explicit SimWorldTest(uint64_t seed = 1)
      : world(seed), server(world.make_reactor("mx")), client(world.make_reactor("client")) {}

  bool until(const std::function<bool()>& condition) {
    const MonoTime latest = world.now() + 2h;
    while (!condition()) {
      if (!world.step() || world.now() > latest) return condition();
      server->poll(world.now());
      client->poll(world.now());
    }
    return true;
  }
  Endpoint smtp() { return {world.address("mx"), 25}; }

  SimWorld world;
  std::unique_ptr<Reactor> server;
  std::unique_ptr<Reactor> client;
};

// What a run with this seed looked like.
struct Run {
  uint64_t hash = 0;
  uint64_t events = 0;
  friend bool operator==(const Run&, const Run&) = default;
};

Run run_of(uint64_t seed) {
  SimWorld world(seed);
  SimFaults faults;
  faults.stall = 0.01;
  faults.lose_datagram = 0.1;
  faults.duplicate_datagram = 0.1;
  world.set_faults(faults);
  const std::unique_ptr<Reactor> server = world.make_reactor("mx");
  const std::unique_ptr<Reactor> client = world.make_reactor("client");
  RecordedListener listener(*server);
  listener.listen({world.address("mx"), 25});
  RecordedDatagrams answers(*server);
  answers.open({.local = {world.address("mx"), 53}, .remote = {}});
  std::vector<std::unique_ptr<RecordedStream>> streams;
  for (int i = 0; i < 5; ++i) {
    streams.push_back(std::make_unique<RecordedStream>(*client));
    RecordedStream* stream = streams.back().get();
    stream->when_connected = [stream] { stream->send(std::string(50'000, 'x')); };
    stream->connect(listener.address());
  }
  RecordedDatagrams questions(*client);
  questions.open({.local = {}, .remote = {world.address("mx"), 53}});
  for (int i = 0; i < 20; ++i) EXPECT_TRUE(questions.send(std::to_string(i)));
  do {
    server->poll(world.now());
    client->poll(world.now());
  } while (world.step());
  return {world.trace_hash(), world.events()};
}

TEST(SimWorldRun, SameSeedGivesTheSameRun) {
  for (uint64_t seed = 1; seed < 6; ++seed) EXPECT_EQ(run_of(seed), run_of(seed)) << "seed " << seed;
}

TEST(SimWorldRun, OtherSeedGivesAnotherRun) { EXPECT_NE(run_of(1).hash, run_of(2).hash); }

TEST_F(SimWorldTest, NodesTalkOverTheirAddresses) {
  RecordedListener listener(*server);
  listener.listen(smtp());
  RecordedStream stream(*client);
  stream.connect(smtp());
  ASSERT_TRUE(until([&] { return stream.connected && listener.streams.size() == 1; }));
  EXPECT_EQ(listener.peers[0].address, world.address("client"));
  stream.send("EHLO");
  ASSERT_TRUE(until([&] { return listener.streams[0]->received == "EHLO"; }));
  EXPECT_GT(world.wall_now(), WallTime(std::chrono::sys_days{std::chrono::year{2026} / 1 / 1}));
}

TEST_F(SimWorldTest, LoopbackStaysInsideItsNode) {
  RecordedListener listener(*server);
  listener.listen({*IpAddress::parse("127.0.0.1"), 25});
  RecordedStream stream(*client);
  stream.connect({*IpAddress::parse("127.0.0.1"), 25});
  ASSERT_TRUE(until([&] { return stream.closed; }));
  EXPECT_EQ(stream.connected, ECONNREFUSED);
}

TEST_F(SimWorldTest, AddressOfNobodyIsUnreachable) {
  RecordedStream stream(*client);
  stream.connect({*IpAddress::parse("203.0.113.9"), 25});
  ASSERT_TRUE(until([&] { return stream.closed; }));
  EXPECT_EQ(stream.connected, EHOSTUNREACH);
}

TEST_F(SimWorldTest, LostConnectTimesOutAsLinuxDoes) {
  RecordedListener listener(*server);
  listener.listen(smtp());
  SimFaults faults;
  faults.lose_connect = 1;
  world.set_faults("client", "mx", faults);
  const MonoTime begun = world.now();
  RecordedStream stream(*client);
  stream.connect(smtp());
  ASSERT_TRUE(until([&] { return stream.closed; }));
  EXPECT_EQ(stream.connected, ETIMEDOUT);
  EXPECT_EQ(world.now() - begun, kSimConnectTimeout);
}

TEST_F(SimWorldTest, FaultsOfAServerStrikeOnlyIt) {
  RecordedListener good(*server);
  good.listen(smtp());
  RecordedListener bad(*server);
  bad.listen({world.address("mx"), 26});
  SimFaults faults;
  faults.refuse_connect = 1;
  world.set_faults(bad.address(), faults);
  RecordedStream first(*client);
  first.connect(good.address());
  RecordedStream second(*client);
  second.connect(bad.address());
  ASSERT_TRUE(until([&] { return first.connected && second.connected; }));
  EXPECT_EQ(first.connected, 0);
  EXPECT_EQ(second.connected, ECONNREFUSED);
}

TEST_F(SimWorldTest, HealedBlackholeLetsTheOctetsThrough) {
  RecordedListener listener(*server);
  listener.listen(smtp());
  RecordedStream stream(*client);
  stream.connect(smtp());
  ASSERT_TRUE(until([&] { return stream.connected && listener.streams.size() == 1; }));
  SimFaults hole;
  hole.blackhole = true;
  world.set_faults(hole);
  stream.send("late");
  const MonoTime begun = world.now();
  ASSERT_TRUE(until([&] { return world.now() > begun + 60s; }));
  EXPECT_EQ(listener.streams[0]->received, "");
  world.clear_faults();
  ASSERT_TRUE(until([&] { return listener.streams[0]->received == "late"; }));
}

TEST_F(SimWorldTest, EndlessBlackholeEndsTheSender) {
  RecordedListener listener(*server);
  listener.listen(smtp());
  RecordedStream stream(*client);
  stream.connect(smtp());
  ASSERT_TRUE(until([&] { return stream.connected && listener.streams.size() == 1; }));
  SimFaults hole;
  hole.blackhole = true;
  world.set_faults(hole);
  stream.send("never");
  ASSERT_TRUE(until([&] { return stream.end.has_value(); }));
  EXPECT_EQ(stream.end, ETIMEDOUT);
}

TEST_F(SimWorldTest, ResetsStrikeBothEnds) {
  RecordedListener listener(*server);
  listener.listen(smtp());
  RecordedStream stream(*client);
  stream.connect(smtp());
  ASSERT_TRUE(until([&] { return stream.connected && listener.streams.size() == 1; }));
  SimFaults faults;
  faults.reset = 1;
  world.set_faults(faults);
  stream.send("EHLO");
  ASSERT_TRUE(until([&] { return stream.end && listener.streams[0]->end; }));
  EXPECT_EQ(stream.end, ECONNRESET);
  EXPECT_EQ(listener.streams[0]->end, ECONNRESET);
}

TEST_F(SimWorldTest, ALateReportOfAStreamThatHasGoneReachesNobody) {
  SimReactorOptions options;
  options.late_report = 1;
  client = world.make_reactor("client", options);
  RecordedListener listener(*server);
  listener.listen(smtp());
  for (int i = 0; i < 20; ++i) {
    RecordedStream gone(*client);
    gone.connect(smtp());
    ASSERT_TRUE(until([&] { return gone.connected.has_value(); }));
    gone.close(CloseMode::Abort);
    ASSERT_TRUE(until([&] { return gone.closed; }));
    // Has the slot of the one before when that one's report comes; RecordedStream objects to a foreign one.
    RecordedStream next(*client);
    next.connect(smtp());
    EXPECT_EQ(next.id.slot, gone.id.slot);
    const MonoTime later = world.now() + 2ms;
    while (world.step() && world.now() < later) {
      client->poll(world.now());
      server->poll(world.now());
    }
    ASSERT_TRUE(until([&] { return next.connected.has_value(); }));
    EXPECT_TRUE(next.sent.empty());
    next.close(CloseMode::Abort);
    ASSERT_TRUE(until([&] { return next.closed; }));
  }
  EXPECT_EQ(world.injected()[static_cast<size_t>(SimInjection::LateReport)], 40U);
}

TEST_F(SimWorldTest, ASendThatIsCanceledIsReportedAWhileLaterAndBeforeTheEnd) {
  RecordedListener listener(*server);
  listener.when_accepted = [&](RecordedStream& stream) { server->pause_receive(stream.id); };
  listener.listen(smtp());
  RecordedStream stream(*client);
  stream.connect(smtp());
  ASSERT_TRUE(until([&] { return stream.connected.has_value(); }));
  stream.send(std::string(1 << 20, 'x'));  // more than the two ends hold
  client->poll(world.now());
  stream.close(CloseMode::Abort);
  client->poll(world.now());
  EXPECT_FALSE(stream.closed);  // until then nobody may touch its octets
  ASSERT_TRUE(until([&] { return stream.closed; }));
  EXPECT_EQ(stream.sent, std::vector<int>{ECANCELED});
  EXPECT_EQ(world.injected()[static_cast<size_t>(SimInjection::CanceledSend)], 1U);
}

TEST_F(SimWorldTest, DatagramsAreLostAndDoubled) {
  RecordedDatagrams receiver(*server);
  receiver.open({.local = {world.address("mx"), 53}, .remote = {}});
  RecordedDatagrams sender(*client);
  sender.open({.local = {}, .remote = {world.address("mx"), 53}});
  SimFaults faults;
  faults.lose_datagram = 1;
  world.set_faults(faults);
  ASSERT_TRUE(sender.send("lost"));
  EXPECT_FALSE(until([&] { return !receiver.received.empty(); }));
  faults.lose_datagram = 0;
  faults.duplicate_datagram = 1;
  world.set_faults(faults);
  ASSERT_TRUE(sender.send("twice"));
  EXPECT_FALSE(until([&] { return receiver.received.size() > 2; }));
  EXPECT_EQ(receiver.received, (std::vector<std::string>{"twice", "twice"}));
}

TEST_F(SimWorldTest, CrashResetsPeersAndLeavesAHusk) {
  RecordedListener listener(*server);
  listener.listen(smtp());
  RecordedStream stream(*client);
  stream.connect(smtp());
  ASSERT_TRUE(until([&] { return stream.connected && listener.streams.size() == 1; }));
  world.crash("mx");
  ASSERT_TRUE(until([&] { return stream.end && listener.streams[0]->end; }));
  EXPECT_EQ(stream.end, ECONNRESET);
  RecordedFile file;
  server->open_file("/after", O_RDWR | O_CREAT, 0600, file);
  ASSERT_TRUE(until([&] { return file.result.has_value(); }));
  EXPECT_EQ(file.result, -EIO);
  EXPECT_FALSE(world.file_content("mx", "/after").has_value());
  RecordedStream out(*server);
  out.connect({world.address("client"), 25});
  ASSERT_TRUE(until([&] { return out.closed; }));
  EXPECT_EQ(out.connected, ENETDOWN);
  listener.streams[0]->close();
  listener.close();
  ASSERT_TRUE(until([&] { return server->in_flight() == 0; }));

  // The restarted node has the address again.
  server = world.make_reactor("mx");
  RecordedListener again(*server);
  again.listen(smtp());
  RecordedStream next(*client);
  next.connect(smtp());
  ASSERT_TRUE(until([&] { return next.connected && again.streams.size() == 1; }));
  EXPECT_EQ(next.connected, 0);
}

TEST_F(SimWorldTest, FailingDiskSaysSo) {
  SimDiskFaults faults;
  faults.sync_error = 1;
  world.set_disk_faults("mx", faults);
  RecordedFile opened;
  server->open_file("/journal", O_WRONLY | O_CREAT, 0600, opened);
  ASSERT_TRUE(until([&] { return opened.result.has_value(); }));
  const FileId file{static_cast<int32_t>(*opened.result)};
  RecordedFile synced;
  server->sync_file(file, SyncMode::Data, synced);
  ASSERT_TRUE(until([&] { return synced.result.has_value(); }));
  EXPECT_EQ(synced.result, -EIO);
  EXPECT_EQ(world.file_names("mx"), std::vector<std::string>{"/journal"});
}

runtime::Task<void> wait_an_hour(Shard& shard, runtime::Signal& signal, MonoTime& ended) {
  const MonoTime deadline = shard.now() + 1h;
  const runtime::Wake wake = co_await signal.wait_until(shard, deadline);
  EXPECT_EQ(wake, runtime::Wake::TimedOut);
  ended = shard.now();
}

TEST(SimWorldRun, ShardsAreTurnedAndTimersMoveTheTime) {
  SimWorld world(7);
  Shard first(ShardId{0}, world.make_reactor("one"));
  Shard second(ShardId{1}, world.make_reactor("two"));
  const std::vector<Shard*> shards = {&first, &second};
  const MonoTime begun = world.now();
  runtime::TaskGroup group;
  runtime::Signal signal;
  MonoTime ended;
  EXPECT_TRUE(group.spawn(second, wait_an_hour(second, signal, ended)));
  EXPECT_FALSE(world.run_until(shards, [&] { return group.size() == 0; }, begun + 59min));
  EXPECT_EQ(world.now(), begun + 59min);
  EXPECT_TRUE(world.run_until(shards, [&] { return group.size() == 0; }));
  EXPECT_EQ(ended, begun + 1h);
  world.run(shards, begun + 2h);
  EXPECT_EQ(world.now(), begun + 2h);
  EXPECT_FALSE(world.run_until(shards, [] { return false; })) << "nothing will ever happen";
}

}  // namespace
}  // namespace sluice::reactor
