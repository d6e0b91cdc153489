#include "io/net/listener.h"

#include "tests/unit/io/net/sim_pair.h"

namespace sluice::net {
namespace {

using runtime::Task;
using test::Keeper;
using test::SimPair;
using namespace std::chrono_literals;

Task<void> close(Shard& shard, Listener& listener) { co_await listener.close(shard); }

Task<void> connect(Shard& shard, Endpoint remote, StreamPtr& stream, int& error) {
  auto connected = co_await Stream::connect(shard, remote, kNever);
  error = connected ? 0 : connected.error();
  if (connected) stream = std::move(*connected);
}

Task<void> receive(Shard& shard, Stream& stream, StreamEvent& event) {
  const Received got = co_await stream.receive(shard, kNever);
  event = got.event;
}

class Refuser final : public AcceptSink {
 public:
  void on_stream(StreamPtr stream) override { stream.reset(); }
};

TEST(Listener, GivesThePortThatWasChosen) {
  SimPair sim;
  Keeper keeper;
  auto listener = Listener::open(sim.mx, {.address = sim.at_mx(0)}, keeper);
  ASSERT_TRUE(listener.has_value());
  EXPECT_NE((*listener)->address().port, 0);
  sim.start(sim.mx, close(sim.mx, **listener));
  EXPECT_TRUE(sim.finish());
}

TEST(Listener, CountsWhatItAcceptedAndRefusesAfterClosing) {
  SimPair sim;
  Keeper keeper;
  auto listener = Listener::open(sim.mx, {.address = sim.at_mx(25)}, keeper);
  ASSERT_TRUE(listener.has_value());
  StreamPtr stream;
  int error = -1;
  sim.start(sim.client, connect(sim.client, sim.at_mx(25), stream, error));
  ASSERT_TRUE(sim.finish());
  EXPECT_EQ(error, 0);
  EXPECT_EQ((*listener)->accepted(), 1U);
  sim.start(sim.mx, close(sim.mx, **listener));
  ASSERT_TRUE(sim.finish());
  StreamPtr none;
  sim.start(sim.client, connect(sim.client, sim.at_mx(25), none, error));
  ASSERT_TRUE(sim.finish());
  EXPECT_NE(error, 0);
}

TEST(Listener, DroppingTheStreamRefusesIt) {
  SimPair sim;
  Refuser refuser;
  auto listener = Listener::open(sim.mx, {.address = sim.at_mx(25)}, refuser);
  ASSERT_TRUE(listener.has_value());
  StreamPtr stream;
  int error = -1;
  sim.start(sim.client, connect(sim.client, sim.at_mx(25), stream, error));
  ASSERT_TRUE(sim.finish());
  if (stream) {
    StreamEvent event = StreamEvent::Data;
    sim.start(sim.client, receive(sim.client, *stream, event));
    ASSERT_TRUE(sim.finish());
    EXPECT_NE(event, StreamEvent::Data);
  }
  EXPECT_EQ((*listener)->accepted(), 0U);
  sim.start(sim.mx, close(sim.mx, **listener));
  EXPECT_TRUE(sim.finish());
}

TEST(Listener, SaysWhyAnAddressCannotBeUsed) {
  SimPair sim;
  Keeper keeper;
  auto first = Listener::open(sim.mx, {.address = sim.at_mx(25), .share_port = false}, keeper);
  ASSERT_TRUE(first.has_value());
  auto second = Listener::open(sim.mx, {.address = sim.at_mx(25), .share_port = false}, keeper);
  EXPECT_FALSE(second.has_value());
  sim.start(sim.mx, close(sim.mx, **first));
  EXPECT_TRUE(sim.finish());
}

}  // namespace
}  // namespace sluice::net
