// A handler that writes down what it is told and answers as it is told.
#pragma once

#include "io/serve/smtp_handler.h"
#include "tests/unit/io/net/sim_pair.h"

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace sluice::test {

class RecordingService final : public serve::SmtpService {
 public:
  struct Piece {
    uint32_t size;
    uint32_t capacity;
  };
  std::vector<std::string> calls;
  std::vector<Piece> pieces;
  std::string body;
  // Call -> answer, e.g. "rcpt bad@example.com" -> 550.
  std::map<std::string, smtp::Reply> refusals;
  MonoClock::duration think_time{};  // of every answer to RCPT and to the final dot
  MonoClock::duration greet_time{};  // before the greeting
  bool lists_peers = false;
  bool ends_at_drain_deadline = true;  // what it thinks about
  std::vector<serve::TraceId> transactions;
  std::vector<size_t> together;  // recipients that were asked about at once
  Endpoint last_client;

  std::unique_ptr<serve::SmtpHandler> make_handler(Shard& /*shard*/,
                                                   const serve::SmtpConnection& connection) override {
    return std::make_unique<Handler>(*this, connection);
  }
  bool may_xclient(const serve::SmtpConnection& /*connection*/) const override { return lists_peers; }

 private:
  class Handler final : public serve::SmtpHandler {
   public:
    Handler(RecordingService& service, const serve::SmtpConnection& connection)
        : service_(service), connection_(connection) {}

    serve::Eventual<serve::Answer> on_connect(Shard& shard) override {
      if (service_.greet_time == MonoClock::duration{}) return note("connect");
      return think(shard, "connect", service_.greet_time);
    }
    serve::Eventual<serve::Answer> on_hello(Shard& /*shard*/) override {
      return note("hello " + connection_.hello);
    }
    serve::Eventual<serve::Answer> on_xclient(Shard& /*shard*/) override {
      service_.last_client = connection_.client;
      return note("xclient " + connection_.client.to_string());
    }
    serve::Eventual<serve::Answer> on_mail(Shard& /*shard*/, smtp::MailFrom& mail,
                                           serve::TraceId transaction) override {
      service_.transactions.push_back(transaction);
      return note("mail " + mail.sender.text());
    }
    serve::Eventual<serve::Answer> on_rcpt(Shard& shard, smtp::Recipient& recipient) override {
      return later(shard, "rcpt " + recipient.address.text());
    }
    serve::Eventual<std::vector<serve::Answer>> on_rcpts(Shard& shard,
                                                         std::span<smtp::Recipient> recipients) override {
      service_.together.push_back(recipients.size());
      return SmtpHandler::on_rcpts(shard, recipients);
    }
    void on_rcpt_refused(Shard& /*shard*/, const smtp::Recipient& recipient,
                         const smtp::Reply& /*reply*/) override {
      (void)note("refused " + recipient.address.text());
    }
    serve::Eventual<serve::Answer> on_data(Shard& /*shard*/) override {
      body_begins_ = service_.body.size();
      return note("data");
    }
    serve::Eventual<serve::Answer> on_body(Shard& /*shard*/, Chunk piece) override {
      service_.pieces.push_back({piece.size(), piece.capacity()});
      service_.body += piece.view();
      return answer_to("body");
    }
    serve::Eventual<serve::Answer> on_end_of_data(Shard& shard, const smtp::DataReader& message) override {
      EXPECT_EQ(message.wire_octets(), service_.body.size() - body_begins_);
      return later(shard, "end");
    }
    void on_answered(Shard& /*shard*/, serve::TraceId transaction, serve::Told told) override {
      EXPECT_EQ(transaction, service_.transactions.at(answered_++));
      (void)note(told == serve::Told::Yes ? "told" : "not told");
    }
    serve::Eventual<serve::Done> on_abort(Shard& /*shard*/, serve::AbortReason reason,
                                          const smtp::Reply* /*reply*/) override {
      (void)note("abort " + std::string(to_string(reason)));
      return serve::Done();
    }
    serve::Eventual<serve::Done> on_disconnect(Shard& /*shard*/, serve::DisconnectReason reason) override {
      (void)note("disconnect " + std::string(to_string(reason)));
      return serve::Done();
    }
    void on_drain_deadline(Shard& /*shard*/) override {
      (void)note("drain deadline");
      if (service_.ends_at_drain_deadline) thinking_.cancel();
    }

   private:
    serve::Answer answer_to(const std::string& call) {
      const auto refusal = service_.refusals.find(call);
      if (refusal == service_.refusals.end()) return {};
      return refusal->second;
    }
    serve::Eventual<serve::Answer> note(const std::string& call) {
      service_.calls.push_back(call);
      return answer_to(call);
    }
    serve::Eventual<serve::Answer> later(Shard& shard, const std::string& call) {
      if (service_.think_time == MonoClock::duration{}) return note(call);
      return think(shard, call, service_.think_time);
    }
    Task<serve::Answer> think(Shard& shard, std::string call, MonoClock::duration time) {
      const MonoTime until = shard.now() + time;
      (void)co_await thinking_.wait_until(shard, until);
      service_.calls.push_back(call);
      co_return answer_to(call);
    }

    RecordingService& service_;
    const serve::SmtpConnection& connection_;
    size_t answered_ = 0;
    size_t body_begins_ = 0;
    runtime::Signal thinking_;
  };
};

}  // namespace sluice::test
