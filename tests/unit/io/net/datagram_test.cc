#include "io/net/datagram.h"

#include "tests/unit/io/net/sim_pair.h"

namespace sluice::net {
namespace {

using test::SimPair;
using namespace std::chrono_literals;

class Recorder final : public DatagramReceiver {
 public:
  void on_datagram(Datagram& /*socket*/, Chunk payload, const Endpoint& from) override {
    got += payload.view();
    last_from = from;
  }
  void on_datagram_error(Datagram& /*socket*/, int error) override { last_error = error; }
  std::string got;
  Endpoint last_from;
  int last_error = 0;
};

TEST(Datagram, CarriesOctetsAndTheirSender) {
  SimPair sim;
  Recorder at_mx;
  Recorder at_client;
  auto server = Datagram::open(sim.mx, {.local = sim.at_mx(53), .remote = {}}, at_mx);
  auto client = Datagram::open(sim.client, {.local = {}, .remote = sim.at_mx(53)}, at_client);
  ASSERT_TRUE(server.has_value());
  ASSERT_TRUE(client.has_value());
  EXPECT_TRUE((*client)->send("question"));
  sim.run_for(1s);
  EXPECT_EQ(at_mx.got, "question");
  EXPECT_TRUE((*server)->send("answer", at_mx.last_from));
  sim.run_for(1s);
  EXPECT_EQ(at_client.got, "answer");
  EXPECT_EQ((*server)->local(), sim.at_mx(53));
}

TEST(Datagram, TheReceiverHearsNothingAfterTheDrop) {
  SimPair sim;
  auto receiver = std::make_unique<Recorder>();
  Recorder at_client;
  auto server = Datagram::open(sim.mx, {.local = sim.at_mx(53), .remote = {}}, *receiver);
  auto client = Datagram::open(sim.client, {.local = {}, .remote = sim.at_mx(53)}, at_client);
  ASSERT_TRUE(server.has_value());
  ASSERT_TRUE(client.has_value());
  EXPECT_TRUE((*client)->send("question"));
  server->reset();
  receiver.reset();
  sim.run_for(1s);
}

}  // namespace
}  // namespace sluice::net
