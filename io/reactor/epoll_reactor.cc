#include "io/reactor/epoll_reactor.h"

#include "io/base/check.h"
#include "io/reactor/epoll_core.h"
#include "io/reactor/socket_address.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <ctime>
#include <utility>

#include <sys/eventfd.h>
#include <sys/random.h>
#include <unistd.h>

namespace sluice::reactor {
namespace {

constexpr size_t kEventsAtOnce = 1024;
constexpr uint64_t kBell = UINT64_MAX;  // no socket: its generation would be that of a slot used 2^32 times
// Derived: 4096 datagrams of 4 KB.
constexpr size_t kDatagramMemory = 16UL * 1024 * 1024;

BufferPoolOptions datagram_buffers(const BufferPoolOptions& buffers) {
  return {.buffer_size = kDatagramMax, .max_octets = std::min(buffers.max_octets, kDatagramMemory)};
}

}  // namespace

FileDescriptor::FileDescriptor(FileDescriptor&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)) {}

FileDescriptor& FileDescriptor::operator=(FileDescriptor&& other) noexcept {
  std::swap(descriptor_, other.descriptor_);
  return *this;
}

FileDescriptor::~FileDescriptor() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

Result<std::unique_ptr<Reactor>> make_epoll_reactor(const EpollOptions& options) {
  FileDescriptor epoll(epoll_create1(EPOLL_CLOEXEC));
  if (!epoll) return fail_system(errno, "cannot make an epoll instance");
  FileDescriptor bell(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!bell) return fail_system(errno, "cannot make an eventfd");
  epoll_event event{};
  event.events = EPOLLIN | EPOLLET;
  event.data.u64 = kBell;
  if (epoll_ctl(epoll.get(), EPOLL_CTL_ADD, bell.get(), &event) != 0)
    return fail_system(errno, "cannot watch the eventfd of an epoll reactor");
  return std::make_unique<EpollReactor>(std::move(epoll), std::move(bell), options.buffers);
}

EpollReactor::EpollReactor(FileDescriptor epoll, FileDescriptor bell, const BufferPoolOptions& buffers)
    : epoll_(std::move(epoll)),
      bell_(std::move(bell)),
      buffers_(buffers),
      datagram_buffers_(datagram_buffers(buffers)),
      files_(bell_.get()),
      events_(kEventsAtOnce) {}

EpollReactor::~EpollReactor() = default;

// --- sockets in general ---

EpollReactor::Socket* EpollReactor::find_open(SocketId id, Socket::Kind kind) {
  Socket* socket = find(id);
  return socket == nullptr || socket->kind != kind || socket->closing ? nullptr : socket;
}

SocketId EpollReactor::add(FileDescriptor descriptor, Socket::Kind kind) {
  const Slab<Socket>::Id id = sockets_.emplace();
  Socket& socket = *sockets_.find(id);
  socket.descriptor = std::move(descriptor);
  socket.kind = kind;
  return {id.slot, id.generation};
}

// Returns the error, or 0.
int EpollReactor::watch(SocketId id) {
  epoll_event event{};
  event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
  event.data.u64 = uint64_t{id.slot} << 32 | id.generation;
  return epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, find(id)->descriptor.get(), &event) == 0 ? 0 : errno;
}

void EpollReactor::list(SocketId id, Socket& socket) {
  if (!std::exchange(socket.listed, true)) to_serve_.push_back(id);
}

Endpoint EpollReactor::local_endpoint(SocketId id) const {
  const Socket* socket = sockets_.find(slab_id(id));
  return socket == nullptr ? Endpoint{} : local_endpoint_of(socket->descriptor.get());
}

// --- the loop ---

void EpollReactor::poll(MonoTime wake_at) {
  reported_ = 0;
  for (const SocketId id : std::exchange(starved_, {}))
    if (Socket* socket = find(id)) list(id, *socket);
  files_.submit();
  serve_all();
  // What the handlers asked for meanwhile is for the next poll; so are sockets that were not done with.
  const bool busy = reported_ != 0 || !to_serve_.empty();
  const int count = wait(events_, busy ? MonoTime::min() : wake_at);
  for (int i = 0; i < count; ++i) take_event(events_[static_cast<size_t>(i)]);
  serve_all();
}

void EpollReactor::serve_all() {
  const MonoTime present = deferred_.empty() ? MonoTime::min() : now();
  for (const SocketId id : std::exchange(deferred_, {})) {
    Socket* socket = find(id);
    if (socket == nullptr) continue;
    if (socket->accept_again <= present) {
      list(id, *socket);
    } else {
      deferred_.push_back(id);
    }
  }
  std::swap(to_serve_, serving_);
  // Handlers list sockets again for the next time, so each is off the list before it is served.
  for (const SocketId id : serving_) {
    Socket* socket = find(id);
    if (socket == nullptr) continue;
    socket->listed = false;
    serve(id, *socket);
  }
  serving_.clear();
}

void EpollReactor::serve(SocketId id, Socket& socket) {
  bool more = false;
  switch (socket.kind) {
    case Socket::Kind::Stream:
      more = serve_stream(id, socket);
      break;
    case Socket::Kind::Listener:
      more = serve_listener(id, socket);
      break;
    case Socket::Kind::Datagram:
      more = serve_datagrams(id, socket);
      break;
  }
  if (more) list(id, socket);
}

MonoTime EpollReactor::earliest_accept() const {
  MonoTime earliest = kNever;
  for (const SocketId id : deferred_)
    if (const Socket* socket = sockets_.find(slab_id(id)))
      earliest = std::min(earliest, socket->accept_again);
  return earliest;
}

int EpollReactor::wait(std::span<epoll_event> events, MonoTime wake_at) {
  wake_at = std::min(wake_at, earliest_accept());
  timespec timeout{};
  if (wake_at != kNever && wake_at != MonoTime::min()) {
    const auto span = std::max(wake_at - now(), MonoClock::duration::zero());
    timeout.tv_sec = static_cast<time_t>(std::chrono::floor<std::chrono::seconds>(span).count());
    timeout.tv_nsec = static_cast<long>((span % std::chrono::seconds(1)).count());
  }
  const auto room = static_cast<int>(events.size());
  if (fine_waits_) {
    const int count =
        epoll_pwait2(epoll_.get(), events.data(), room, wake_at == kNever ? nullptr : &timeout, nullptr);
    if (count >= 0 || errno == EINTR) return std::max(count, 0);
    fine_waits_ = false;  // refused by an older kernel or by a sandbox: milliseconds, rounded up
  }
  constexpr int64_t kLongest = 3600 * 1000;
  const int64_t milliseconds =
      std::min<int64_t>(timeout.tv_sec * int64_t{1000} + (timeout.tv_nsec + 999'999) / 1'000'000, kLongest);
  const int count =
      epoll_wait(epoll_.get(), events.data(), room, wake_at == kNever ? -1 : static_cast<int>(milliseconds));
  SLUICE_CHECK(count >= 0 || errno == EINTR);
  return std::max(count, 0);
}

void EpollReactor::take_event(const epoll_event& event) {
  if (event.data.u64 == kBell) {
    eventfd_t rings = 0;
    eventfd_read(bell_.get(), &rings);
    reported_ += files_.report();
    return;
  }
  const SocketId id{static_cast<uint32_t>(event.data.u64 >> 32), static_cast<uint32_t>(event.data.u64)};
  Socket* socket = find(id);
  if (socket == nullptr) return;
  constexpr uint32_t kEnds = EPOLLRDHUP | EPOLLHUP | EPOLLERR;
  if ((event.events & (EPOLLIN | kEnds)) != 0) socket->may_read = true;
  if ((event.events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) != 0) socket->may_write = true;
  if ((event.events & kEnds) != 0) socket->stream.hung_up = true;
  list(id, *socket);
}

void EpollReactor::wake() noexcept { eventfd_write(bell_.get(), 1); }

// --- files ---

void EpollReactor::open_file(const std::string& path, int flags, uint32_t mode, FileHandler& handler) {
  EpollFiles::Operation operation;
  operation.kind = EpollFiles::Operation::Kind::Open;
  operation.handler = &handler;
  operation.path = path;
  operation.flags = flags;
  operation.mode = mode;
  files_.ask(std::move(operation));
}

void EpollReactor::read_file(FileId file, uint64_t offset, std::span<char> into, FileHandler& handler) {
  EpollFiles::Operation operation;
  operation.kind = EpollFiles::Operation::Kind::Read;
  operation.handler = &handler;
  operation.file = file.value;
  operation.offset = offset;
  operation.into = into;
  files_.ask(std::move(operation));
}

void EpollReactor::write_file(FileId file, uint64_t offset, std::span<const iovec> slices,
                              FileHandler& handler) {
  EpollFiles::Operation operation;
  operation.kind = EpollFiles::Operation::Kind::Write;
  operation.handler = &handler;
  operation.file = file.value;
  operation.offset = offset;
  operation.slices = slices;
  files_.ask(std::move(operation));
}

void EpollReactor::sync_file(FileId file, SyncMode mode, FileHandler& handler) {
  EpollFiles::Operation operation;
  operation.kind = EpollFiles::Operation::Kind::Sync;
  operation.handler = &handler;
  operation.file = file.value;
  operation.sync = mode;
  files_.ask(std::move(operation));
}

void EpollReactor::close_file(FileId file, FileHandler& handler) {
  EpollFiles::Operation operation;
  operation.kind = EpollFiles::Operation::Kind::Close;
  operation.handler = &handler;
  operation.file = file.value;
  files_.ask(std::move(operation));
}

void EpollReactor::rename_file(const std::string& from, const std::string& to, FileHandler& handler) {
  EpollFiles::Operation operation;
  operation.kind = EpollFiles::Operation::Kind::Rename;
  operation.handler = &handler;
  operation.path = from;
  operation.new_path = to;
  files_.ask(std::move(operation));
}

void EpollReactor::unlink_file(const std::string& path, FileHandler& handler) {
  EpollFiles::Operation operation;
  operation.kind = EpollFiles::Operation::Kind::Unlink;
  operation.handler = &handler;
  operation.path = path;
  files_.ask(std::move(operation));
}

// --- time and randomness ---

MonoTime EpollReactor::now() const { return MonoTime(std::chrono::steady_clock::now().time_since_epoch()); }

WallTime EpollReactor::wall_now() const {
  return std::chrono::floor<std::chrono::microseconds>(std::chrono::system_clock::now());
}

uint64_t EpollReactor::random_seed() {
  uint64_t seed = 0;
  SLUICE_CHECK(getrandom(&seed, sizeof(seed), 0) == static_cast<ssize_t>(sizeof(seed)));
  return seed;
}

Capabilities EpollReactor::capabilities() const { return {"epoll", fine_waits_ ? "pwait2" : ""}; }

}  // namespace sluice::reactor
