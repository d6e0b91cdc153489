#include "io/net/stream.h"

#include "io/base/check.h"

#include <algorithm>
#include <cerrno>
#include <span>
#include <utility>

namespace sluice::net {

void StreamRelease::operator()(Stream* stream) const noexcept { stream->release(); }

void Stream::Batch::add_text(std::string_view text_octets) {
  if (!pieces.empty() && pieces.back().kind == Piece::Kind::Text) {
    pieces.back().size += text_octets.size();
  } else {
    pieces.push_back({Piece::Kind::Text, nullptr, text.size(), text_octets.size()});
  }
  text.append(text_octets);
  octets += text_octets.size();
}

void Stream::Batch::add_elsewhere(std::string_view elsewhere) {
  pieces.push_back({Piece::Kind::Elsewhere, elsewhere.data(), 0, elsewhere.size()});
  octets += elsewhere.size();
}

void Stream::Batch::clear() {
  pieces.clear();
  text.clear();
  chunks.clear();
  octets = 0;
  borrowed = 0;
}

Stream::~Stream() { shard_.dismiss(*this); }

runtime::Task<std::expected<StreamPtr, int>> Stream::connect(Shard& shard, Endpoint remote, MonoTime deadline,
                                                             StreamStop* stop) {
  StreamPtr stream(new Stream(shard));
  stream->peer_ = remote;
  const Result<reactor::SocketId> socket = shard.reactor().connect(remote, *stream);
  if (!socket) {
    stream->state_ = State::Closed;
    const int error = socket.error().os_error;
    co_return std::unexpected(error != 0 ? error : ECONNREFUSED);
  }
  stream->socket_ = *socket;
  const StreamStop::Watch watch(stop, *stream);
  while (stream->state_ == State::Connecting) {
    const runtime::Wake wake = co_await stream->output_signal_.wait_until(shard, deadline);
    // Dropping the stream ends the attempt.
    if (wake == runtime::Wake::TimedOut && stream->state_ == State::Connecting) {
      co_return std::unexpected(ETIMEDOUT);
    }
  }
  if (stream->state_ != State::Open) co_return std::unexpected(stream->input_error_);
  co_return std::move(stream);
}

void Stream::on_connected(int error) {
  if (state_ != State::Connecting) return;
  if (error == 0) {
    state_ = State::Open;
    local_ = shard_.reactor().local_endpoint(socket_);
    if (pending_.octets != 0) shard_.enlist(*this);
  } else {
    state_ = State::Closing;  // on_closed() follows by itself
    input_ended_ = true;
    input_error_ = error;
    send_failed_ = true;
  }
  output_signal_.notify();
}

// --- octets in ---

void Stream::on_received(Chunk chunk) {
  if (state_ == State::Closing) return;
  accept_input(std::move(chunk));
}

void Stream::accept_input(Chunk chunk) {
  queue_input(std::move(chunk));
  if (input_capacity_ > limits::kStreamInput && !std::exchange(input_paused_, true)) {
    shard_.reactor().pause_receive(socket_);
  }
  input_signal_.notify();
}

// What waits here may wait long, while its peer's command waits for the DNS or a next hop. A few octets would
// keep a whole buffer of the shard's pool from others, so they are copied: behind the last ones, if those
// have room.
void Stream::queue_input(Chunk chunk) {
  const bool small = chunk.size() < chunk.capacity() / kSmallShare;
  if (small && has_input() && input_.back().room() >= chunk.size()) {
    input_.back().append(chunk.view());
    return;
  }
  if (small && chunk.capacity() > kSmallInput) {
    Chunk copy = shard_.frame_pool().chunk(std::max(kSmallInput, chunk.size()));
    copy.append(chunk.view());
    chunk = std::move(copy);
  }
  input_capacity_ += chunk.capacity();
  input_.push_back(std::move(chunk));
}

void Stream::on_receive_end(int error) {
  if (input_ended_) return;
  input_ended_ = true;
  input_error_ = error;
  input_signal_.notify();
}

void Stream::resume_input() {
  if (held_ || input_capacity_ > limits::kStreamInput / 2 || state_ != State::Open) return;
  input_paused_ = false;
  shard_.reactor().resume_receive(socket_);
}

void Stream::hold() {
  held_ = true;
  if (state_ == State::Open && !std::exchange(input_paused_, true)) shard_.reactor().pause_receive(socket_);
}

void Stream::go_on() {
  held_ = false;
  if (input_paused_) resume_input();
}

void Stream::interrupt() {
  interrupted_ = true;
  input_signal_.notify();
}

Received Stream::take_input() {
  Received got;
  if (has_input()) {
    got.event = StreamEvent::Data;
    got.chunk = std::move(input_[input_taken_++]);
    input_capacity_ -= got.chunk.capacity();
    if (!has_input()) {
      input_.clear();
      input_taken_ = 0;
    }
    if (input_paused_) resume_input();
  } else if (std::exchange(interrupted_, false)) {
    got.event = StreamEvent::Interrupted;
  } else if (input_ended_) {
    got.event = input_error_ == 0 ? StreamEvent::End : StreamEvent::Error;
    got.error = input_error_;
  } else {
    got.event = StreamEvent::Timeout;
  }
  return got;
}

// --- octets out ---

bool Stream::writable() {
  if (!send_failed_ && state_ < State::Closing) return true;
  octets_lost_ = true;
  return false;
}

void Stream::write(std::string_view octets) {
  if (octets.empty() || !writable()) return;
  pending_.add_text(octets);
  if (!send_in_flight_) shard_.enlist(*this);
}

void Stream::write(Chunk chunk) {
  if (chunk.empty() || !writable()) return;
  pending_.add_elsewhere(chunk.view());
  pending_.chunks.push_back(std::move(chunk));
  if (!send_in_flight_) shard_.enlist(*this);
}

void Stream::write_borrowed(std::string_view octets) {
  if (octets.empty() || !writable()) return;
  pending_.add_elsewhere(octets);
  pending_.borrowed += octets.size();
  if (!send_in_flight_) shard_.enlist(*this);
}

void Stream::on_turn_end() { send_pending(); }

void Stream::send_pending() {
  if (state_ != State::Open || send_in_flight_ || pending_.octets == 0) return;
  std::swap(pending_, sending_);
  slices_.clear();
  slices_sent_ = 0;
  for (const Batch::Piece& piece : sending_.pieces) {
    const char* octets =
        piece.kind == Batch::Piece::Kind::Text ? sending_.text.data() + piece.offset : piece.octets;
    // iovec serves reading and writing and so wants a pointer to non-const; a send only reads.
    slices_.push_back({const_cast<char*>(octets), piece.size});
  }
  send_slices();
}

void Stream::send_slices() {
  const size_t count = std::min(slices_.size() - slices_sent_, limits::kStreamSlices);
  const std::span<const iovec> slices = std::span<const iovec>(slices_).subspan(slices_sent_, count);
  slices_sent_ += count;
  send_in_flight_ = true;
  const bool limited = write_wait_ < kNever - shard_.now();
  send_deadline_ = limited ? shard_.now() + write_wait_ : kNever;
  // The timer is left armed when a send is over: the next one moves only the deadline.
  if (!armed()) shard_.timers().arm(*this, send_deadline_);
  shard_.reactor().send(socket_, slices);
}

void Stream::on_sent(int error) {
  send_in_flight_ = false;
  send_deadline_ = kNever;
  if (error == 0 && slices_sent_ < slices_.size()) {
    if (state_ == State::Open) {
      send_slices();
      return;
    }
    octets_lost_ = true;
  }
  sending_.clear();
  if (error != 0) {
    send_failed_ = true;
    octets_lost_ = true;
    pending_.clear();
    // Octets that came before may still be read: a peer often says why it goes.
    if (!input_ended_) on_receive_end(error);
  } else if (pending_.octets != 0 && state_ == State::Open) {
    shard_.enlist(*this);
  }
  if (flush_decided()) output_signal_.notify();
}

void Stream::on_timer() {
  if (!send_in_flight_) return;
  if (shard_.now() >= send_deadline_) {
    break_off(ETIMEDOUT);
  } else {
    shard_.timers().arm(*this, send_deadline_);
  }
}

// --- the end ---

void Stream::abort() { break_off(ECANCELED); }

void Stream::break_off(int error) {
  if (state_ >= State::Closing) return;
  input_.clear();
  input_taken_ = 0;
  input_capacity_ = 0;
  input_ended_ = true;
  input_error_ = error;
  send_failed_ = true;
  // What the kernel has of a send that is under way, on_sent() or on_closed() will say.
  octets_lost_ = octets_lost_ || pending_.octets != 0;
  pending_.clear();
  start_close(CloseMode::Abort);
  input_signal_.notify();
  output_signal_.notify();
}

void Stream::start_close(CloseMode mode) {
  if (state_ >= State::Closing) return;
  state_ = State::Closing;
  shard_.dismiss(*this);
  disarm();
  shard_.reactor().close(socket_, mode);
}

runtime::Task<void> Stream::close(Shard& shard, CloseMode mode) {
  if (mode == CloseMode::Abort) {
    abort();
  } else {
    // The write wait breaks the stream off if the peer does not take the octets.
    (void)co_await flush(shard, kNever);
    if (!input_ended_) {
      input_ended_ = true;
      input_error_ = ECANCELED;
    }
    send_failed_ = true;
    start_close(CloseMode::Graceful);
  }
  while (state_ != State::Closed) (void)co_await closed_signal_.wait_until(shard, kNever);
}

runtime::Task<void> Stream::finish(Shard& shard, MonoTime deadline) {
  bool orderly = co_await flush(shard, deadline);
  if (orderly && state_ == State::Open) {
    shard.reactor().shutdown_send(socket_);
    send_failed_ = true;  // nothing can be written any more
    for (bool more = true; more;) {
      const Received got = co_await receive(shard, deadline);
      more = got.event == StreamEvent::Data || got.event == StreamEvent::Interrupted;
      if (shard.now() >= deadline) more = false;  // a peer that never stops talking
    }
  }
  const CloseMode mode = orderly ? CloseMode::Graceful : CloseMode::Abort;
  co_await close(shard, mode);
}

void Stream::on_closed() {
  state_ = State::Closed;
  disarm();
  octets_lost_ = octets_lost_ || unsent() != 0;
  pending_.clear();
  sending_.clear();
  if (orphan_) {
    delete this;
    return;
  }
  closed_signal_.notify();
}

void Stream::release() noexcept {
  SLUICE_CHECK(!input_signal_.has_waiter() && !output_signal_.has_waiter() && !closed_signal_.has_waiter());
  orphan_ = true;
  if (state_ == State::Accepting) return;  // the listener sees that it was refused
  if (state_ == State::Closed) {
    delete this;
    return;
  }
  SLUICE_CHECK(sending_.borrowed == 0);
  abort();
}

}  // namespace sluice::net
