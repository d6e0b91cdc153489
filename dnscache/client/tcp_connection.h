// The one TCP connection of a DnsClient to one server (RFC 7766): opened by the first message, shared by all,
// closed after kIdle without a message either way. The end of each connection is reported to the resolver
// once, before it is closed; what that sends again, and what is sent until the socket is gone, leaves by a
// new connection. One shard.
#pragma once

#include "dnscache/client/dns_client.h"
#include "io/net/stream.h"

#include <deque>
#include <functional>
#include <string>
#include <string_view>

namespace sluice::dns {

class DnsClient::TcpConnection {
 public:
  struct Owner {
    std::function<void(std::string_view message)> on_message;
    std::function<void()> on_closed;  // a connection that had been made, also when it was idle
    std::function<void()> on_failed;  // none could be made, or the server broke the framing
  };

  TcpConnection(reactor::Shard& shard, const Endpoint& server, Owner owner)
      : shard_(shard), server_(server), owner_(std::move(owner)) {}

  // The message without its length; starts the connection's coroutine in `tasks` when none runs.
  void send(std::string_view message, runtime::TaskGroup& tasks);
  void stop();

 private:
  static constexpr std::chrono::seconds kConnectWait{3};
  static constexpr std::chrono::seconds kIdle{10};

  runtime::Task<void> run(reactor::Shard& shard);
  runtime::Task<bool> connect_once(reactor::Shard& shard);
  runtime::Task<bool> exchange(reactor::Shard& shard, net::Stream& stream);
  bool take_messages();

  reactor::Shard& shard_;
  Endpoint server_;
  Owner owner_;
  std::string outgoing_;  // with lengths, not yet given to the stream
  std::string incoming_;
  MonoTime last_message_{};        // in either direction
  net::Stream* stream_ = nullptr;  // while connected
  bool running_ = false;
  bool stopped_ = false;
};

}  // namespace sluice::dns
