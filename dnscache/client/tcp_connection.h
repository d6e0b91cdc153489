// The one TCP connection of a DnsClient to one server (RFC 7766): opened by the first message, shared by all,
// closed after kIdle without a message under way. Any failure is reported to the resolver once, which asks
// elsewhere. One shard.
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
    std::function<void()> on_failed;
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
  runtime::Task<void> exchange(reactor::Shard& shard, net::Stream& stream);
  bool take_messages();

  reactor::Shard& shard_;
  Endpoint server_;
  Owner owner_;
  std::string outgoing_;  // with lengths, not yet given to the stream
  std::string incoming_;
  net::Stream* stream_ = nullptr;  // while connected
  bool running_ = false;
  bool stopped_ = false;
};

}  // namespace sluice::dns
