#include "tools/sluice_dns/sockets.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>

#include <netinet/in.h>
#include <unistd.h>

namespace sluice::tool {
namespace {

constexpr int kBacklog = 128;
constexpr unsigned kPortTries = 50;  // the port that UDP got may be taken by TCP

Result<Descriptor> open_socket(const Endpoint& local, int type) {
  const std::string what = std::string(type == SOCK_DGRAM ? "UDP " : "TCP ") + local.to_string();
  const int family = local.address.is_v4() ? AF_INET : AF_INET6;
  Descriptor socket(::socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!socket.is_open()) return fail_system(errno, "cannot open a socket for " + what);
  const int on = 1;
  if (type == SOCK_STREAM) (void)setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (family == AF_INET6) (void)setsockopt(socket.get(), IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
  const SocketAddress address = SocketAddress::of(local);
  if (bind(socket.get(), address.get(), address.size) != 0) {
    return fail_system(errno, "cannot listen on " + what);
  }
  if (type == SOCK_STREAM && listen(socket.get(), kBacklog) != 0) {
    return fail_system(errno, "cannot listen on " + what);
  }
  return socket;
}

}  // namespace

Descriptor::~Descriptor() {
  if (fd_ >= 0) (void)::close(fd_);
}

SocketAddress SocketAddress::of(const Endpoint& endpoint) {
  SocketAddress address;
  const auto octets = endpoint.address.bytes();
  if (endpoint.address.is_v4()) {
    sockaddr_in v4{};
    v4.sin_family = AF_INET;
    v4.sin_port = htons(endpoint.port);
    std::memcpy(&v4.sin_addr, octets.data(), octets.size());
    std::memcpy(&address.storage, &v4, sizeof v4);
    address.size = sizeof v4;
  } else {
    sockaddr_in6 v6{};
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(endpoint.port);
    std::memcpy(&v6.sin6_addr, octets.data(), octets.size());
    std::memcpy(&address.storage, &v6, sizeof v6);
    address.size = sizeof v6;
  }
  return address;
}

Endpoint SocketAddress::endpoint() const {
  if (storage.ss_family == AF_INET) {
    sockaddr_in v4{};
    std::memcpy(&v4, &storage, sizeof v4);
    return {IpAddress::v4(ntohl(v4.sin_addr.s_addr)), ntohs(v4.sin_port)};
  }
  sockaddr_in6 v6{};
  std::memcpy(&v6, &storage, sizeof v6);
  std::array<uint8_t, 16> octets{};
  std::memcpy(octets.data(), &v6.sin6_addr, octets.size());
  return {IpAddress::v6(octets), ntohs(v6.sin6_port)};
}

Result<DnsListener> open_listener(const Endpoint& local) {
  for (unsigned tries = 0;; ++tries) {
    auto udp = open_socket(local, SOCK_DGRAM);
    if (!udp) return std::unexpected(udp.error());
    SocketAddress bound;
    if (getsockname(udp->get(), bound.get(), &bound.size) != 0) {
      return fail_system(errno, "cannot read the port of " + local.to_string());
    }
    auto tcp = open_socket(bound.endpoint(), SOCK_STREAM);
    if (tcp) return DnsListener{bound.endpoint(), std::move(*udp), std::move(*tcp)};
    const bool again = local.port == 0 && tcp.error().os_error == EADDRINUSE && tries < kPortTries;
    if (!again) return std::unexpected(tcp.error());
  }
}

}  // namespace sluice::tool
