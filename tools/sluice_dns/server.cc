#include "tools/sluice_dns/server.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <utility>

#include <poll.h>

namespace sluice::tool {
namespace {

constexpr size_t kPendingMax = 100'000;  // delayed responses; beyond, queries are lost
constexpr unsigned kDatagramsAtOnce = 256;
constexpr int kPollMax = 1000;  // milliseconds, for idle connections

MonoTime mono_now() { return MonoTime(std::chrono::steady_clock::now().time_since_epoch()); }

WallTime wall_now() {
  return std::chrono::floor<std::chrono::microseconds>(std::chrono::system_clock::now());
}

}  // namespace

DnsServer::DnsServer(dns::Zone zone, const FaultSettings& faults, QueryLog log,
                     std::vector<DnsListener> listeners)
    : zone_(std::move(zone)), faults_(faults), log_(std::move(log)), listeners_(std::move(listeners)) {}

Result<void> DnsServer::run(const Descriptor& signals) {
  std::vector<pollfd> polls;
  for (;;) {
    polls.assign(1, {signals.get(), POLLIN, 0});
    for (const DnsListener& listener : listeners_) {
      polls.push_back({listener.udp.get(), POLLIN, 0});
      polls.push_back({listener.tcp.get(), POLLIN, 0});
    }
    const size_t first_peer = polls.size();
    tcp_.append_polls(polls);
    now_ = mono_now();
    if (::poll(polls.data(), polls.size(), poll_wait()) < 0 && errno != EINTR) {
      return fail_system(errno, "poll");
    }
    now_ = mono_now();
    if (polls[0].revents != 0) return {};
    for (size_t i = 0; i < listeners_.size(); ++i) {
      if (polls[1 + 2 * i].revents != 0) receive(i);
      if (polls[2 + 2 * i].revents != 0) tcp_.accept_all(listeners_[i].tcp.get(), now_);
    }
    tcp_.handle(polls, first_peer, now_,
                [this](TcpPeerId id, const Endpoint& client, std::string_view query) {
                  on_query(id, client, query);
                });
    send_due();
    tcp_.close_idle(now_);
  }
}

int DnsServer::poll_wait() const {
  if (pending_.empty()) return kPollMax;
  const auto wait = std::chrono::ceil<std::chrono::milliseconds>(pending_.top().at - now_).count();
  return static_cast<int>(std::clamp<int64_t>(wait, 0, kPollMax));
}

void DnsServer::receive(size_t listener) {
  std::array<char, 65536> buffer;
  for (unsigned i = 0; i < kDatagramsAtOnce; ++i) {
    UdpPeer peer{.listener = listener, .address = {}};
    const ssize_t count = ::recvfrom(listeners_[listener].udp.get(), buffer.data(), buffer.size(), 0,
                                     peer.address.get(), &peer.address.size);
    if (count < 0) return;
    on_query(peer, peer.address.endpoint(), {buffer.data(), static_cast<size_t>(count)});
  }
}

void DnsServer::on_query(const std::variant<UdpPeer, TcpPeerId>& from, const Endpoint& client,
                         std::string_view query) {
  ++queries_;
  const bool by_tcp = std::holds_alternative<TcpPeerId>(from);
  const FaultDraw draw = faults_.draw();
  dns::RespondOptions options;
  options.by_tcp = by_tcp;
  options.force_servfail = draw.servfail;
  options.force_truncate = draw.truncate;
  dns::Response response = dns::respond(zone_, query, options);
  const bool lose = (draw.lose && !by_tcp) || pending_.size() >= kPendingMax;
  log_.write(wall_now(), client, by_tcp ? "tcp" : "udp", response.question,
             lose ? "lost" : dns::to_string(response.outcome));
  if (lose || response.message.empty()) return;
  pending_.push({now_ + faults_.delay(), queries_, from, std::move(response.message)});
}

void DnsServer::send_due() {
  while (!pending_.empty() && pending_.top().at <= now_) {
    const Pending& due = pending_.top();
    if (const auto* udp = std::get_if<UdpPeer>(&due.to)) {
      // A full send buffer loses the datagram, as a network would.
      (void)::sendto(listeners_[udp->listener].udp.get(), due.message.data(), due.message.size(),
                     MSG_NOSIGNAL, udp->address.get(), udp->address.size);
    } else {
      tcp_.send(std::get<TcpPeerId>(due.to), due.message, now_);
    }
    pending_.pop();
  }
}

}  // namespace sluice::tool
