#include "io/serve/smtp_client.h"

#include "tests/unit/io/serve/hop_fixture.h"

#include <cerrno>

namespace sluice::serve {
namespace {

using namespace std::chrono_literals;
using namespace sluice::test;

class SmtpClientTest : public testing::Test {
 protected:
  SmtpClientTest() { options_.our_name = "node.example"; }
  ~SmtpClientTest() override {
    client_.reset();
    if (hop_) sim_.start(sim_.mx, hop_->close(sim_.mx));
    EXPECT_TRUE(sim_.finish());
  }
  void hop_plays(Script script) {
    std::vector<Script> scripts;
    scripts.push_back(std::move(script));
    hop_ = std::make_unique<ScriptedHop>(sim_.mx, sim_.at_mx(25), std::move(scripts));
  }
  // Nothing where it opened.
  std::optional<ClientFault> open(MonoClock::duration limit = 30s) {
    std::optional<ClientFault> fault;
    sim_.start(sim_.client, open_task(sim_.client, sim_.world.now() + limit, fault));
    EXPECT_TRUE(sim_.finish());
    return fault;
  }
  ClientResult next_reply(MonoClock::duration limit = 30s) {
    ClientResult result;
    sim_.start(sim_.client, reply_task(sim_.client, sim_.world.now() + limit, result));
    EXPECT_TRUE(sim_.finish());
    return result;
  }

  ClientResult send_body(const MessageOctets& octets, MonoClock::duration limit = 60s) {
    ClientResult result;
    sim_.start(sim_.client, send_task(sim_.client, octets, sim_.world.now() + limit, result));
    EXPECT_TRUE(sim_.finish());
    return result;
  }

  SimPair sim_;
  ClientOptions options_;
  std::unique_ptr<ScriptedHop> hop_;
  std::unique_ptr<SmtpClient> client_;

 private:
  Task<void> open_task(Shard& shard, MonoTime deadline, std::optional<ClientFault>& fault) {
    const Endpoint remote = sim_.at_mx(25);
    SmtpClient::Opened opened = co_await SmtpClient::open(shard, remote, options_, deadline);
    if (opened) {
      client_ = std::move(*opened);
    } else {
      fault = std::move(opened.error());
    }
  }
  Task<void> reply_task(Shard& shard, MonoTime deadline, ClientResult& result) {
    Eventual<ClientResult> awaited = client_->next_reply(shard, deadline);
    result = co_await std::move(awaited);
  }
  Task<void> send_task(Shard& shard, const MessageOctets& octets, MonoTime deadline, ClientResult& result) {
    client_->data();
    Eventual<ClientResult> awaited = client_->next_reply(shard, deadline);
    result = co_await std::move(awaited);
    result = co_await client_->send_body(shard, octets, deadline);
  }
};

// What was written out: fails where it is told to.
class Stored final : public StoredOctets {
 public:
  explicit Stored(size_t octets) {
    while (text.size() < octets) text += "line " + std::to_string(text.size()) + "\r\n";
  }
  Task<std::expected<Chunk, int>> read(Shard& /*shard*/, uint64_t offset) override {
    ++reads;
    if (offset >= fails_at) co_return std::unexpected(EIO);
    co_return Chunk::copy_of(std::string_view(text).substr(offset, 50'000));
  }
  MessageOctets message() { return {{first}, this, 0, text.size(), {last}}; }
  std::string first = "Received: by node\r\n";
  std::string text;
  std::string last = "the end\r\n";
  uint64_t fails_at = UINT64_MAX;
  size_t reads = 0;
};

TEST_F(SmtpClientTest, OpensWithEhloAndKnowsWhatIsOffered) {
  hop_plays(greet() + Script{hear_end()});
  EXPECT_FALSE(open().has_value());
  EXPECT_TRUE(client_->capabilities().pipelining);
  EXPECT_EQ(client_->capabilities().size, 1'000'000U);
  EXPECT_TRUE(client_->reusable());
}

TEST_F(SmtpClientTest, FallsBackToHelo) {
  hop_plays({say("220 old\r\n"), hear("EHLO"), say("502 no\r\n"), hear("HELO node.example"),
             say("250 old\r\n"), hear_end()});
  EXPECT_FALSE(open().has_value());
  EXPECT_FALSE(client_->capabilities().extended);
}

TEST_F(SmtpClientTest, SaysWhyItCouldNotOpen) {
  EXPECT_EQ(open()->kind, ClientFault::Kind::Connect);
  hop_plays({say("421 4.3.2 busy\r\n"), hang_up()});
  const auto busy = open();
  EXPECT_EQ(busy->kind, ClientFault::Kind::Closing);
  EXPECT_EQ(busy->reply.code, 421);
}

TEST_F(SmtpClientTest, ASilentServerTimesOut) {
  hop_plays({hear_end()});
  const auto fault = open(10s);
  EXPECT_EQ(fault->kind, ClientFault::Kind::Timeout);
  EXPECT_EQ(fault->command, smtp::ClientCommand::Greeting);
  EXPECT_EQ(fault->to_string(), "no reply in time at " + std::string(to_string(fault->command)));
}

TEST_F(SmtpClientTest, AReplyThatDripsDoesNotBuyTime) {
  hop_plays(greet() + Script{hear("NOOP"), say("2"), pause(4s), say("5"), pause(4s), say("0"), pause(4s),
                             say(" ok\r\n"), hear_end()});
  EXPECT_FALSE(open().has_value());
  client_->noop();
  const MonoTime begin = sim_.world.now();
  const ClientResult result = next_reply(10s);
  ASSERT_FALSE(result.has_value());
  EXPECT_EQ(result.error().kind, ClientFault::Kind::Timeout);
  EXPECT_LT(sim_.world.now() - begin, 11s);
  EXPECT_FALSE(client_->reusable());
}

TEST_F(SmtpClientTest, WhatIsNotSmtpIsBroken) {
  hop_plays({say("HTTP/1.1 400 Bad Request\r\n"), hear_end()});
  EXPECT_EQ(open()->kind, ClientFault::Kind::Broken);
}

TEST_F(SmtpClientTest, ACloseIsLost) {
  hop_plays(greet() + Script{hear("NOOP"), hang_up()});
  EXPECT_FALSE(open().has_value());
  client_->noop();
  const ClientResult result = next_reply();
  ASSERT_FALSE(result.has_value());
  EXPECT_EQ(result.error().kind, ClientFault::Kind::Lost);
  EXPECT_EQ(result.error().command, smtp::ClientCommand::Noop);
}

TEST_F(SmtpClientTest, RepliesThatCameTogetherAreThereAtOnce) {
  hop_plays(greet() + Script{hear("NOOP"), hear("NOOP"), say("250 one\r\n250 two\r\n"), hear_end()});
  EXPECT_FALSE(open().has_value());
  client_->noop();
  client_->noop();
  EXPECT_EQ(next_reply()->reply.text, "one");
  sim_.run_for(1s);
  const MonoTime begin = sim_.world.now();
  EXPECT_EQ(next_reply()->reply.text, "two");
  EXPECT_LT(sim_.world.now() - begin, 1ms);
}

TEST_F(SmtpClientTest, AStoredMessageIsSentAsItIsRead) {
  Stored stored(1'000'000);
  hop_plays(greet() + Script{hear("DATA"), say("354 go\r\n"), hear_body(), say("250 ok\r\n"), hear_rest()});
  EXPECT_FALSE(open().has_value());
  const ClientResult result = send_body(stored.message());
  ASSERT_TRUE(result.has_value());
  EXPECT_EQ(result->reply.text, "ok");
  EXPECT_TRUE(client_->all_sent());
  EXPECT_TRUE(client_->reusable());
  client_.reset();
  sim_.run_for(2s);
  EXPECT_TRUE(hop_->bodies().at(0) == stored.first + stored.text + stored.last);
}

TEST_F(SmtpClientTest, AMessageThatCannotBeReadBackNeverEnds) {
  Stored stored(1'000'000);
  stored.fails_at = 500'000;
  hop_plays(greet() + Script{hear("DATA"), say("354 go\r\n"), hear_rest()});
  EXPECT_FALSE(open().has_value());
  const ClientResult result = send_body(stored.message());
  ASSERT_FALSE(result.has_value());
  EXPECT_EQ(result.error().kind, ClientFault::Kind::Message);
  EXPECT_EQ(result.error().os_error, EIO);
  EXPECT_FALSE(client_->all_sent()) << "the hop cannot have taken it";
  sim_.run_for(2s);
  EXPECT_EQ(hop_->received().at(0).find("\r\n.\r\n"), std::string::npos);
}

TEST_F(SmtpClientTest, AnEarlyAnswerStopsTheReading) {
  Stored stored(10'000'000);
  hop_plays(greet() + Script{hear("DATA"), say("354 go\r\n"), hear("Received"), say("552 too much\r\n"),
                             pause(1s), hear_rest()});
  EXPECT_FALSE(open().has_value());
  const ClientResult result = send_body(stored.message());
  ASSERT_TRUE(result.has_value());
  EXPECT_EQ(result->reply.code, 552);
  EXPECT_LT(stored.reads, 20U);
  EXPECT_FALSE(client_->all_sent());
  sim_.run_for(2s);
  EXPECT_EQ(hop_->received().at(0).find("\r\n.\r\n"), std::string::npos);
}

TEST_F(SmtpClientTest, AStoredMessageThatIsNotTakenTimesOut) {
  Stored stored(10'000'000);
  hop_plays(greet() + Script{hear("DATA"), say("354 go\r\n"), pause(120s)});
  EXPECT_FALSE(open().has_value());
  const ClientResult result = send_body(stored.message(), 30s);
  ASSERT_FALSE(result.has_value());
  EXPECT_EQ(result.error().kind, ClientFault::Kind::Timeout);
  EXPECT_FALSE(client_->all_sent());
}

}  // namespace
}  // namespace sluice::serve
