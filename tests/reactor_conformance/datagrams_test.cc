#include "tests/reactor_conformance/conformance.h"

#include <algorithm>
#include <cerrno>

namespace sluice::reactor {
namespace {

using namespace std::chrono_literals;

class DatagramConformance : public Conformance {
 protected:
  // A server and a client that is connected to it.
  void open(RecordedDatagrams& server, RecordedDatagrams& client, const Endpoint& address) {
    server.open({.local = address, .remote = {}});
    client.open({.local = {}, .remote = server.address()});
  }
  void close(RecordedDatagrams& server, RecordedDatagrams& client) {
    server.close();
    client.close();
    EXPECT_TRUE(until([&] { return server.closed && client.closed; }));
  }
};

TEST_P(DatagramConformance, QuestionAndAnswerOverIpv4) {
  RecordedDatagrams server(reactor());
  RecordedDatagrams client(reactor());
  open(server, client, loopback_v4());
  ASSERT_TRUE(client.send("question"));
  EXPECT_TRUE(server.received.empty());
  ASSERT_TRUE(until([&] { return server.received.size() == 1; }));
  EXPECT_EQ(server.received[0], "question");
  EXPECT_EQ(server.senders[0], client.address());
  ASSERT_TRUE(server.send("answer", server.senders[0]));
  ASSERT_TRUE(until([&] { return client.received.size() == 1; }));
  EXPECT_EQ(client.received[0], "answer");
  EXPECT_EQ(client.senders[0], server.address());
  close(server, client);
}

TEST_P(DatagramConformance, QuestionAndAnswerOverIpv6) {
  RecordedDatagrams server(reactor());
  RecordedDatagrams client(reactor());
  open(server, client, loopback_v6());
  ASSERT_TRUE(client.send("question"));
  ASSERT_TRUE(until([&] { return server.received.size() == 1; }));
  EXPECT_EQ(server.senders[0], client.address());
  ASSERT_TRUE(server.send("answer", server.senders[0]));
  ASSERT_TRUE(until([&] { return client.received.size() == 1; }));
  EXPECT_EQ(client.senders[0], server.address());
  close(server, client);
}

TEST_P(DatagramConformance, UnconnectedSocketTalksToSeveral) {
  RecordedDatagrams first(reactor());
  RecordedDatagrams second(reactor());
  RecordedDatagrams client(reactor());
  first.open({.local = loopback_v4(), .remote = {}});
  second.open({.local = loopback_v4(), .remote = {}});
  client.open({.local = loopback_v4(), .remote = {}});
  ASSERT_TRUE(client.send("to the first", first.address()));
  ASSERT_TRUE(client.send("to the second", second.address()));
  ASSERT_TRUE(until([&] { return first.received.size() == 1 && second.received.size() == 1; }));
  EXPECT_EQ(first.received[0], "to the first");
  EXPECT_EQ(second.received[0], "to the second");
  EXPECT_EQ(second.senders[0], client.address());
  second.close();
  EXPECT_TRUE(until([&] { return second.closed; }));
  close(first, client);
}

TEST_P(DatagramConformance, ConnectedSocketHearsOnlyItsPeer) {
  RecordedDatagrams server(reactor());
  RecordedDatagrams client(reactor());
  RecordedDatagrams stranger(reactor());
  open(server, client, loopback_v4());
  stranger.open({.local = loopback_v4(), .remote = {}});
  ASSERT_TRUE(stranger.send("forged answer", client.address()));
  rig().pass(50ms);
  ASSERT_TRUE(server.send("answer", client.address()));
  ASSERT_TRUE(until([&] { return !client.received.empty(); }));
  EXPECT_EQ(client.received, std::vector<std::string>{"answer"});
  stranger.close();
  EXPECT_TRUE(until([&] { return stranger.closed; }));
  close(server, client);
}

TEST_P(DatagramConformance, HundredOfOneTurnArriveWhole) {
  RecordedDatagrams server(reactor());
  RecordedDatagrams client(reactor());
  open(server, client, loopback_v4());
  std::vector<std::string> expected;
  for (int i = 0; i < 100; ++i) {
    std::string octets = std::to_string(i) + ":" + pattern(static_cast<size_t>(i) * 7);
    ASSERT_TRUE(client.send(octets));
    expected.push_back(std::move(octets));
  }
  ASSERT_TRUE(until([&] { return server.received.size() == expected.size(); }));
  std::ranges::sort(expected);
  std::ranges::sort(server.received);
  EXPECT_EQ(server.received, expected);
  close(server, client);
}

TEST_P(DatagramConformance, LongestDatagramArrivesWhole) {
  RecordedDatagrams server(reactor());
  RecordedDatagrams client(reactor());
  open(server, client, loopback_v4());
  const std::string octets = pattern(kDatagramMax);
  ASSERT_TRUE(client.send(octets));
  ASSERT_TRUE(until([&] { return server.received.size() == 1; }));
  EXPECT_EQ(server.received[0], octets);
  close(server, client);
}

TEST_P(DatagramConformance, LongerDatagramIsAnError) {
  RecordedDatagrams server(reactor());
  RecordedDatagrams client(reactor());
  open(server, client, loopback_v4());
  ASSERT_TRUE(client.send(pattern(kDatagramMax + 1)));
  ASSERT_TRUE(until([&] { return server.errors.size() == 1; }));
  EXPECT_EQ(server.errors[0], EMSGSIZE);
  ASSERT_TRUE(client.send("short"));
  ASSERT_TRUE(until([&] { return server.received.size() == 1; }));
  EXPECT_EQ(server.received[0], "short");
  close(server, client);
}

TEST_P(DatagramConformance, EmptyDatagramArrives) {
  RecordedDatagrams server(reactor());
  RecordedDatagrams client(reactor());
  open(server, client, loopback_v4());
  ASSERT_TRUE(client.send(""));
  ASSERT_TRUE(until([&] { return server.received.size() == 1; }));
  EXPECT_EQ(server.received[0], "");
  close(server, client);
}

TEST_P(DatagramConformance, RefusalIsAnErrorAndTheSocketStaysOpen) {
  RecordedDatagrams server(reactor());
  RecordedDatagrams client(reactor());
  open(server, client, loopback_v4());
  const Endpoint address = server.address();
  server.close();
  ASSERT_TRUE(until([&] { return server.closed; }));
  ASSERT_TRUE(client.send("anybody there?"));
  ASSERT_TRUE(until([&] { return !client.errors.empty(); }));
  EXPECT_EQ(client.errors[0], ECONNREFUSED);
  RecordedDatagrams again(reactor());
  again.open({.local = address, .remote = {}});
  // One may be lost to a refusal that was still under way.
  ASSERT_TRUE(until([&] {
    static_cast<void>(client.send("once more"));
    return !again.received.empty();
  }));
  EXPECT_EQ(again.received[0], "once more");
  close(again, client);
}

TEST_P(DatagramConformance, TooManyBetweenTwoPollsAreNotTaken) {
  RecordedDatagrams server(reactor());
  RecordedDatagrams client(reactor());
  open(server, client, loopback_v4());
  size_t taken = 0;
  while (taken < 1'000'000 && client.send("x")) ++taken;
  EXPECT_LT(taken, 1'000'000U);
  EXPECT_GE(taken, 100U);
  ASSERT_TRUE(until([&] { return !server.received.empty(); }));
  // A full receive buffer loses datagrams, so perhaps several times.
  ASSERT_TRUE(until([&] {
    static_cast<void>(client.send("one more"));
    return std::ranges::find(server.received, "one more") != server.received.end();
  }));
  close(server, client);
}

TEST_P(DatagramConformance, AnswersWakeAWaitingPoll) {
  RecordedDatagrams server(reactor());
  RecordedDatagrams client(reactor());
  open(server, client, loopback_v4());
  for (int i = 0; i < 20; ++i) {
    ASSERT_TRUE(client.send("ping"));
    const MonoTime begun = reactor().now();
    while (server.received.size() < static_cast<size_t>(i) + 1) {
      reactor().poll(begun + 5s);
      ASSERT_LT(reactor().now(), begun + 5s);
    }
  }
  close(server, client);
}

TEST_P(DatagramConformance, TakenAddressIsAnError) {
  RecordedDatagrams server(reactor());
  RecordedDatagrams second(reactor());
  server.open({.local = loopback_v4(), .remote = {}});
  const Result<SocketId> made = reactor().open_datagram({.local = server.address(), .remote = {}}, second);
  ASSERT_FALSE(made.has_value());
  EXPECT_EQ(made.error().os_error, EADDRINUSE);
  server.close();
  EXPECT_TRUE(until([&] { return server.closed; }));
}

TEST_P(DatagramConformance, ClosedSocketReportsNothingMore) {
  for (int i = 0; i < 50; ++i) {
    RecordedDatagrams server(reactor());
    RecordedDatagrams client(reactor());
    open(server, client, loopback_v4());
    ASSERT_TRUE(client.send("late"));
    reactor().poll(reactor().now());
    server.close();
    static_cast<void>(server.send("from a closing socket", client.address()));
    client.close();
    ASSERT_TRUE(until([&] { return server.closed && client.closed; }));
  }
}

INSTANTIATE_TEST_SUITE_P(All, DatagramConformance, testing::ValuesIn(backends_under_test()), backend_of);

}  // namespace
}  // namespace sluice::reactor
