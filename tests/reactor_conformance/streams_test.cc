#include "tests/reactor_conformance/conformance.h"

#include <algorithm>
#include <cerrno>

namespace sluice::reactor {
namespace {

using namespace std::chrono_literals;

TEST_P(StreamConformance, NothingIsReportedOutsidePoll) {
  Pair pair(reactor());
  pair.listener.listen(loopback_v4());
  pair.client.connect(pair.listener.address());
  EXPECT_FALSE(pair.client.connected);
  ASSERT_TRUE(until([&] { return pair.client.connected && !pair.listener.streams.empty(); }));
  pair.client.send("hello");
  EXPECT_TRUE(pair.client.sent.empty());
  pair.client.close();
  EXPECT_FALSE(pair.client.closed);
  pair.listener.close();
  EXPECT_FALSE(pair.listener.closed);
  close(pair);
}

TEST_P(StreamConformance, OctetsGoBothWaysOverIpv4) {
  Pair pair(reactor());
  connect(pair, loopback_v4());
  EXPECT_EQ(pair.listener.peers[0].address, loopback_v4().address);
  EXPECT_EQ(pair.listener.peers[0], reactor().local_endpoint(pair.client.id));
  EXPECT_EQ(pair.listener.locals[0], pair.listener.address());
  pair.client.send("EHLO client");
  pair.server().send("220 ready");
  ASSERT_TRUE(
      until([&] { return pair.server().received == "EHLO client" && pair.client.received == "220 ready"; }));
  ASSERT_TRUE(until([&] { return pair.client.sent.size() == 1 && pair.server().sent.size() == 1; }));
  EXPECT_EQ(pair.client.sent[0], 0);
  close(pair);
}

TEST_P(StreamConformance, OctetsGoBothWaysOverIpv6) {
  Pair pair(reactor());
  connect(pair, loopback_v6());
  EXPECT_EQ(pair.listener.peers[0].address, loopback_v6().address);
  pair.client.send("EHLO client");
  pair.server().send("220 ready");
  ASSERT_TRUE(
      until([&] { return pair.server().received == "EHLO client" && pair.client.received == "220 ready"; }));
  close(pair);
}

TEST_P(StreamConformance, ManySendsKeepTheirOrder) {
  Pair pair(reactor());
  connect(pair);
  const std::string octets = pattern(100'000);
  for (size_t from = 0, size = 1; from < octets.size(); from += size, size = size * 2 % 9973 + 1) {
    const size_t sent = pair.client.sent.size();
    pair.client.send(std::string_view(octets).substr(from, size));
    ASSERT_TRUE(until([&] { return pair.client.sent.size() == sent + 1; }));
    ASSERT_EQ(pair.client.sent.back(), 0);
  }
  ASSERT_TRUE(until([&] { return pair.server().received.size() == octets.size(); }));
  EXPECT_EQ(pair.server().received, octets);
  close(pair);
}

TEST_P(StreamConformance, OneSendTakesMoreSlicesThanTheKernelDoesAtOnce) {
  Pair pair(reactor());
  connect(pair);
  std::string octets = pattern(30'000);
  std::vector<iovec> slices;
  for (size_t from = 0; from < octets.size(); from += 10) {
    slices.push_back({octets.data() + from, 10});
    if (from % 1000 == 0) slices.push_back({nullptr, 0});
  }
  reactor().send(pair.client.id, slices);
  ASSERT_TRUE(
      until([&] { return pair.client.sent.size() == 1 && pair.server().received.size() == octets.size(); }));
  EXPECT_EQ(pair.client.sent[0], 0);
  EXPECT_EQ(pair.server().received, octets);
  close(pair);
}

TEST_P(StreamConformance, SendingNothingSucceeds) {
  Pair pair(reactor());
  connect(pair);
  reactor().send(pair.client.id, {});
  ASSERT_TRUE(until([&] { return pair.client.sent.size() == 1; }));
  EXPECT_EQ(pair.client.sent[0], 0);
  const std::vector<iovec> empty = {{nullptr, 0}, {nullptr, 0}};
  reactor().send(pair.client.id, empty);
  ASSERT_TRUE(until([&] { return pair.client.sent.size() == 2; }));
  EXPECT_EQ(pair.client.sent[1], 0);
  close(pair);
}

TEST_P(StreamConformance, PausedReaderHoldsTheSenderUp) {
  Pair pair(reactor());
  connect(pair);
  reactor().pause_receive(pair.server().id);
  const std::string octets = pattern(32UL * 1024 * 1024);  // more than any socket buffer grows to
  pair.client.send(octets);
  rig().pass(300ms);
  EXPECT_TRUE(pair.client.sent.empty());
  const size_t before = pair.server().received.size();
  EXPECT_LT(before, octets.size());
  rig().pass(50ms);
  EXPECT_EQ(pair.server().received.size(), before) << "octets were taken while it was paused";
  reactor().resume_receive(pair.server().id);
  ASSERT_TRUE(until([&] { return pair.server().received.size() == octets.size(); }));
  ASSERT_TRUE(until([&] { return pair.client.sent.size() == 1; }));
  EXPECT_EQ(pair.client.sent[0], 0);
  EXPECT_TRUE(pair.server().received == octets);
  close(pair);
}

TEST_P(StreamConformance, PausingInTheMiddleLosesNothing) {
  Pair pair(reactor());
  connect(pair);
  const std::string octets = pattern(4UL * 1024 * 1024);
  pair.client.send(octets);
  size_t pauses = 0;
  RecordedStream& server = pair.server();
  server.when_received = [&] {
    if (server.received.size() / 300'000 > pauses) {
      ++pauses;
      reactor().pause_receive(server.id);
    }
  };
  ASSERT_TRUE(until([&] {
    reactor().resume_receive(server.id);
    return server.received.size() == octets.size();
  }));
  EXPECT_GT(pauses, 5U);
  EXPECT_TRUE(server.received == octets);
  close(pair);
}

TEST_P(StreamConformance, PausedBeforeItIsConnectedReceivesNothing) {
  Pair pair(reactor());
  pair.listener.when_accepted = [](RecordedStream& stream) { stream.send("220 early"); };
  pair.listener.listen(loopback_v4());
  pair.client.connect(pair.listener.address());
  reactor().pause_receive(pair.client.id);
  ASSERT_TRUE(until([&] {
    return pair.client.connected && !pair.listener.streams.empty() && !pair.server().sent.empty();
  }));
  rig().pass(50ms);
  EXPECT_EQ(pair.client.received, "");
  reactor().resume_receive(pair.client.id);
  ASSERT_TRUE(until([&] { return pair.client.received == "220 early"; }));
  close(pair);
}

TEST_P(StreamConformance, OrderlyEndComesAfterTheLastOctet) {
  Pair pair(reactor());
  connect(pair);
  const std::string octets = pattern(200'000);
  pair.client.send(octets);
  ASSERT_TRUE(until([&] { return pair.client.sent.size() == 1; }));
  pair.client.close();
  ASSERT_TRUE(until([&] { return pair.server().end.has_value(); }));
  EXPECT_EQ(pair.server().end, 0);
  EXPECT_EQ(pair.server().received, octets);
  close(pair);
}

TEST_P(StreamConformance, HalfClosedStreamStillReceives) {
  Pair pair(reactor());
  connect(pair);
  pair.client.send("request");
  pair.client.end_sending();  // follows what is being sent
  ASSERT_TRUE(until([&] { return pair.server().end.has_value(); }));
  EXPECT_EQ(pair.server().end, 0);
  EXPECT_EQ(pair.server().received, "request");
  pair.server().send("answer");
  ASSERT_TRUE(until([&] { return pair.client.received == "answer"; }));
  EXPECT_FALSE(pair.client.end.has_value());
  pair.server().close();
  ASSERT_TRUE(until([&] { return pair.client.end.has_value(); }));
  EXPECT_EQ(pair.client.end, 0);
  close(pair);
}

TEST_P(StreamConformance, SendAfterHalfCloseIsEpipe) {
  Pair pair(reactor());
  connect(pair);
  pair.client.end_sending();
  ASSERT_TRUE(until([&] { return pair.server().end.has_value(); }));
  pair.client.send("too late");
  ASSERT_TRUE(until([&] { return pair.client.sent.size() == 1; }));
  EXPECT_EQ(pair.client.sent[0], EPIPE);
  close(pair);
}

TEST_P(StreamConformance, AbortIsAReset) {
  Pair pair(reactor());
  connect(pair);
  pair.client.close(CloseMode::Abort);
  ASSERT_TRUE(until([&] { return pair.client.closed && pair.server().end.has_value(); }));
  EXPECT_EQ(pair.server().end, ECONNRESET);
  pair.server().send("nobody hears");
  ASSERT_TRUE(until([&] { return pair.server().sent.size() == 1; }));
  EXPECT_THAT(pair.server().sent[0], testing::AnyOf(EPIPE, ECONNRESET));
  close(pair);
}

TEST_P(StreamConformance, ResetFailsAPendingSend) {
  Pair pair(reactor());
  connect(pair);
  reactor().pause_receive(pair.server().id);
  pair.client.send(pattern(32UL * 1024 * 1024));
  rig().pass(20ms);
  ASSERT_TRUE(pair.client.sent.empty());
  pair.server().close(CloseMode::Abort);
  ASSERT_TRUE(until([&] { return pair.client.sent.size() == 1 && pair.client.end.has_value(); }));
  EXPECT_NE(pair.client.end, 0) << "a reset was taken for the peer's orderly end";
  EXPECT_THAT(pair.client.sent[0], testing::AnyOf(EPIPE, ECONNRESET));
  close(pair);
}

TEST_P(StreamConformance, CloseReportsAPendingSendFirst) {
  Pair pair(reactor());
  connect(pair);
  reactor().pause_receive(pair.server().id);
  auto octets = std::make_unique<std::string>(pattern(32UL * 1024 * 1024));
  const std::vector<iovec> slices = {{octets->data(), octets->size()}};
  reactor().send(pair.client.id, slices);
  rig().pass(20ms);
  ASSERT_TRUE(pair.client.sent.empty());
  pair.client.close();
  EXPECT_TRUE(pair.client.sent.empty());
  ASSERT_TRUE(until([&] { return pair.client.closed; }));
  EXPECT_EQ(pair.client.sent, std::vector<int>{ECANCELED});
  octets = nullptr;  // ours again
  reactor().resume_receive(pair.server().id);
  ASSERT_TRUE(until([&] { return pair.server().end.has_value(); }));
  close(pair);
}

TEST_P(StreamConformance, SendAndCloseInOneTurnReportBoth) {
  Pair pair(reactor());
  connect(pair);
  pair.client.send("QUIT");
  pair.client.close();
  ASSERT_TRUE(until([&] { return pair.client.closed; }));
  ASSERT_EQ(pair.client.sent.size(), 1U);
  EXPECT_THAT(pair.client.sent[0], testing::AnyOf(0, ECANCELED));
  ASSERT_TRUE(until([&] { return pair.server().end.has_value(); }));
  if (pair.client.sent[0] == 0) {
    EXPECT_EQ(pair.server().received, "QUIT");
  }
  close(pair);
}

TEST_P(StreamConformance, CloseFromInsideAReportIsTheLastOfItsOctets) {
  Pair pair(reactor());
  connect(pair);
  RecordedStream& server = pair.server();
  server.when_received = [&] { server.close(CloseMode::Abort); };  // the recorder fails on any further octets
  pair.client.send(pattern(2UL * 1024 * 1024));
  ASSERT_TRUE(until([&] { return server.closed; }));
  ASSERT_TRUE(until([&] { return pair.client.end.has_value(); }));
  close(pair);
}

TEST_P(StreamConformance, OpposedStreamsDoNotHoldEachOtherUp) {
  Pair pair(reactor());
  connect(pair);
  const std::string octets = pattern(3UL * 1024 * 1024);
  pair.client.send(octets);
  pair.server().send(octets);
  ASSERT_TRUE(until([&] {
    return pair.client.received.size() == octets.size() && pair.server().received.size() == octets.size();
  }));
  EXPECT_TRUE(pair.client.received == octets);
  EXPECT_TRUE(pair.server().received == octets);
  close(pair);
}

TEST_P(StreamConformance, RefusedConnectSaysSoAndCloses) {
  RecordedListener listener(reactor());
  listener.listen(loopback_v4());
  const Endpoint nobody = listener.address();
  listener.close();
  ASSERT_TRUE(until([&] { return listener.closed; }));
  RecordedStream client(reactor());
  client.connect(nobody);
  ASSERT_TRUE(until([&] { return client.closed; }));
  EXPECT_EQ(client.connected, ECONNREFUSED);
  EXPECT_EQ(reactor().in_flight(), 0U);
}

TEST_P(StreamConformance, CloseFromInsideAFailedConnectIsHarmless) {
  RecordedListener listener(reactor());
  listener.listen(loopback_v4());
  const Endpoint nobody = listener.address();
  listener.close();
  ASSERT_TRUE(until([&] { return listener.closed; }));
  RecordedStream client(reactor());
  client.when_connected = [&] { client.close(); };
  client.connect(nobody);
  ASSERT_TRUE(until([&] { return client.closed; }));
  rig().pass(10ms);
}

TEST_P(StreamConformance, ConnectAndCloseAtOnceReportsBoth) {
  RecordedListener listener(reactor());
  listener.listen(loopback_v4());
  RecordedStream client(reactor());
  client.connect(listener.address());
  client.close();
  ASSERT_TRUE(until([&] { return client.closed; }));
  EXPECT_THAT(client.connected, testing::Optional(testing::AnyOf(0, ECANCELED)));
  rig().pass(20ms);
  for (const auto& stream : listener.streams) stream->close();
  listener.close();
  EXPECT_TRUE(until([&] { return reactor().in_flight() == 0; }));
}

TEST_P(StreamConformance, UnansweredConnectCanBeClosed) {
  if (!simulated()) GTEST_SKIP() << "no loopback address swallows packets";
  SimFaults hole;
  hole.blackhole = true;
  rig().world()->set_faults(hole);
  RecordedStream client(reactor());
  client.connect(loopback_v4(25));
  rig().pass(1000ms);
  EXPECT_FALSE(client.connected);
  client.close();
  ASSERT_TRUE(until([&] { return client.closed; }));
  EXPECT_EQ(client.connected, ECANCELED);
}

TEST_P(StreamConformance, DeadIdsAreIgnored) {
  Pair pair(reactor());
  connect(pair);
  const SocketId dead = pair.client.id;
  pair.client.close();
  pair.client.close();
  ASSERT_TRUE(until([&] { return pair.client.closed; }));
  RecordedStream next(reactor());
  next.connect(pair.listener.address());
  EXPECT_NE(next.id, dead);
  ASSERT_TRUE(until([&] { return next.connected && pair.listener.streams.size() == 2; }));
  std::string octets = "stray";
  const std::vector<iovec> slices = {{octets.data(), octets.size()}};
  reactor().send(dead, slices);
  reactor().pause_receive(dead);
  reactor().resume_receive(dead);
  reactor().shutdown_send(dead);
  reactor().close(dead, CloseMode::Abort);
  reactor().close(SocketId{}, CloseMode::Abort);
  rig().pass(20ms);
  next.send("alive");
  ASSERT_TRUE(until([&] { return pair.listener.streams[1]->received == "alive"; }));
  next.close();
  pair.listener.streams[1]->close();
  close(pair);
  EXPECT_TRUE(until([&] { return reactor().in_flight() == 0; }));
}

// Slots and descriptors are used again at once, while what was asked of their earlier users is still under
// way: each client sends its own number, and nobody may ever see another's.
TEST_P(StreamConformance, ReusedSlotsNeverSeeEarlierUsersOctets) {
  constexpr int kRounds = 150;
  constexpr int kClients = 8;
  RecordedListener listener(reactor());
  listener.when_accepted = [](RecordedStream& stream) {
    stream.when_received = [&stream] {
      if (stream.received.size() >= 8 && stream.sent.empty()) stream.close(CloseMode::Abort);
    };
  };
  listener.listen(loopback_v4());
  std::vector<std::unique_ptr<RecordedStream>> all;
  for (int round = 0; round < kRounds; ++round) {
    std::vector<RecordedStream*> clients;
    for (int i = 0; i < kClients; ++i) {
      all.push_back(std::make_unique<RecordedStream>(reactor()));
      RecordedStream* client = all.back().get();
      const std::string number = std::to_string(10'000'000 + round * kClients + i);
      client->when_connected = [client, number, i] {
        if (*client->connected != 0) return;
        client->send(number);
        if (i % 2 == 0) client->close(i % 4 == 0 ? CloseMode::Abort : CloseMode::Graceful);
      };
      client->connect(listener.address());
      if (i % 5 == 3) client->close();
      clients.push_back(client);
    }
    const auto over = [](const RecordedStream* client) { return client->closed || client->end.has_value(); };
    ASSERT_TRUE(until([&] { return std::ranges::all_of(clients, over); })) << "round " << round;
    for (RecordedStream* client : clients)
      if (!client->closed) client->close();
  }
  listener.close();
  ASSERT_TRUE(until([&] { return listener.closed; }));
  for (const auto& stream : listener.streams) stream->close();
  ASSERT_TRUE(until([&] { return reactor().in_flight() == 0; }));
  for (const auto& stream : listener.streams) {
    EXPECT_LE(stream->received.size(), 8U);
    if (stream->received.size() == 8) {
      EXPECT_EQ(stream->received[0], '1');
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, StreamConformance, testing::ValuesIn(backends_under_test()), backend_of);

}  // namespace
}  // namespace sluice::reactor
