#include "io/reactor/sim_streams.h"

#include "io/base/check.h"

#include <algorithm>
#include <cerrno>
#include <utility>

namespace sluice::reactor {
namespace {

using namespace std::chrono_literals;

constexpr int kConnectAttempts = 7;  // 1 + 2 + ... + 64 s = kSimConnectTimeout
constexpr auto kRetransmit = 1s;     // how often a held-back end looks again
constexpr auto kStuckMost = 924s;    // tcp_retries2 of Linux: then ETIMEDOUT
constexpr auto kAcceptPause = 100ms;
constexpr size_t kTinySegment = 8;
constexpr size_t kReceiveBufferDefault = 65536;  // of an end that has no reactor yet, or no more
static_assert(kSimConnectTimeout == std::chrono::seconds((1 << kConnectAttempts) - 1));

}  // namespace

std::string SimStreams::Queue::take(size_t count) {
  std::string octets = octets_.substr(taken_, count);
  taken_ += octets.size();
  if (taken_ * 2 >= octets_.size()) {
    octets_.erase(0, taken_);
    taken_ = 0;
  }
  return octets;
}

void SimStreams::Queue::clear() {
  octets_.clear();
  taken_ = 0;
}

const SimStreams::Connection* SimStreams::find(uint64_t id) const {
  const auto found = connections_.find(id);
  return found == connections_.end() ? nullptr : &found->second;
}

SimStreams::Connection* SimStreams::find(uint64_t id) {
  const auto found = connections_.find(id);
  return found == connections_.end() ? nullptr : &found->second;
}

const SimFaults& SimStreams::faults(const Connection& connection) const {
  return network_.faults(connection.server, connection.ends[0].node, connection.ends[1].node);
}

void SimStreams::report(const End& end, SimReport::Kind kind, int error) {
  if (end.port == nullptr) return;
  SimReport report;
  report.kind = kind;
  report.socket = end.socket;
  report.error = error;
  end.port->report(std::move(report));
}

// --- beginning ---

SimStreamRef SimStreams::connect(SimPort& port, SocketId socket, const Endpoint& remote) {
  const uint64_t id = next_id_++;
  Connection& connection = connections_[id];
  connection.server = {remote.address.unmap(), remote.port};
  End& client = connection.ends[0];
  client.port = &port;
  client.socket = socket;
  client.node = port.node();
  client.address = network_.local_towards(port.node(), connection.server);
  End& server = connection.ends[1];
  server.node = network_.owner_of(connection.server.address, port.node());
  server.address = connection.server;
  if (port.is_husk()) {
    fail_connect(id, ENETDOWN);
  } else if (server.node == SimNetwork::kNoNode) {
    events_.after(network_.latency(faults(connection)), [this, id] { fail_connect(id, EHOSTUNREACH); });
  } else {
    connection.lost = events_.inject(SimInjection::ConnectLost, faults(connection).lose_connect);
    try_connect(id);
  }
  return {id, 0};
}

void SimStreams::try_connect(uint64_t id) {
  Connection* connection = find(id);
  if (connection == nullptr || !connection->connecting) return;
  if (connection->attempts == kConnectAttempts) return fail_connect(id, ETIMEDOUT);
  const auto patience = 1s * (1 << connection->attempts++);
  const SimFaults& there = faults(*connection);
  if (connection->lost || there.blackhole) {
    events_.after(patience, [this, id] { try_connect(id); });
  } else {
    events_.after(network_.latency(there), [this, id] { arrive_at_listener(id); });
  }
}

void SimStreams::arrive_at_listener(uint64_t id) {
  Connection* connection = find(id);
  if (connection == nullptr || !connection->connecting) return;
  const SimFaults& there = faults(*connection);
  const SimNetwork::Listener* listener = network_.find_listener(connection->ends[1].node, connection->server);
  if (listener == nullptr || events_.inject(SimInjection::ConnectRefused, there.refuse_connect)) {
    events_.after(network_.latency(there), [this, id] { fail_connect(id, ECONNREFUSED); });
  } else if (listener->waiting >= listener->backlog) {
    events_.after(1s * (1 << connection->attempts), [this, id] { try_connect(id); });
  } else {
    connection->listener_port = listener->port;
    connection->listener = listener->socket;
    queue_for_accept(id);
  }
}

void SimStreams::queue_for_accept(uint64_t id) {
  Connection& connection = *find(id);
  const SimFaults& there = faults(connection);
  SimNetwork::Listener& listener = *network_.find_listener(connection.listener_port, connection.listener);
  ++listener.waiting;
  connection.wait_accept = true;
  // What the server says may not overtake the word that it is connected.
  connection.ends[1].last_arrival = events_.now() + network_.latency(there);
  events_.at(connection.ends[1].last_arrival, [this, id] { confirm_connect(id); });
  if (events_.inject(SimInjection::AcceptError, there.accept_error)) {
    SimReport report;
    report.kind = SimReport::Kind::AcceptError;
    report.socket = listener.socket;
    report.error = EMFILE;
    listener.port->report(std::move(report));
    events_.after(kAcceptPause, [this, id] { hand_to_listener(id); });
  } else {
    hand_to_listener(id);
  }
}

void SimStreams::hand_to_listener(uint64_t id) {
  Connection* connection = find(id);
  if (connection == nullptr) return;
  SimNetwork::Listener* listener = network_.find_listener(connection->listener_port, connection->listener);
  if (listener == nullptr) {  // it closed while accepting was held up
    refuse(id);
    return;
  }
  SimReport report;
  report.kind = SimReport::Kind::Accepted;
  report.socket = listener->socket;
  report.connection = id;
  listener->port->report(std::move(report));
}

void SimStreams::confirm_connect(uint64_t id) {
  Connection* connection = find(id);
  if (connection == nullptr || !connection->connecting) return;
  connection->connecting = false;
  report(connection->ends[0], SimReport::Kind::Connected, 0);
  notify(*connection, 0);
  pump(id, 1);
}

void SimStreams::fail_connect(uint64_t id, int error) {
  Connection* connection = find(id);
  if (connection == nullptr || !connection->connecting) return;
  connection->connecting = false;
  report(connection->ends[0], SimReport::Kind::Connected, error);
  connection->ends[0].port = nullptr;
  connection->ends[0].closed = true;
  forget_server(*connection);
  erase_if_over(id);
}

// Nobody at the other side knows of the connection: there will be no end to close there.
void SimStreams::forget_server(Connection& connection) {
  if (!connection.wait_accept && connection.ends[1].port == nullptr) connection.ends[1].closed = true;
}

SimStreamRef SimStreams::accept(uint64_t id, SimPort& port, SocketId socket) {
  Connection* connection = find(id);
  if (connection == nullptr) return {};
  if (auto* listener = network_.find_listener(connection->listener_port, connection->listener))
    --listener->waiting;
  connection->wait_accept = false;
  connection->ends[1].port = &port;
  connection->ends[1].socket = socket;
  notify(*connection, 1);
  return {id, 1};
}

void SimStreams::refuse(uint64_t id) {
  Connection* connection = find(id);
  if (connection == nullptr) return;
  if (auto* listener = network_.find_listener(connection->listener_port, connection->listener))
    --listener->waiting;
  connection->wait_accept = false;
  let_go(id, 1, false);
}

Endpoint SimStreams::local(SimStreamRef ref) const {
  const Connection* connection = find(ref.connection);
  return connection == nullptr ? Endpoint{} : connection->ends[ref.side].address;
}

Endpoint SimStreams::peer(SimStreamRef ref) const {
  const Connection* connection = find(ref.connection);
  return connection == nullptr ? Endpoint{} : connection->ends[1 - ref.side].address;
}

// --- sending ---

bool SimStreams::send(SimStreamRef ref, std::span<const iovec> slices) {
  Connection* connection = find(ref.connection);
  if (connection == nullptr) return false;
  End& end = connection->ends[ref.side];
  SLUICE_CHECK(!end.send_pending);
  if (end.error != 0 || end.end_wanted) {
    report(end, SimReport::Kind::Sent, EPIPE);
    return true;
  }
  end.slices = slices;
  end.slice_offset = 0;
  end.send_pending = true;
  pump(ref.connection, ref.side);
  return true;
}

void SimStreams::shutdown_send(SimStreamRef ref) {
  Connection* connection = find(ref.connection);
  if (connection == nullptr) return;
  connection->ends[ref.side].end_wanted = true;
  pump(ref.connection, ref.side);
}

// The sender's memory is read only now, when there is room, so that a buffer given back too early is found
// out.
void SimStreams::fill(End& end) {
  if (!end.send_pending) return;
  const size_t limit = end.port->options().send_buffer;
  while (!end.slices.empty()) {
    const iovec& slice = end.slices.front();
    const std::string_view rest(static_cast<const char*>(slice.iov_base) + end.slice_offset,
                                slice.iov_len - end.slice_offset);
    const size_t room = limit - std::min(limit, end.buffer.size());
    if (room == 0 && !rest.empty()) return;
    const std::string_view part = rest.substr(0, room);
    end.buffer.append(part);
    end.slice_offset += part.size();
    if (end.slice_offset < slice.iov_len) return;
    end.slices = end.slices.subspan(1);
    end.slice_offset = 0;
  }
  end.send_pending = false;
  report(end, SimReport::Kind::Sent, 0);
}

void SimStreams::pump(uint64_t id, uint8_t side) {
  Connection* connection = find(id);
  if (connection == nullptr || connection->connecting) return;
  End& from = connection->ends[side];
  End& to = connection->ends[1 - side];
  for (fill(from); from.error == 0 && !from.buffer.empty(); fill(from)) {
    const size_t most = to.port != nullptr ? to.port->options().receive_buffer : kReceiveBufferDefault;
    const size_t held = to.arrived.size() + to.under_way;
    if (held >= most || held_back(*connection, id, side)) return;
    send_segment(*connection, id, side, most - held);
  }
  if (from.error != 0 || from.send_pending || !from.end_wanted || from.end_sent) return;
  if (held_back(*connection, id, side)) return;
  from.end_sent = true;
  events_.at(arrival(*connection, side, faults(*connection)), [this, id, side] { arrive_end(id, side ^ 1); });
}

// In a blackhole: tries again later, until the stream is given up.
bool SimStreams::held_back(Connection& connection, uint64_t id, uint8_t side) {
  End& from = connection.ends[side];
  if (!faults(connection).blackhole) {
    from.stuck_since = kNever;
    return false;
  }
  if (from.stuck_since == kNever) {
    from.stuck_since = events_.now();
    events_.count(SimInjection::Blackhole);
  }
  if (events_.now() - from.stuck_since >= kStuckMost) {
    reset_end(connection, side, ETIMEDOUT);
  } else if (!std::exchange(from.retry_planned, true)) {
    events_.after(kRetransmit, [this, id, side] {
      if (Connection* later = find(id)) later->ends[side].retry_planned = false;
      pump(id, side);
    });
  }
  return true;
}

void SimStreams::send_segment(Connection& connection, uint64_t id, uint8_t side, size_t room) {
  End& from = connection.ends[side];
  const SimFaults& there = faults(connection);
  if (events_.inject(SimInjection::Reset, there.reset)) {
    reset_end(connection, side, ECONNRESET);
    reset_end(connection, side ^ 1, ECONNRESET);
    return;
  }
  const size_t most = events_.inject(SimInjection::TinySegment, there.tiny_segment)
                          ? kTinySegment
                          : std::max<uint32_t>(there.segment_max, 1);
  const size_t size = std::min({from.buffer.size(), room, events_.up_to(most)});
  connection.ends[side ^ 1].under_way += size;
  events_.at(arrival(connection, side, there),
             [this, id, side, octets = from.buffer.take(size)] { arrive(id, side ^ 1, octets); });
}

MonoTime SimStreams::arrival(Connection& connection, uint8_t side, const SimFaults& faults) {
  std::chrono::nanoseconds travel = network_.latency(faults);
  if (events_.inject(SimInjection::Stall, faults.stall)) travel += events_.between(0ns, faults.stall_max);
  MonoTime& last = connection.ends[side].last_arrival;
  last = std::max(last, events_.now() + travel);
  return last;
}

// --- receiving ---

void SimStreams::arrive(uint64_t id, uint8_t side, std::string_view octets) {
  Connection* connection = find(id);
  if (connection == nullptr) return;
  End& end = connection->ends[side];
  end.under_way -= octets.size();
  if (end.error != 0) return;
  if (end.closed) return send_reset(*connection, id, side);
  end.arrived.append(octets);
  notify(*connection, side);
}

void SimStreams::arrive_end(uint64_t id, uint8_t side) {
  Connection* connection = find(id);
  if (connection == nullptr) return;
  connection->ends[side].end_arrived = true;
  notify(*connection, side);
}

void SimStreams::notify(Connection& connection, uint8_t side) {
  End& end = connection.ends[side];
  if (end.port == nullptr || end.closed || end.paused || end.report_planned) return;
  if (side == 0 && connection.connecting) return;
  const bool over = (end.end_arrived || end.error != 0) && !end.end_reported;
  if (end.arrived.empty() && !over) return;
  end.report_planned = true;
  report(end, SimReport::Kind::Readable, 0);
}

void SimStreams::notify(SimStreamRef ref) {
  if (Connection* connection = find(ref.connection)) notify(*connection, ref.side);
}

void SimStreams::set_paused(SimStreamRef ref, bool paused) {
  Connection* connection = find(ref.connection);
  if (connection == nullptr) return;
  connection->ends[ref.side].paused = paused;
  notify(*connection, ref.side);
}

void SimStreams::readable_seen(SimStreamRef ref) {
  if (Connection* connection = find(ref.connection)) connection->ends[ref.side].report_planned = false;
}

size_t SimStreams::readable(SimStreamRef ref) const {
  const Connection* connection = find(ref.connection);
  if (connection == nullptr || connection->ends[ref.side].paused) return 0;
  return connection->ends[ref.side].arrived.size();
}

std::string SimStreams::take(SimStreamRef ref, size_t octets) {
  Connection* connection = find(ref.connection);
  SLUICE_CHECK(connection != nullptr);
  const uint8_t sender = ref.side ^ 1;
  // The peer learns of the room after a while.
  events_.after(network_.latency(faults(*connection)),
                [this, id = ref.connection, sender] { pump(id, sender); });
  return connection->ends[ref.side].arrived.take(octets);
}

std::optional<int> SimStreams::take_end(SimStreamRef ref) {
  Connection* connection = find(ref.connection);
  if (connection == nullptr) return std::nullopt;
  End& end = connection->ends[ref.side];
  if (end.paused || !end.arrived.empty() || end.end_reported) return std::nullopt;
  if (!end.end_arrived && end.error == 0) return std::nullopt;
  end.end_reported = true;
  return end.error;
}

// --- ending ---

void SimStreams::close(SimStreamRef ref, CloseMode mode) {
  Connection* connection = find(ref.connection);
  if (connection == nullptr) return;
  End& end = connection->ends[ref.side];
  if (ref.side == 0 && connection->connecting) {
    report(end, SimReport::Kind::Connected, ECANCELED);
    mode = CloseMode::Abort;
  }
  if (end.send_pending) {
    cancel_send(end);
  } else {
    report(end, SimReport::Kind::Closed, 0);
  }
  let_go(ref.connection, ref.side, mode == CloseMode::Abort);
}

namespace {

uint64_t sum_of(std::span<const iovec> slices) {
  uint64_t sum = 0;
  for (const iovec& slice : slices) {
    for (size_t i = 0; i < slice.iov_len; ++i)
      sum = (sum ^ static_cast<const unsigned char*>(slice.iov_base)[i]) * 0x100000001B3U;
  }
  return sum;
}

}  // namespace

// The kernel may be in the middle of it: it reads the buffers until it has reported, and so do we.
void SimStreams::cancel_send(const End& end) {
  const uint64_t key = next_canceled_++;
  canceled_[key] = {end.port, end.socket, end.slices, sum_of(end.slices)};
  events_.count(SimInjection::CanceledSend);
  events_.after(events_.between(0ns, end.port->options().cancel_max), [this, key] {
    const auto found = canceled_.find(key);
    if (found == canceled_.end()) return;  // its reactor is gone
    const CanceledSend send = found->second;
    canceled_.erase(found);
    // Nobody may touch the buffers of an operation before it is reported, cancelled or not.
    SLUICE_CHECK(sum_of(send.slices) == send.sum);
    SimReport done;
    done.kind = SimReport::Kind::Sent;
    done.socket = send.socket;
    done.error = ECANCELED;
    send.port->report(done);
    done.kind = SimReport::Kind::Closed;
    done.error = 0;
    send.port->report(std::move(done));
  });
}

// The end has no owner any more; what it had sent goes on its way unless it is cut short.
void SimStreams::let_go(uint64_t id, uint8_t side, bool abort) {
  Connection& connection = *find(id);
  End& end = connection.ends[side];
  end.port = nullptr;
  end.closed = true;
  end.send_pending = false;
  end.slices = {};
  if (side == 0 && std::exchange(connection.connecting, false)) forget_server(connection);
  if (end.error == 0 && (abort || !end.arrived.empty())) {
    end.buffer.clear();
    send_reset(connection, id, side);
    end.error = ECONNRESET;
  }
  end.arrived.clear();
  end.end_wanted = true;
  pump(id, side);
  erase_if_over(id);
}

void SimStreams::send_reset(Connection& connection, uint64_t id, uint8_t from) {
  const SimFaults& there = faults(connection);
  if (there.blackhole) return;
  const uint8_t to = from ^ 1;
  events_.at(arrival(connection, from, there), [this, id, to] {
    Connection* later = find(id);
    if (later != nullptr) reset_end(*later, to, ECONNRESET);
  });
}

// What had arrived before the reset is sometimes still read, sometimes not.
void SimStreams::reset_end(Connection& connection, uint8_t side, int error) {
  End& end = connection.ends[side];
  if (end.error != 0) return;
  end.error = error;
  end.buffer.clear();
  if (events_.chance(0.5)) end.arrived.clear();
  if (std::exchange(end.send_pending, false)) report(end, SimReport::Kind::Sent, error);
  end.slices = {};
  notify(connection, side);
}

void SimStreams::erase_if_over(uint64_t id) {
  const Connection& connection = *find(id);
  if (connection.ends[0].closed && connection.ends[1].closed && !connection.wait_accept)
    connections_.erase(id);
}

void SimStreams::reset_all(const Endpoint& endpoint) {
  for (auto& [id, connection] : connections_) {
    if (connection.connecting) continue;
    if (connection.ends[0].address != endpoint && connection.ends[1].address != endpoint) continue;
    reset_end(connection, 0, ECONNRESET);
    reset_end(connection, 1, ECONNRESET);
  }
}

void SimStreams::crash(SimNodeId node) {
  std::vector<uint64_t> ids;
  for (const auto& [id, connection] : connections_) ids.push_back(id);
  for (const uint64_t id : ids) {
    for (uint8_t side = 0; side < 2; ++side) {
      Connection* connection = find(id);
      if (connection == nullptr || connection->ends[side].node != node) continue;
      End& end = connection->ends[side];
      if (side == 0 && connection->connecting) {
        if (connection->wait_accept) send_reset(*connection, id, side);
        fail_connect(id, ENETDOWN);
        continue;
      }
      if (end.closed && end.end_sent) continue;
      if (end.error == 0) send_reset(*connection, id, side);
      reset_end(*connection, side, ECONNRESET);
    }
  }
}

void SimStreams::detach(const SimPort& port) {
  std::erase_if(canceled_, [&](const auto& entry) { return entry.second.port == &port; });
  std::vector<uint64_t> ids;
  for (const auto& [id, connection] : connections_) ids.push_back(id);
  for (const uint64_t id : ids) {
    for (uint8_t side = 0; side < 2; ++side) {
      Connection* connection = find(id);
      if (connection == nullptr) break;
      if (side == 1 && connection->wait_accept && connection->listener_port == &port) {
        connection->wait_accept = false;
        connection->listener_port = nullptr;
        let_go(id, side, true);
      } else if (connection->ends[side].port == &port) {
        let_go(id, side, true);
      }
    }
  }
}

}  // namespace sluice::reactor
