// Listeners and streams of the uring back end.
#include "io/base/check.h"
#include "io/reactor/uring_impl.h"

#include <algorithm>
#include <cerrno>
#include <climits>
#include <utility>

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <unistd.h>

namespace sluice::reactor {
namespace {

// How long accepting rests when descriptors or memory are short: long enough not to spin, short enough that a
// client waits no longer than for a lost packet.
constexpr __kernel_timespec kAcceptPause{.tv_sec = 0, .tv_nsec = 50'000'000};
constexpr size_t kSendOctetsMax = 1UL << 30;  // the kernel's length field has 32 bits

bool set_option(int socket, int level, int option, int value) {
  return setsockopt(socket, level, option, &value, sizeof value) == 0;
}

// The peer gave up before we came, or the network said something about it: the next one may be well.
bool is_peers_fault(int error) {
  return error == ECONNABORTED || error == EPROTO || error == ENETDOWN || error == ENETUNREACH ||
         error == EHOSTDOWN || error == EHOSTUNREACH || error == ENOPROTOOPT || error == EINTR ||
         error == EAGAIN;
}

}  // namespace

void UringStream::reset() {
  std::vector<iovec> kept = std::move(slices);
  const UringSlot slot = *this;  // NOLINT(cppcoreguidelines-slicing): the part that stays
  *this = UringStream();
  static_cast<UringSlot&>(*this) = slot;
  slices = std::move(kept);
  slices.clear();
}

void UringListener::reset() {
  const UringSlot slot = *this;  // NOLINT(cppcoreguidelines-slicing): the part that stays
  *this = UringListener();
  static_cast<UringSlot&>(*this) = slot;
}

void advance_slices(std::vector<iovec>& slices, size_t& next, size_t octets) {
  while (next < slices.size() && octets >= slices[next].iov_len) octets -= slices[next++].iov_len;
  if (next == slices.size()) return;
  slices[next].iov_base = static_cast<char*>(slices[next].iov_base) + octets;
  slices[next].iov_len -= octets;
}

// --- listeners ---

Result<SocketId> UringReactor::listen(const ListenOptions& options, AcceptHandler& handler) {
  SocketAddress address = SocketAddress::of(options.address);
  // Blocking, as all sockets here: a non-blocking one would answer EAGAIN where we want to wait in the ring.
  const int socket = ::socket(SocketAddress::family_of(options.address), SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (socket < 0) return fail_system(errno, "cannot make a socket for " + options.address.to_string());
  // Streams inherit TCP_NODELAY. V6ONLY, so that a v4 and a v6 listener can have the same port.
  const bool ready = set_option(socket, SOL_SOCKET, SO_REUSEADDR, 1) &&
                     (!options.share_port || set_option(socket, SOL_SOCKET, SO_REUSEPORT, 1)) &&
                     (options.address.address.is_v4() || set_option(socket, IPPROTO_IPV6, IPV6_V6ONLY, 1)) &&
                     set_option(socket, IPPROTO_TCP, TCP_NODELAY, 1) &&
                     ::bind(socket, address.get(), address.size) == 0 &&
                     ::listen(socket, options.backlog) == 0;
  if (!ready) {
    const int error = errno;
    ::close(socket);
    return fail_system(error, "cannot listen on " + options.address.to_string());
  }
  UringListener& listener = listeners_.acquire();
  listener.socket = socket;
  listener.handler = &handler;
  arm_accept(listener);
  return listener.id();
}

void UringReactor::arm_accept(UringListener& listener) {
  listener.accepting = true;
  io_uring_sqe& entry = ring_.next();
  io_uring_prep_multishot_accept(&entry, listener.socket, nullptr, nullptr, SOCK_CLOEXEC);
  io_uring_sqe_set_data64(&entry, user_data(UringOp::Accept, listener.id()));
}

void UringReactor::on_accept(UringListener& listener, int result, uint32_t flags) {
  if ((flags & IORING_CQE_F_MORE) == 0) listener.accepting = false;
  if (result >= 0) {
    take_stream(listener, result);
  } else if (!listener.closing && !is_peers_fault(-result) && result != -ECANCELED) {
    if (!listener.accepting) {
      listener.pausing = true;
      io_uring_sqe& entry = ring_.next();
      // The kernel's type is not const, but it only reads.
      io_uring_prep_timeout(&entry, const_cast<__kernel_timespec*>(&kAcceptPause), 0, 0);
      io_uring_sqe_set_data64(&entry, user_data(UringOp::AcceptPause, listener.id()));
    }
    listener.handler->on_accept_error(-result);
  }
  if (listener.accepting || listener.pausing) return;
  if (listener.closing) {
    finish_listener(listener);
  } else {
    arm_accept(listener);
  }
}

void UringReactor::on_accept_pause(UringListener& listener) {
  listener.pausing = false;
  if (listener.closing) {
    finish_listener(listener);
  } else {
    arm_accept(listener);
  }
}

void UringReactor::take_stream(UringListener& listener, int socket) {
  Endpoint peer;
  if (!peer_endpoint_of(socket, peer)) {  // reset before we came
    ::close(socket);
    return;
  }
  UringStream& stream = streams_.acquire();
  stream.socket = socket;
  stream.connected = true;
  stream.handler = listener.handler->on_accepted(stream.id(), peer, local_endpoint_of(socket));
  if (stream.handler == nullptr) {
    start_close(stream);
  } else if (!stream.paused && !stream.closing) {
    arm_receive(stream);
  }
}

void UringReactor::close_listener(SocketId id) {
  UringListener* listener = listeners_.find(id);
  if (listener == nullptr || listener->closing) return;
  listener->closing = true;
  if (listener->accepting) {
    cancel(user_data(UringOp::Accept, id));
  } else if (listener->pausing) {
    io_uring_sqe& entry = ring_.next();
    io_uring_prep_timeout_remove(&entry, user_data(UringOp::AcceptPause, id), 0);
    io_uring_sqe_set_data64(&entry, user_data(UringOp::Ignored, {}));
  } else {
    // From inside on_accepted(): whoever called that goes on when it returns.
  }
}

void UringReactor::finish_listener(UringListener& listener) {
  // Clients that the kernel has already greeted would otherwise be reset.
  const int flags = fcntl(listener.socket, F_GETFL);
  static_cast<void>(fcntl(listener.socket, F_SETFL, flags | O_NONBLOCK));
  while (true) {
    const int socket = ::accept4(listener.socket, nullptr, nullptr, SOCK_CLOEXEC);
    if (socket >= 0) {
      take_stream(listener, socket);
    } else if (!is_peers_fault(errno) || errno == EAGAIN) {
      break;
    }
  }
  ::close(listener.socket);
  AcceptHandler* handler = listener.handler;
  listeners_.release(listener);
  handler->on_listener_closed();
}

// --- receiving ---

void UringReactor::arm_receive(UringStream& stream) {
  stream.receiving = true;
  io_uring_sqe& entry = ring_.next();
  io_uring_prep_recv_multishot(&entry, stream.socket, nullptr, 0, 0);
  entry.flags |= IOSQE_BUFFER_SELECT;
  entry.buf_group = stream_buffers_.group();
  if (features_.bundle) entry.ioprio |= kUringReceiveBundle;
  io_uring_sqe_set_data64(&entry, user_data(UringOp::Receive, stream.id()));
}

void UringReactor::on_receive(UringStream& stream, int result, uint32_t flags) {
  if ((flags & IORING_CQE_F_MORE) == 0) stream.receiving = stream.cancel_receive = false;
  const auto place = static_cast<uint16_t>(flags >> IORING_CQE_BUFFER_SHIFT);
  if (result > 0) {
    deliver(stream, static_cast<uint32_t>(result), place);
  } else {
    if ((flags & IORING_CQE_F_BUFFER) != 0) stream_buffers_.give_back(place);
    if (!stream.closing) on_receive_failed(stream, result == 0 ? error_behind_end(stream) : -result);
  }
  if (stream.closing) return close_when_idle(stream);
  if (!stream.receiving && !stream.paused && !stream.starved && !stream.receive_ended) arm_receive(stream);
}

// The kernel tells an error once: to a send that waits, and then the receive sees a mere end. The send's
// completion may come after the receive's; then the connection's state tells. It cannot be CLOSE after an
// orderly end while our own side is open.
int UringReactor::error_behind_end(const UringStream& stream) {
  if (!stream.sending || stream.send_error != 0) return stream.send_error;
  tcp_info info{};
  socklen_t size = sizeof info;
  const bool known = getsockopt(stream.socket, IPPROTO_TCP, TCP_INFO, &info, &size) == 0;
  return known && info.tcpi_state == TCP_CLOSE ? ECONNRESET : 0;
}

// The handler may do anything to the stream, but its slot stays until a later completion.
void UringReactor::deliver(UringStream& stream, uint32_t octets, uint16_t place) {
  while (octets != 0) {
    const uint32_t size = std::min(octets, stream_buffers_.buffer_size());
    const uint16_t next = octets > size ? stream_buffers_.place_after(place) : place;
    Chunk chunk = stream_buffers_.take(place, size);
    if (!stream.closing) stream.handler->on_received(std::move(chunk));
    octets -= size;
    place = next;
  }
}

void UringReactor::on_receive_failed(UringStream& stream, int error) {
  if (error == ENOBUFS) {
    if (stream.paused) return;  // resume_receive() tries again
    stream.starved = true;
    starved_.push_back(stream.id());
  } else if (error != ECANCELED && error != EINTR && error != EAGAIN) {  // these: it was paused, or try again
    stream.receive_ended = true;
    stream.handler->on_receive_end(error);
  }
}

void UringReactor::pause_receive(SocketId id) {
  UringStream* stream = streams_.find(id);
  if (stream == nullptr || stream->closing || stream->paused) return;
  stream->paused = true;
  stream->starved = false;
  if (stream->receiving && !stream->cancel_receive) {
    stream->cancel_receive = true;
    cancel(user_data(UringOp::Receive, id));
  }
}

void UringReactor::resume_receive(SocketId id) {
  UringStream* stream = streams_.find(id);
  if (stream == nullptr || stream->closing || !stream->paused) return;
  stream->paused = false;
  // While the cancelled receive has not ended, its end arms the next one. In on_accepted() the caller does.
  if (stream->connected && !stream->receiving && !stream->receive_ended && stream->handler != nullptr)
    arm_receive(*stream);
}

// --- connecting ---

Result<SocketId> UringReactor::connect(const Endpoint& remote, StreamHandler& handler) {
  const int socket = ::socket(SocketAddress::family_of(remote), SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (socket < 0) return fail_system(errno, "cannot make a socket for " + remote.to_string());
  static_cast<void>(set_option(socket, IPPROTO_TCP, TCP_NODELAY, 1));
  UringStream& stream = streams_.acquire();
  stream.socket = socket;
  stream.handler = &handler;
  stream.connecting = true;
  stream.remote = SocketAddress::of(remote);
  io_uring_sqe& entry = ring_.next();
  io_uring_prep_connect(&entry, socket, stream.remote.get(), stream.remote.size);
  io_uring_sqe_set_data64(&entry, user_data(UringOp::Connect, stream.id()));
  return stream.id();
}

void UringReactor::on_connect(UringStream& stream, int result) {
  stream.connecting = false;
  stream.connected = result == 0;
  if (result != 0) stream.closing = true;  // by itself; a close() from inside the report changes nothing
  stream.handler->on_connected(-result);
  if (stream.closing) return close_when_idle(stream);
  if (!stream.paused && !stream.receiving) arm_receive(stream);
}

// --- sending ---

void UringReactor::send(SocketId id, std::span<const iovec> slices) {
  UringStream* stream = streams_.find(id);
  if (stream == nullptr || stream->closing) return;
  SLUICE_CHECK(!stream->sending && stream->connected);
  stream->sending = true;
  stream->slices.assign(slices.begin(), slices.end());
  stream->next_slice = 0;
  advance_slices(stream->slices, stream->next_slice, 0);
  if (stream->shut) {
    deferred_.push_back({UringOp::Send, id, EPIPE});
  } else if (stream->next_slice == stream->slices.size()) {
    deferred_.push_back({UringOp::Send, id, 0});
  } else {
    submit_send(*stream);
  }
}

// WAITALL: the kernel goes on after a short send by itself; what it gives up on we take up again.
void UringReactor::submit_send(UringStream& stream) {
  constexpr int kFlags = MSG_NOSIGNAL | MSG_WAITALL;
  const size_t count = stream.slices.size() - stream.next_slice;
  iovec* first = &stream.slices[stream.next_slice];
  io_uring_sqe& entry = ring_.next();
  if (count == 1) {
    io_uring_prep_send(&entry, stream.socket, first->iov_base, std::min(first->iov_len, kSendOctetsMax),
                       kFlags);
  } else {
    stream.message = msghdr{};
    stream.message.msg_iov = first;
    stream.message.msg_iovlen = std::min<size_t>(count, IOV_MAX);
    io_uring_prep_sendmsg(&entry, stream.socket, &stream.message, static_cast<unsigned>(kFlags));
  }
  io_uring_sqe_set_data64(&entry, user_data(UringOp::Send, stream.id()));
}

void UringReactor::on_send(UringStream& stream, int result) {
  const bool again = result == -EINTR || result == -EAGAIN;
  if (result < 0 && !again) {
    // EPIPE, since we never send after our own shutdown: a reset whose error an earlier part of the send met.
    if (result != -ECANCELED) stream.send_error = result == -EPIPE ? ECONNRESET : -result;
    return finish_send(stream, -result);
  }
  if (result > 0) advance_slices(stream.slices, stream.next_slice, static_cast<size_t>(result));
  if (stream.next_slice == stream.slices.size()) return finish_send(stream, 0);
  if (stream.closing) return finish_send(stream, ECANCELED);
  submit_send(stream);
}

void UringReactor::finish_send(UringStream& stream, int error) {
  stream.sending = false;
  if (stream.shutdown_wanted && !stream.closing) {
    stream.shutdown_wanted = false;
    static_cast<void>(::shutdown(stream.socket, SHUT_WR));
  }
  if (stream.handler != nullptr) stream.handler->on_sent(error);  // null: refused after it was sent to
  if (stream.closing) close_when_idle(stream);
}

// A system call of its own, once in a connection's life: the ring would hand it to a thread.
void UringReactor::shutdown_send(SocketId id) {
  UringStream* stream = streams_.find(id);
  if (stream == nullptr || stream->closing || stream->shut) return;
  stream->shut = true;
  if (stream->sending) {
    stream->shutdown_wanted = true;
  } else {
    static_cast<void>(::shutdown(stream->socket, SHUT_WR));
  }
}

// --- closing ---

void UringReactor::close(SocketId id, CloseMode mode) {
  UringStream* stream = streams_.find(id);
  if (stream == nullptr || stream->closing) return;
  if (mode == CloseMode::Abort) {
    const linger reset{.l_onoff = 1, .l_linger = 0};
    static_cast<void>(setsockopt(stream->socket, SOL_SOCKET, SO_LINGER, &reset, sizeof reset));
  }
  start_close(*stream);
}

void UringReactor::start_close(UringStream& stream) {
  stream.closing = true;
  stream.starved = false;
  if (stream.receiving || stream.sending || stream.connecting) {
    io_uring_sqe& entry = ring_.next();
    io_uring_prep_cancel_fd(&entry, stream.socket, IORING_ASYNC_CANCEL_ALL);
    io_uring_sqe_set_data64(&entry, user_data(UringOp::Ignored, {}));
  }
  close_when_idle(stream);
}

void UringReactor::close_when_idle(UringStream& stream) {
  if (stream.receiving || stream.sending || stream.connecting || stream.close_submitted) return;
  stream.close_submitted = true;
  io_uring_sqe& entry = ring_.next();
  io_uring_prep_close(&entry, stream.socket);
  io_uring_sqe_set_data64(&entry, user_data(UringOp::CloseStream, stream.id()));
}

void UringReactor::on_stream_closed(UringStream& stream) {
  StreamHandler* handler = stream.handler;
  streams_.release(stream);
  if (handler != nullptr) handler->on_closed();  // null: it was refused in on_accepted()
}

}  // namespace sluice::reactor
