// Inquiries about messages over the simulated network: what is not waited for, and what they leave behind.
#include "engine/pipeline/message_inquiry.h"

#include "dnscache/zone/zone_file.h"
#include "tests/unit/engine/pipeline/node_with_dns.h"
#include "tests/unit/rules/dkim/signed_message.h"

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace sluice::pipeline {
namespace {

using namespace std::chrono_literals;
using reactor::Shard;
using runtime::Task;

dns::Zone zone() {
  return *dns::zone_from_yaml(
      fmt::format("s._domainkey.a.example: [{{TXT: \"{}\"}}]\nsilent._domainkey.a.example: [\"TIMEOUT\"]\n",
                  dkim::ed25519_key().public_record()));
}

// A message with an empty body and a field of that many octets, all signed.
std::string signed_message(WallTime now, std::string_view selector, size_t octets) {
  dkim::SignSpec spec = dkim::sign_spec("a.example", std::string(selector));
  spec.headers = {"from", "x"};
  const std::string message = fmt::format("From: x@a.example\r\nX: {}\r\n\r\n", std::string(octets, 'x'));
  return dkim::with_signature(message, spec, dkim::ed25519_key(), now);
}

dns::DnsClientSettings patient() {
  dns::DnsClientSettings settings;
  settings.question_wait = 20s;
  return settings;
}

class MessageInquiryTest : public NodeWithDns {
 protected:
  MessageInquiryTest() : NodeWithDns(zone(), patient()) { inquiries_.emplace(node_, *client_); }

  Task<void> finish(Shard& shard, MessageInquiry& inquiry, MonoTime deadline, std::optional<bool>& in_time) {
    const bool result = co_await inquiry.finish(shard, evidence_, deadline);
    in_time = result;
  }
  // With the header of a message whose key is at `selector`; the one before has ended.
  MessageInquiryPtr begin(std::string_view selector, size_t octets = 1) {
    message_.emplace(signed_message(node_.wall_now(), selector, octets));
    authentication::Settings settings;
    settings.dkim.now = node_.wall_now();
    MessageInquiryPtr inquiry = inquiries_->make();
    inquiry->begin(message_->reader.block(), {.dkim = true}, settings);
    return inquiry;
  }
  // To its end; whether all was waited for.
  bool end(MessageInquiry& inquiry, std::chrono::seconds wait = 30s) {
    std::optional<bool> in_time;
    inquiry.body_done();
    inquiry.spf_known(evidence_, false);
    EXPECT_TRUE(tasks_.spawn(node_, finish(node_, inquiry, node_.now() + wait, in_time)));
    EXPECT_TRUE(run_until([&] { return in_time.has_value(); }));
    return in_time.value_or(false);
  }
  bool ask(std::string_view selector, size_t octets) { return end(*begin(selector, octets)); }
  dkim::Reason reason() const { return evidence_.dkim.signatures.at(0).reason; }

  std::optional<dkim::CutMessage> message_;
  std::optional<MessageInquiries> inquiries_;
  evidence::Evidence evidence_;
};

// Shows: W-7
TEST_F(MessageInquiryTest, SaysThatTheDeadlineCameBeforeAKey) {
  const MessageInquiryPtr inquiry = begin("silent");
  const MonoTime began = sim_.now();
  EXPECT_FALSE(end(*inquiry, 3s));
  EXPECT_LT(sim_.now() - began, 4s);
  EXPECT_EQ(reason(), dkim::Reason::KeyLookupFailed);
}

TEST_F(MessageInquiryTest, SaysThatAKeyWasNotWaitedForWhereThatWasDecidedBefore) {
  const MessageInquiryPtr inquiry = begin("silent");
  inquiry->finish_now();
  EXPECT_FALSE(end(*inquiry));
  EXPECT_EQ(reason(), dkim::Reason::KeyLookupFailed);
}

TEST_F(MessageInquiryTest, IsInTimeWhereNothingWasLeftToWaitFor) {
  EXPECT_TRUE(ask("s", 1));
  EXPECT_EQ(reason(), dkim::Reason::Verified);
  const MessageInquiryPtr inquiry = begin("s");  // the key is in the cache
  inquiry->finish_now();
  EXPECT_TRUE(end(*inquiry));
  EXPECT_EQ(reason(), dkim::Reason::Verified);
}

TEST_F(MessageInquiryTest, IsNotKeptWithTheMemoryOfALargeHeader) {
  EXPECT_TRUE(ask("s", 100));
  const size_t usual = inquiries_->octets_kept();
  EXPECT_GT(usual, 0U);  // the next message finds its memory there
  EXPECT_LT(usual, 8192U);
  EXPECT_TRUE(ask("s", 300'000));
  EXPECT_LE(inquiries_->octets_kept(), usual);
  EXPECT_EQ(reason(), dkim::Reason::Verified);
}

}  // namespace
}  // namespace sluice::pipeline
