// SimStreams: the streams of a simulated world, octet by octet: slices of a send, the sender's buffer,
// segments on their way, the receiver's buffer, the ends. Buffers are bounded, so a reader that pauses holds
// its writer up.
//
//   slices -> buffer (send_buffer) -> under way ... arrived (receive_buffer) -> Chunks
//                                     \________ together at most ________/
//
// Whoever closes with octets unread, or gets octets after it closed, resets the stream, as TCP does. Every
// function takes a reference that may have gone stale; then nothing happens. One thread.
#pragma once

#include "io/reactor/sim_events.h"
#include "io/reactor/sim_network.h"
#include "io/reactor/sim_port.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace sluice::reactor {

// One side of one connection: 0 connected, 1 accepted. The default value is none.
struct SimStreamRef {
  uint64_t connection = 0;
  uint8_t side = 0;
};

class SimStreams {
 public:
  SimStreams(SimEvents& events, SimNetwork& network) : events_(events), network_(network) {}
  SimStreams(const SimStreams&) = delete;
  SimStreams& operator=(const SimStreams&) = delete;

  SimStreamRef connect(SimPort& port, SocketId socket, const Endpoint& remote);
  // After the Accepted report: makes the socket the stream's end; it is readable from now on.
  SimStreamRef accept(uint64_t connection, SimPort& port, SocketId socket);
  void refuse(uint64_t connection);  // after the Accepted report, instead of accept()
  Endpoint local(SimStreamRef ref) const;
  Endpoint peer(SimStreamRef ref) const;

  // False: there is no such stream any more, and nothing will be reported.
  [[nodiscard]] bool send(SimStreamRef ref, std::span<const iovec> slices);
  void shutdown_send(SimStreamRef ref);
  void set_paused(SimStreamRef ref, bool paused);
  // Reports a pending connect or send, then Closed.
  void close(SimStreamRef ref, CloseMode mode);

  // --- after a Readable report ---
  void readable_seen(SimStreamRef ref);  // the next octets are worth a new report
  size_t readable(SimStreamRef ref) const;
  std::string take(SimStreamRef ref, size_t octets);
  // Once, after the last octet: how it ended. None: not yet, or said before.
  std::optional<int> take_end(SimStreamRef ref);
  // Reports again when something is left to read.
  void notify(SimStreamRef ref);

  void reset_all(const Endpoint& endpoint);
  void crash(SimNodeId node);
  // The port goes away with its reactor: as close(Abort) of what it still has.
  void detach(const SimPort& port);

 private:
  // Octets that leave at the front and come at the back.
  class Queue {
   public:
    size_t size() const { return octets_.size() - taken_; }
    bool empty() const { return size() == 0; }
    void append(std::string_view octets) { octets_.append(octets); }
    std::string take(size_t count);
    void clear();

   private:
    std::string octets_;
    size_t taken_ = 0;
  };
  struct End {
    SimPort* port = nullptr;  // null: nobody, or nobody any more
    SocketId socket;
    SimNodeId node = 0;
    Endpoint address;
    bool closed = false;
    int error = 0;  // it was reset: neither sends nor receives

    std::span<const iovec> slices;
    size_t slice_offset = 0;  // in the first of them
    bool send_pending = false;
    Queue buffer;
    bool end_wanted = false;
    bool end_sent = false;
    MonoTime last_arrival;  // at the peer, of what was sent so far: order is kept
    MonoTime stuck_since = kNever;
    bool retry_planned = false;

    Queue arrived;
    size_t under_way = 0;
    bool end_arrived = false;
    bool end_reported = false;
    bool paused = false;
    bool report_planned = false;
  };
  struct Connection {
    std::array<End, 2> ends;
    Endpoint server;
    bool connecting = true;    // the client does not know yet
    bool lost = false;         // nobody ever answers
    bool wait_accept = false;  // the server's end waits for accept()
    int attempts = 0;
    SimPort* listener_port = nullptr;
    SocketId listener;
  };

  // A send that was under way at close().
  struct CanceledSend {
    SimPort* port = nullptr;
    SocketId socket;
    std::span<const iovec> slices;
    uint64_t sum = 0;  // of what they hold
  };

  const Connection* find(uint64_t id) const;
  Connection* find(uint64_t id);
  const SimFaults& faults(const Connection& connection) const;
  static void report(const End& end, SimReport::Kind kind, int error);
  void try_connect(uint64_t id);
  void arrive_at_listener(uint64_t id);
  void queue_for_accept(uint64_t id);
  void hand_to_listener(uint64_t id);
  void confirm_connect(uint64_t id);
  void fail_connect(uint64_t id, int error);
  static void forget_server(Connection& connection);

  static void fill(End& end);
  void pump(uint64_t id, uint8_t side);
  bool held_back(Connection& connection, uint64_t id, uint8_t side);
  void send_segment(Connection& connection, uint64_t id, uint8_t side, size_t room);
  MonoTime arrival(Connection& connection, uint8_t side, const SimFaults& faults);
  void arrive(uint64_t id, uint8_t side, std::string_view octets);
  void arrive_end(uint64_t id, uint8_t side);
  void send_reset(Connection& connection, uint64_t id, uint8_t from);
  void reset_end(Connection& connection, uint8_t side, int error);
  void notify(Connection& connection, uint8_t side);
  void cancel_send(const End& end);
  void let_go(uint64_t id, uint8_t side, bool abort);
  void erase_if_over(uint64_t id);

  SimEvents& events_;
  SimNetwork& network_;
  std::map<uint64_t, Connection> connections_;
  uint64_t next_id_ = 1;
  std::map<uint64_t, CanceledSend> canceled_;
  uint64_t next_canceled_ = 0;
};

}  // namespace sluice::reactor
