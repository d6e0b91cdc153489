#include "io/reactor/sim_reactor.h"

#include "io/base/check.h"

#include <algorithm>
#include <cerrno>
#include <utility>

namespace sluice::reactor {
namespace {

constexpr int kDatagramsAsked = 1024;  // per socket, between two polls
constexpr int kChunksPerReport = 16;   // of one stream, before others have their turn

}  // namespace

SimReactor* SimCore::find_reactor(uint32_t number) const {
  const auto found = std::ranges::find(reactors, number, &SimReactor::number);
  return found == reactors.end() ? nullptr : *found;
}

SimReactor::SimReactor(SimCore& core, SimNodeId node, const SimReactorOptions& options)
    : SimPort(node, options), core_(core), number_(core.reactors_made++) {
  core_.reactors.push_back(this);
}

SimReactor::~SimReactor() {
  SLUICE_CHECK(chunks_out_ == 0);
  std::erase(core_.reactors, this);
  core_.streams.detach(*this);
  core_.network.detach(*this);
}

bool SimReactor::is_ready() const {
  return woken_ || !asked_.empty() || !reports_.empty() || (memory_returned_ && !starved_.empty());
}

// Streams and files learn of the crash from SimStreams and from their next event.
void SimReactor::become_husk() {
  husk_ = true;
  core_.network.detach(*this);
}

SimReactor::Socket* SimReactor::find_open(SocketId id, Socket::Kind kind) {
  Socket* socket = find(id);
  return socket == nullptr || socket->kind != kind || socket->closing ? nullptr : socket;
}

SocketId SimReactor::add_socket(const Socket& socket) {
  const Slab<Socket>::Id id = sockets_.emplace(socket);
  return {id.slot, id.generation};
}

Endpoint SimReactor::local_endpoint(SocketId id) const {
  const Socket* socket = sockets_.find(slab_id(id));
  if (socket == nullptr) return {};
  return socket->kind == Socket::Kind::Stream ? core_.streams.local(socket->stream) : socket->local;
}

// --- listeners ---

Result<SocketId> SimReactor::listen(const ListenOptions& options, AcceptHandler& handler) {
  Socket socket;
  socket.kind = Socket::Kind::Listener;
  socket.accept_handler = &handler;
  const SocketId id = add_socket(socket);
  const auto [error, bound] = core_.network.listen(*this, id, options);
  if (error != 0) {
    erase(id);
    return fail_system(error, "cannot listen on " + options.address.to_string());
  }
  find(id)->local = bound;
  return id;
}

void SimReactor::close_listener(SocketId id) {
  Socket* socket = find_open(id, Socket::Kind::Listener);
  if (socket == nullptr) return;
  socket->closing = true;
  asked_.emplace_back([this, id] {
    core_.network.close_listener(*this, id);
    SimReport closed;
    closed.kind = SimReport::Kind::ListenerClosed;
    closed.socket = id;
    report(std::move(closed));
  });
}

// --- streams ---

Result<SocketId> SimReactor::connect(const Endpoint& remote, StreamHandler& handler) {
  Socket socket;
  socket.stream_handler = &handler;
  const SocketId id = add_socket(socket);
  asked_.emplace_back([this, id, remote] {
    // The reports cannot come before the reference is kept: they wait for deliver().
    const SimStreamRef stream = core_.streams.connect(*this, id, remote);
    Socket& connecting = *find(id);
    connecting.stream = stream;
    core_.streams.set_paused(stream, connecting.paused);
  });
  return id;
}

void SimReactor::send(SocketId id, std::span<const iovec> slices) {
  if (find_open(id, Socket::Kind::Stream) == nullptr) return;
  asked_.emplace_back([this, id, slices] {
    Socket* socket = find(id);
    if (socket == nullptr) return;
    if (core_.streams.send(socket->stream, slices)) return;
    SimReport failed;
    failed.kind = SimReport::Kind::Sent;
    failed.socket = id;
    failed.error = EPIPE;
    report(std::move(failed));
  });
}

void SimReactor::set_paused(SocketId id, bool paused) {
  Socket* socket = find_open(id, Socket::Kind::Stream);
  if (socket == nullptr) return;
  socket->paused = paused;
  core_.streams.set_paused(socket->stream, paused);
}

void SimReactor::pause_receive(SocketId id) { set_paused(id, true); }

void SimReactor::resume_receive(SocketId id) { set_paused(id, false); }

void SimReactor::shutdown_send(SocketId id) {
  if (find_open(id, Socket::Kind::Stream) == nullptr) return;
  asked_.emplace_back([this, id] {
    if (const Socket* socket = find(id)) core_.streams.shutdown_send(socket->stream);
  });
}

void SimReactor::close(SocketId id, CloseMode mode) {
  Socket* socket = find_open(id, Socket::Kind::Stream);
  if (socket == nullptr) return;
  socket->closing = true;
  asked_.emplace_back([this, id, mode] {
    if (const Socket* closing = find(id)) core_.streams.close(closing->stream, mode);
  });
}

// --- datagrams ---

Result<SocketId> SimReactor::open_datagram(const DatagramOptions& options, DatagramHandler& handler) {
  Socket socket;
  socket.kind = Socket::Kind::Datagram;
  socket.datagram_handler = &handler;
  const SocketId id = add_socket(socket);
  const auto [error, bound] = core_.network.bind_datagram(*this, id, options);
  if (error != 0) {
    erase(id);
    return fail_system(error, "cannot open a datagram socket on " + options.local.to_string());
  }
  find(id)->local = bound;
  return id;
}

bool SimReactor::send_datagram(SocketId id, std::string_view octets, const Endpoint& to) {
  Socket* socket = find_open(id, Socket::Kind::Datagram);
  if (socket == nullptr || socket->datagrams_waiting == kDatagramsAsked) return false;
  ++socket->datagrams_waiting;
  asked_.emplace_back([this, id, to, copy = std::string(octets)] {
    Socket* sender = find(id);
    if (sender == nullptr) return;
    --sender->datagrams_waiting;
    core_.network.send_datagram(*this, id, to, copy);
  });
  return true;
}

void SimReactor::close_datagram(SocketId id) {
  Socket* socket = find_open(id, Socket::Kind::Datagram);
  if (socket == nullptr) return;
  socket->closing = true;
  asked_.emplace_back([this, id] {
    core_.network.close_datagram(*this, id);
    SimReport closed;
    closed.kind = SimReport::Kind::DatagramClosed;
    closed.socket = id;
    report(std::move(closed));
  });
}

// --- files ---

void SimReactor::start_file(SimInjection fault, double error_chance, FileHandler& handler,
                            std::function<int64_t(SimDisk&)> operation) {
  ++file_operations_;
  asked_.emplace_back([this, fault, error_chance, &handler, operation = std::move(operation)] {
    SimEvents& events = core_.events;
    const SimDiskFaults& faults = core_.disk(node()).faults;
    const bool fails = events.inject(fault, error_chance);
    // The reactor may be gone by then.
    events.after(events.between(faults.latency_min, faults.latency_max),
                 [&core = core_, number = number_, fails, &handler, operation] {
                   SimReactor* reactor = core.find_reactor(number);
                   if (reactor != nullptr) reactor->finish_file(fails, handler, operation);
                 });
  });
}

void SimReactor::finish_file(bool fails, FileHandler& handler,
                             const std::function<int64_t(SimDisk&)>& operation) {
  SimReport done;
  done.kind = SimReport::Kind::File;
  done.file_handler = &handler;
  done.file_result = fails || is_husk() ? -EIO : operation(core_.disk(node()));
  report(std::move(done));
}

void SimReactor::open_file(const std::string& path, int flags, uint32_t /*mode*/, FileHandler& handler) {
  start_file(SimInjection::OpenError, core_.disk(node()).faults.open_error, handler,
             [path, flags](SimDisk& disk) { return disk.open(path, flags); });
}

void SimReactor::read_file(FileId file, uint64_t offset, std::span<char> into, FileHandler& handler) {
  start_file(SimInjection::ReadError, core_.disk(node()).faults.read_error, handler,
             [=](SimDisk& disk) { return disk.read(file, offset, into); });
}

void SimReactor::write_file(FileId file, uint64_t offset, std::span<const iovec> slices,
                            FileHandler& handler) {
  start_file(SimInjection::WriteError, 0, handler, [=, this](SimDisk& disk) {
    // A failing write leaves a part behind, as disks do.
    if (!core_.events.inject(SimInjection::WriteError, disk.faults.write_error)) {
      const int64_t written = disk.write(file, offset, slices, UINT64_MAX);
      if (written == -ENOSPC) core_.events.count(SimInjection::DiskFull);
      return written;
    }
    size_t size = 0;
    for (const iovec& slice : slices) size += slice.iov_len;
    if (size != 0) static_cast<void>(disk.write(file, offset, slices, core_.events.up_to(size) - 1));
    return int64_t{-EIO};
  });
}

void SimReactor::sync_file(FileId file, SyncMode /*mode*/, FileHandler& handler) {
  start_file(SimInjection::SyncError, core_.disk(node()).faults.sync_error, handler,
             [file](SimDisk& disk) { return disk.sync(file); });
}

void SimReactor::close_file(FileId file, FileHandler& handler) {
  start_file(SimInjection::OpenError, 0, handler, [file](SimDisk& disk) { return disk.close(file); });
}

void SimReactor::rename_file(const std::string& from, const std::string& to, FileHandler& handler) {
  start_file(SimInjection::RenameError, core_.disk(node()).faults.rename_error, handler,
             [from, to](SimDisk& disk) { return disk.rename(from, to); });
}

void SimReactor::unlink_file(const std::string& path, FileHandler& handler) {
  start_file(SimInjection::OpenError, 0, handler, [path](SimDisk& disk) { return disk.unlink(path); });
}

// --- the loop ---

void SimReactor::submit() {
  std::swap(asked_, submitting_);
  for (const std::function<void()>& operation : submitting_) operation();
  submitting_.clear();
}

void SimReactor::poll(MonoTime wake_at) {
  submit();
  core_.events.run_due();
  while (options_.advance_in_poll && !is_ready()) {
    const MonoTime next = std::min(core_.events.next(), wake_at);
    if (next <= now() || next == kNever) break;
    core_.events.advance(next);
  }
  woken_ = false;
  deliver();
}

// What the handlers cause waits for the next poll().
void SimReactor::deliver() {
  if (std::exchange(memory_returned_, false)) {
    for (SimReport& waiting : starved_) reports_.push_back(std::move(waiting));
    starved_.clear();
  }
  const size_t count = reports_.size();
  for (size_t i = 0; i < count; ++i) {
    SimReport next = std::move(reports_.front());
    reports_.pop_front();
    deliver(next);
  }
}

void SimReactor::trace(const SimReport& report) {
  SimEvents& events = core_.events;
  events.trace(static_cast<uint64_t>(now().time_since_epoch().count()));
  events.trace(uint64_t{number_} << 32 | static_cast<uint64_t>(report.kind));
  events.trace(uint64_t{report.socket.slot} << 32 | report.socket.generation);
  events.trace(static_cast<uint64_t>(static_cast<int64_t>(report.error) ^ report.file_result));
  events.trace(report.octets);
}

void SimReactor::deliver(SimReport& report) {
  if (report.kind == SimReport::Kind::File) {
    trace(report);
    --file_operations_;
    return report.file_handler->on_file_result(report.file_result);
  }
  Socket* socket = find(report.socket);
  if (socket == nullptr) {
    if (report.kind == SimReport::Kind::Accepted) core_.streams.refuse(report.connection);
    return;
  }
  trace(report);
  switch (socket->kind) {
    case Socket::Kind::Stream:
      return deliver_stream(report, *socket);
    case Socket::Kind::Datagram:
      return deliver_datagram(report, *socket);
    case Socket::Kind::Listener:
      break;
  }
  AcceptHandler& handler = *socket->accept_handler;
  if (report.kind == SimReport::Kind::Accepted) {
    deliver_accepted(report, *socket);
  } else if (report.kind == SimReport::Kind::AcceptError) {
    if (!socket->closing) handler.on_accept_error(report.error);
  } else {
    erase(report.socket);
    handler.on_listener_closed();
  }
}

void SimReactor::deliver_accepted(const SimReport& report, Socket& listener) {
  const SimStreamRef ref{report.connection, 1};
  AcceptHandler& accepting = *listener.accept_handler;
  const Endpoint peer = core_.streams.peer(ref);
  const Endpoint local = core_.streams.local(ref);
  Socket socket;
  const SocketId id = add_socket(socket);
  find(id)->stream = core_.streams.accept(report.connection, *this, id);
  StreamHandler* handler = accepting.on_accepted(id, peer, local);
  if (handler == nullptr) {
    core_.streams.close(find(id)->stream, CloseMode::Graceful);
    erase(id);
    return;
  }
  find(id)->stream_handler = handler;
}

void SimReactor::deliver_stream(SimReport& report, Socket& socket) {
  const SocketId id = report.socket;
  StreamHandler& handler = *socket.stream_handler;
  switch (report.kind) {
    case SimReport::Kind::Connected:
      if (report.error == 0) return handler.on_connected(0);
      socket.closing = true;
      handler.on_connected(report.error);
      erase(id);
      return handler.on_closed();
    case SimReport::Kind::Sent:
      return handler.on_sent(report.error);
    case SimReport::Kind::Closed:
      erase(id);
      plan_late_report(id);
      return handler.on_closed();
    default:
      return deliver_octets(id);
  }
}

// What a kernel may still have in its queue when the last word of a stream has been read.
void SimReactor::plan_late_report(SocketId gone) {
  SimEvents& events = core_.events;
  if (!events.inject(SimInjection::LateReport, options_.late_report)) return;
  SimReport late;
  late.socket = gone;
  switch (events.up_to(3)) {
    case 1:
      late.kind = SimReport::Kind::Sent;
      break;
    case 2:
      late.kind = SimReport::Kind::Sent;
      late.error = ECONNRESET;
      break;
    default:
      late.kind = SimReport::Kind::Closed;
      break;
  }
  events.after(events.between(std::chrono::nanoseconds(0), options_.late_report_max),
               [&core = core_, number = number_, late] {
                 SimReactor* reactor = core.find_reactor(number);
                 if (reactor != nullptr) reactor->report(late);
               });
}

void SimReactor::deliver_octets(SocketId id) {
  const Socket* socket = find(id);
  StreamHandler& handler = *socket->stream_handler;
  const SimStreamRef stream = socket->stream;
  core_.streams.readable_seen(stream);
  for (int chunks = 0; !socket->closing; ++chunks, socket = find(id)) {
    const size_t readable = core_.streams.readable(stream);
    if (readable == 0) break;
    if (chunks == kChunksPerReport) return core_.streams.notify(stream);
    if (!memory_left(options_.chunk_capacity)) {
      SimReport again;
      again.socket = id;
      starved_.push_back(std::move(again));
      return;
    }
    const size_t most = std::min<size_t>(readable, options_.chunk_capacity);
    const std::string octets = core_.streams.take(stream, core_.events.up_to(most));
    core_.events.trace(octets);
    handler.on_received(make_chunk(octets));
  }
  if (socket->closing) return;
  const std::optional<int> end = core_.streams.take_end(stream);
  if (!end) return;
  core_.events.trace(static_cast<uint64_t>(*end) + 1);
  handler.on_receive_end(*end);
}

void SimReactor::deliver_datagram(SimReport& report, Socket& socket) {
  const SocketId id = report.socket;
  DatagramHandler& handler = *socket.datagram_handler;
  if (report.kind == SimReport::Kind::DatagramClosed) {
    erase(id);
    return handler.on_datagram_closed();
  }
  if (socket.closing) return;
  if (report.kind == SimReport::Kind::DatagramError) return handler.on_datagram_error(report.error);
  if (!memory_left(std::max<size_t>(report.octets.size(), options_.chunk_capacity))) {
    starved_.push_back(std::move(report));
    return;
  }
  core_.network.datagram_taken(*this, id);
  if (report.octets.size() > kDatagramMax) return handler.on_datagram_error(EMSGSIZE);
  handler.on_datagram(make_chunk(report.octets), report.from);
}

// --- memory: each Chunk is a heap block of its own, so that sanitizers see every misuse ---

bool SimReactor::memory_left(size_t octets) const {
  return memory_out_ == 0 || memory_out_ + octets <= options_.receive_memory_max;
}

Chunk SimReactor::make_chunk(std::string_view octets) {
  const auto capacity = std::max(static_cast<uint32_t>(octets.size()), options_.chunk_capacity);
  char* buffer = new char[capacity];
  std::ranges::copy(octets, buffer);
  ++chunks_out_;
  memory_out_ += capacity;
  return {*this, buffer, capacity, static_cast<uint32_t>(octets.size()), 0};
}

void SimReactor::release_chunk(char* buffer, uint32_t capacity, uint32_t /*token*/) noexcept {
  delete[] buffer;
  --chunks_out_;
  memory_out_ -= capacity;
  memory_returned_ = true;
}

}  // namespace sluice::reactor
