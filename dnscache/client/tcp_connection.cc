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
    last_message_ = shard_.now();
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
  bool connected = true;
  while (connected && !stopped_ && !outgoing_.empty()) connected = co_await connect_once(shard);
  outgoing_.clear();
  running_ = false;
  if (!connected && !stopped_) owner_.on_failed();
}

// One connection from its opening to its end; false when it could not be opened.
Task<bool> DnsClient::TcpConnection::connect_once(Shard& shard) {
  const MonoTime deadline = shard.now() + kConnectWait;
  std::expected<StreamPtr, int> connected = co_await Stream::connect(shard, server_, deadline);
  if (!connected) co_return false;
  Stream& stream = **connected;
  stream.set_write_wait(kConnectWait);
  if (!stopped_) {
    stream_ = &stream;
    stream.write(std::exchange(outgoing_, {}));
    const bool well_formed = co_await exchange(shard, stream);
    stream_ = nullptr;
    incoming_.clear();
    // Now, while all that is under way to this server went by this connection.
    if (!stopped_ && well_formed) owner_.on_closed();
    if (!stopped_ && !well_formed) owner_.on_failed();
  }
  co_await stream.close(shard, net::CloseMode::Graceful);
  co_return true;
}

// Until the connection ends; false when the server broke the framing.
Task<bool> DnsClient::TcpConnection::exchange(Shard& shard, Stream& stream) {
  last_message_ = shard.now();
  for (;;) {
    const MonoTime idle_until = last_message_ + kIdle;
    Received received = co_await stream.receive(shard, idle_until);
    if (stopped_) co_return true;
    // Something was sent meanwhile.
    if (received.event == StreamEvent::Timeout && shard.now() < last_message_ + kIdle) continue;
    if (received.event != StreamEvent::Data) co_return true;
    last_message_ = shard.now();
    incoming_ += received.chunk.view();
    received.chunk.reset();
    if (!take_messages()) co_return false;
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
