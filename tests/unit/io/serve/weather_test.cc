// Server, client and hop pool against each other over networks that split, stall and reset, over many seeds.
// The claim: everything ends, nothing leaks, and no message that its client was told is accepted is missing.
#include "io/serve/hop_transaction.h"
#include "io/serve/null_service.h"
#include "io/serve/smtp_server.h"
#include "tests/unit/io/serve/hop_fixture.h"

namespace sluice::serve {
namespace {

using namespace std::chrono_literals;
using namespace sluice::test;

constexpr unsigned kTransactions = 12;

struct Told {
  unsigned accepted = 0;
  unsigned unknown = 0;
  unsigned others = 0;
};

// The end of a drain, at any moment of a message's life.
class CancelLater final : public runtime::Timer {
 public:
  CancelLater(Shard& shard, HopTransaction& hop) : hop_(hop) {
    if (!shard.random().one_in(4)) return;
    const auto moment = std::chrono::milliseconds(shard.random().below(16'000));
    shard.timers().arm(*this, shard.now() + moment);
  }

 private:
  void on_timer() override { hop_.cancel(); }
  HopTransaction& hop_;
};

Task<void> send_some(Shard& shard, HopPool& pool, const std::string& text, unsigned messages, Told& told) {
  for (unsigned i = 0; i < messages; ++i) {
    HopEnvelope envelope;
    envelope.sender = "a@example.com";
    HopTransaction hop(pool, std::move(envelope));
    const CancelLater cancel_later(shard, hop);
    const HopReply first = co_await hop.rcpt(shard, "b@example.org");
    if (!first.accepted()) {
      ++told.others;
      continue;
    }
    const auto waiting = std::chrono::seconds(shard.random().below(15));  // some are parked meanwhile
    co_await sleep(shard, waiting);
    if (shard.random().one_in(5)) {
      ++told.others;
      continue;  // the client went away
    }
    const MessageOctets octets{{text}};
    const MonoTime deadline = shard.now() + 240s;
    const HopReply done = co_await hop.deliver(shard, octets, deadline);
    ++(done.accepted() ? told.accepted : done.result == HopResult::Unknown ? told.unknown : told.others);
  }
}

Task<void> stop_pool(Shard& shard, HopDestinations& destinations) {
  const MonoTime deadline = shard.now() + 5s;
  co_await destinations.stop(shard, deadline);
}
Task<void> drain(Shard& shard, SmtpServer& server) {
  const MonoTime deadline = shard.now() + 60s;
  co_await server.drain(shard, deadline);
}

class Weather : public testing::TestWithParam<int> {};

TEST_P(Weather, EverythingEndsAndNothingAcceptedIsMissing) {
  const auto seed = static_cast<uint64_t>(GetParam());
  SimPair sim(seed, {.send_buffer = 8192, .receive_buffer = 8192, .chunk_capacity = 4096});
  NullService service;
  SmtpServerOptions options;
  options.listen.address = sim.at_mx(25);
  auto server = SmtpServer::start(sim.mx, options, service);
  ASSERT_TRUE(server.has_value());
  reactor::SimFaults faults;
  faults.stall = 0.02;
  faults.reset = seed % 3 == 0 ? 0 : 0.004;
  faults.refuse_connect = 0.05;
  sim.world.set_faults(faults);

  std::string text;
  while (text.size() < 30'000) text += "..dots and text\r\n";
  HopOptions hop_options;
  hop_options.sessions_max = 3;
  HopHost host;
  host.addresses = {sim.at_mx(25), {sim.world.address_v6("mx"), 25}};
  HopDestinations destinations(sim.client, hop_options);
  HopPool pool(destinations, {host});
  Told told[5];
  for (Told& each : told) sim.start(sim.client, send_some(sim.client, pool, text, kTransactions, each));
  ASSERT_TRUE(sim.finish(12h)) << "seed " << seed;

  sim.world.clear_faults();
  sim.start(sim.client, stop_pool(sim.client, destinations));
  ASSERT_TRUE(sim.finish()) << "seed " << seed;
  sim.start(sim.mx, drain(sim.mx, **server));
  ASSERT_TRUE(sim.finish()) << "seed " << seed;
  Told all;
  for (const Told& each : told) {
    all.accepted += each.accepted;
    all.unknown += each.unknown;
    all.others += each.others;
  }
  EXPECT_EQ(all.accepted + all.unknown + all.others, 5 * kTransactions);
  EXPECT_GE(service.counters().messages, all.accepted) << "seed " << seed;
  EXPECT_LE(service.counters().messages, all.accepted + all.unknown) << "seed " << seed;
  EXPECT_GT(all.accepted, 0U) << "seed " << seed;
  EXPECT_EQ((*server)->sessions(), 0U);
}

INSTANTIATE_TEST_SUITE_P(Seeds, Weather, testing::Range(1, 25));

}  // namespace
}  // namespace sluice::serve
