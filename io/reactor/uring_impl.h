// UringReactor: the class behind make_uring_reactor(). One object, its work in four files: the loop and time
// (uring_reactor.cc), listeners and streams (uring_streams.cc), datagrams (uring_datagrams.cc), files
// (uring_files.cc).
//
// Close rule of every socket: cancel what is in flight, wait for the last completion of each, only then close
// the descriptor, then report. So no completion can meet a reused descriptor, and no buffer is given back
// while the kernel may still write into it.
#pragma once

#include "io/reactor/reactor.h"
#include "io/reactor/socket_address.h"
#include "io/reactor/uring_buffers.h"
#include "io/reactor/uring_features.h"
#include "io/reactor/uring_reactor.h"
#include "io/reactor/uring_ring.h"
#include "io/reactor/uring_slots.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <sys/socket.h>
#include <sys/uio.h>

namespace sluice::reactor {

struct UringStream : UringSlot {
  int socket = -1;
  StreamHandler* handler = nullptr;
  bool connecting = false;
  bool connected = false;
  bool receiving = false;       // a receive is at the kernel
  bool cancel_receive = false;  // and its cancel too
  bool paused = false;
  bool starved = false;  // waits for buffers, on the list
  bool receive_ended = false;
  bool sending = false;
  bool shutdown_wanted = false;  // when the send is done
  bool shut = false;
  bool closing = false;
  bool close_submitted = false;
  int send_error = 0;         // what the kernel told a send and so will not tell a receive any more
  SocketAddress remote;       // of a connect, until it is done
  std::vector<iovec> slices;  // of the send, what is left from next_slice on
  size_t next_slice = 0;
  msghdr message{};

  void reset();
};

struct UringListener : UringSlot {
  int socket = -1;
  AcceptHandler* handler = nullptr;
  bool accepting = false;
  bool pausing = false;
  bool closing = false;

  void reset();
};

struct UringDatagramSocket : UringSlot {
  int socket = -1;
  DatagramHandler* handler = nullptr;
  Endpoint remote;    // port 0: not connected
  msghdr received{};  // how the kernel lays out each datagram
  bool receiving = false;
  bool starved = false;
  bool closing = false;
  size_t sends = 0;  // at the kernel

  void reset();
};

// One datagram on its way out.
struct UringDatagramSend : UringSlot {
  SocketId socket;
  SocketAddress to;
  std::vector<char> octets;
  iovec slice{};
  msghdr message{};

  void reset();
};

struct UringFileOperation : UringSlot {
  enum class Kind : uint8_t { Once, Write };
  Kind kind = Kind::Once;
  FileHandler* handler = nullptr;
  int file = -1;
  uint64_t offset = 0;
  uint64_t written = 0;
  std::string path;
  std::string other_path;
  std::vector<iovec> slices;
  size_t next_slice = 0;

  void reset();
};

class UringReactor final : public Reactor {
 public:
  explicit UringReactor(const UringOptions& options);
  // On the reactor's thread. What is still in flight is cancelled and not reported.
  ~UringReactor() override;

  Result<void> open();

  Result<SocketId> listen(const ListenOptions& options, AcceptHandler& handler) override;
  Endpoint local_endpoint(SocketId socket) const override;
  void close_listener(SocketId listener) override;
  Result<SocketId> connect(const Endpoint& remote, StreamHandler& handler) override;
  void send(SocketId stream, std::span<const iovec> slices) override;
  void pause_receive(SocketId stream) override;
  void resume_receive(SocketId stream) override;
  void shutdown_send(SocketId stream) override;
  void close(SocketId stream, CloseMode mode) override;

  Result<SocketId> open_datagram(const DatagramOptions& options, DatagramHandler& handler) override;
  bool send_datagram(SocketId socket, std::string_view octets, const Endpoint& to) override;
  void close_datagram(SocketId socket) override;

  void open_file(const std::string& path, int flags, uint32_t mode, FileHandler& handler) override;
  void read_file(FileId file, uint64_t offset, std::span<char> into, FileHandler& handler) override;
  void write_file(FileId file, uint64_t offset, std::span<const iovec> slices, FileHandler& handler) override;
  void sync_file(FileId file, SyncMode mode, FileHandler& handler) override;
  void close_file(FileId file, FileHandler& handler) override;
  void rename_file(const std::string& from, const std::string& to, FileHandler& handler) override;
  void unlink_file(const std::string& path, FileHandler& handler) override;

  MonoTime now() const override;
  WallTime wall_now() const override;
  uint64_t random_seed() override;
  void poll(MonoTime wake_at) override;
  void wake() noexcept override;
  bool worth_trimming() const override { return stream_buffers_.worth_trimming(); }
  void begin_trim() override { stream_buffers_.begin_trim(); }
  bool trim_some() override { return stream_buffers_.trim_some(); }
  Capabilities capabilities() const override;
  size_t in_flight() const override;

 private:
  // What is known without asking the kernel is reported by the next poll() all the same.
  struct Deferred {
    UringOp op;
    SocketId id;
    int result;
  };
  using Streams = UringSlots<UringStream, UringTable::Streams>;
  using Listeners = UringSlots<UringListener, UringTable::Listeners>;
  using Datagrams = UringSlots<UringDatagramSocket, UringTable::Datagrams>;
  // Sends and file operations have tables of their own; their completions are told apart by the operation.
  using DatagramSends = UringSlots<UringDatagramSend, UringTable::Operations>;
  using FileOperations = UringSlots<UringFileOperation, UringTable::Operations>;

  // --- the loop ---
  void arm_wake();
  void rearm_starved();
  void report_deferred();
  void dispatch(const io_uring_cqe& completion);
  void dispatch_socket(UringOp op, SocketId id, const io_uring_cqe& completion);
  void cancel(uint64_t target);

  // --- listeners ---
  void arm_accept(UringListener& listener);
  void on_accept(UringListener& listener, int result, uint32_t flags);
  void on_accept_pause(UringListener& listener);
  void take_stream(UringListener& listener, int socket);
  void finish_listener(UringListener& listener);

  // --- streams ---
  void arm_receive(UringStream& stream);
  void on_receive(UringStream& stream, int result, uint32_t flags);
  void deliver(UringStream& stream, uint32_t octets, uint16_t place);
  static int error_behind_end(const UringStream& stream);
  void on_receive_failed(UringStream& stream, int error);
  void on_connect(UringStream& stream, int result);
  void submit_send(UringStream& stream);
  void on_send(UringStream& stream, int result);
  void finish_send(UringStream& stream, int error);
  void start_close(UringStream& stream);
  void close_when_idle(UringStream& stream);
  void on_stream_closed(UringStream& stream);

  // --- datagrams ---
  void arm_datagram(UringDatagramSocket& socket);
  void on_datagram_receive(UringDatagramSocket& socket, int result, uint32_t flags);
  void deliver_datagram(UringDatagramSocket& socket, uint16_t place, uint32_t octets);
  void on_datagram_sent(UringDatagramSend& send, int result);
  void close_datagram_when_idle(UringDatagramSocket& socket);

  // --- files ---
  UringFileOperation& new_file_operation(FileHandler& handler);
  void submit_write(UringFileOperation& operation);
  void on_file(UringFileOperation& operation, int result);

  UringOptions options_;
  UringFeatures features_;
  UringRing ring_;
  UringBuffers stream_buffers_;  // after the ring: given back before it goes
  UringBuffers datagram_buffers_;
  Streams streams_;
  Listeners listeners_;
  Datagrams datagrams_;
  DatagramSends sends_;
  FileOperations files_;
  std::vector<SocketId> starved_;
  std::vector<SocketId> starved_now_;
  std::vector<Deferred> deferred_;
  std::vector<Deferred> deferred_now_;
  int wake_event_ = -1;
  uint64_t wake_count_ = 0;  // the kernel reads the event into it
};

// Moves past `octets` of slices, which may end within one; drops what is empty.
void advance_slices(std::vector<iovec>& slices, size_t& next, size_t octets);

}  // namespace sluice::reactor
