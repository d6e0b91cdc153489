#include "engine/node/reserved_port.h"

#include "io/reactor/socket_address.h"

#include <cerrno>

#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

namespace sluice::node {

Result<ReservedPort> ReservedPort::reserve(const Endpoint& address) {
  const int family = address.address.is_v4() ? AF_INET : AF_INET6;
  ReservedPort port(socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0), address);
  const auto failed = [&address](int error) {
    return fail_system(error, fmt::format("listener {}: cannot bind", address.to_string()));
  };
  if (port.descriptor_ < 0) return failed(errno);
  const int on = 1;
  setsockopt(port.descriptor_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (family == AF_INET6) setsockopt(port.descriptor_, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
  const reactor::SocketAddress native = reactor::SocketAddress::of(address);
  if (bind(port.descriptor_, native.get(), native.size) != 0) return failed(errno);
  // Only now: with it, bind would succeed beside another node that listens here, and the two would share the
  // clients without knowing.
  setsockopt(port.descriptor_, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
  port.address_.port = reactor::local_endpoint_of(port.descriptor_).port;
  return port;
}

ReservedPort::~ReservedPort() {
  if (descriptor_ >= 0) close(descriptor_);
}

}  // namespace sluice::node
