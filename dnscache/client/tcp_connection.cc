#include "dnscache/client/tcp_connection.h"

#include "io/base/cursor.h"

#include <utility>

namespace sluice::dns {

using net::Received;
using net::Stream;
using net::StreamEvent;
using net::StreamPtr;
using reactor::Shard;
using runtime::Task;

void DnsClient::TcpConnection::send(std::string_view message, runtime::TaskGroup& tasks) {
  if (stopped_) return;
  outgoing_ += static_cast<char>(message.size() >> 8U);
  outgoing_ += static_cast<char>(message.size() & 0xFFU);
  outgoing_ += message;
  if (stream_ != nullptr) {
    stream_->write(std::exchange(outgoing_, {}));
    return;
  }
  if (running_) return;
  running_ = tasks.spawn(shard_, run(shard_));
}

void DnsClient::TcpConnection::stop() {
  stopped_ = true;
  if (stream_ != nullptr) stream_->abort();
}

Task<void> DnsClient::TcpConnection::run(Shard& shard) {
  const MonoTime deadline = shard.now() + kConnectWait;
  std::expected<StreamPtr, int> connected = co_await Stream::connect(shard, server_, deadline);
  if (connected && !stopped_) {
    Stream& stream = **connected;
    stream_ = &stream;
    stream.write(std::exchange(outgoing_, {}));
    co_await exchange(shard, stream);
    stream_ = nullptr;
  }
  if (connected) co_await (*connected)->close(shard, net::CloseMode::Graceful);
  incoming_.clear();
  outgoing_.clear();
  running_ = false;
  // Also after an idle close: the resolver ignores it when nothing of this server is under way by TCP.
  if (!stopped_) owner_.on_failed();
}

Task<void> DnsClient::TcpConnection::exchange(Shard& shard, Stream& stream) {
  for (;;) {
    const MonoTime idle_until = shard.now() + kIdle;
    Received received = co_await stream.receive(shard, idle_until);
    if (received.event != StreamEvent::Data) co_return;
    incoming_ += received.chunk.view();
    received.chunk.reset();
    if (!take_messages() || stopped_) co_return;
  }
}

// False when the server breaks the framing: a message of no octets.
bool DnsClient::TcpConnection::take_messages() {
  Cursor cursor(incoming_);
  size_t taken = 0;
  while (cursor.remaining() >= 2) {
    const uint16_t length = cursor.u16();
    if (length == 0) return false;
    if (cursor.remaining() < length) break;
    owner_.on_message(cursor.take(length));
    taken = cursor.position();
  }
  incoming_.erase(0, taken);
  return true;
}

}  // namespace sluice::dns
