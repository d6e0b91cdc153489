// Listener: a listening address of one shard; hands every new connection to its sink as a Stream that is
// receiving already. It reads nothing itself: a sink that expects a PROXY header reads it from the stream
// before it goes on.
//
// Per shard: each shard opens its own on the same address, the kernel spreads the connections. A Listener
// must be closed, and close() awaited, before it goes.
#pragma once

#include "io/base/ip.h"
#include "io/base/result.h"
#include "io/net/stream.h"
#include "io/reactor/shard.h"
#include "io/runtime/signal.h"
#include "io/runtime/task.h"

#include <cstdint>
#include <memory>

namespace sluice::net {

class AcceptSink {
 public:
  // Called from inside the reactor's poll: spawns, but runs no protocol. Dropping the stream refuses it.
  virtual void on_stream(StreamPtr stream) = 0;

 protected:
  ~AcceptSink() = default;
};

class Listener final : private reactor::AcceptHandler {
 public:
  // The sink must outlive the listener.
  [[nodiscard]] static Result<std::unique_ptr<Listener>> open(Shard& shard,
                                                              const reactor::ListenOptions& options,
                                                              AcceptSink& sink);
  ~Listener();
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  const Endpoint& address() const { return address_; }  // with the port that the kernel chose
  uint64_t accepted() const { return accepted_; }
  uint64_t accept_errors() const { return accept_errors_; }
  // What is in the backlog is handed over first; after that nothing is accepted any more.
  [[nodiscard]] runtime::Task<void> close(Shard& shard);

 private:
  Listener(Shard& shard, AcceptSink& sink) : shard_(shard), sink_(sink) {}

  reactor::StreamHandler* on_accepted(reactor::SocketId stream, const Endpoint& peer,
                                      const Endpoint& local) override;
  void on_accept_error(int error) override;
  void on_listener_closed() override;

  Shard& shard_;
  AcceptSink& sink_;
  reactor::SocketId socket_;
  Endpoint address_;
  uint64_t accepted_ = 0;
  uint64_t accept_errors_ = 0;
  bool closing_ = false;
  bool closed_ = false;
  runtime::Signal closed_signal_;
};

}  // namespace sluice::net
