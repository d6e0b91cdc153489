// The client over the simulated network: a server that answers from a zone by UDP and TCP, one that is
// silent.

#include "dnscache/client/dns_client.h"

#include "dnscache/zone/responder.h"
#include "dnscache/zone/zone_file.h"
#include "io/base/cursor.h"
#include "io/net/listener.h"
#include "io/reactor/sim_world.h"

#include <array>
#include <optional>
#include <string>

#include <gtest/gtest.h>

namespace sluice::dns {
namespace {

using namespace std::chrono_literals;
using reactor::Shard;
using reactor::SimWorld;
using runtime::Task;

constexpr uint16_t kPort = 53;

Question question(std::string_view name) { return {DnsName::from_text(name).value(), RecordType::Txt}; }

// Serves a zone; tests switch its faults on and off.
class Server final : private net::DatagramReceiver, private net::AcceptSink {
 public:
  Server(Shard& shard, IpAddress address, Zone zone) : shard_(shard), zone_(std::move(zone)) {
    reactor::DatagramOptions datagrams;
    datagrams.local = {address, kPort};
    udp_ = net::Datagram::open(shard, datagrams, *this).value();
    reactor::ListenOptions streams;
    streams.address = {address, kPort};
    tcp_ = net::Listener::open(shard, streams, *this).value();
  }
  Task<void> stop(Shard& shard) {
    udp_.reset();
    co_await tcp_->close(shard);
    for (const auto& stream : streams_) stream->abort();
    tasks_.close();
    const runtime::Wake ended = co_await tasks_.wait_empty(shard, kNever);
    SLUICE_CHECK(ended == runtime::Wake::Notified);
    streams_.clear();
  }

  bool silent = false;
  bool truncate = false;
  unsigned by_udp = 0;
  unsigned by_tcp = 0;

 private:
  void on_datagram(net::Datagram& socket, Chunk payload, const Endpoint& from) override {
    ++by_udp;
    const Response response = respond(zone_, payload.view(), {.force_truncate = truncate});
    if (silent || response.message.empty()) return;
    SLUICE_CHECK(socket.send(response.message, from));
  }
  void on_datagram_error(net::Datagram&, int) override {}
  void on_stream(net::StreamPtr stream) override {
    streams_.push_back(std::move(stream));
    SLUICE_CHECK(tasks_.spawn(shard_, serve(shard_, *streams_.back())));
  }
  Task<void> serve(Shard& shard, net::Stream& stream) {
    std::string input;
    for (;;) {
      net::Received received = co_await stream.receive(shard, kNever);
      if (received.event != net::StreamEvent::Data) co_return;
      input += received.chunk.view();
      Cursor cursor(input);
      const std::string_view query = cursor.take(cursor.u16());
      if (!cursor.ok()) continue;
      ++by_tcp;
      const std::string reply = respond(zone_, query, {.by_tcp = true}).message;
      std::string framed{static_cast<char>(reply.size() >> 8), static_cast<char>(reply.size() & 0xFF)};
      framed += reply;
      stream.write(framed);
      input.erase(0, cursor.position());
    }
  }

  Shard& shard_;
  Zone zone_;
  net::DatagramPtr udp_;
  std::unique_ptr<net::Listener> tcp_;
  std::vector<net::StreamPtr> streams_;
  runtime::TaskGroup tasks_;
};

class DnsClientTest : public ::testing::Test {
 protected:
  DnsClientTest() {
    DnsClientSettings settings;
    settings.servers = {{sim_.address("first"), kPort}, {sim_.address("second"), kPort}};
    client_.emplace(client_shard_, settings);
  }
  ~DnsClientTest() override {
    bool ended = false;
    EXPECT_TRUE(tasks_.spawn(client_shard_, stop(client_shard_, ended)));
    EXPECT_TRUE(sim_.run_until(shards_, [&] { return ended; }, sim_.now() + 1h));
    sim_.run(shards_, sim_.now() + 1s);
    client_.reset();
  }
  DnsClientTest(const DnsClientTest&) = delete;
  DnsClientTest& operator=(const DnsClientTest&) = delete;

  Task<void> stop(Shard& shard, bool& ended) {
    co_await client_->stop(shard);
    co_await first_.stop(server_shard_);
    co_await second_.stop(other_shard_);
    ended = true;
  }
  Task<void> ask_into(Shard& shard, Question asked, LookupBudget& budget, std::optional<Answer>& into) {
    Answer answer = co_await client_->ask(shard, asked, LookupKind::Term, budget);
    into = std::move(answer);
  }
  Answer ask(std::string_view name) { return ask(name, budget_); }
  Answer ask(std::string_view name, LookupBudget& budget) {
    std::optional<Answer> answer;
    const Question asked = question(name);
    EXPECT_TRUE(tasks_.spawn(client_shard_, ask_into(client_shard_, asked, budget, answer)));
    EXPECT_TRUE(sim_.run_until(shards_, [&] { return answer.has_value(); }, sim_.now() + 1h));
    return answer.value_or(Answer{});
  }

  static Zone zone() {
    return zone_from_yaml("a.example: [{TXT: x}]\nb.example: [{TXT: y}]\nshort.example: [{TXT: z}]\n")
        .value();
  }

  SimWorld sim_{1};
  Shard client_shard_{ShardId{0}, sim_.make_reactor("client")};
  Shard server_shard_{ShardId{1}, sim_.make_reactor("first")};
  Shard other_shard_{ShardId{2}, sim_.make_reactor("second")};
  std::array<Shard*, 3> shards_{&client_shard_, &server_shard_, &other_shard_};
  Server first_{server_shard_, sim_.address("first"), zone()};
  Server second_{other_shard_, sim_.address("second"), zone()};
  LookupBudget budget_{.terms_left = 100};
  runtime::TaskGroup tasks_;
  std::optional<DnsClient> client_;
};
using DnsClientOverTheNetwork = DnsClientTest;

TEST_F(DnsClientOverTheNetwork, AsksOnceAndThenKnows) {
  EXPECT_EQ(std::get<std::string>(ask("a.example").records.at(0)), "x");
  EXPECT_EQ(ask("a.example").status, AnswerStatus::Records);
  EXPECT_EQ(ask("gone.example").status, AnswerStatus::NxDomain);
  EXPECT_EQ(ask("gone.example").status, AnswerStatus::NxDomain);
  EXPECT_EQ(first_.by_udp, 2U);
  EXPECT_EQ(second_.by_udp, 0U);
}

// Shows: P-03
TEST_F(DnsClientOverTheNetwork, TruncatedAnswersAreFetchedByTcp) {
  first_.truncate = true;
  EXPECT_EQ(ask("a.example").status, AnswerStatus::Records);
  EXPECT_EQ(ask("b.example").status, AnswerStatus::Records);
  EXPECT_EQ(first_.by_tcp, 2U);
}

// Shows: ESE-10
TEST_F(DnsClientOverTheNetwork, SecondServerStandsIn) {
  first_.silent = true;
  EXPECT_EQ(ask("a.example").status, AnswerStatus::Records);
  EXPECT_GE(second_.by_udp, 1U);
}

// Shows: D-8
TEST_F(DnsClientOverTheNetwork, SilenceIsATimeOutAfterFiveSeconds) {
  first_.silent = second_.silent = true;
  const MonoTime start = sim_.now();
  EXPECT_EQ(ask("a.example").status, AnswerStatus::Timeout);
  EXPECT_GE(sim_.now() - start, 5s);
  EXPECT_LT(sim_.now() - start, 6s);
}

TEST_F(DnsClientOverTheNetwork, SendsNothingBeyondTheBudget) {
  LookupBudget budget{.terms_left = 1};
  EXPECT_EQ(ask("a.example", budget).status, AnswerStatus::Records);
  EXPECT_EQ(ask("b.example", budget).status, AnswerStatus::OverBudget);
  EXPECT_EQ(first_.by_udp, 1U);
}

// Shows: W-35
TEST_F(DnsClientOverTheNetwork, OldAnswersServeWhenNobodyAnswers) {
  EXPECT_EQ(ask("a.example").status, AnswerStatus::Records);
  first_.silent = second_.silent = true;
  sim_.run(shards_, sim_.now() + 301s);
  const Answer stale = ask("a.example");
  EXPECT_EQ(stale.status, AnswerStatus::Records);
  EXPECT_TRUE(stale.stale);
  sim_.run(shards_, sim_.now() + 3600s);
  EXPECT_EQ(ask("a.example").status, AnswerStatus::Timeout);
}

}  // namespace
}  // namespace sluice::dns
