#include "io/reactor/sim_network.h"

#include "io/base/check.h"

#include <algorithm>
#include <array>
#include <cerrno>

namespace sluice::reactor {
namespace {

using namespace std::chrono_literals;

constexpr uint16_t kFirstFreePort = 32768;
constexpr int kDatagramsWaiting = 512;  // per socket; further ones are lost, as in a full kernel buffer

IpAddress nth_v6(SimNodeId number) {
  std::array<uint8_t, 16> octets{0xfd};
  octets[14] = static_cast<uint8_t>(number >> 8);
  octets[15] = static_cast<uint8_t>(number);
  return IpAddress::v6(octets);
}

IpAddress loopback(IpFamily family) {
  if (family == IpFamily::V4) return IpAddress::v4(0x7F000001);
  std::array<uint8_t, 16> octets{};
  octets[15] = 1;
  return IpAddress::v6(octets);
}

}  // namespace

SimNodeId SimNetwork::node(std::string_view name) {
  if (const auto found = node_names_.find(name); found != node_names_.end()) return found->second;
  const auto number = static_cast<SimNodeId>(nodes_.size());
  Node node;
  node.name = name;
  node.v4 = IpAddress::v4(0x0A000000U + number + 1);  // 10.0.0.1, ...
  node.v6 = nth_v6(number + 1);                       // fd00::1, ...
  owners_[node.v4] = number;
  owners_[node.v6] = number;
  nodes_.push_back(node);
  node_names_[node.name] = number;
  return number;
}

const IpAddress& SimNetwork::address(SimNodeId node, IpFamily family) const {
  return family == IpFamily::V4 ? nodes_[node].v4 : nodes_[node].v6;
}

bool SimNetwork::claim(SimNodeId node, const IpAddress& address) {
  if (address.is_loopback() || address.is_unspecified()) return true;
  return owners_.emplace(address, node).first->second == node;
}

void SimNetwork::add_address(SimNodeId node, const IpAddress& address) { SLUICE_CHECK(claim(node, address)); }

SimNodeId SimNetwork::owner_of(const IpAddress& address, SimNodeId asking) const {
  if (address.is_loopback() || address.is_unspecified()) return asking;
  const auto found = owners_.find(address);
  return found == owners_.end() ? kNoNode : found->second;
}

Endpoint SimNetwork::local_towards(SimNodeId node, const Endpoint& remote) {
  const IpFamily family = remote.address.family();
  const bool inside = remote.address.is_loopback() || remote.address.is_unspecified();
  return {inside ? loopback(family) : address(node, family), free_port(node)};
}

uint16_t SimNetwork::free_port(SimNodeId node) {
  uint16_t& next = nodes_[node].next_port;
  const auto taken = [&](uint16_t port) {
    return std::ranges::any_of(
               listeners_,
               [&](const Listener& l) { return l.port->node() == node && l.address.port == port; }) ||
           std::ranges::any_of(datagrams_, [&](const DatagramSocket& d) {
             return d.port->node() == node && d.local.port == port;
           });
  };
  do {
    next = next == UINT16_MAX ? kFirstFreePort : static_cast<uint16_t>(next + 1);
  } while (taken(next));
  return next;
}

const SimFaults& SimNetwork::faults(const Endpoint& server, SimNodeId a, SimNodeId b) const {
  if (const auto found = endpoint_faults_.find(server); found != endpoint_faults_.end()) return found->second;
  const auto found = link_faults_.find(std::minmax(a, b));
  return found != link_faults_.end() ? found->second : default_faults_;
}

std::chrono::nanoseconds SimNetwork::latency(const SimFaults& faults) {
  return std::max<std::chrono::nanoseconds>(events_.between(faults.latency_min, faults.latency_max), 1us);
}

void SimNetwork::set_faults(SimNodeId a, SimNodeId b, const SimFaults& faults) {
  link_faults_[std::minmax(a, b)] = faults;
}

void SimNetwork::clear_faults() {
  default_faults_ = {};
  link_faults_.clear();
  endpoint_faults_.clear();
}

bool SimNetwork::covers(const Endpoint& bound, const Endpoint& asked) {
  if (bound.port != asked.port) return false;
  if (bound.address == asked.address) return true;
  return bound.address.is_unspecified() && bound.address.family() == asked.address.family();
}

std::pair<int, Endpoint> SimNetwork::listen(SimPort& port, SocketId socket, const ListenOptions& options) {
  Endpoint address{options.address.address.unmap(), options.address.port};
  if (port.is_husk()) return {ENETDOWN, address};
  if (!claim(port.node(), address.address)) return {EADDRNOTAVAIL, address};
  if (address.port == 0) address.port = free_port(port.node());
  for (const Listener& other : listeners_) {
    const bool same = other.port->node() == port.node() &&
                      (covers(other.address, address) || covers(address, other.address));
    if (same && !(other.share_port && options.share_port)) return {EADDRINUSE, address};
  }
  listeners_.push_back({&port, socket, address, options.share_port, std::max(options.backlog, 1), 0});
  return {0, address};
}

void SimNetwork::close_listener(const SimPort& port, SocketId socket) {
  std::erase_if(listeners_, [&](const Listener& l) { return l.port == &port && l.socket == socket; });
}

SimNetwork::Listener* SimNetwork::find_listener(SimNodeId node, const Endpoint& address) {
  std::vector<Listener*> exact;
  std::vector<Listener*> wide;
  for (Listener& listener : listeners_) {
    if (listener.port->node() != node || !covers(listener.address, address)) continue;
    (listener.address.address == address.address ? exact : wide).push_back(&listener);
  }
  std::vector<Listener*>& found = exact.empty() ? wide : exact;
  if (found.empty()) return nullptr;
  return found[events_.up_to(found.size()) - 1];
}

SimNetwork::Listener* SimNetwork::find_listener(const SimPort* port, SocketId socket) {
  const auto found = std::ranges::find_if(
      listeners_, [&](const Listener& l) { return l.port == port && l.socket == socket; });
  return found == listeners_.end() ? nullptr : &*found;
}

std::pair<int, Endpoint> SimNetwork::bind_datagram(SimPort& port, SocketId socket,
                                                   const DatagramOptions& options) {
  Endpoint local{options.local.address.unmap(), options.local.port};
  const Endpoint remote{options.remote.address.unmap(), options.remote.port};
  if (port.is_husk()) return {ENETDOWN, local};
  if (!claim(port.node(), local.address)) return {EADDRNOTAVAIL, local};
  if (remote.port != 0 && local.address.is_unspecified()) {
    const uint16_t chosen = local.port;
    local = local_towards(port.node(), remote);
    if (chosen != 0) local.port = chosen;
  }
  if (local.port == 0) local.port = free_port(port.node());
  for (const DatagramSocket& other : datagrams_) {
    const bool apart = other.remote.port != 0 && remote.port != 0 && other.remote != remote;
    const bool same =
        other.port->node() == port.node() && (covers(other.local, local) || covers(local, other.local));
    if (same && !apart) return {EADDRINUSE, local};
  }
  datagrams_.push_back({&port, socket, local, remote, 0});
  return {0, local};
}

SimNetwork::DatagramSocket* SimNetwork::find_datagram(const SimPort& port, SocketId socket) {
  const auto found = std::ranges::find_if(
      datagrams_, [&](const DatagramSocket& d) { return d.port == &port && d.socket == socket; });
  return found == datagrams_.end() ? nullptr : &*found;
}

SimNetwork::DatagramSocket* SimNetwork::find_datagram(SimNodeId node, const Endpoint& to,
                                                      const Endpoint& from) {
  DatagramSocket* open_to_all = nullptr;
  for (DatagramSocket& socket : datagrams_) {
    if (socket.port->node() != node || !covers(socket.local, to)) continue;
    if (socket.remote == from) return &socket;
    if (socket.remote.port == 0) open_to_all = &socket;
  }
  return open_to_all;
}

void SimNetwork::send_datagram(SimPort& port, SocketId socket, const Endpoint& to, std::string octets) {
  const DatagramSocket* sender = find_datagram(port, socket);
  if (sender == nullptr) return;
  const Endpoint remote = sender->remote.port != 0 ? sender->remote : Endpoint{to.address.unmap(), to.port};
  Endpoint from = sender->local;
  if (from.address.is_unspecified()) from.address = local_towards(port.node(), remote).address;
  const SimNodeId target = owner_of(remote.address, port.node());
  if (target == kNoNode) return;
  // Requests count as the server's by where they go, replies by where they come from.
  const SimFaults& there = endpoint_faults_.contains(from) ? faults(from, port.node(), target)
                                                           : faults(remote, port.node(), target);
  if (there.blackhole) return events_.count(SimInjection::Blackhole);
  if (events_.inject(SimInjection::DatagramLost, there.lose_datagram)) return;
  const int copies = events_.inject(SimInjection::DatagramDuplicated, there.duplicate_datagram) ? 2 : 1;
  for (int i = 0; i < copies; ++i) {
    std::chrono::nanoseconds travel = latency(there);
    if (events_.inject(SimInjection::DatagramDelayed, there.delay_datagram))
      travel += events_.between(0ns, there.datagram_delay_max);
    events_.after(travel, [this, node = port.node(), from, remote, octets] {
      arrive_datagram(node, from, remote, octets);
    });
  }
}

void SimNetwork::arrive_datagram(SimNodeId from_node, const Endpoint& from, const Endpoint& to,
                                 const std::string& octets) {
  const SimNodeId node = owner_of(to.address, from_node);
  DatagramSocket* receiver = find_datagram(node, to, from);
  if (receiver != nullptr) {
    if (receiver->waiting >= kDatagramsWaiting) return;
    ++receiver->waiting;
    SimReport report;
    report.kind = SimReport::Kind::Datagram;
    report.socket = receiver->socket;
    report.from = from;
    report.octets = octets;
    receiver->port->report(std::move(report));
    return;
  }
  // Port unreachable: only a connected sender is told.
  DatagramSocket* sender = find_datagram(from_node, from, to);
  if (sender == nullptr || sender->remote != to) return;
  SimReport report;
  report.kind = SimReport::Kind::DatagramError;
  report.socket = sender->socket;
  report.error = ECONNREFUSED;
  sender->port->report(std::move(report));
}

void SimNetwork::datagram_taken(const SimPort& port, SocketId socket) {
  if (DatagramSocket* found = find_datagram(port, socket)) --found->waiting;
}

void SimNetwork::close_datagram(const SimPort& port, SocketId socket) {
  std::erase_if(datagrams_, [&](const DatagramSocket& d) { return d.port == &port && d.socket == socket; });
}

void SimNetwork::detach(const SimPort& port) {
  std::erase_if(listeners_, [&](const Listener& l) { return l.port == &port; });
  std::erase_if(datagrams_, [&](const DatagramSocket& d) { return d.port == &port; });
}

}  // namespace sluice::reactor
