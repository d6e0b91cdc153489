// What is peculiar to io_uring; what all back ends promise is in the conformance suite.
#include "io/reactor/uring_reactor.h"

#include "io/reactor/uring_slots.h"
#include "tests/unit/io/reactor/stream_recorder.h"

#include <cerrno>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

namespace sluice::reactor {
namespace {

using test::AcceptRecorder;
using test::poll_until;
using test::StreamRecorder;

struct TestSlot : UringSlot {
  int value = 0;
  void reset() { value = 0; }
};

TEST(UringSlots, StaleIdFindsNobody) {
  UringSlots<TestSlot, UringTable::Listeners> slots;
  TestSlot& first = slots.acquire();
  const SocketId id = first.id();
  EXPECT_EQ(slots.find(id), &first);
  EXPECT_EQ(id_of(user_data(UringOp::Accept, id)), id);
  EXPECT_EQ(operation_of(user_data(UringOp::Accept, id)), UringOp::Accept);
  slots.release(first);
  EXPECT_EQ(slots.find(id), nullptr);
  TestSlot& second = slots.acquire();
  EXPECT_EQ(&second, &first);
  EXPECT_EQ(slots.find(id), nullptr);
  EXPECT_NE(second.id(), id);
}

TEST(UringSlots, GenerationNeverBecomesZero) {
  UringSlots<TestSlot, UringTable::Streams, 3> slots;
  for (int i = 0; i < 10; ++i) {
    TestSlot& slot = slots.acquire();
    ASSERT_NE(slot.id().generation, 0U);
    slots.release(slot);
  }
}

class UringReactor : public testing::TestWithParam<bool> {
 protected:
  // Null, and the test is skipped, where this kernel or sandbox has no io_uring.
  bool open(UringOptions options = {}) {
    options.mask_newer_than_6_1 = GetParam();
    auto made = make_uring_reactor(options);
    if (!made) return false;
    reactor_ = std::move(*made);
    return true;
  }
  void listen() {
    auto listening = reactor_->listen({.address = *Endpoint::parse("127.0.0.1:0")}, acceptor_);
    ASSERT_TRUE(listening.has_value());
    acceptor_.id = *listening;
  }
  void connect(StreamRecorder& client) {
    auto connecting = reactor_->connect(reactor_->local_endpoint(acceptor_.id), client);
    ASSERT_TRUE(connecting.has_value());
    client.id = *connecting;
  }
  void stop() {
    reactor_->close_listener(acceptor_.id);
    for (StreamRecorder& stream : acceptor_.streams) {
      stream.kept.clear();
      reactor_->close(stream.id, CloseMode::Graceful);
    }
    EXPECT_TRUE(poll_until(*reactor_, [&] { return reactor_->in_flight() == 0; }));
  }

  std::unique_ptr<Reactor> reactor_;
  AcceptRecorder acceptor_;
};

std::string pattern(size_t size) {
  std::string text(size, '\0');
  for (size_t i = 0; i < size; ++i) text[i] = static_cast<char>((i * 2654435761U) >> 13);
  return text;
}

TEST_P(UringReactor, SaysWhatItUses) {
  if (!open()) GTEST_SKIP() << "no io_uring here";
  EXPECT_EQ(reactor_->capabilities().name, "uring");
  if (GetParam()) {
    EXPECT_EQ(reactor_->capabilities().features, "");
  }
}

TEST_P(UringReactor, LargeSendArrivesWholeAndInOrder) {
  if (!open()) GTEST_SKIP() << "no io_uring here";
  listen();
  StreamRecorder client;
  connect(client);
  ASSERT_TRUE(poll_until(*reactor_, [&] { return client.connected == 0; }));
  const std::string text = pattern(20'000'000);
  std::vector<iovec> slices;
  client.out = text;
  // More slices than one system call takes.
  for (size_t at = 0; at < text.size(); at += 7001)
    slices.push_back(
        {.iov_base = client.out.data() + at, .iov_len = std::min<size_t>(7001, text.size() - at)});
  ASSERT_GT(slices.size(), 2000U);
  reactor_->send(client.id, slices);
  reactor_->shutdown_send(client.id);  // follows the send
  ASSERT_TRUE(poll_until(
      *reactor_, [&] { return !acceptor_.streams.empty() && acceptor_.streams[0].receive_end == 0; }));
  EXPECT_EQ(client.sent, std::vector{0});
  EXPECT_TRUE(acceptor_.streams[0].received == text);
  reactor_->close(client.id, CloseMode::Graceful);
  stop();
}

TEST_P(UringReactor, PausesAtThePoolsCapAndGoesOnWhenChunksComeBack) {
  const UringOptions options{.receive_buffers = 8, .buffers = {.buffer_size = 4096, .max_octets = 16 * 4096}};
  if (!open(options)) GTEST_SKIP() << "no io_uring here";
  acceptor_.keep = true;
  listen();
  StreamRecorder clients[3];
  const std::string text = pattern(500'000);
  for (StreamRecorder& client : clients) connect(client);
  ASSERT_TRUE(poll_until(*reactor_, [&] { return acceptor_.streams.size() == 3; }));
  for (StreamRecorder& client : clients) client.send(*reactor_, text);
  const auto kept = [&] {
    size_t count = 0;
    for (const StreamRecorder& stream : acceptor_.streams) count += stream.kept.size();
    return count;
  };
  ASSERT_TRUE(poll_until(*reactor_, [&] { return kept() == 16; }));
  for (int i = 0; i < 3; ++i) reactor_->poll(reactor_->now() + std::chrono::milliseconds(5));
  EXPECT_EQ(kept(), 16U);
  const auto all_received = [&] {
    bool all = true;
    for (StreamRecorder& stream : acceptor_.streams) {
      stream.kept.clear();
      all = all && stream.received.size() == text.size();
    }
    return all;
  };
  ASSERT_TRUE(poll_until(*reactor_, all_received));
  for (const StreamRecorder& stream : acceptor_.streams) EXPECT_TRUE(stream.received == text);
  for (StreamRecorder& client : clients) reactor_->close(client.id, CloseMode::Graceful);
  stop();
}

TEST_P(UringReactor, MoreOperationsThanTheRingHoldsAreNotLost) {
  const UringOptions options{.submission_entries = 4, .completion_entries = 8};
  if (!open(options)) GTEST_SKIP() << "no io_uring here";
  listen();
  std::vector<std::unique_ptr<StreamRecorder>> clients;
  for (int i = 0; i < 200; ++i) {
    clients.push_back(std::make_unique<StreamRecorder>());
    connect(*clients.back());
  }
  ASSERT_TRUE(poll_until(*reactor_, [&] { return acceptor_.streams.size() == 200; }));
  ASSERT_TRUE(poll_until(*reactor_, [&] {
    return std::ranges::all_of(clients, [](const auto& client) { return client->connected == 0; });
  }));
  for (auto& client : clients) client->send(*reactor_, pattern(5000));
  ASSERT_TRUE(poll_until(*reactor_, [&] {
    return std::ranges::all_of(acceptor_.streams, [](const auto& s) { return s.received.size() == 5000; });
  }));
  for (auto& client : clients) reactor_->close(client->id, CloseMode::Graceful);
  stop();
}

TEST_P(UringReactor, AcceptingRestsWhileDescriptorsAreShort) {
  if (!open()) GTEST_SKIP() << "no io_uring here";
  listen();
  StreamRecorder client;
  connect(client);
  const int next_free = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  ::close(next_free);
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
  rlimit lowered = before;
  lowered.rlim_cur = static_cast<rlim_t>(next_free);
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &lowered), 0);
  const bool reported = poll_until(*reactor_, [&] { return !acceptor_.errors.empty(); });
  const MonoTime rest_start = reactor_->now();
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);
  ASSERT_TRUE(reported);
  EXPECT_EQ(acceptor_.errors[0], EMFILE);
  ASSERT_TRUE(poll_until(*reactor_, [&] { return !acceptor_.streams.empty(); }));
  EXPECT_GE(reactor_->now() - rest_start, std::chrono::milliseconds(20));
  reactor_->close(client.id, CloseMode::Graceful);
  stop();
}

TEST_P(UringReactor, WakeFromAnotherThreadEndsAnEndlessPoll) {
  if (!open()) GTEST_SKIP() << "no io_uring here";
  for (int i = 0; i < 3; ++i) {
    std::thread other([this] { reactor_->wake(); });
    reactor_->poll(kNever);
    other.join();
  }
}

TEST_P(UringReactor, DestroyedWithOperationsInFlight) {
  if (!open()) GTEST_SKIP() << "no io_uring here";
  listen();
  StreamRecorder client;
  connect(client);
  ASSERT_TRUE(poll_until(*reactor_, [&] { return client.connected == 0; }));
  client.send(*reactor_, pattern(8'000'000));
  reactor_->poll(reactor_->now());
  EXPECT_GT(reactor_->in_flight(), 0U);
  reactor_.reset();
}

TEST_P(UringReactor, ResetIsNoOrderlyEndAlsoWhenTheSendMeetsItFirst) {
  if (!open()) GTEST_SKIP() << "no io_uring here";
  listen();
  StreamRecorder client;
  connect(client);
  ASSERT_TRUE(poll_until(*reactor_, [&] { return client.connected == 0 && !acceptor_.streams.empty(); }));
  StreamRecorder& server = acceptor_.streams[0];
  reactor_->pause_receive(server.id);
  // More than the kernel's buffers hold, so that the send is still waiting when the reset comes.
  client.send(*reactor_, pattern(30'000'000));
  for (int i = 0; i < 3; ++i) reactor_->poll(reactor_->now() + std::chrono::milliseconds(10));
  ASSERT_TRUE(client.sent.empty());
  reactor_->close(server.id, CloseMode::Abort);
  ASSERT_TRUE(poll_until(*reactor_, [&] { return client.receive_end >= 0 && !client.sent.empty(); }));
  EXPECT_EQ(client.receive_end, ECONNRESET);
  EXPECT_NE(client.sent[0], 0);
  reactor_->close(client.id, CloseMode::Graceful);
  stop();
}

INSTANTIATE_TEST_SUITE_P(Kernel, UringReactor, testing::Values(false, true),
                         [](const auto& run) { return run.param ? "As61" : "AsFound"; });

}  // namespace
}  // namespace sluice::reactor
