// EpollReactor: the class behind make_epoll_reactor(); what it promises stands in reactor.h.
//
// A socket is registered once, edge-triggered, for everything. Two flags remember what the edges said:
// may_read and may_write, cleared when the kernel says EAGAIN. A socket that has something to do stands in
// one list, to_serve_, once; poll() serves the list, waits if nothing was reported, and serves again. Serving
// is bounded per socket, so that one busy stream cannot keep the others waiting; what is left over stays in
// the list.
#pragma once

#include "io/base/slab.h"
#include "io/reactor/buffer_pool.h"
#include "io/reactor/epoll_files.h"
#include "io/reactor/reactor.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <sys/epoll.h>

namespace sluice::reactor {

class FileDescriptor {
 public:
  FileDescriptor() = default;
  explicit FileDescriptor(int descriptor) : descriptor_(descriptor) {}
  FileDescriptor(FileDescriptor&& other) noexcept;
  FileDescriptor& operator=(FileDescriptor&& other) noexcept;
  FileDescriptor(const FileDescriptor&) = delete;
  FileDescriptor& operator=(const FileDescriptor&) = delete;
  ~FileDescriptor();
  int get() const { return descriptor_; }
  explicit operator bool() const { return descriptor_ >= 0; }

 private:
  int descriptor_ = -1;
};

class EpollReactor final : public Reactor {
 public:
  EpollReactor(FileDescriptor epoll, FileDescriptor bell, const BufferPoolOptions& buffers);
  ~EpollReactor() override;
  EpollReactor(const EpollReactor&) = delete;
  EpollReactor& operator=(const EpollReactor&) = delete;

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
  bool worth_trimming() const override { return buffers_.worth_trimming(); }
  void begin_trim() override { buffers_.begin_trim(); }
  bool trim_some() override { return buffers_.trim_some(); }
  Capabilities capabilities() const override;
  size_t in_flight() const override { return sockets_.size() + files_.in_flight(); }

 private:
  struct Outgoing {  // one datagram that waits
    size_t offset = 0;
    size_t size = 0;
    Endpoint to;
  };
  struct Datagrams {
    DatagramHandler* handler = nullptr;
    Endpoint remote;  // port 0: not connected
    std::string octets;
    std::vector<Outgoing> waiting;
  };
  struct Stream {
    StreamHandler* handler = nullptr;
    bool connecting = false;
    int connect_error = 0;
    bool paused = false;
    bool ended = false;    // on_receive_end was called
    bool hung_up = false;  // an edge told of an end or an error: reading goes on until it is met
    int lost_error = 0;    // a send took the socket's error away from the receive that should have met it
    std::span<const iovec> slices;
    size_t slice_offset = 0;
    bool send_pending = false;
    bool end_wanted = false;
    bool end_sent = false;
    CloseMode close_mode = CloseMode::Graceful;
  };
  struct Socket {
    enum class Kind : uint8_t { Stream, Listener, Datagram };
    Kind kind = Kind::Stream;
    FileDescriptor descriptor;
    bool listed = false;  // stands in to_serve_
    bool closing = false;
    bool may_read = false;
    bool may_write = false;
    Stream stream;
    AcceptHandler* acceptor = nullptr;
    MonoTime accept_again = MonoTime::min();  // after an error: not before
    std::unique_ptr<Datagrams> datagrams;
  };

  static Slab<Socket>::Id slab_id(SocketId id) { return {id.slot, id.generation}; }
  Socket* find(SocketId id) { return sockets_.find(slab_id(id)); }
  Socket* find_open(SocketId id, Socket::Kind kind);
  SocketId add(FileDescriptor descriptor, Socket::Kind kind);
  int watch(SocketId id);
  void erase(SocketId id) { sockets_.erase(slab_id(id)); }
  void list(SocketId id, Socket& socket);

  // --- the loop ---
  void serve_all();
  void serve(SocketId id, Socket& socket);
  int wait(std::span<epoll_event> events, MonoTime wake_at);
  void take_event(const epoll_event& event);
  MonoTime earliest_accept() const;

  // --- each true when something is left to do that needs no further edge ---
  bool serve_stream(SocketId id, Socket& socket);
  bool serve_listener(SocketId id, Socket& socket);
  bool serve_datagrams(SocketId id, Socket& socket);
  void finish_connect(SocketId id, Socket& socket);
  bool write_stream(Socket& socket);
  void sent(Stream& stream, int error);
  bool read_stream(SocketId id, Socket& socket);
  void end_receiving(Stream& stream, int error);
  void finish_stream(SocketId id, Socket& socket);
  void fail_connect(SocketId id, Socket& socket, int error);
  bool accept_some(Socket& listener, int budget);
  void accept_one(Socket& listener, FileDescriptor descriptor, const Endpoint& peer);
  bool write_datagrams(Socket& socket);
  bool read_datagrams(SocketId id, Socket& socket);

  FileDescriptor epoll_;
  FileDescriptor bell_;  // rung by wake() and by the worker for files
  BufferPool buffers_;
  BufferPool datagram_buffers_;
  EpollFiles files_;
  mutable Slab<Socket> sockets_;
  std::vector<SocketId> to_serve_;
  std::vector<SocketId> serving_;
  std::vector<SocketId> starved_;   // wait for a buffer
  std::vector<SocketId> deferred_;  // listeners that wait for their pause to end
  std::vector<epoll_event> events_;
  size_t reported_ = 0;     // in this poll
  bool fine_waits_ = true;  // epoll_pwait2 is there
};

}  // namespace sluice::reactor
