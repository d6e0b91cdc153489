// DnsServer: the loop of sluice-dns. One thread, poll(2): queries come in by UDP and TCP, responses leave at
// once or after the delay. Everything that goes out comes from dnscache/zone; this only carries it, and loses
// what it was told to lose. A wildcard address answers from whatever address the kernel chooses: give single
// addresses on machines with several.
#pragma once

#include "dnscache/zone/responder.h"
#include "dnscache/zone/zone.h"
#include "io/base/clock.h"
#include "io/base/result.h"
#include "tools/sluice_dns/faults.h"
#include "tools/sluice_dns/query_log.h"
#include "tools/sluice_dns/sockets.h"
#include "tools/sluice_dns/tcp_peers.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <queue>
#include <string>
#include <variant>
#include <vector>

namespace sluice::tool {

class DnsServer {
 public:
  DnsServer(dns::Zone zone, const FaultSettings& faults, QueryLog log, std::vector<DnsListener> listeners);

  // Until a signal can be read from `signals` (a signalfd). Fails only when poll does.
  Result<void> run(const Descriptor& signals);
  uint64_t queries() const { return queries_; }

 private:
  struct UdpPeer {
    size_t listener = 0;
    SocketAddress address;
  };
  struct Pending {
    MonoTime at;
    uint64_t order = 0;  // equal times leave in the order of the queries
    std::variant<UdpPeer, TcpPeerId> to;
    std::string message;
    friend bool operator>(const Pending& a, const Pending& b) {
      return a.at != b.at ? a.at > b.at : a.order > b.order;
    }
  };

  void receive(size_t listener);
  void on_query(const std::variant<UdpPeer, TcpPeerId>& from, const Endpoint& client, std::string_view query);
  void send_due();
  int poll_wait() const;

  dns::Zone zone_;
  Faults faults_;
  QueryLog log_;
  std::vector<DnsListener> listeners_;
  TcpPeers tcp_;
  std::priority_queue<Pending, std::vector<Pending>, std::greater<>> pending_;
  MonoTime now_;
  uint64_t queries_ = 0;
};

}  // namespace sluice::tool
