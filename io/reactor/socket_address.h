// Between our Endpoint and the kernel's sockaddr. For back ends that talk to the kernel.
#pragma once

#include "io/base/ip.h"

#include <sys/socket.h>

namespace sluice::reactor {

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t size = 0;

  static SocketAddress of(const Endpoint& endpoint);
  static int family_of(const Endpoint& endpoint);  // AF_INET, AF_INET6
  // Unmapped: ::ffff:192.0.2.1 becomes 192.0.2.1. The default endpoint for other families.
  static Endpoint to_endpoint(const sockaddr* address, socklen_t size);

  sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }
  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
};

// Of an open socket; the default endpoint when the kernel does not say.
Endpoint local_endpoint_of(int socket);
// False when the socket is not connected any more.
bool peer_endpoint_of(int socket, Endpoint& peer);

}  // namespace sluice::reactor
