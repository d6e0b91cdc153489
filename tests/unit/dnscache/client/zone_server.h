// A DNS server of the simulated network that answers from a zone by UDP and TCP and counts.
#pragma once

#include "dnscache/zone/responder.h"
#include "io/base/cursor.h"
#include "io/net/datagram.h"
#include "io/net/listener.h"
#include "io/net/stream.h"
#include "io/reactor/shard.h"
#include "io/runtime/task.h"
#include "io/runtime/task_group.h"

#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace sluice::dns {

// Serves a zone; tests switch its faults on and off.
class ZoneServer final : private net::DatagramReceiver, private net::AcceptSink {
 public:
  static constexpr uint16_t kPort = 53;

  ZoneServer(reactor::Shard& shard, IpAddress address, Zone zone) : shard_(shard), zone_(std::move(zone)) {
    reactor::DatagramOptions datagrams;
    datagrams.local = {address, kPort};
    udp_ = net::Datagram::open(shard, datagrams, *this).value();
    reactor::ListenOptions streams;
    streams.address = {address, kPort};
    tcp_ = net::Listener::open(shard, streams, *this).value();
  }
  runtime::Task<void> stop(reactor::Shard& shard) {
    udp_.reset();
    co_await tcp_->close(shard);
    for (const auto& stream : streams_) stream->abort();
    tasks_.close();
    const runtime::Wake ended = co_await tasks_.wait_empty(shard, kNever);
    SLUICE_CHECK(ended == runtime::Wake::Notified);
    streams_.clear();
  }

  bool silent = false;
  bool too_long = false;  // a datagram that no reader has room for goes before each reply by UDP
  bool truncate = false;
  unsigned hang_ups = 0;       // so many queries by TCP are answered by an orderly close
  bool break_framing = false;  // by TCP
  unsigned by_udp = 0;
  std::set<uint16_t> ports;  // from which datagrams came
  unsigned by_tcp = 0;

 private:
  void on_datagram(net::Datagram& socket, Chunk payload, const Endpoint& from) override {
    ++by_udp;
    ports.insert(from.port);
    const Response response = respond(zone_, payload.view(), {.force_truncate = truncate});
    if (silent || response.message.empty()) return;
    if (too_long) SLUICE_CHECK(socket.send(std::string(reactor::kDatagramMax + 1, 'x'), from));
    SLUICE_CHECK(socket.send(response.message, from));
  }
  void on_datagram_error(net::Datagram&, int) override {}
  void on_stream(net::StreamPtr stream) override {
    streams_.push_back(std::move(stream));
    SLUICE_CHECK(tasks_.spawn(shard_, serve(shard_, *streams_.back())));
  }
  runtime::Task<void> serve(reactor::Shard& shard, net::Stream& stream) {
    std::string input;
    for (;;) {
      net::Received received = co_await stream.receive(shard, kNever);
      if (received.event != net::StreamEvent::Data) co_return;
      input += received.chunk.view();
      Cursor cursor(input);
      const std::string_view query = cursor.take(cursor.u16());
      if (!cursor.ok()) continue;
      ++by_tcp;
      if (hang_ups != 0) {
        --hang_ups;
        co_await stream.close(shard, net::CloseMode::Graceful);
        co_return;
      }
      if (break_framing) stream.write(std::string_view("\0\0", 2));
      const std::string reply = respond(zone_, query, {.by_tcp = true}).message;
      std::string framed{static_cast<char>(reply.size() >> 8), static_cast<char>(reply.size() & 0xFF)};
      framed += reply;
      stream.write(framed);
      input.erase(0, cursor.position());
    }
  }

  reactor::Shard& shard_;
  Zone zone_;
  net::DatagramPtr udp_;
  std::unique_ptr<net::Listener> tcp_;
  std::vector<net::StreamPtr> streams_;
  runtime::TaskGroup tasks_;
};

}  // namespace sluice::dns
