#include "io/net/datagram.h"

#include <utility>

namespace sluice::net {

void DatagramRelease::operator()(Datagram* socket) const noexcept {
  // Not opened: the reactor knows nothing of it.
  if (!socket->socket_) {
    delete socket;
    return;
  }
  socket->receiver_ = nullptr;
  socket->shard_.reactor().close_datagram(socket->socket_);
}

Result<DatagramPtr> Datagram::open(reactor::Shard& shard, const reactor::DatagramOptions& options,
                                   DatagramReceiver& receiver) {
  DatagramPtr datagram(new Datagram(shard, receiver));
  const Result<reactor::SocketId> socket = shard.reactor().open_datagram(options, *datagram);
  if (!socket) return std::unexpected(socket.error());
  datagram->socket_ = *socket;
  return datagram;
}

Endpoint Datagram::local() const { return shard_.reactor().local_endpoint(socket_); }

bool Datagram::send(std::string_view octets, const Endpoint& to) {
  return shard_.reactor().send_datagram(socket_, octets, to);
}

void Datagram::on_datagram(Chunk payload, const Endpoint& from) {
  if (receiver_ != nullptr) receiver_->on_datagram(*this, std::move(payload), from);
}

void Datagram::on_datagram_error(int error) {
  if (receiver_ != nullptr) receiver_->on_datagram_error(*this, error);
}

void Datagram::on_datagram_closed() { delete this; }

}  // namespace sluice::net
