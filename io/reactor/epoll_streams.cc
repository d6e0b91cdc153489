// Streams and listeners of EpollReactor.
#include "io/reactor/epoll_core.h"
#include "io/reactor/socket_address.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <string>
#include <utility>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

namespace sluice::reactor {
namespace {

using namespace std::chrono_literals;

// What one socket may do in one turn, so that it does not keep the others waiting.
constexpr int kReadsPerTurn = 8;
constexpr int kSendsPerTurn = 16;
constexpr int kAcceptsPerTurn = 256;
constexpr size_t kSlicesAtOnce = 128;
constexpr auto kAcceptPause = 100ms;  // as long as a lack of descriptors or memory usually lasts at least

void set_option(int socket, int level, int name, int value) {
  setsockopt(socket, level, name, &value, sizeof(value));
}

bool lacks_resources(int error) {
  return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

}  // namespace

// --- listeners ---

Result<SocketId> EpollReactor::listen(const ListenOptions& options, AcceptHandler& handler) {
  const std::string what = "cannot listen on " + options.address.to_string();
  FileDescriptor descriptor(
      socket(SocketAddress::family_of(options.address), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!descriptor) return fail_system(errno, what);
  set_option(descriptor.get(), SOL_SOCKET, SO_REUSEADDR, 1);
  if (options.share_port) set_option(descriptor.get(), SOL_SOCKET, SO_REUSEPORT, 1);
  if (!options.address.address.is_v4()) set_option(descriptor.get(), IPPROTO_IPV6, IPV6_V6ONLY, 1);
  const SocketAddress address = SocketAddress::of(options.address);
  if (bind(descriptor.get(), address.get(), address.size) != 0) return fail_system(errno, what);
  if (::listen(descriptor.get(), options.backlog) != 0) return fail_system(errno, what);
  const SocketId id = add(std::move(descriptor), Socket::Kind::Listener);
  find(id)->acceptor = &handler;
  if (const int error = watch(id); error != 0) {
    erase(id);
    return fail_system(error, what);
  }
  return id;
}

void EpollReactor::close_listener(SocketId id) {
  Socket* socket = find_open(id, Socket::Kind::Listener);
  if (socket == nullptr) return;
  socket->closing = true;
  list(id, *socket);
}

bool EpollReactor::serve_listener(SocketId id, Socket& socket) {
  AcceptHandler& handler = *socket.acceptor;
  if (socket.closing) {
    // No more can come between the last accept and the close than the kernel resets; it says so to them.
    socket.accept_again = MonoTime::min();
    while (accept_some(socket, kAcceptsPerTurn)) {
    }
    erase(id);
    ++reported_;
    handler.on_listener_closed();
    return false;
  }
  if (!socket.may_read || socket.accept_again > now()) return false;  // then it stands in deferred_
  const bool more = accept_some(socket, kAcceptsPerTurn);
  if (socket.accept_again == MonoTime::min()) return more;
  deferred_.push_back(id);
  return false;
}

// True when the budget ended before the queue did.
bool EpollReactor::accept_some(Socket& listener, int budget) {
  listener.accept_again = MonoTime::min();
  for (; budget > 0; --budget) {
    SocketAddress address;
    address.size = sizeof(address.storage);
    FileDescriptor descriptor(
        accept4(listener.descriptor.get(), address.get(), &address.size, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (descriptor) {
      accept_one(listener, std::move(descriptor), SocketAddress::to_endpoint(address.get(), address.size));
      continue;
    }
    const int error = errno;
    if (error == EAGAIN) {
      listener.may_read = false;
      return false;
    }
    // Else it concerns only the connection that was to be accepted, which is gone (accept(2), "Error
    // handling").
    if (!lacks_resources(error)) continue;
    ++reported_;
    listener.acceptor->on_accept_error(error);
    listener.accept_again = now() + kAcceptPause;
    return false;
  }
  return true;
}

void EpollReactor::accept_one(Socket& listener, FileDescriptor descriptor, const Endpoint& peer) {
  set_option(descriptor.get(), IPPROTO_TCP, TCP_NODELAY, 1);
  const Endpoint local = local_endpoint_of(descriptor.get());
  const SocketId id = add(std::move(descriptor), Socket::Kind::Stream);
  ++reported_;
  StreamHandler* handler = listener.acceptor->on_accepted(id, peer, local);
  if (handler == nullptr) {
    erase(id);
    return;
  }
  Socket& socket = *find(id);
  socket.stream.handler = handler;
  if (watch(id) == 0) return;
  // Never seen while the system has memory: the stream ends before it began.
  socket.may_read = true;
  socket.stream.lost_error = ENOMEM;
  shutdown(socket.descriptor.get(), SHUT_RDWR);
  list(id, socket);
}

// --- what is asked of streams ---

Result<SocketId> EpollReactor::connect(const Endpoint& remote, StreamHandler& handler) {
  const std::string what = "cannot connect to " + remote.to_string();
  FileDescriptor descriptor(
      socket(SocketAddress::family_of(remote), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!descriptor) return fail_system(errno, what);
  set_option(descriptor.get(), IPPROTO_TCP, TCP_NODELAY, 1);
  const int number = descriptor.get();
  const SocketId id = add(std::move(descriptor), Socket::Kind::Stream);
  Socket& socket = *find(id);
  socket.stream.handler = &handler;
  socket.stream.connecting = true;
  const SocketAddress address = SocketAddress::of(remote);
  if (::connect(number, address.get(), address.size) != 0 && errno != EINPROGRESS) {
    socket.stream.connect_error = errno;
    list(id, socket);
    return id;
  }
  // Watched only now: a socket that is neither connected nor connecting reports a hang-up.
  if (const int error = watch(id); error != 0) {
    erase(id);
    return fail_system(error, what);
  }
  return id;
}

void EpollReactor::send(SocketId id, std::span<const iovec> slices) {
  Socket* socket = find_open(id, Socket::Kind::Stream);
  if (socket == nullptr) return;
  SLUICE_CHECK(!socket->stream.send_pending);
  socket->stream.slices = slices;
  socket->stream.slice_offset = 0;
  socket->stream.send_pending = true;
  socket->may_write = true;  // worth a try
  list(id, *socket);
}

void EpollReactor::pause_receive(SocketId id) {
  if (Socket* socket = find_open(id, Socket::Kind::Stream)) socket->stream.paused = true;
}

void EpollReactor::resume_receive(SocketId id) {
  Socket* socket = find_open(id, Socket::Kind::Stream);
  if (socket == nullptr || !std::exchange(socket->stream.paused, false)) return;
  if (socket->may_read) list(id, *socket);
}

void EpollReactor::shutdown_send(SocketId id) {
  Socket* socket = find_open(id, Socket::Kind::Stream);
  if (socket == nullptr) return;
  socket->stream.end_wanted = true;
  list(id, *socket);
}

void EpollReactor::close(SocketId id, CloseMode mode) {
  Socket* socket = find_open(id, Socket::Kind::Stream);
  if (socket == nullptr) return;
  socket->closing = true;
  socket->stream.close_mode = mode;
  list(id, *socket);
}

// --- what streams do in poll() ---

bool EpollReactor::serve_stream(SocketId id, Socket& socket) {
  Stream& stream = socket.stream;
  if (stream.connecting && !socket.closing) {
    if (stream.connect_error != 0 || socket.may_write) finish_connect(id, socket);
    return false;
  }
  bool more = false;
  // Reading goes first when both are worth a try, for it is the receive that should meet an error.
  if (!socket.closing) more = read_stream(id, socket);
  more |= write_stream(socket);
  if (socket.closing) {
    finish_stream(id, socket);
    return false;
  }
  if (stream.end_wanted && !stream.send_pending && !std::exchange(stream.end_sent, true))
    shutdown(socket.descriptor.get(), SHUT_WR);
  return more;
}

void EpollReactor::finish_connect(SocketId id, Socket& socket) {
  int error = socket.stream.connect_error;
  socklen_t size = sizeof(error);
  if (error == 0) getsockopt(socket.descriptor.get(), SOL_SOCKET, SO_ERROR, &error, &size);
  if (error != 0) return fail_connect(id, socket, error);
  socket.stream.connecting = false;
  ++reported_;
  list(id, socket);  // there may be something to read already
  socket.stream.handler->on_connected(0);
}

void EpollReactor::fail_connect(SocketId id, Socket& socket, int error) {
  StreamHandler& handler = *socket.stream.handler;
  socket.closing = true;
  socket.stream.connecting = false;
  ++reported_;
  handler.on_connected(error);
  erase(id);
  handler.on_closed();
}

// The slices are the caller's and stay as they are; the kernel gets a copy of the next few, cut to what is
// left.
bool EpollReactor::write_stream(Socket& socket) {
  Stream& stream = socket.stream;
  if (!stream.send_pending || !socket.may_write) return false;
  if (stream.end_sent) {
    sent(stream, EPIPE);
    return false;
  }
  for (int calls = 0; calls < kSendsPerTurn; ++calls) {
    while (!stream.slices.empty() && stream.slice_offset >= stream.slices.front().iov_len) {
      stream.slice_offset -= stream.slices.front().iov_len;
      stream.slices = stream.slices.subspan(1);
    }
    if (stream.slices.empty()) {
      sent(stream, 0);
      return false;
    }
    std::array<iovec, kSlicesAtOnce> batch;
    size_t count = std::min(batch.size(), stream.slices.size());
    std::copy_n(stream.slices.begin(), count, batch.begin());
    batch[0].iov_base = static_cast<char*>(batch[0].iov_base) + stream.slice_offset;
    batch[0].iov_len -= stream.slice_offset;
    msghdr message{};
    message.msg_iov = batch.data();
    message.msg_iovlen = count;
    const ssize_t taken = sendmsg(socket.descriptor.get(), &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (taken >= 0) {
      stream.slice_offset += static_cast<size_t>(taken);
      continue;
    }
    const int error = errno;
    if (error == EINTR) continue;
    if (error == EAGAIN) {
      socket.may_write = false;
      return false;
    }
    if (error != EPIPE) stream.lost_error = error;
    sent(stream, error);
    return false;
  }
  return true;
}

void EpollReactor::sent(Stream& stream, int error) {
  stream.send_pending = false;
  stream.slices = {};
  ++reported_;
  stream.handler->on_sent(error);
}

bool EpollReactor::read_stream(SocketId id, Socket& socket) {
  Stream& stream = socket.stream;
  for (int reads = 0; reads < kReadsPerTurn; ++reads) {
    if (!socket.may_read || stream.paused || stream.ended || socket.closing) return false;
    char* buffer = buffers_.take();
    if (buffer == nullptr) {
      starved_.push_back(id);
      return false;
    }
    const ssize_t got = recv(socket.descriptor.get(), buffer, buffers_.buffer_size(), MSG_DONTWAIT);
    const int error = got < 0 ? errno : 0;
    if (got > 0) {
      // A short read emptied the socket: what comes later makes a new edge, but an end seen before does not.
      if (static_cast<size_t>(got) < buffers_.buffer_size() && !stream.hung_up) socket.may_read = false;
      ++reported_;
      stream.handler->on_received(buffers_.fill(buffer, static_cast<uint32_t>(got)));
      continue;
    }
    buffers_.put_back(buffer);
    if (error == EINTR) continue;
    socket.may_read = false;
    if (error == EAGAIN) return false;
    end_receiving(stream, error != 0 ? error : stream.lost_error);
    return false;
  }
  return true;
}

void EpollReactor::end_receiving(Stream& stream, int error) {
  stream.ended = true;
  ++reported_;
  stream.handler->on_receive_end(error);
}

// What was asked for before the close has just been tried once more.
void EpollReactor::finish_stream(SocketId id, Socket& socket) {
  Stream& stream = socket.stream;
  StreamHandler& handler = *stream.handler;
  if (stream.connecting) {
    ++reported_;
    stream.connecting = false;
    handler.on_connected(ECANCELED);
  }
  if (stream.send_pending) sent(stream, ECANCELED);
  if (stream.close_mode == CloseMode::Abort) {
    const linger reset{.l_onoff = 1, .l_linger = 0};
    setsockopt(socket.descriptor.get(), SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
  }
  erase(id);
  ++reported_;
  handler.on_closed();
}

}  // namespace sluice::reactor
