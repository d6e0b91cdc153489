#include "io/net/listener.h"

#include "io/base/check.h"

#include <utility>

namespace sluice::net {

Result<std::unique_ptr<Listener>> Listener::open(Shard& shard, const reactor::ListenOptions& options,
                                                 AcceptSink& sink) {
  std::unique_ptr<Listener> listener(new Listener(shard, sink));
  const Result<reactor::SocketId> socket = shard.reactor().listen(options, *listener);
  if (!socket) {
    listener->closed_ = true;
    return std::unexpected(socket.error());
  }
  listener->socket_ = *socket;
  listener->address_ = shard.reactor().local_endpoint(*socket);
  return listener;
}

Listener::~Listener() { SLUICE_CHECK(closed_); }

reactor::StreamHandler* Listener::on_accepted(reactor::SocketId socket, const Endpoint& peer,
                                              const Endpoint& local) {
  auto* stream = new Stream(shard_);
  stream->state_ = Stream::State::Accepting;
  stream->socket_ = socket;
  stream->peer_ = peer;
  stream->local_ = local;
  sink_.on_stream(StreamPtr(stream));
  if (stream->orphan_) {
    delete stream;
    return nullptr;
  }
  if (stream->state_ == Stream::State::Accepting) stream->state_ = Stream::State::Open;
  ++accepted_;
  return stream;
}

void Listener::on_accept_error(int /*error*/) { ++accept_errors_; }

void Listener::on_listener_closed() {
  closed_ = true;
  closed_signal_.notify();
}

runtime::Task<void> Listener::close(Shard& shard) {
  if (!std::exchange(closing_, true)) shard.reactor().close_listener(socket_);
  while (!closed_) (void)co_await closed_signal_.wait_until(shard, kNever);
}

}  // namespace sluice::net
