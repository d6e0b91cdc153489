// SimNetwork: the nodes of a simulated world, their addresses, the faults between them, and who is bound
// where: listeners and datagram sockets. Streams are next door, in SimStreams. One thread.
#pragma once

#include "io/base/ip.h"
#include "io/reactor/sim_events.h"
#include "io/reactor/sim_faults.h"
#include "io/reactor/sim_port.h"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sluice::reactor {

class SimNetwork {
 public:
  explicit SimNetwork(SimEvents& events) : events_(events) {}
  SimNetwork(const SimNetwork&) = delete;
  SimNetwork& operator=(const SimNetwork&) = delete;

  static constexpr SimNodeId kNoNode = UINT32_MAX;

  // --- nodes ---
  SimNodeId node(std::string_view name);  // made when it is new
  size_t node_count() const { return nodes_.size(); }
  const IpAddress& address(SimNodeId node, IpFamily family) const;
  void add_address(SimNodeId node, const IpAddress& address);
  // Loopback and unspecified addresses are the asking node's own.
  SimNodeId owner_of(const IpAddress& address, SimNodeId asking) const;
  // What a socket of `node` has as its own end when it talks to `remote`.
  Endpoint local_towards(SimNodeId node, const Endpoint& remote);

  // --- faults ---
  const SimFaults& faults(const Endpoint& server, SimNodeId a, SimNodeId b) const;
  std::chrono::nanoseconds latency(const SimFaults& faults);
  void set_faults(const SimFaults& faults) { default_faults_ = faults; }
  void set_faults(SimNodeId a, SimNodeId b, const SimFaults& faults);
  void set_faults(const Endpoint& server, const SimFaults& faults) { endpoint_faults_[server] = faults; }
  void clear_faults();

  // --- listeners ---
  struct Listener {
    SimPort* port = nullptr;
    SocketId socket;
    Endpoint address;
    bool share_port = false;
    int backlog = 0;
    int waiting = 0;  // accepted reports under way
  };
  // The error, or 0 and the address as it was bound.
  std::pair<int, Endpoint> listen(SimPort& port, SocketId socket, const ListenOptions& options);
  void close_listener(const SimPort& port, SocketId socket);
  // One that listens there, by lot among those that share the port; null: none.
  Listener* find_listener(SimNodeId node, const Endpoint& address);
  Listener* find_listener(const SimPort* port, SocketId socket);

  // --- datagrams ---
  std::pair<int, Endpoint> bind_datagram(SimPort& port, SocketId socket, const DatagramOptions& options);
  void send_datagram(SimPort& port, SocketId socket, const Endpoint& to, std::string octets);
  // The report of one datagram was taken out of the socket's queue.
  void datagram_taken(const SimPort& port, SocketId socket);
  void close_datagram(const SimPort& port, SocketId socket);

  // Nothing bound by this port is reachable any more.
  void detach(const SimPort& port);

 private:
  struct Node {
    std::string name;
    IpAddress v4;
    IpAddress v6;
    uint16_t next_port = 32768;
  };
  struct DatagramSocket {
    SimPort* port = nullptr;
    SocketId socket;
    Endpoint local;
    Endpoint remote;  // port 0: not connected
    int waiting = 0;  // reports in the port's queue
  };

  uint16_t free_port(SimNodeId node);
  static bool covers(const Endpoint& bound, const Endpoint& asked);
  // Claims the address for the node; false: another node has it.
  bool claim(SimNodeId node, const IpAddress& address);
  DatagramSocket* find_datagram(const SimPort& port, SocketId socket);
  DatagramSocket* find_datagram(SimNodeId node, const Endpoint& to, const Endpoint& from);
  void arrive_datagram(SimNodeId from_node, const Endpoint& from, const Endpoint& to,
                       const std::string& octets);

  SimEvents& events_;
  std::vector<Node> nodes_;
  std::map<std::string, SimNodeId, std::less<>> node_names_;
  std::map<IpAddress, SimNodeId> owners_;
  SimFaults default_faults_;
  std::map<std::pair<SimNodeId, SimNodeId>, SimFaults> link_faults_;
  std::map<Endpoint, SimFaults> endpoint_faults_;
  std::deque<Listener> listeners_;
  std::deque<DatagramSocket> datagrams_;
};

}  // namespace sluice::reactor
