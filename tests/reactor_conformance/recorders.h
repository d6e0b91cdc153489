// Handlers that write down what they are told and check what every handler may rely on: nothing after the
// last call, nothing received after close(), no empty Chunk, every call from inside poll().
#pragma once

#include "io/reactor/reactor.h"

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace sluice::reactor {

class RecordedStream : public StreamHandler {
 public:
  explicit RecordedStream(Reactor& reactor) : reactor_(reactor) {}
  virtual ~RecordedStream() = default;

  SocketId id;
  std::optional<int> connected;
  std::string received;
  std::vector<Chunk> kept;  // with keep_chunks
  size_t received_octets = 0;
  std::optional<int> end;
  std::vector<int> sent;  // the reports
  bool closed = false;
  bool keep_chunks = false;
  std::function<void()> when_connected;
  std::function<void()> when_received;

  void connect(const Endpoint& remote) {
    const Result<SocketId> made = reactor_.connect(remote, *this);
    ASSERT_TRUE(made.has_value()) << made.error().to_string();
    id = *made;
  }
  void send(std::string_view octets) {
    outgoing_ = octets;
    slices_ = {{outgoing_.data(), outgoing_.size()}};
    reactor_.send(id, slices_);
  }
  void close(CloseMode mode = CloseMode::Graceful) {
    asked_close_ = true;
    reactor_.close(id, mode);
  }
  void end_sending() { reactor_.shutdown_send(id); }

 private:
  void on_connected(int error) override {
    EXPECT_FALSE(closed);
    EXPECT_FALSE(connected.has_value());
    connected = error;
    if (when_connected) when_connected();
  }
  void on_received(Chunk chunk) override {
    EXPECT_FALSE(closed);
    EXPECT_FALSE(asked_close_);
    EXPECT_FALSE(end.has_value());
    EXPECT_FALSE(chunk.empty());
    received_octets += chunk.size();
    if (keep_chunks) {
      kept.push_back(std::move(chunk));
    } else {
      received += chunk.view();
    }
    if (when_received) when_received();
  }
  void on_receive_end(int error) override {
    EXPECT_FALSE(closed);
    EXPECT_FALSE(asked_close_);
    EXPECT_FALSE(end.has_value());
    end = error;
  }
  void on_sent(int error) override {
    EXPECT_FALSE(closed);
    sent.push_back(error);
  }
  void on_closed() override {
    EXPECT_FALSE(closed);
    EXPECT_TRUE(asked_close_ || connected.value_or(0) != 0);
    closed = true;
  }

  Reactor& reactor_;
  std::string outgoing_;
  std::vector<iovec> slices_;
  bool asked_close_ = false;
};

class RecordedListener final : public AcceptHandler {
 public:
  explicit RecordedListener(Reactor& reactor) : reactor_(reactor) {}

  SocketId id;
  std::vector<std::unique_ptr<RecordedStream>> streams;
  std::vector<Endpoint> peers;
  std::vector<Endpoint> locals;
  std::vector<int> errors;
  size_t refused = 0;
  bool refuse = false;
  bool closed = false;
  std::function<void(RecordedStream&)> when_accepted;

  void listen(const Endpoint& address) {
    ListenOptions options;
    options.address = address;
    const Result<SocketId> made = reactor_.listen(options, *this);
    ASSERT_TRUE(made.has_value()) << made.error().to_string();
    id = *made;
  }
  Endpoint address() const { return reactor_.local_endpoint(id); }
  void close() { reactor_.close_listener(id); }

 private:
  StreamHandler* on_accepted(SocketId stream, const Endpoint& peer, const Endpoint& local) override {
    EXPECT_FALSE(closed);
    if (refuse) {
      ++refused;
      return nullptr;
    }
    peers.push_back(peer);
    locals.push_back(local);
    streams.push_back(std::make_unique<RecordedStream>(reactor_));
    streams.back()->id = stream;
    if (when_accepted) when_accepted(*streams.back());
    return streams.back().get();
  }
  void on_accept_error(int error) override {
    EXPECT_FALSE(closed);
    errors.push_back(error);
  }
  void on_listener_closed() override {
    EXPECT_FALSE(closed);
    closed = true;
  }

  Reactor& reactor_;
};

class RecordedDatagrams final : public DatagramHandler {
 public:
  explicit RecordedDatagrams(Reactor& reactor) : reactor_(reactor) {}

  SocketId id;
  std::vector<std::string> received;
  std::vector<Endpoint> senders;
  std::vector<int> errors;
  bool closed = false;

  void open(const DatagramOptions& options) {
    const Result<SocketId> made = reactor_.open_datagram(options, *this);
    ASSERT_TRUE(made.has_value()) << made.error().to_string();
    id = *made;
  }
  Endpoint address() const { return reactor_.local_endpoint(id); }
  bool send(std::string_view octets, const Endpoint& to = {}) {
    return reactor_.send_datagram(id, octets, to);
  }
  void close() { reactor_.close_datagram(id); }

 private:
  void on_datagram(Chunk payload, const Endpoint& from) override {
    EXPECT_FALSE(closed);
    received.emplace_back(payload.view());
    senders.push_back(from);
  }
  void on_datagram_error(int error) override {
    EXPECT_FALSE(closed);
    errors.push_back(error);
  }
  void on_datagram_closed() override {
    EXPECT_FALSE(closed);
    closed = true;
  }

  Reactor& reactor_;
};

class RecordedFile final : public FileHandler {
 public:
  std::optional<int64_t> result;

 private:
  void on_file_result(int64_t value) override {
    EXPECT_FALSE(result.has_value());
    result = value;
  }
};

}  // namespace sluice::reactor
