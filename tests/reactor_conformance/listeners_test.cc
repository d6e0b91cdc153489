#include "tests/reactor_conformance/conformance.h"

#include <algorithm>
#include <cerrno>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

namespace sluice::reactor {
namespace {

using namespace std::chrono_literals;

using ListenerConformance = StreamConformance;

// A client outside the reactor, so that the reactor needs no descriptor for it.
class PlainClient {
 public:
  PlainClient() : descriptor_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {}
  ~PlainClient() { close(descriptor_); }
  PlainClient(const PlainClient&) = delete;
  PlainClient& operator=(const PlainClient&) = delete;
  void connect_to(const Endpoint& server) const {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(server.port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(connect(descriptor_, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  }

 private:
  int descriptor_;
};

// A process that may open a few descriptors more, and then none. The limit stands from the beginning, since
// io_uring reads it when accepting is asked for.
class FewDescriptors {
 public:
  FewDescriptors() {
    getrlimit(RLIMIT_NOFILE, &before_);
    rlimit tight = before_;
    tight.rlim_cur = kMost;
    setrlimit(RLIMIT_NOFILE, &tight);
  }
  ~FewDescriptors() {
    release();
    setrlimit(RLIMIT_NOFILE, &before_);
  }
  FewDescriptors(const FewDescriptors&) = delete;
  FewDescriptors& operator=(const FewDescriptors&) = delete;
  void use_up() {
    for (int filler = dup(STDERR_FILENO); filler >= 0; filler = dup(STDERR_FILENO))
      fillers_.push_back(filler);
  }
  void release() {
    for (const int filler : fillers_) close(filler);
    fillers_.clear();
  }

 private:
  static constexpr rlim_t kMost = 200;
  rlimit before_{};
  std::vector<int> fillers_;
};

TEST_P(ListenerConformance, KernelChoosesAPort) {
  RecordedListener listener(reactor());
  listener.listen(loopback_v4());
  EXPECT_EQ(listener.address().address, loopback_v4().address);
  EXPECT_NE(listener.address().port, 0);
  listener.close();
  EXPECT_TRUE(until([&] { return listener.closed; }));
}

TEST_P(ListenerConformance, SharedPortHasSeveralListeners) {
  RecordedListener first(reactor());
  RecordedListener second(reactor());
  first.listen(loopback_v4());
  second.listen(first.address());
  EXPECT_EQ(first.address(), second.address());
  first.close();
  second.close();
  EXPECT_TRUE(until([&] { return first.closed && second.closed; }));
}

TEST_P(ListenerConformance, TakenPortIsAnError) {
  RecordedListener first(reactor());
  first.listen(loopback_v4());
  RecordedListener second(reactor());
  ListenOptions options;
  options.address = first.address();
  options.share_port = false;
  const Result<SocketId> made = reactor().listen(options, second);
  ASSERT_FALSE(made.has_value());
  EXPECT_EQ(made.error().os_error, EADDRINUSE);
  first.close();
  EXPECT_TRUE(until([&] { return first.closed; }));
  EXPECT_EQ(reactor().in_flight(), 0U);
}

TEST_P(ListenerConformance, BothFamiliesCanHaveTheSamePort) {
  RecordedListener v6(reactor());
  RecordedListener v4(reactor());
  // The port that the kernel chose for IPv6 may be in use for IPv4, by whomever.
  for (int attempt = 0; attempt < 5 && !v4.id; ++attempt) {
    v6.listen({*IpAddress::parse("::"), 0});
    ListenOptions options;
    options.address = {*IpAddress::parse("0.0.0.0"), v6.address().port};
    options.share_port = false;
    const Result<SocketId> made = reactor().listen(options, v4);
    if (made) {
      v4.id = *made;
      break;
    }
    v6.close();
    ASSERT_TRUE(until([&] { return v6.closed; }));
    v6.closed = false;
  }
  ASSERT_TRUE(v4.id);
  RecordedStream client(reactor());
  client.connect(loopback_v4(v6.address().port));
  RecordedStream client_v6(reactor());
  client_v6.connect(loopback_v6(v6.address().port));
  ASSERT_TRUE(until([&] { return client.connected && v4.streams.size() == 1; }));
  ASSERT_TRUE(until([&] { return client_v6.connected && v6.streams.size() == 1; }));
  EXPECT_EQ(v4.peers[0].address, loopback_v4().address);
  EXPECT_EQ(v4.locals[0].address, loopback_v4().address);
  EXPECT_EQ(v6.peers[0].address, loopback_v6().address);
  client.close();
  client_v6.close();
  v4.streams[0]->close();
  v6.streams[0]->close();
  v4.close();
  v6.close();
  EXPECT_TRUE(until([&] { return reactor().in_flight() == 0; }));
}

TEST_P(ListenerConformance, ManyClientsAreAccepted) {
  constexpr size_t kClients = 200;
  RecordedListener listener(reactor());
  listener.listen(loopback_v4());
  std::vector<std::unique_ptr<RecordedStream>> clients;
  for (size_t i = 0; i < kClients; ++i) {
    clients.push_back(std::make_unique<RecordedStream>(reactor()));
    clients.back()->connect(listener.address());
  }
  ASSERT_TRUE(until([&] { return listener.streams.size() == kClients; }));
  ASSERT_TRUE(
      until([&] { return std::ranges::all_of(clients, [](const auto& c) { return c->connected == 0; }); }));
  for (const auto& client : clients) client->close();
  for (const auto& stream : listener.streams) stream->close();
  listener.close();
  EXPECT_TRUE(until([&] { return reactor().in_flight() == 0; }));
}

TEST_P(ListenerConformance, RefusedStreamIsClosedAndReportsNothing) {
  RecordedListener listener(reactor());
  listener.refuse = true;
  listener.listen(loopback_v4());
  RecordedStream client(reactor());
  client.connect(listener.address());
  ASSERT_TRUE(until([&] { return client.connected && client.end.has_value(); }));
  EXPECT_EQ(listener.refused, 1U);
  client.close();
  listener.close();
  EXPECT_TRUE(until([&] { return reactor().in_flight() == 0; }));
}

TEST_P(ListenerConformance, StreamMayBePausedSentToAndClosedWhileItIsAccepted) {
  RecordedListener listener(reactor());
  listener.when_accepted = [&](RecordedStream& stream) {
    reactor().pause_receive(stream.id);
    stream.send("421 busy");
  };
  listener.listen(loopback_v4());
  RecordedStream client(reactor());
  client.when_connected = [&] { client.send("EHLO"); };
  client.connect(listener.address());
  ASSERT_TRUE(until([&] { return client.received == "421 busy" && !client.sent.empty(); }));
  rig().pass(20ms);
  EXPECT_EQ(listener.streams[0]->received, "");
  listener.when_accepted = [](RecordedStream& stream) { stream.close(); };
  RecordedStream second(reactor());
  second.connect(listener.address());
  ASSERT_TRUE(until([&] { return second.end.has_value() && listener.streams.at(1)->closed; }));
  client.close();
  second.close();
  listener.streams[0]->close();
  listener.close();
  EXPECT_TRUE(until([&] { return reactor().in_flight() == 0; }));
}

// Whoever got a connection is served, also when the listener closes right then.
TEST_P(ListenerConformance, ClosingListenerHandsOverItsBacklogFirst) {
  constexpr size_t kClients = 20;
  RecordedListener listener(reactor());
  listener.listen(loopback_v4());
  const Endpoint address = listener.address();
  std::vector<std::unique_ptr<RecordedStream>> clients;
  for (size_t i = 0; i < kClients; ++i) {
    clients.push_back(std::make_unique<RecordedStream>(reactor()));
    clients.back()->connect(address);
  }
  reactor().poll(reactor().now());
  listener.close();
  ASSERT_TRUE(until([&] { return listener.closed; }));
  const size_t accepted = listener.streams.size();
  ASSERT_TRUE(until(
      [&] { return std::ranges::all_of(clients, [](const auto& c) { return c->connected.has_value(); }); }));
  rig().pass(50ms);
  EXPECT_EQ(listener.streams.size(), accepted);
  const auto served =
      std::ranges::count_if(clients, [](const auto& c) { return c->connected == 0 && !c->end; });
  EXPECT_EQ(static_cast<size_t>(served), accepted);
  if (!simulated()) {
    EXPECT_EQ(accepted, kClients);  // loopback connects at once
  }
  for (const auto& client : clients)
    if (!client->closed) client->close();
  for (const auto& stream : listener.streams) stream->close();
  EXPECT_TRUE(until([&] { return reactor().in_flight() == 0; }));
}

TEST_P(ListenerConformance, CloseAtOnceAfterListenIsReported) {
  RecordedListener listener(reactor());
  listener.listen(loopback_v4());
  listener.close();
  EXPECT_TRUE(until([&] { return listener.closed; }));
}

TEST_P(ListenerConformance, AcceptingGoesOnAfterAnError) {
  if (!simulated()) GTEST_SKIP() << "see AcceptingGoesOnWhenThereAreDescriptorsAgain";
  RecordedListener listener(reactor());
  listener.listen(loopback_v4());
  SimFaults faults;
  faults.accept_error = 1;
  rig().world()->set_faults(faults);
  RecordedStream client(reactor());
  client.connect(listener.address());
  ASSERT_TRUE(until([&] { return !listener.errors.empty(); }));
  EXPECT_TRUE(listener.streams.empty());
  ASSERT_TRUE(until([&] { return listener.streams.size() == 1; }));
  client.close();
  listener.streams[0]->close();
  listener.close();
  EXPECT_TRUE(until([&] { return reactor().in_flight() == 0; }));
}

TEST_P(ListenerConformance, AcceptingGoesOnWhenThereAreDescriptorsAgain) {
  if (simulated()) GTEST_SKIP() << "see AcceptingGoesOnAfterAnError";
  FewDescriptors descriptors;
  make_rig({});
  RecordedListener listener(reactor());
  listener.listen(loopback_v4());
  PlainClient first;
  PlainClient second;
  first.connect_to(listener.address());
  ASSERT_TRUE(until([&] { return listener.streams.size() == 1; }));
  descriptors.use_up();
  second.connect_to(listener.address());
  EXPECT_TRUE(until([&] { return !listener.errors.empty(); }));
  EXPECT_EQ(listener.errors, std::vector<int>{EMFILE});
  EXPECT_EQ(listener.streams.size(), 1U);
  descriptors.release();
  EXPECT_TRUE(until([&] { return listener.streams.size() == 2; }));
  for (const auto& stream : listener.streams) stream->close();
  listener.close();
  EXPECT_TRUE(until([&] { return reactor().in_flight() == 0; }));
}

INSTANTIATE_TEST_SUITE_P(All, ListenerConformance, testing::ValuesIn(backends_under_test()), backend_of);

}  // namespace
}  // namespace sluice::reactor
