// SimReactor: the simulated back end. Made by SimWorld::make_reactor(); what it promises stands in reactor.h,
// what it simulates in sim_world.h. This file keeps a reactor's sockets and its two queues: what was asked
// for until the next poll(), and what is to be reported in it.
#pragma once

#include "io/base/slab.h"
#include "io/reactor/reactor.h"
#include "io/reactor/sim_core.h"
#include "io/reactor/sim_port.h"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::reactor {

class SimReactor final : public Reactor, public SimPort, private ChunkOwner {
 public:
  SimReactor(SimCore& core, SimNodeId node, const SimReactorOptions& options);
  ~SimReactor() override;
  SimReactor(const SimReactor&) = delete;
  SimReactor& operator=(const SimReactor&) = delete;

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

  MonoTime now() const override { return core_.events.now(); }
  WallTime wall_now() const override { return core_.events.wall_now(); }
  uint64_t random_seed() override { return core_.events.random()(); }

  void poll(MonoTime wake_at) override;
  void wake() noexcept override { woken_ = true; }
  Capabilities capabilities() const override { return {"sim", ""}; }
  size_t in_flight() const override { return sockets_.size() + file_operations_; }

  // --- for the world ---
  void report(SimReport report) override { reports_.push_back(std::move(report)); }
  // A poll() would do something now.
  bool is_ready() const;
  void become_husk();
  uint32_t number() const { return number_; }
  size_t memory_out() const { return memory_out_; }

 private:
  struct Socket {
    enum class Kind : uint8_t { Stream, Listener, Datagram };
    Kind kind = Kind::Stream;
    bool closing = false;
    bool paused = false;
    int datagrams_waiting = 0;  // asked to be sent in the next poll
    Endpoint local;
    StreamHandler* stream_handler = nullptr;
    AcceptHandler* accept_handler = nullptr;
    DatagramHandler* datagram_handler = nullptr;
    SimStreamRef stream;
  };

  static Slab<Socket>::Id slab_id(SocketId id) { return {id.slot, id.generation}; }
  Socket* find(SocketId id) { return sockets_.find(slab_id(id)); }
  // Null also when it is closing.
  Socket* find_open(SocketId id, Socket::Kind kind);
  SocketId add_socket(const Socket& socket);
  void erase(SocketId id) { sockets_.erase(slab_id(id)); }

  void submit();
  void deliver();
  void deliver(SimReport& report);
  void deliver_stream(SimReport& report, Socket& socket);
  void deliver_accepted(const SimReport& report, Socket& listener);
  void deliver_octets(SocketId id);
  void deliver_datagram(SimReport& report, Socket& socket);
  void plan_late_report(SocketId gone);
  void trace(const SimReport& report);

  void set_paused(SocketId id, bool paused);
  // Runs `operation` on the disk after its latency, then reports its result.
  void start_file(SimInjection fault, double error_chance, FileHandler& handler,
                  std::function<int64_t(SimDisk&)> operation);
  void finish_file(bool fails, FileHandler& handler, const std::function<int64_t(SimDisk&)>& operation);

  bool memory_left(size_t octets) const;
  Chunk make_chunk(std::string_view octets);
  void release_chunk(char* buffer, uint32_t capacity, uint32_t token) noexcept override;

  SimCore& core_;
  uint32_t number_;  // of the reactors of this world
  mutable Slab<Socket> sockets_;
  std::vector<std::function<void()>> asked_;
  std::vector<std::function<void()>> submitting_;
  std::deque<SimReport> reports_;
  std::vector<SimReport> starved_;  // waiting for memory
  bool memory_returned_ = false;
  size_t memory_out_ = 0;
  size_t chunks_out_ = 0;
  size_t file_operations_ = 0;
  bool woken_ = false;
};

}  // namespace sluice::reactor
