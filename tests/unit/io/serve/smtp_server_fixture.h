// A server with a recording handler in a simulated network, and clients that follow scripts.
#pragma once

#include "io/serve/smtp_server.h"
#include "tests/unit/io/serve/recording_service.h"
#include "tests/unit/io/serve/scripted_peer.h"

#include <memory>
#include <string>
#include <utility>

#include <gtest/gtest.h>

namespace sluice::serve {

using runtime::Task;
using test::hear_end;
using test::hear_reply;
using test::play_client;
using test::RecordingService;
using test::say;
using test::Script;
using test::SimPair;

inline const Script kHello{hear_reply("220"), say("EHLO client.example\r\n"), hear_reply("250")};
inline const Script kQuit{say("QUIT\r\n"), hear_reply("221"), hear_end()};
inline const Script kEnvelope{say("MAIL FROM:<a@example.com>\r\n"), hear_reply("250"),
                              say("RCPT TO:<b@example.org>\r\n"), hear_reply("250")};
inline const Script kData{say("DATA\r\n"), hear_reply("354")};

class SmtpServerTest : public testing::Test {
 protected:
  explicit SmtpServerTest(uint64_t seed = 1, const reactor::SimReactorOptions& sim_options = {})
      : sim_(seed, sim_options) {
    options_.listen.address = sim_.at_mx(25);
  }
  ~SmtpServerTest() override {
    if (!server_) return;
    drain(sim_.world.now() + limits::kDrainWait);
    EXPECT_TRUE(sim_.finish());
    server_.reset();
  }
  void serve() {
    auto server = SmtpServer::start(sim_.mx, options_, service_);
    ASSERT_TRUE(server.has_value());
    server_ = std::move(*server);
  }
  void play(Script script) {
    sim_.start(sim_.client, play_client(sim_.client, sim_.at_mx(25), std::move(script), received_));
  }
  // All peers have played and the server has noticed.
  bool done() {
    return sim_.finish() && sim_.run_until([this] { return server_->sessions() == 0; });
  }
  void drain(MonoTime deadline) { sim_.start(sim_.mx, drain_task(sim_.mx, deadline)); }
  Task<void> drain_task(Shard& shard, MonoTime deadline) {
    co_await server_->drain(shard, deadline);
    drained_at_ = shard.now();
  }

  SimPair sim_;
  RecordingService service_;
  SmtpServerOptions options_;
  std::unique_ptr<SmtpServer> server_;
  std::string received_;
  MonoTime drained_at_{};
};

}  // namespace sluice::serve
