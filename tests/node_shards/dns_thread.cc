#include "tests/node_shards/dns_thread.h"

#include "dnscache/zone/responder.h"
#include "io/base/check.h"

#include <array>
#include <string_view>
#include <utility>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

namespace sluice::dns {
namespace {

sockaddr* generic(sockaddr_in& address) { return reinterpret_cast<sockaddr*>(&address); }

}  // namespace

DnsThread::DnsThread(Zone zone, Manner manner)
    : zone_(std::move(zone)), manner_(manner), socket_(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
  sockaddr_in local{};
  local.sin_family = AF_INET;
  local.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof local;
  SLUICE_CHECK(socket_ >= 0 && bind(socket_, generic(local), size) == 0);
  SLUICE_CHECK(getsockname(socket_, generic(local), &size) == 0);
  port_ = ntohs(local.sin_port);
  thread_ = std::thread([this] { serve(); });
}

DnsThread::~DnsThread() {
  // Says that it is not connected, and still has recvfrom() return 0 once it has read what was there.
  static_cast<void>(shutdown(socket_, SHUT_RDWR));
  thread_.join();
  close(socket_);
}

void DnsThread::serve() const {
  std::array<char, 4096> buffer{};
  for (;;) {
    sockaddr_in from{};
    socklen_t size = sizeof from;
    const ssize_t received = recvfrom(socket_, buffer.data(), buffer.size(), 0, generic(from), &size);
    if (received == 0) return;
    if (received < 0 || manner_ == Manner::IsSilent) continue;
    const std::string_view query(buffer.data(), static_cast<size_t>(received));
    const Response response = respond(zone_, query, {});
    if (response.message.empty()) continue;
    static_cast<void>(
        sendto(socket_, response.message.data(), response.message.size(), 0, generic(from), size));
  }
}

}  // namespace sluice::dns
