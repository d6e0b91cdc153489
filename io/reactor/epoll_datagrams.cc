// Datagram sockets of EpollReactor.
#include "io/reactor/epoll_core.h"
#include "io/reactor/socket_address.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include <netinet/in.h>
#include <sys/socket.h>

namespace sluice::reactor {
namespace {

constexpr size_t kAtOnce = 32;  // datagrams of one system call
constexpr int kReadCallsPerTurn = 8;
constexpr size_t kWaitingMost = 1024;  // of one socket, until the next poll
constexpr size_t kOctetsMost = 1024UL * 1024;
constexpr int kReceiveBuffer = 1024 * 1024;  // a burst of answers; the kernel may grant less

}  // namespace

Result<SocketId> EpollReactor::open_datagram(const DatagramOptions& options, DatagramHandler& handler) {
  const bool connected = options.remote.port != 0;
  const std::string what = "cannot open a datagram socket on " + options.local.to_string();
  const int family = SocketAddress::family_of(connected ? options.remote : options.local);
  FileDescriptor descriptor(socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!descriptor) return fail_system(errno, what);
  const int only_v6 = 1;
  if (family == AF_INET6) setsockopt(descriptor.get(), IPPROTO_IPV6, IPV6_V6ONLY, &only_v6, sizeof(only_v6));
  setsockopt(descriptor.get(), SOL_SOCKET, SO_RCVBUF, &kReceiveBuffer, sizeof(kReceiveBuffer));
  const bool chosen = options.local.port != 0 || !options.local.address.is_unspecified();
  if (chosen || !connected) {
    const SocketAddress local = SocketAddress::of(options.local);
    if (bind(descriptor.get(), local.get(), local.size) != 0) return fail_system(errno, what);
  }
  if (connected) {
    const SocketAddress remote = SocketAddress::of(options.remote);
    if (::connect(descriptor.get(), remote.get(), remote.size) != 0)
      return fail_system(errno, "cannot connect a datagram socket to " + options.remote.to_string());
  }
  const SocketId id = add(std::move(descriptor), Socket::Kind::Datagram);
  Socket& socket = *find(id);
  socket.datagrams = std::make_unique<Datagrams>();
  socket.datagrams->handler = &handler;
  socket.datagrams->remote = options.remote;
  if (const int error = watch(id); error != 0) {
    erase(id);
    return fail_system(error, what);
  }
  return id;
}

bool EpollReactor::send_datagram(SocketId id, std::string_view octets, const Endpoint& to) {
  Socket* socket = find_open(id, Socket::Kind::Datagram);
  if (socket == nullptr) return false;
  Datagrams& datagrams = *socket->datagrams;
  if (datagrams.waiting.size() >= kWaitingMost) return false;
  if (!datagrams.waiting.empty() && datagrams.octets.size() + octets.size() > kOctetsMost) return false;
  datagrams.waiting.push_back({datagrams.octets.size(), octets.size(), to});
  datagrams.octets += octets;
  list(id, *socket);
  return true;
}

void EpollReactor::close_datagram(SocketId id) {
  Socket* socket = find_open(id, Socket::Kind::Datagram);
  if (socket == nullptr) return;
  socket->closing = true;
  list(id, *socket);
}

bool EpollReactor::serve_datagrams(SocketId id, Socket& socket) {
  bool more = write_datagrams(socket);
  if (socket.closing) {
    DatagramHandler& handler = *socket.datagrams->handler;
    erase(id);
    ++reported_;
    handler.on_datagram_closed();
    return false;
  }
  more |= read_datagrams(id, socket);
  return more;
}

bool EpollReactor::write_datagrams(Socket& socket) {
  Datagrams& datagrams = *socket.datagrams;
  // Handlers that are told of an error may ask for more meanwhile: that is for the next poll.
  const size_t asked = datagrams.waiting.size();
  size_t done = 0;
  int retries = 0;
  while (done < asked) {
    const size_t count = std::min(kAtOnce, asked - done);
    std::array<mmsghdr, kAtOnce> messages{};
    std::array<iovec, kAtOnce> slices{};
    std::array<SocketAddress, kAtOnce> addresses;
    for (size_t i = 0; i < count; ++i) {
      const Outgoing& next = datagrams.waiting[done + i];
      slices[i] = {datagrams.octets.data() + next.offset, next.size};
      messages[i].msg_hdr.msg_iov = &slices[i];
      messages[i].msg_hdr.msg_iovlen = 1;
      if (datagrams.remote.port != 0) continue;
      addresses[i] = SocketAddress::of(next.to);
      messages[i].msg_hdr.msg_name = &addresses[i].storage;
      messages[i].msg_hdr.msg_namelen = addresses[i].size;
    }
    const int sent =
        sendmmsg(socket.descriptor.get(), messages.data(), static_cast<unsigned>(count), MSG_NOSIGNAL);
    if (sent > 0) {
      done += static_cast<size_t>(sent);
      retries = 0;
      continue;
    }
    const int error = errno;
    if (error == EINTR) continue;
    if (error == EAGAIN) break;  // an edge tells when there is room
    // The refusal of an earlier datagram is met by this call, which then has not sent: once more.
    const bool of_an_earlier_one = error == ECONNREFUSED && retries++ == 0;
    if (!of_an_earlier_one) ++done;
    if (socket.closing) continue;
    ++reported_;
    datagrams.handler->on_datagram_error(error);
  }
  datagrams.waiting.erase(datagrams.waiting.begin(),
                          datagrams.waiting.begin() + static_cast<ptrdiff_t>(done));
  if (datagrams.waiting.empty()) datagrams.octets.clear();
  return false;
}

bool EpollReactor::read_datagrams(SocketId id, Socket& socket) {
  DatagramHandler& handler = *socket.datagrams->handler;
  for (int calls = 0; calls < kReadCallsPerTurn; ++calls) {
    if (!socket.may_read || socket.closing) return false;
    std::array<mmsghdr, kAtOnce> messages{};
    std::array<iovec, kAtOnce> slices{};
    std::array<SocketAddress, kAtOnce> addresses;
    std::array<char*, kAtOnce> buffers{};
    size_t count = 0;
    for (; count < kAtOnce; ++count) {
      buffers[count] = datagram_buffers_.take();
      if (buffers[count] == nullptr) break;
      slices[count] = {buffers[count], datagram_buffers_.buffer_size()};
      messages[count].msg_hdr.msg_iov = &slices[count];
      messages[count].msg_hdr.msg_iovlen = 1;
      messages[count].msg_hdr.msg_name = &addresses[count].storage;
      messages[count].msg_hdr.msg_namelen = sizeof(addresses[count].storage);
    }
    if (count == 0) {
      starved_.push_back(id);
      return false;
    }
    const int got = recvmmsg(socket.descriptor.get(), messages.data(), static_cast<unsigned>(count),
                             MSG_DONTWAIT, nullptr);
    const int error = got < 0 ? errno : 0;
    const size_t received = got > 0 ? static_cast<size_t>(got) : 0;
    for (size_t i = received; i < count; ++i) datagram_buffers_.put_back(buffers[i]);
    if (error == EAGAIN) {
      socket.may_read = false;
    } else if (error != 0 && error != EINTR) {
      ++reported_;
      handler.on_datagram_error(error);
    }
    for (size_t i = 0; i < received; ++i) {
      Chunk chunk = datagram_buffers_.fill(buffers[i], messages[i].msg_len);
      if (socket.closing) continue;
      ++reported_;
      if ((messages[i].msg_hdr.msg_flags & MSG_TRUNC) != 0) {
        handler.on_datagram_error(EMSGSIZE);
        continue;
      }
      const msghdr& header = messages[i].msg_hdr;
      handler.on_datagram(
          std::move(chunk),
          SocketAddress::to_endpoint(static_cast<const sockaddr*>(header.msg_name), header.msg_namelen));
    }
  }
  return true;
}

}  // namespace sluice::reactor
