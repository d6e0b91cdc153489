// Handlers that write down what is reported, for tests of the kernel back ends.
#pragma once

#include "io/reactor/reactor.h"

#include <chrono>
#include <cstddef>
#include <deque>
#include <string>
#include <vector>

namespace sluice::reactor::test {

class StreamRecorder : public StreamHandler {
 public:
  virtual ~StreamRecorder() = default;
  void on_connected(int error) override { connected = error; }
  void on_received(Chunk chunk) override {
    received += chunk.view();
    if (keep) kept.push_back(std::move(chunk));
  }
  void on_receive_end(int error) override { receive_end = error; }
  void on_sent(int error) override { sent.push_back(error); }
  void on_closed() override { closed = true; }

  // One slice.
  void send(Reactor& reactor, std::string text) {
    out = std::move(text);
    slices = {{.iov_base = out.data(), .iov_len = out.size()}};
    reactor.send(id, slices);
  }

  SocketId id;
  int connected = -1;
  int receive_end = -1;
  bool closed = false;
  bool keep = false;
  std::string received;
  std::vector<Chunk> kept;
  std::vector<int> sent;
  std::string out;
  std::vector<iovec> slices;
};

class AcceptRecorder final : public AcceptHandler {
 public:
  StreamHandler* on_accepted(SocketId stream, const Endpoint& peer, const Endpoint& local) override {
    StreamRecorder& recorder = streams.emplace_back();
    recorder.id = stream;
    recorder.keep = keep;
    peers.push_back(peer);
    locals.push_back(local);
    return &recorder;
  }
  void on_accept_error(int error) override { errors.push_back(error); }
  void on_listener_closed() override { closed = true; }

  SocketId id;
  bool keep = false;
  bool closed = false;
  std::deque<StreamRecorder> streams;
  std::vector<Endpoint> peers;
  std::vector<Endpoint> locals;
  std::vector<int> errors;
};

// Polls until the condition holds, for at most ten seconds.
template <class Condition>
bool poll_until(Reactor& reactor, Condition condition) {
  const MonoTime limit = reactor.now() + std::chrono::seconds(10);
  while (!condition()) {
    if (reactor.now() >= limit) return false;
    reactor.poll(reactor.now() + std::chrono::milliseconds(100));
  }
  return true;
}

}  // namespace sluice::reactor::test
