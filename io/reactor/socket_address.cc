#include "io/reactor/socket_address.h"

#include <algorithm>
#include <array>
#include <cstring>

#include <arpa/inet.h>
#include <netinet/in.h>

namespace sluice::reactor {

int SocketAddress::family_of(const Endpoint& endpoint) {
  return endpoint.address.is_v4() ? AF_INET : AF_INET6;
}

SocketAddress SocketAddress::of(const Endpoint& endpoint) {
  SocketAddress address;
  const auto bytes = endpoint.address.bytes();
  if (endpoint.address.is_v4()) {
    sockaddr_in v4{};
    v4.sin_family = AF_INET;
    v4.sin_port = htons(endpoint.port);
    std::memcpy(&v4.sin_addr, bytes.data(), bytes.size());
    std::memcpy(&address.storage, &v4, sizeof v4);
    address.size = sizeof v4;
  } else {
    sockaddr_in6 v6{};
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(endpoint.port);
    std::memcpy(&v6.sin6_addr, bytes.data(), bytes.size());
    std::memcpy(&address.storage, &v6, sizeof v6);
    address.size = sizeof v6;
  }
  return address;
}

Endpoint SocketAddress::to_endpoint(const sockaddr* address, socklen_t size) {
  if (size < sizeof(sa_family_t)) return {};
  sa_family_t family{};
  std::memcpy(&family, address, sizeof family);
  if (family == AF_INET && size >= sizeof(sockaddr_in)) {
    sockaddr_in v4;
    std::memcpy(&v4, address, sizeof v4);
    return {IpAddress::v4(ntohl(v4.sin_addr.s_addr)), ntohs(v4.sin_port)};
  }
  if (family == AF_INET6 && size >= sizeof(sockaddr_in6)) {
    sockaddr_in6 v6;
    std::memcpy(&v6, address, sizeof v6);
    std::array<uint8_t, 16> bytes;
    std::memcpy(bytes.data(), &v6.sin6_addr, bytes.size());
    return {IpAddress::v6(bytes).unmap(), ntohs(v6.sin6_port)};
  }
  return {};
}

Endpoint local_endpoint_of(int socket) {
  SocketAddress address;
  address.size = sizeof address.storage;
  if (getsockname(socket, address.get(), &address.size) != 0) return {};
  return SocketAddress::to_endpoint(address.get(), address.size);
}

bool peer_endpoint_of(int socket, Endpoint& peer) {
  SocketAddress address;
  address.size = sizeof address.storage;
  if (getpeername(socket, address.get(), &address.size) != 0) return false;
  peer = SocketAddress::to_endpoint(address.get(), address.size);
  return true;
}

}  // namespace sluice::reactor
