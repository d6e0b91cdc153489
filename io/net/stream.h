// Stream: one TCP connection as a coroutine uses it. Octets come in as Chunks through receive(); what is
// written during a turn of the shard's loop leaves at its end in one send, so that replies to a pipelining
// peer are one packet.
//
//   StreamPtr stream = ...;                                       // from connect() or a Listener
//   Received got = co_await stream->receive(shard, deadline);     // one reader at a time
//   stream->write("250 OK\r\n");                                  // never blocks, never fails
//   bool sent = co_await stream->flush(shard, deadline);          // only where the writer must know
//   co_await stream->close(shard, CloseMode::Graceful);
//
// Back pressure: received Chunks that nobody takes are bounded (kStreamInput), then the kernel is asked no
// more. What is written is not bounded here: whoever writes much looks at unsent() or awaits flush(). A peer
// that does not take our octets for `write_wait` breaks the connection (ETIMEDOUT).
//
// Lifetime: a StreamPtr may be dropped at any time. That aborts the connection unless it is closed, and the
// object goes when the reactor has had its last word; the shard must keep turning until then. Only
// write_borrowed() asks for more: its octets belong to the stream until flush() says true or close() is over,
// so its user awaits one of them on every path.
//
// Layers: accept_input() is the one place where octets enter, send_pending() the one where they leave. A TLS
// layer goes between these and the queues; a PROXY header is read by the listener's sink before it hands the
// stream on. Nothing above sees a socket.
//
// Per shard. Errors are errno values.
#pragma once

#include "io/base/chunk.h"
#include "io/base/clock.h"
#include "io/base/ip.h"
#include "io/base/limits.h"
#include "io/reactor/shard.h"
#include "io/runtime/signal.h"
#include "io/runtime/task.h"

#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::net {

using reactor::CloseMode;
using reactor::Shard;

class Stream;
class StreamStop;
struct StreamRelease {
  void operator()(Stream* stream) const noexcept;
};
using StreamPtr = std::unique_ptr<Stream, StreamRelease>;

enum class StreamEvent : uint8_t {
  Data,         // `chunk` holds at least one octet
  End,          // the peer's orderly end; we can still write
  Error,        // the connection is broken, or was aborted here
  Timeout,      // nothing came until the deadline; the stream is as it was
  Interrupted,  // interrupt() was called; the stream is as it was
};

struct Received {
  StreamEvent event = StreamEvent::Error;
  int error = 0;  // with Error
  Chunk chunk;    // with Data
};

class Stream final : private reactor::StreamHandler, private reactor::TurnHook, private runtime::Timer {
 public:
  class Receive;
  class Flush;

  // A connected stream, or why not; ETIMEDOUT at the deadline, ECANCELED when it was stopped.
  static runtime::Task<std::expected<StreamPtr, int>> connect(Shard& shard, Endpoint remote,
                                                              MonoTime deadline, StreamStop* stop = nullptr);

  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  const Endpoint& peer() const { return peer_; }
  const Endpoint& local() const { return local_; }

  // The next octets, in the order in which they came; waits until the deadline when there are none.
  [[nodiscard]] Receive receive(Shard& shard, MonoTime deadline);
  // Octets that are here already. A talker before the greeting is found so.
  bool has_input() const { return input_taken_ < input_.size(); }
  // Back pressure by a reader that has no place for more: nothing is taken from the kernel until go_on().
  void hold();
  void go_on();
  // Wakes the reader, or makes the next wait end at once, when there are no octets.
  void interrupt();

  void write(std::string_view octets);           // copied
  void write(Chunk chunk);                       // sent from where it is, then released
  void write_borrowed(std::string_view octets);  // sent from where it is; see the top of this file
  size_t unsent() const { return pending_.octets + sending_.octets; }
  // Whether the kernel has taken everything that was ever written. For a send that was under way when the
  // connection was broken off it is known when close() is over.
  bool all_sent() const { return unsent() == 0 && !octets_lost_; }
  bool broken() const { return send_failed_ || (input_ended_ && input_error_ != 0); }
  bool ended() const { return input_ended_; }  // no more octets than those that are here will come
  // True when everything written so far has been taken by the kernel; false when the connection broke or the
  // deadline passed (the octets are still queued then). One waiter.
  [[nodiscard]] Flush flush(Shard& shard, MonoTime deadline);
  // How long one send may take before the connection is broken off. kNever-like values: no limit.
  void set_write_wait(MonoClock::duration wait) { write_wait_ = wait; }

  // Breaks the connection at once: the reader and the flusher wake with Error and false.
  void abort();
  // Graceful: what was written is sent first, then FIN. Over when the reactor is done with the socket and
  // with borrowed octets; what is left to wait for is bounded by the write wait.
  [[nodiscard]] runtime::Task<void> close(Shard& shard, CloseMode mode);
  // The polite end of a conversation that we break off while the peer may still be talking: flush, half
  // close, throw away input until the peer ends or the deadline passes, close. A plain close would lose the
  // last reply to a reset.
  [[nodiscard]] runtime::Task<void> finish(Shard& shard, MonoTime deadline);

 private:
  friend class Listener;
  friend struct StreamRelease;
  enum class State : uint8_t { Accepting, Connecting, Open, Closing, Closed };

  // What leaves together. Copied text stands in one string, whose memory is used again and again.
  struct Batch {
    struct Piece {
      enum class Kind : uint8_t { Text, Elsewhere };
      Kind kind;
      const char* octets;  // Elsewhere
      size_t offset;       // Text
      size_t size;
    };
    std::vector<Piece> pieces;
    std::string text;
    std::vector<Chunk> chunks;
    size_t octets = 0;
    size_t borrowed = 0;
    void add_text(std::string_view text_octets);
    void add_elsewhere(std::string_view elsewhere);
    void clear();
  };

  explicit Stream(Shard& shard) : shard_(shard) {}
  ~Stream();

  static constexpr uint32_t kSmallInput = 1024;  // of a copy
  static constexpr uint32_t kSmallShare = 8;     // less than this part of a buffer is copied

  void accept_input(Chunk chunk);
  void queue_input(Chunk chunk);
  void resume_input();
  bool writable();
  void send_pending();
  void send_slices();
  void break_off(int error);
  void start_close(CloseMode mode);
  void release() noexcept;
  Received take_input();
  bool input_decided() const { return has_input() || interrupted_ || input_ended_; }
  bool flush_decided() const { return unsent() == 0 || send_failed_; }

  void on_connected(int error) override;
  void on_received(Chunk chunk) override;
  void on_receive_end(int error) override;
  void on_sent(int error) override;
  void on_closed() override;
  void on_turn_end() override;
  void on_timer() override;

  Shard& shard_;
  reactor::SocketId socket_;
  State state_ = State::Connecting;
  Endpoint peer_;
  Endpoint local_;

  std::vector<Chunk> input_;  // those from input_taken_ on are still to be taken
  size_t input_taken_ = 0;
  size_t input_capacity_ = 0;
  bool input_paused_ = false;
  bool held_ = false;
  bool input_ended_ = false;
  bool interrupted_ = false;
  int input_error_ = 0;
  runtime::Signal input_signal_;

  Batch pending_;              // written in this turn, or while a send is under way
  Batch sending_;              // with the reactor
  std::vector<iovec> slices_;  // of sending_
  size_t slices_sent_ = 0;     // a batch of very many pieces goes in several sends
  bool send_in_flight_ = false;
  bool send_failed_ = false;  // nothing can be written any more
  bool octets_lost_ = false;  // something that was written has not been taken
  MonoClock::duration write_wait_ = limits::kServerWriteWait;
  MonoTime send_deadline_ = kNever;
  runtime::Signal output_signal_;

  runtime::Signal closed_signal_;
  bool orphan_ = false;  // nobody holds it: goes by itself at on_closed()
};

// Ends from outside what a coroutine does with a stream that only it knows: connect(), and what follows until
// the stream is handed over. For one of them at a time; outlives its watches.
class StreamStop {
 public:
  // Aborts the stream that is watched, and every one that will be.
  void stop() {
    stopped_ = true;
    if (stream_ != nullptr) stream_->abort();
  }
  bool stopped() const { return stopped_; }

  // Held by the coroutine while it waits for the stream. Null: nobody stops it.
  class Watch {
   public:
    Watch(StreamStop* stop, Stream& stream) : stop_(stop) {
      if (stop_ == nullptr) return;
      stop_->stream_ = &stream;
      if (stop_->stopped_) stream.abort();
    }
    ~Watch() {
      if (stop_ != nullptr) stop_->stream_ = nullptr;
    }
    Watch(const Watch&) = delete;
    Watch& operator=(const Watch&) = delete;

   private:
    StreamStop* stop_;
  };

 private:
  Stream* stream_ = nullptr;
  bool stopped_ = false;
};

class Stream::Receive {
 public:
  Receive(Stream& stream, Shard& shard, MonoTime deadline)
      : stream_(stream), wait_(stream.input_signal_, shard, deadline) {}
  bool await_ready() const { return stream_.input_decided(); }
  void await_suspend(std::coroutine_handle<> waiting) {
    stream_.input_signal_.reset();
    wait_.await_suspend(waiting);
  }
  [[nodiscard]] Received await_resume() { return stream_.take_input(); }

 private:
  Stream& stream_;
  runtime::Signal::Wait wait_;
};

class Stream::Flush {
 public:
  Flush(Stream& stream, Shard& shard, MonoTime deadline)
      : stream_(stream), wait_(stream.output_signal_, shard, deadline) {}
  bool await_ready() const { return stream_.flush_decided(); }
  void await_suspend(std::coroutine_handle<> waiting) {
    stream_.output_signal_.reset();
    wait_.await_suspend(waiting);
  }
  [[nodiscard]] bool await_resume() const { return stream_.all_sent(); }

 private:
  Stream& stream_;
  runtime::Signal::Wait wait_;
};

inline Stream::Receive Stream::receive(Shard& shard, MonoTime deadline) { return {*this, shard, deadline}; }
inline Stream::Flush Stream::flush(Shard& shard, MonoTime deadline) { return {*this, shard, deadline}; }

}  // namespace sluice::net
