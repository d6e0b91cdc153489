// Inquiries about messages over the simulated network: what is not waited for, and what they leave behind.
#include "engine/pipeline/message_inquiry.h"

#include "dnscache/zone/zone_file.h"
#include "io/reactor/sim_world.h"
#include "io/runtime/task_group.h"
#include "rules/dkim/signer.h"
#include "tests/node_sim/sim_dns_server.h"

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace sluice::pipeline {
namespace {

using namespace std::chrono_literals;
using reactor::Shard;
using runtime::Task;

const dkim::SigningKey& key() {
  static const dkim::SigningKey made = *dkim::SigningKey::generate(dkim::Algorithm::Ed25519Sha256);
  return made;
}

dns::Zone zone() {
  return *dns::zone_from_yaml(
      fmt::format("s._domainkey.a.example: [{{TXT: \"{}\"}}]\nsilent._domainkey.a.example: [\"TIMEOUT\"]\n",
                  key().public_record()));
}

mail::HeaderReader read(std::string_view octets) {
  mail::HeaderReader reader;
  reader.feed(octets);
  reader.finish();
  return reader;
}

// The header of a message with an empty body and a field of that many octets, all signed.
std::string signed_header(WallTime now, std::string_view selector, size_t octets) {
  const std::string header = fmt::format("From: x@a.example\r\nX: {}\r\n", std::string(octets, 'x'));
  const mail::HeaderReader reader = read(header);
  std::vector<std::string_view> fields;
  for (size_t i = 0; i < reader.block().size(); ++i) fields.push_back(reader.block()[i].raw);
  dkim::BodyHashes body;
  const auto id = body.want(dkim::Canonicalization::Relaxed);
  body.finish();
  dkim::SignSpec spec;
  spec.domain = "a.example";
  spec.selector = selector;
  spec.headers = {"from", "x"};
  return *dkim::sign(fields, body.digest(*id), spec, key(), now) + header;
}

class MessageInquiryTest : public ::testing::Test {
 protected:
  MessageInquiryTest()
      : node_(ShardId{0}, sim_.make_reactor("node")),
        dns_(ShardId{1}, sim_.make_reactor("dns")),
        server_(std::in_place, dns_, Endpoint{sim_.address("dns"), 53}, zone()) {
    dns::DnsClientSettings settings;
    settings.servers = {{sim_.address("dns"), 53}};
    settings.question_wait = 20s;
    client_.emplace(node_, settings);
    inquiries_.emplace(node_, *client_);
  }
  ~MessageInquiryTest() override {
    bool ended = false;
    EXPECT_TRUE(tasks_.spawn(node_, stop(node_, ended)));
    EXPECT_TRUE(sim_.run_until(shards_, [&] { return ended; }, sim_.now() + 1h));
    server_.reset();
    sim_.run(shards_, sim_.now() + 1s);  // sockets that were closed come to their end
    inquiries_.reset();
    client_.reset();
  }
  MessageInquiryTest(const MessageInquiryTest&) = delete;
  MessageInquiryTest& operator=(const MessageInquiryTest&) = delete;

  Task<void> stop(Shard& shard, bool& ended) {
    co_await client_->stop(shard);
    ended = true;
  }
  Task<void> finish(Shard& shard, MessageInquiry& inquiry, MonoTime deadline, std::optional<bool>& in_time) {
    const bool result = co_await inquiry.finish(shard, evidence_, deadline);
    in_time = result;
  }
  void begin(MessageInquiry& inquiry, const mail::HeaderReader& reader) {
    authentication::Settings settings;
    settings.dkim.now = node_.wall_now();
    inquiry.begin(reader.block(), {.dkim = true}, settings);
  }
  // To its end; whether all was waited for.
  bool end(MessageInquiry& inquiry, std::chrono::seconds wait = 30s) {
    std::optional<bool> in_time;
    inquiry.body_done();
    inquiry.spf_known(evidence_, false);
    EXPECT_TRUE(tasks_.spawn(node_, finish(node_, inquiry, node_.now() + wait, in_time)));
    EXPECT_TRUE(sim_.run_until(shards_, [&] { return in_time.has_value(); }, sim_.now() + 1h));
    return in_time.value_or(false);
  }
  bool ask(const std::string& header) {
    const mail::HeaderReader reader = read(header);
    const MessageInquiryPtr inquiry = inquiries_->make();
    begin(*inquiry, reader);
    return end(*inquiry);
  }
  dkim::Reason reason() const { return evidence_.dkim.signatures.at(0).reason; }

  reactor::SimWorld sim_{7};
  Shard node_;
  Shard dns_;
  std::vector<Shard*> shards_{&node_, &dns_};
  std::optional<testing::SimDnsServer> server_;
  std::optional<dns::DnsClient> client_;
  std::optional<MessageInquiries> inquiries_;
  evidence::Evidence evidence_;
  runtime::TaskGroup tasks_;
};

// Shows: W-7
TEST_F(MessageInquiryTest, SaysThatTheDeadlineCameBeforeAKey) {
  const std::string header = signed_header(node_.wall_now(), "silent", 1);
  const mail::HeaderReader reader = read(header);
  const MessageInquiryPtr inquiry = inquiries_->make();
  begin(*inquiry, reader);
  const MonoTime began = sim_.now();
  EXPECT_FALSE(end(*inquiry, 3s));
  EXPECT_LT(sim_.now() - began, 4s);
  EXPECT_EQ(reason(), dkim::Reason::KeyLookupFailed);
}

TEST_F(MessageInquiryTest, SaysThatAKeyWasNotWaitedForWhereThatWasDecidedBefore) {
  const std::string header = signed_header(node_.wall_now(), "silent", 1);
  const mail::HeaderReader reader = read(header);
  const MessageInquiryPtr inquiry = inquiries_->make();
  begin(*inquiry, reader);
  inquiry->finish_now();
  EXPECT_FALSE(end(*inquiry));
  EXPECT_EQ(reason(), dkim::Reason::KeyLookupFailed);
}

TEST_F(MessageInquiryTest, IsInTimeWhereNothingWasLeftToWaitFor) {
  EXPECT_TRUE(ask(signed_header(node_.wall_now(), "s", 1)));
  EXPECT_EQ(reason(), dkim::Reason::Verified);
  const std::string header = signed_header(node_.wall_now(), "s", 1);
  const mail::HeaderReader reader = read(header);
  const MessageInquiryPtr inquiry = inquiries_->make();
  begin(*inquiry, reader);  // the key is in the cache
  inquiry->finish_now();
  EXPECT_TRUE(end(*inquiry));
  EXPECT_EQ(reason(), dkim::Reason::Verified);
}

TEST_F(MessageInquiryTest, IsNotKeptWithTheMemoryOfALargeHeader) {
  EXPECT_TRUE(ask(signed_header(node_.wall_now(), "s", 100)));
  const size_t usual = inquiries_->octets_kept();
  EXPECT_GT(usual, 0U);  // the next message finds its memory there
  EXPECT_LT(usual, 8192U);
  EXPECT_TRUE(ask(signed_header(node_.wall_now(), "s", 300'000)));
  EXPECT_LE(inquiries_->octets_kept(), usual);
  EXPECT_EQ(reason(), dkim::Reason::Verified);
}

}  // namespace
}  // namespace sluice::pipeline
