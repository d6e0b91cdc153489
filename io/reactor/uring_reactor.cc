#include "io/reactor/uring_reactor.h"

#include "io/base/check.h"
#include "io/reactor/uring_impl.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <ctime>
#include <utility>

#include <sys/eventfd.h>
#include <sys/random.h>
#include <unistd.h>

namespace sluice::reactor {
namespace {

constexpr uint16_t kStreamGroup = 0;
constexpr uint16_t kDatagramGroup = 1;
// Room for the kernel's header and the sender's address beside the largest datagram.
constexpr uint32_t kDatagramBuffer = kDatagramMax + 128;
constexpr size_t kBatch = 128;

BufferPoolOptions datagram_pool(const UringOptions& options) {
  // Datagrams are small and are used up within the turn: as many again may be kept by their receivers.
  return {.buffer_size = kDatagramBuffer,
          .max_octets = size_t{kDatagramBuffer} * options.datagram_buffers * 4};
}

}  // namespace

UringReactor::UringReactor(const UringOptions& options)
    : options_(options),
      stream_buffers_(options.buffers, kStreamGroup, options.receive_buffers),
      datagram_buffers_(datagram_pool(options), kDatagramGroup, options.datagram_buffers) {}

UringReactor::~UringReactor() {
  ring_.cancel_all();
  stream_buffers_.close();
  datagram_buffers_.close();
  streams_.for_each_live([](UringStream& stream) { ::close(stream.socket); });
  listeners_.for_each_live([](UringListener& listener) { ::close(listener.socket); });
  datagrams_.for_each_live([](UringDatagramSocket& socket) { ::close(socket.socket); });
  if (wake_event_ >= 0) ::close(wake_event_);
}

Result<void> UringReactor::open() {
  if (auto opened = ring_.open(options_.submission_entries, options_.completion_entries); !opened)
    return opened;
  if (!options_.mask_newer_than_6_1) features_ = probe_uring_features(ring_.raw());
  if (auto opened = stream_buffers_.open(ring_.raw()); !opened) return opened;
  if (auto opened = datagram_buffers_.open(ring_.raw()); !opened) return opened;
  wake_event_ = ::eventfd(0, EFD_CLOEXEC);
  if (wake_event_ < 0) return fail_system(errno, "cannot make an eventfd");
  arm_wake();
  return {};
}

void UringReactor::arm_wake() {
  io_uring_sqe& entry = ring_.next();
  io_uring_prep_read(&entry, wake_event_, &wake_count_, sizeof wake_count_, 0);
  io_uring_sqe_set_data64(&entry, user_data(UringOp::Wake, {}));
}

void UringReactor::wake() noexcept {
  const uint64_t one = 1;
  // EAGAIN would mean that nobody has read 2^64 - 2 wakes: it is awake all the same.
  static_cast<void>(::write(wake_event_, &one, sizeof one));
}

void UringReactor::cancel(uint64_t target) {
  io_uring_sqe& entry = ring_.next();
  io_uring_prep_cancel64(&entry, target, 0);
  io_uring_sqe_set_data64(&entry, user_data(UringOp::Ignored, {}));
}

void UringReactor::poll(MonoTime wake_at) {
  stream_buffers_.refill();
  datagram_buffers_.refill();
  rearm_starved();
  std::chrono::nanoseconds wait{-1};
  if (!deferred_.empty()) {
    wait = std::chrono::nanoseconds::zero();
  } else if (wake_at != kNever) {
    wait = std::max(std::chrono::nanoseconds::zero(), wake_at - now());
  }
  ring_.enter(wait);
  report_deferred();
  // Bounded: what completes because of what is reported now is left for the next turn.
  std::array<io_uring_cqe, kBatch> batch;
  for (size_t taken = 0; taken < options_.completion_entries;) {
    const size_t count = ring_.take(batch);
    for (size_t i = 0; i < count; ++i) dispatch(batch[i]);
    stream_buffers_.publish();
    datagram_buffers_.publish();
    taken += count;
    if (count < batch.size()) break;
  }
}

// No more of them than there are buffers, or the others would come back at once, and the same ones again and
// again.
void UringReactor::rearm_starved() {
  if (starved_.empty()) return;
  size_t stream_buffers = stream_buffers_.available();
  size_t datagram_buffers = datagram_buffers_.available();
  std::swap(starved_, starved_now_);
  for (const SocketId id : starved_now_) {
    if (UringStream* stream = streams_.find(id); stream != nullptr && stream->starved) {
      if (stream_buffers == 0) {
        starved_.push_back(id);
        continue;
      }
      --stream_buffers;
      stream->starved = false;
      arm_receive(*stream);
    } else if (UringDatagramSocket* socket = datagrams_.find(id); socket != nullptr && socket->starved) {
      if (datagram_buffers == 0) {
        starved_.push_back(id);
        continue;
      }
      --datagram_buffers;
      socket->starved = false;
      arm_datagram(*socket);
    }
  }
  starved_now_.clear();
}

void UringReactor::report_deferred() {
  std::swap(deferred_, deferred_now_);
  for (const Deferred& report : deferred_now_) {
    if (UringStream* stream = streams_.find(report.id); stream != nullptr && report.op == UringOp::Send)
      finish_send(*stream, report.result);
    if (UringListener* listener = listeners_.find(report.id); listener != nullptr) finish_listener(*listener);
    if (UringDatagramSocket* socket = datagrams_.find(report.id); socket != nullptr)
      close_datagram_when_idle(*socket);
  }
  deferred_now_.clear();
}

void UringReactor::dispatch(const io_uring_cqe& completion) {
  const UringOp op = operation_of(completion.user_data);
  const SocketId id = id_of(completion.user_data);
  switch (op) {
    case UringOp::Ignored:
      return;
    case UringOp::Wake:
      arm_wake();
      return;
    case UringOp::File:
      if (UringFileOperation* operation = files_.find(id); operation != nullptr)
        on_file(*operation, completion.res);
      return;
    case UringOp::SendDatagram:
      if (UringDatagramSend* send = sends_.find(id); send != nullptr) on_datagram_sent(*send, completion.res);
      return;
    default:
      dispatch_socket(op, id, completion);
  }
}

void UringReactor::dispatch_socket(UringOp op, SocketId id, const io_uring_cqe& completion) {
  if (UringStream* stream = streams_.find(id); stream != nullptr) {
    switch (op) {
      case UringOp::Receive:
        return on_receive(*stream, completion.res, completion.flags);
      case UringOp::Send:
        return on_send(*stream, completion.res);
      case UringOp::Connect:
        return on_connect(*stream, completion.res);
      case UringOp::CloseStream:
        return on_stream_closed(*stream);
      default:
        break;
    }
  } else if (UringListener* listener = listeners_.find(id); listener != nullptr) {
    if (op == UringOp::Accept) return on_accept(*listener, completion.res, completion.flags);
    if (op == UringOp::AcceptPause) return on_accept_pause(*listener);
  } else if (UringDatagramSocket* socket = datagrams_.find(id); socket != nullptr) {
    if (op == UringOp::ReceiveDatagram) return on_datagram_receive(*socket, completion.res, completion.flags);
  }
  // A slot lives until its last completion has come.
  SLUICE_CHECK(false);
}

Endpoint UringReactor::local_endpoint(SocketId id) const {
  // find() only reads, but gives out what may be written.
  auto& self = const_cast<UringReactor&>(*this);
  if (const UringStream* stream = self.streams_.find(id)) return local_endpoint_of(stream->socket);
  if (const UringListener* listener = self.listeners_.find(id)) return local_endpoint_of(listener->socket);
  if (const UringDatagramSocket* socket = self.datagrams_.find(id)) return local_endpoint_of(socket->socket);
  return {};
}

MonoTime UringReactor::now() const {
  timespec time{};
  clock_gettime(CLOCK_MONOTONIC, &time);
  return MonoTime(std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec));
}

WallTime UringReactor::wall_now() const {
  return std::chrono::floor<std::chrono::microseconds>(std::chrono::system_clock::now());
}

uint64_t UringReactor::random_seed() {
  uint64_t seed = 0;
  SLUICE_CHECK(getrandom(&seed, sizeof seed, 0) == static_cast<ssize_t>(sizeof seed));
  return seed;
}

Capabilities UringReactor::capabilities() const { return {.name = "uring", .features = features_.words()}; }

size_t UringReactor::in_flight() const {
  return streams_.live() + listeners_.live() + datagrams_.live() + sends_.live() + files_.live();
}

Result<std::unique_ptr<Reactor>> make_uring_reactor(const UringOptions& options) {
  auto reactor = std::make_unique<UringReactor>(options);
  if (auto opened = reactor->open(); !opened) return std::unexpected(std::move(opened.error()));
  return reactor;
}

}  // namespace sluice::reactor
