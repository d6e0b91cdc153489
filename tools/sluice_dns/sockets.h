// Plain sockets for a test server: one address and port by UDP and TCP, non-blocking. Errors name the
// address.
#pragma once

#include "io/base/ip.h"
#include "io/base/result.h"

#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <sys/socket.h>

namespace sluice::tool {

class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor();

  int get() const { return fd_; }
  bool is_open() const { return fd_ >= 0; }

 private:
  int fd_ = -1;
};

struct DnsListener {
  Endpoint local;
  Descriptor udp;
  Descriptor tcp;
};
// Port 0: any port that is free for both.
Result<DnsListener> open_listener(const Endpoint& local);

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t size = sizeof(sockaddr_storage);

  static SocketAddress of(const Endpoint& endpoint);
  Endpoint endpoint() const;
  sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }
  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
};

}  // namespace sluice::tool
