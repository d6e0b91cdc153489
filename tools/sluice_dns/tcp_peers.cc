#include "tools/sluice_dns/tcp_peers.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>

#include <unistd.h>

namespace sluice::tool {
namespace {

constexpr size_t kPeersMax = 256;
constexpr size_t kOutputMax = 1024 * 1024;  // octets that a peer may leave unread
constexpr auto kIdle = std::chrono::seconds(10);

bool would_block(int error) { return error == EAGAIN || error == EWOULDBLOCK || error == EINTR; }

}  // namespace

void TcpPeers::accept_all(int listener, MonoTime now) {
  for (;;) {
    SocketAddress remote;
    Descriptor socket(accept4(listener, remote.get(), &remote.size, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (!socket.is_open()) return;
    if (ids_.size() >= kPeersMax) continue;  // closed at once
    TcpPeer peer;
    peer.socket = std::move(socket);
    peer.remote = remote.endpoint();
    peer.idle_at = now + kIdle;
    ids_.push_back(peers_.emplace(std::move(peer)));
  }
}

void TcpPeers::append_polls(std::vector<pollfd>& polls) {
  polled_ = ids_;
  for (const TcpPeerId id : polled_) {
    const TcpPeer& peer = *peers_.find(id);
    short events = peer.input_ended ? short{0} : short{POLLIN};
    if (!peer.output.empty()) events = static_cast<short>(events | POLLOUT);
    polls.push_back({peer.socket.get(), events, 0});
  }
}

void TcpPeers::handle(const std::vector<pollfd>& polls, size_t first, MonoTime now,
                      const OnMessage& on_message) {
  for (size_t i = 0; i < polled_.size(); ++i) {
    const short events = polls[first + i].revents;
    TcpPeer* peer = peers_.find(polled_[i]);
    if (events == 0 || peer == nullptr) continue;
    // Once its input has ended, a hang-up means that nobody reads answers either.
    bool open = (events & (POLLERR | POLLNVAL)) == 0 && !(peer->input_ended && (events & POLLHUP) != 0);
    if (open && !peer->input_ended && (events & (POLLIN | POLLHUP)) != 0) {
      open = read(polled_[i], *peer, now, on_message);
    }
    if (open && (events & POLLOUT) != 0) open = write(*peer);
    if (!open || peer->is_done()) close(polled_[i]);
  }
}

bool TcpPeers::read(TcpPeerId id, TcpPeer& peer, MonoTime now, const OnMessage& on_message) {
  std::array<char, 16384> buffer;
  const ssize_t count = ::recv(peer.socket.get(), buffer.data(), buffer.size(), 0);
  if (count < 0) return would_block(errno);
  // Answers may still be on their way, late by --delay.
  if (count == 0) peer.input_ended = true;
  peer.input.append(buffer.data(), static_cast<size_t>(count));
  peer.idle_at = now + kIdle;
  size_t at = 0;
  while (peer.input.size() - at >= 2) {
    const size_t size = static_cast<size_t>(static_cast<unsigned char>(peer.input[at])) << 8 |
                        static_cast<unsigned char>(peer.input[at + 1]);
    if (peer.input.size() - at - 2 < size) break;
    ++peer.unanswered;
    on_message(id, peer.remote, std::string_view(peer.input).substr(at + 2, size));
    at += 2 + size;
  }
  peer.input.erase(0, at);
  return true;
}

bool TcpPeers::write(TcpPeer& peer) {
  const ssize_t count = ::send(peer.socket.get(), peer.output.data(), peer.output.size(), MSG_NOSIGNAL);
  if (count < 0) return would_block(errno);
  peer.output.erase(0, static_cast<size_t>(count));
  return true;
}

void TcpPeers::send(TcpPeerId id, std::string_view message, MonoTime now) {
  TcpPeer* peer = peers_.find(id);
  if (peer == nullptr || message.size() > UINT16_MAX) return;
  if (peer->output.size() + message.size() > kOutputMax) return;  // idle_at ends it
  peer->output += static_cast<char>(message.size() >> 8);
  peer->output += static_cast<char>(message.size() & 0xFF);
  peer->output += message;
  --peer->unanswered;
  peer->idle_at = now + kIdle;
}

void TcpPeers::close_idle(MonoTime now) {
  std::vector<TcpPeerId> idle;
  for (const TcpPeerId id : ids_) {
    if (peers_.find(id)->idle_at <= now) idle.push_back(id);
  }
  for (const TcpPeerId id : idle) close(id);
}

void TcpPeers::close(TcpPeerId id) {
  if (peers_.find(id) == nullptr) return;
  peers_.erase(id);
  std::erase(ids_, id);
}

}  // namespace sluice::tool
