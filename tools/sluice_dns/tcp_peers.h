// TcpPeers: the TCP connections of sluice-dns (RFC 7766): messages with two octets of length in both
// directions, several queries at once, answers in any order. Connections over the limit, idle ones and those
// that do not read their answers are closed. Used by the server's loop only.
#pragma once

#include "io/base/clock.h"
#include "io/base/ip.h"
#include "io/base/slab.h"
#include "tools/sluice_dns/sockets.h"

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include <poll.h>

namespace sluice::tool {

struct TcpPeer {
  Descriptor socket;
  Endpoint remote;
  std::string input;
  std::string output;
  MonoTime idle_at;
  size_t unanswered = 0;  // queries; some stay so until the connection is idle
  bool input_ended = false;

  bool is_done() const { return input_ended && unanswered == 0 && output.empty(); }
};
using TcpPeerId = Slab<TcpPeer>::Id;

class TcpPeers {
 public:
  using OnMessage = std::function<void(TcpPeerId, const Endpoint&, std::string_view)>;

  void accept_all(int listener, MonoTime now);
  // Adds one entry for each connection.
  void append_polls(std::vector<pollfd>& polls);
  // With the entries that append_polls() wrote, after poll(). Calls back for each whole message.
  void handle(const std::vector<pollfd>& polls, size_t first, MonoTime now, const OnMessage& on_message);
  void send(TcpPeerId id, std::string_view message, MonoTime now);  // nothing when it is gone
  void close_idle(MonoTime now);

 private:
  // False when the connection is over.
  bool read(TcpPeerId id, TcpPeer& peer, MonoTime now, const OnMessage& on_message);
  bool write(TcpPeer& peer);
  void close(TcpPeerId id);

  Slab<TcpPeer> peers_;
  std::vector<TcpPeerId> ids_;
  std::vector<TcpPeerId> polled_;
};

}  // namespace sluice::tool
