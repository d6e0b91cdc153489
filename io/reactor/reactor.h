// Reactor: one shard's door to the kernel (or to the simulator). One interface, completion-style, four back
// ends: uring (default), epoll (where io_uring is refused), sim (seeded, virtual time, faults) and, later,
// dpdk for listeners.
//
// How it works
// - Everything is asked for, and reported later by a call of a handler, only from inside poll(). Nothing
// calls back from
//   inside the function that asks. Handlers record and schedule; they may ask for new operations, but run no
//   protocol.
// - What is asked for between two polls leaves in one submission at the start of the next poll().
// - Ids carry a generation: a completion that belongs to an earlier user of a slot or descriptor reaches
// nobody.
// - Buffers given to an operation belong to the reactor until that operation is reported, also when it was
// cancelled.
//   Received octets arrive as Chunks, whose buffers come from the reactor's pool and may be kept as long as
//   needed; the pool grows to its cap, and above it receiving pauses until Chunks come back.
// - Errors are errno values, positive; 0 is success.
// - One thread: the shard's. Only wake() may be called from others.
//
// Handlers must outlive their sockets: until on_closed() for streams and datagrams, until the result for
// files.
#pragma once

#include "io/base/chunk.h"
#include "io/base/clock.h"
#include "io/base/ip.h"
#include "io/base/result.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include <sys/uio.h>

namespace sluice::reactor {

// A stream, listener or datagram socket of one reactor. The default value is no socket.
struct SocketId {
  uint32_t slot = 0;
  uint32_t generation = 0;
  explicit operator bool() const { return generation != 0; }
  friend bool operator==(SocketId, SocketId) = default;
};

class StreamHandler {
 public:
  // After connect(): 0 or why not. When it failed, on_closed() follows by itself.
  virtual void on_connected(int error) = 0;
  // Never empty. Octets in order; any split of the stream into Chunks can happen.
  virtual void on_received(Chunk chunk) = 0;
  // No more octets will come: 0 is the peer's orderly end, else the error, also when a send met it first: a
  // reset never looks like an orderly end. The socket can still send after 0.
  virtual void on_receive_end(int error) = 0;
  // The send as a whole is done (0) or failed; its slices are the caller's again.
  virtual void on_sent(int error) = 0;
  // After close(): nothing of this socket is in flight any more and its id is dead. The last call.
  virtual void on_closed() = 0;

 protected:
  ~StreamHandler() = default;
};

class AcceptHandler {
 public:
  // Returns the handler of the new stream, which is receiving at once; null refuses it (closed, nothing is
  // reported). Addresses are unmapped. The stream's id may be used already: paused, sent to, closed.
  virtual StreamHandler* on_accepted(SocketId stream, const Endpoint& peer, const Endpoint& local) = 0;
  // Accepting failed for a while (out of descriptors, ...); the reactor goes on by itself after a pause.
  virtual void on_accept_error(int error) = 0;
  virtual void on_listener_closed() = 0;  // the last call

 protected:
  ~AcceptHandler() = default;
};

class DatagramHandler {
 public:
  virtual void on_datagram(Chunk payload, const Endpoint& from) = 0;
  virtual void on_datagram_error(int error) = 0;  // e.g. ECONNREFUSED of a connected socket; it stays open
  virtual void on_datagram_closed() = 0;          // the last call

 protected:
  ~DatagramHandler() = default;
};

class FileHandler {
 public:
  // >= 0: the operation's result (octets, or the id's value for open); < 0: -errno.
  virtual void on_file_result(int64_t result) = 0;

 protected:
  ~FileHandler() = default;
};

struct ListenOptions {
  // Port 0: the kernel chooses; ask local_endpoint(). An IPv6 address takes IPv6 only, so that a listener of
  // the other family can have the same port.
  Endpoint address;
  int backlog = 4096;
  bool share_port = true;  // SO_REUSEPORT: one listener per shard on the same address
};

// Datagrams up to this many octets are received; longer ones become on_datagram_error(EMSGSIZE).
inline constexpr size_t kDatagramMax = 4096;

struct DatagramOptions {
  Endpoint local;   // unspecified address and port 0: the kernel chooses
  Endpoint remote;  // port 0: not connected
};

struct FileId {
  int32_t value = -1;
  explicit operator bool() const { return value >= 0; }
};

enum class CloseMode : uint8_t {
  Graceful,  // what was accepted by send() before has been reported; FIN
  Abort,     // RST where the back end can
};

enum class SyncMode : uint8_t { Data, All };  // fdatasync, fsync

// What a back end found at run time; for the log, the result files of benchmarks, and tests.
struct Capabilities {
  std::string name;      // "uring", "epoll", "sim"
  std::string features;  // words, e.g. "bundle incremental-buffers"; empty where there are none
};

class Reactor {
 public:
  virtual ~Reactor() = default;

  // --- streams ---
  [[nodiscard]] virtual Result<SocketId> listen(const ListenOptions& options, AcceptHandler& handler) = 0;
  [[nodiscard]] virtual Endpoint local_endpoint(SocketId socket) const = 0;
  // Stops accepting; what is in the backlog has been handed over before on_listener_closed().
  virtual void close_listener(SocketId listener) = 0;

  // TCP_NODELAY is set on every stream. Receiving starts when it is connected.
  [[nodiscard]] virtual Result<SocketId> connect(const Endpoint& remote, StreamHandler& handler) = 0;
  // Sends all slices, or fails. Not before on_connected(0); one send at a time per socket; slices and what
  // they point at stay until on_sent(). Nothing to send is a success; after shutdown_send() it is EPIPE.
  virtual void send(SocketId stream, std::span<const iovec> slices) = 0;
  // Back pressure: after pause no further octets are taken from the kernel; some that were taken may still
  // arrive.
  virtual void pause_receive(SocketId stream) = 0;
  virtual void resume_receive(SocketId stream) = 0;
  // Half close: no more sends; the FIN follows what is being sent.
  virtual void shutdown_send(SocketId stream) = 0;
  // Cancels what is in flight, then on_closed(). After the call come only the reports of operations that were
  // pending (on_connected, on_sent: ECANCELED, or the result that they had reached), neither on_received nor
  // on_receive_end. A dead or closing id is ignored, here and in pause, resume, shutdown and send.
  virtual void close(SocketId stream, CloseMode mode) = 0;

  // --- datagrams ---
  [[nodiscard]] virtual Result<SocketId> open_datagram(const DatagramOptions& options,
                                                       DatagramHandler& handler) = 0;
  // Copies the octets; they leave with the next poll(). To options.remote, or to `to` where that had port 0.
  // Errors come as on_datagram_error(). False: too many are waiting, nothing was taken.
  [[nodiscard]] virtual bool send_datagram(SocketId socket, std::string_view octets, const Endpoint& to) = 0;
  virtual void close_datagram(SocketId socket) = 0;

  // --- files: each operation reports exactly once; paths are copied. Those that are pending together may be
  // done in any order ---
  virtual void open_file(const std::string& path, int flags, uint32_t mode, FileHandler& handler) = 0;
  // May read less than asked for; 0 at the file's end.
  virtual void read_file(FileId file, uint64_t offset, std::span<char> into, FileHandler& handler) = 0;
  // Writes all slices at the offset, or fails; O_APPEND files ignore the offset.
  virtual void write_file(FileId file, uint64_t offset, std::span<const iovec> slices,
                          FileHandler& handler) = 0;
  virtual void sync_file(FileId file, SyncMode mode, FileHandler& handler) = 0;
  virtual void close_file(FileId file, FileHandler& handler) = 0;
  virtual void rename_file(const std::string& from, const std::string& to, FileHandler& handler) = 0;
  // Takes the name away; who has the file open goes on with it.
  virtual void unlink_file(const std::string& path, FileHandler& handler) = 0;

  // --- time and randomness ---
  [[nodiscard]] virtual MonoTime now() const = 0;  // read anew at each call; the shard keeps one per turn
  [[nodiscard]] virtual WallTime wall_now() const = 0;
  [[nodiscard]] virtual uint64_t random_seed() = 0;  // from the kernel; from the run's seed in the simulator

  // --- the loop ---
  // Submits, then reports completions; waits for the first until wake_at (not at all when wake_at <= now()).
  virtual void poll(MonoTime wake_at) = 0;
  // From any thread: makes a present or the next poll() return soon.
  virtual void wake() noexcept = 0;

  // Memory for receiving that a burst needed and the time after it does not: as BufferPool says.
  [[nodiscard]] virtual bool worth_trimming() const { return false; }
  virtual void begin_trim() {}
  virtual bool trim_some() { return false; }

  [[nodiscard]] virtual Capabilities capabilities() const = 0;
  // Sockets and operations that have not had their last report. Zero after an orderly stop.
  [[nodiscard]] virtual size_t in_flight() const = 0;
};

}  // namespace sluice::reactor
