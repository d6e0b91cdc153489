// A resolver driven as a script: each call is one line of it, in the order of time. What the resolver wants
// to send must be taken by sent() or silent(), what it completes by done() or nobody_done().
#pragma once

#include "dnscache/resolver/resolver.h"
#include "dnscache/wire/rdata.h"
#include "dnscache/wire/response.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace sluice::dns {

using namespace std::chrono_literals;

inline DnsName name(std::string_view text) { return DnsName::from_text(text).value(); }
inline Question question(std::string_view text, RecordType type = RecordType::Txt) {
  return {name(text), type};
}
inline AskerId asker(uint64_t id) { return {id}; }

class Replay {
 public:
  explicit Replay(size_t servers = 1, uint16_t slots = 4)
      : Replay({.server_count = servers, .sockets = slots}) {}
  explicit Replay(const ResolverSettings& settings) : resolver(settings, Random(1)) {}

  void ask(uint64_t id, const Question& q, std::chrono::nanoseconds patience = 20s) {
    resolver.ask(q, asker(id), now + patience, now);
  }
  void advance(std::chrono::nanoseconds time) {
    const MonoTime end = now + time;
    while (resolver.next_wakeup() <= end) {
      now = std::max(now, resolver.next_wakeup());
      resolver.on_tick(now);
    }
    now = end;
  }
  Send sent(size_t server, DnsTransport transport = DnsTransport::Udp) {
    const auto send = resolver.next_send();
    if (!send) {
      ADD_FAILURE() << "nothing was sent";
      return {};
    }
    EXPECT_EQ(send->server, server);
    EXPECT_EQ(send->transport, transport);
    return *send;
  }
  void silent() { EXPECT_FALSE(resolver.next_send()); }
  void drop_sends() {
    while (resolver.next_send()) {
    }
  }

  // All other questions stay without an answer.
  void advance_answering_probes(std::chrono::nanoseconds time) {
    for (const MonoTime end = now + time; now < end;) {
      advance(10ms);
      while (const auto send = resolver.next_send()) {
        if (decode_query(send->message.view())->question.name.is_root())
          deliver(*send, reply_to(*send).finish());
      }
    }
  }

  static ResponseWriter reply_to(const Send& send, ResponseCode code = ResponseCode::NoError) {
    const auto query = decode_query(send.message.view()).value();
    ResponseWriter writer(
        {.id = query.id, .code = code, .authoritative = false, .with_edns = query.edns_payload.has_value()});
    writer.question(query.question);
    return writer;
  }
  static std::string text_reply(const Send& send, std::string value = "x", uint32_t ttl = 60) {
    ResponseWriter writer = reply_to(send);
    writer.record(Section::Answer, decode_query(send.message.view())->question.name, RecordType::Txt, ttl,
                  encode_rdata(RecordData(std::move(value))));
    return writer.finish();
  }
  static std::string truncated_reply(const Send& send) {
    ResponseWriter writer = reply_to(send);
    writer.truncate();
    return writer.finish();
  }
  static std::string alias_reply(const Send& send, std::string_view target, uint32_t ttl = 60) {
    ResponseWriter writer = reply_to(send);
    writer.record(Section::Answer, decode_query(send.message.view())->question.name, RecordType::Cname, ttl,
                  encode_rdata(name(target)));
    return writer.finish();
  }
  void deliver(const Send& send, std::string_view octets) {
    if (send.transport == DnsTransport::Tcp) {
      resolver.on_tcp_message(send.server, octets, now);
    } else {
      resolver.on_datagram(send.server, send.slot, octets, now);
    }
  }
  void fail_with(const Send& send, ResponseCode code) { deliver(send, reply_to(send, code).finish()); }

  Completion done() {
    auto completion = resolver.next_completion();
    if (!completion) {
      ADD_FAILURE() << "nothing was completed";
      return {};
    }
    return std::move(*completion);
  }
  AnswerStatus done(uint64_t id) {
    const Completion completion = done();
    EXPECT_EQ(completion.askers, std::vector{asker(id)});
    return completion.answer.status;
  }
  void nobody_done() { EXPECT_FALSE(resolver.next_completion()); }
  void event(ResolverEventKind kind, size_t server = 0) {
    const auto event = resolver.next_event();
    ASSERT_TRUE(event);
    EXPECT_EQ(event->kind, kind);
    EXPECT_EQ(event->server, server);
  }
  void no_event() { EXPECT_FALSE(resolver.next_event()); }

  Resolver resolver;
  MonoTime now{1h};
};

inline std::string text_of(const Completion& completion) {
  return std::get<std::string>(completion.answer.records.at(0));
}

}  // namespace sluice::dns
