// Datagram sockets of the uring back end.
#include "io/base/check.h"
#include "io/reactor/uring_impl.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include <netinet/in.h>
#include <unistd.h>

namespace sluice::reactor {
namespace {

// Datagrams copied and not yet taken by the kernel, over all sockets. Derived: more than a turn's questions
// for any plausible number of sessions.
constexpr size_t kSendsMax = 4096;

bool is_default(const Endpoint& endpoint) { return endpoint.port == 0 && endpoint.address.is_unspecified(); }

}  // namespace

void UringDatagramSocket::reset() {
  const UringSlot slot = *this;  // NOLINT(cppcoreguidelines-slicing): the part that stays
  *this = UringDatagramSocket();
  static_cast<UringSlot&>(*this) = slot;
}

void UringDatagramSend::reset() { octets.clear(); }

Result<SocketId> UringReactor::open_datagram(const DatagramOptions& options, DatagramHandler& handler) {
  const bool connected = options.remote.port != 0;
  const bool bound = !is_default(options.local);
  const int family = SocketAddress::family_of(connected && !bound ? options.remote : options.local);
  const int socket = ::socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (socket < 0) return fail_system(errno, "cannot make a datagram socket");
  const int only_v6 = 1;
  const SocketAddress local = SocketAddress::of(options.local);
  const SocketAddress remote = SocketAddress::of(options.remote);
  const bool ready =
      (family != AF_INET6 || setsockopt(socket, IPPROTO_IPV6, IPV6_V6ONLY, &only_v6, sizeof only_v6) == 0) &&
      ((connected && !bound) || ::bind(socket, local.get(), local.size) == 0) &&
      (!connected || ::connect(socket, remote.get(), remote.size) == 0);
  if (!ready) {
    const int error = errno;
    ::close(socket);
    return fail_system(error, "cannot open a datagram socket from " + options.local.to_string() + " to " +
                                  options.remote.to_string());
  }
  UringDatagramSocket& datagrams = datagrams_.acquire();
  datagrams.socket = socket;
  datagrams.handler = &handler;
  datagrams.remote = options.remote;
  datagrams.received.msg_namelen = connected ? 0 : sizeof(sockaddr_in6);
  arm_datagram(datagrams);
  return datagrams.id();
}

void UringReactor::arm_datagram(UringDatagramSocket& socket) {
  socket.receiving = true;
  io_uring_sqe& entry = ring_.next();
  io_uring_prep_recvmsg_multishot(&entry, socket.socket, &socket.received, 0);
  entry.flags |= IOSQE_BUFFER_SELECT;
  entry.buf_group = datagram_buffers_.group();
  io_uring_sqe_set_data64(&entry, user_data(UringOp::ReceiveDatagram, socket.id()));
}

void UringReactor::on_datagram_receive(UringDatagramSocket& socket, int result, uint32_t flags) {
  if ((flags & IORING_CQE_F_MORE) == 0) socket.receiving = false;
  const auto place = static_cast<uint16_t>(flags >> IORING_CQE_BUFFER_SHIFT);
  if (result >= 0 && (flags & IORING_CQE_F_BUFFER) != 0) {
    deliver_datagram(socket, place, static_cast<uint32_t>(result));
  } else {
    if ((flags & IORING_CQE_F_BUFFER) != 0) datagram_buffers_.give_back(place);
    if (result == -ENOBUFS && !socket.closing) {
      socket.starved = true;
      starved_.push_back(socket.id());
    } else if (result < 0 && result != -ECANCELED && result != -EAGAIN && result != -EINTR &&
               !socket.closing) {
      socket.handler->on_datagram_error(-result);
    }
  }
  if (socket.closing) return close_datagram_when_idle(socket);
  if (!socket.receiving && !socket.starved) arm_datagram(socket);
}

//   buffer | io_uring_recvmsg_out | name, as much room as was asked for | payload |
void UringReactor::deliver_datagram(UringDatagramSocket& socket, uint16_t place, uint32_t octets) {
  Chunk chunk = datagram_buffers_.take(place, octets);
  if (socket.closing) return;
  const uint32_t header = sizeof(io_uring_recvmsg_out) + socket.received.msg_namelen;
  SLUICE_CHECK(octets >= header);
  io_uring_recvmsg_out out;
  std::memcpy(&out, chunk.view().data(), sizeof out);
  SocketAddress name;
  name.size = std::min<socklen_t>(out.namelen, socket.received.msg_namelen);
  std::memcpy(&name.storage, chunk.view().data() + sizeof out, name.size);
  const Endpoint from =
      socket.remote.port != 0 ? socket.remote : SocketAddress::to_endpoint(name.get(), name.size);
  chunk.remove_prefix(header);
  if ((out.flags & MSG_TRUNC) != 0 || chunk.size() > kDatagramMax) {
    socket.handler->on_datagram_error(EMSGSIZE);
  } else {
    socket.handler->on_datagram(std::move(chunk), from);
  }
}

bool UringReactor::send_datagram(SocketId id, std::string_view octets, const Endpoint& to) {
  UringDatagramSocket* socket = datagrams_.find(id);
  if (socket == nullptr || socket->closing) return true;  // as lost as on the wire
  if (sends_.live() >= kSendsMax) return false;
  UringDatagramSend& send = sends_.acquire();
  send.socket = id;
  send.octets.assign(octets.begin(), octets.end());
  ++socket->sends;
  io_uring_sqe& entry = ring_.next();
  if (socket->remote.port != 0) {
    io_uring_prep_send(&entry, socket->socket, send.octets.data(), send.octets.size(), MSG_NOSIGNAL);
  } else {
    send.to = SocketAddress::of(to);
    send.slice = {.iov_base = send.octets.data(), .iov_len = send.octets.size()};
    send.message = msghdr{};
    send.message.msg_name = send.to.get();
    send.message.msg_namelen = send.to.size;
    send.message.msg_iov = &send.slice;
    send.message.msg_iovlen = 1;
    io_uring_prep_sendmsg(&entry, socket->socket, &send.message, MSG_NOSIGNAL);
  }
  io_uring_sqe_set_data64(&entry, user_data(UringOp::SendDatagram, send.id()));
  return true;
}

void UringReactor::on_datagram_sent(UringDatagramSend& send, int result) {
  const SocketId id = send.socket;
  sends_.release(send);
  UringDatagramSocket* socket = datagrams_.find(id);
  SLUICE_CHECK(socket != nullptr && socket->sends > 0);
  --socket->sends;
  if (socket->closing) return close_datagram_when_idle(*socket);
  if (result < 0) socket->handler->on_datagram_error(-result);
}

void UringReactor::close_datagram(SocketId id) {
  UringDatagramSocket* socket = datagrams_.find(id);
  if (socket == nullptr || socket->closing) return;
  socket->closing = true;
  socket->starved = false;
  if (socket->receiving) {
    cancel(user_data(UringOp::ReceiveDatagram, id));
  } else {
    deferred_.push_back({UringOp::ReceiveDatagram, id, 0});
  }
}

void UringReactor::close_datagram_when_idle(UringDatagramSocket& socket) {
  if (socket.receiving || socket.sends != 0) return;
  ::close(socket.socket);
  DatagramHandler* handler = socket.handler;
  datagrams_.release(socket);
  handler->on_datagram_closed();
}

}  // namespace sluice::reactor
