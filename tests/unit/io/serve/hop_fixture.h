// A pool on the node "client" and scripted hops on the node "mx".
#pragma once

#include "io/serve/hop_pool.h"
#include "io/serve/hop_transaction.h"
#include "tests/unit/io/serve/scripted_peer.h"

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace sluice::test {

inline Script greet(const std::string& extensions = "250-PIPELINING\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n") {
  return {say("220 hop.example ESMTP\r\n"), hear("EHLO node.example"),
          say("250-hop.example\r\n" + extensions + "250 SIZE 1000000\r\n")};
}
inline Script take_mail(const std::string& parameters = "") {
  return {hear("MAIL FROM:<a@example.com>" + parameters), say("250 2.1.0 Ok\r\n")};
}
inline Script take_rcpt(const std::string& recipient, const std::string& reply = "250 2.1.5 Ok") {
  return {hear("RCPT TO:<" + recipient + ">"), say(reply + "\r\n")};
}
inline Script take_body(const std::string& reply = "250 2.0.0 Ok: queued as 1") {
  return {hear("DATA"), say("354 go\r\n"), hear_body(), say(reply + "\r\n")};
}
inline Script take_rset() { return {hear("RSET"), say("250 2.0.0 Ok\r\n")}; }
inline Script take_quit() { return {hear("QUIT"), say("221 2.0.0 Bye\r\n"), hear_end()}; }

class HopFixture : public testing::Test {
 protected:
  HopFixture() {
    endpoints_ = {sim_.at_mx(25)};
    options_.our_name = "node.example";
    envelope_.sender = "a@example.com";
  }
  ~HopFixture() override {
    hop_.reset();
    if (destinations_) sim_.start(sim_.client, stop(sim_.client));
    EXPECT_TRUE(sim_.finish());
    for (const auto& peer : peers_) sim_.start(sim_.mx, peer->close(sim_.mx));
    EXPECT_TRUE(sim_.finish());
    pool_.reset();
  }
  Task<void> stop(Shard& shard) {
    const MonoTime deadline = shard.now() + std::chrono::seconds(5);
    co_await destinations_->stop(shard, deadline);
  }
  // Hosts in the order of preference, of one address each.
  std::vector<serve::HopHost> hosts(const std::vector<Endpoint>& endpoints) const {
    std::vector<serve::HopHost> hosts;
    for (const Endpoint& endpoint : endpoints) {
      serve::HopHost host;
      host.name = endpoint.to_string();
      host.priority = static_cast<unsigned>(hosts.size());
      host.send_xclient = send_xclient_;
      host.addresses = {endpoint};
      hosts.push_back(std::move(host));
    }
    return hosts;
  }
  void make_pool() {
    if (pool_) return;
    destinations_ = std::make_unique<serve::HopDestinations>(sim_.client, options_);
    pool_ = std::make_unique<serve::HopPool>(*destinations_, hosts(endpoints_));
  }

  void hop_plays(std::vector<Script> scripts, uint16_t port = 25) {
    peers_.push_back(std::make_unique<ScriptedHop>(sim_.mx, sim_.at_mx(port), std::move(scripts)));
  }
  void begin() {
    make_pool();
    hop_.reset();
    hop_ = std::make_unique<serve::HopTransaction>(*pool_, envelope_);
  }
  serve::HopReply rcpt(const std::string& recipient) {
    serve::HopReply reply;
    sim_.start(sim_.client, rcpt_task(sim_.client, recipient, reply));
    EXPECT_TRUE(sim_.finish());
    return reply;
  }
  std::vector<serve::HopReply> rcpt_all(std::vector<std::string> recipients) {
    std::vector<serve::HopReply> replies;
    sim_.start(sim_.client, rcpt_all_task(sim_.client, std::move(recipients), replies));
    EXPECT_TRUE(sim_.finish());
    return replies;
  }
  serve::HopReply deliver(MonoClock::duration limit = std::chrono::seconds(240)) {
    serve::HopReply reply;
    sim_.start(sim_.client, deliver_task(sim_.client, sim_.world.now() + limit, reply));
    EXPECT_TRUE(sim_.finish());
    return reply;
  }
  // Beside hop_, and calls that go on while the test does something else.
  std::unique_ptr<serve::HopTransaction> another() {
    make_pool();
    return std::make_unique<serve::HopTransaction>(*pool_, envelope_);
  }
  struct Call {
    serve::HopReply reply;
    bool over = false;
    MonoTime ended{};
  };
  void start_rcpt(serve::HopTransaction& hop, const std::string& recipient, Call& call) {
    sim_.start(sim_.client, started_rcpt(sim_.client, hop, recipient, call));
  }
  void start_deliver(serve::HopTransaction& hop, Call& call) {
    sim_.start(sim_.client, started_deliver(sim_.client, hop, call));
  }
  // Lets what was given back come to rest.
  void rest(MonoClock::duration time = std::chrono::milliseconds(100)) { sim_.run_for(time); }

  SimPair sim_;
  std::vector<std::unique_ptr<ScriptedHop>> peers_;
  serve::HopOptions options_;
  std::vector<Endpoint> endpoints_;
  bool send_xclient_ = false;
  serve::HopEnvelope envelope_;
  std::unique_ptr<serve::HopDestinations> destinations_;
  std::unique_ptr<serve::HopPool> pool_;
  std::unique_ptr<serve::HopTransaction> hop_;
  std::string header_ = "Received: by node\r\n";
  bool octets_need_utf8_ = false;
  uint64_t message_octets_ = 0;
  std::string text_ = "Subject: x\r\n\r\n..dot\r\n";

 private:
  Task<void> started_rcpt(Shard& shard, serve::HopTransaction& hop, std::string recipient, Call& call) {
    call.reply = co_await hop.rcpt(shard, std::move(recipient));
    call.over = true;
    call.ended = shard.now();
  }
  Task<void> started_deliver(Shard& shard, serve::HopTransaction& hop, Call& call) {
    const serve::MessageOctets octets{{header_, text_}};
    const MonoTime deadline = shard.now() + std::chrono::seconds(240);
    call.reply = co_await hop.deliver(shard, octets, deadline);
    call.over = true;
    call.ended = shard.now();
  }
  Task<void> rcpt_task(Shard& shard, std::string recipient, serve::HopReply& reply) {
    reply = co_await hop_->rcpt(shard, std::move(recipient));
  }
  Task<void> rcpt_all_task(Shard& shard, std::vector<std::string> recipients,
                           std::vector<serve::HopReply>& replies) {
    replies = co_await hop_->rcpt_all(shard, std::move(recipients));
  }
  Task<void> deliver_task(Shard& shard, MonoTime deadline, serve::HopReply& reply) {
    serve::MessageOctets octets{{header_, text_}};
    octets.header_needs_utf8 = octets_need_utf8_;
    octets.message_octets = message_octets_;
    reply = co_await hop_->deliver(shard, octets, deadline);
  }
};

}  // namespace sluice::test
