// A peer that follows a script, line by line, on either side of a connection: a client of our server or a
// next hop of our client. What it did not expect fails the test and ends the connection.
#pragma once

#include "tests/unit/io/net/sim_pair.h"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sluice::test {

struct Step {
  enum class Kind : uint8_t { Say, Hear, HearReply, HearBody, HearEnd, HearRest, Pause, HangUp, Cut };
  Kind kind;
  std::string text;
  MonoClock::duration time{};
};
inline Step say(std::string text) { return {Step::Kind::Say, std::move(text), {}}; }
// One line, without CRLF, that begins with the text.
inline Step hear(std::string text) { return {Step::Kind::Hear, std::move(text), {}}; }
// One reply of one or more lines; the last begins with the text.
inline Step hear_reply(std::string text) { return {Step::Kind::HearReply, std::move(text), {}}; }
inline Step hear_body() { return {Step::Kind::HearBody, {}, {}}; }  // to the final dot
inline Step hear_end() { return {Step::Kind::HearEnd, {}, {}}; }    // the other side's end or reset
inline Step hear_rest() { return {Step::Kind::HearRest, {}, {}}; }  // whatever comes before it
inline Step pause(MonoClock::duration time) { return {Step::Kind::Pause, {}, time}; }
inline Step hang_up() { return {Step::Kind::HangUp, {}, {}}; }
inline Step cut() { return {Step::Kind::Cut, {}, {}}; }
using Script = std::vector<Step>;

inline Script operator+(Script first, const Script& second) {
  first.insert(first.end(), second.begin(), second.end());
  return first;
}

class ScriptedPeer {
 public:
  explicit ScriptedPeer(net::StreamPtr stream) : stream_(std::move(stream)) {}

  Task<void> play(Shard& shard, Script script) {
    for (const Step& step : script) {
      const bool went_well = co_await act(shard, step);
      if (!went_well || !stream_) co_return;
    }
    co_await stream_->close(shard, net::CloseMode::Graceful);
  }

  bool failed = false;
  std::string body;      // of the last HearBody, in wire form
  std::string received;  // everything

 private:
  Task<bool> act(Shard& shard, const Step& step) {
    switch (step.kind) {
      case Step::Kind::Say:
        stream_->write(step.text);
        co_return true;
      case Step::Kind::Pause:
        co_await sleep(shard, step.time);
        co_return true;
      case Step::Kind::HangUp:
        co_await stream_->close(shard, net::CloseMode::Graceful);
        stream_.reset();
        co_return true;
      case Step::Kind::Cut:
        stream_.reset();
        co_return true;
      case Step::Kind::HearEnd: {
        const bool more = co_await fill(shard);
        if (more) fail_step("its end", unread_);
        co_return !more;
      }
      case Step::Kind::HearRest:
        for (bool more = true; more;) more = co_await fill(shard);
        co_return true;
      case Step::Kind::HearBody: {
        bool more = true;
        while (more && find_end_of_body() == std::string::npos) more = co_await fill(shard);
        const size_t end = find_end_of_body();
        if (end == std::string::npos) {
          fail_step("a message", unread_);
          co_return false;
        }
        body = unread_.substr(0, end);
        unread_.erase(0, end + 3);
        co_return true;
      }
      case Step::Kind::Hear:
      case Step::Kind::HearReply:
        break;
    }
    std::string line;
    for (;;) {
      bool more = true;
      while (more && unread_.find("\r\n") == std::string::npos) more = co_await fill(shard);
      const size_t end = unread_.find("\r\n");
      if (end == std::string::npos) {
        fail_step(step.text, unread_ + " and its end");
        co_return false;
      }
      line = unread_.substr(0, end);
      unread_.erase(0, end + 2);
      const bool last = step.kind == Step::Kind::Hear || line.size() < 4 || line[3] == ' ';
      if (last) break;
    }
    if (!line.starts_with(step.text)) {
      fail_step(step.text, line);
      co_return false;
    }
    co_return true;
  }

  size_t find_end_of_body() const {
    if (unread_.starts_with(".\r\n")) return 0;
    const size_t end = unread_.find("\r\n.\r\n");
    return end == std::string::npos ? end : end + 2;
  }
  Task<bool> fill(Shard& shard) {
    const MonoTime deadline = shard.now() + std::chrono::minutes(30);
    net::Received got = co_await stream_->receive(shard, deadline);
    if (got.event != net::StreamEvent::Data) co_return false;
    unread_ += got.chunk.view();
    received += got.chunk.view();
    co_return true;
  }
  void fail_step(const std::string& expected, const std::string& got) {
    failed = true;
    ADD_FAILURE() << "expected: " << expected << "\n     got: " << got;
    stream_.reset();
  }

  net::StreamPtr stream_;
  std::string unread_;
};

// Connects and plays.
inline Task<void> play_client(Shard& shard, Endpoint remote, Script script, std::string& received) {
  auto stream = co_await net::Stream::connect(shard, remote, kNever);
  EXPECT_TRUE(stream.has_value());
  if (!stream) co_return;
  ScriptedPeer peer(std::move(*stream));
  co_await peer.play(shard, std::move(script));
  received = peer.received;
}

// A next hop: the nth connection follows the nth script; more connections than scripts fail the test.
class ScriptedHop final : private net::AcceptSink {
 public:
  ScriptedHop(Shard& shard, const Endpoint& address, std::vector<Script> scripts)
      : shard_(shard), scripts_(std::move(scripts)) {
    auto listener = net::Listener::open(shard, {.address = address}, *this);
    EXPECT_TRUE(listener.has_value());
    listener_ = std::move(*listener);
  }
  Task<void> close(Shard& shard) {
    co_await listener_->close(shard);
    group_.close();
    while (group_.size() != 0) (void)co_await group_.wait_empty(shard, kNever);
    EXPECT_EQ(connections_, scripts_.size()) << "scripts were not played";
  }
  size_t connections() const { return connections_; }
  const std::vector<std::string>& bodies() const { return bodies_; }
  // All that was heard, connection by connection as they ended.
  const std::vector<std::string>& received() const { return received_; }

 private:
  void on_stream(net::StreamPtr stream) override {
    if (connections_ == scripts_.size()) {
      ADD_FAILURE() << "a connection too many";
      return;
    }
    Script& script = scripts_[connections_++];
    EXPECT_TRUE(group_.spawn(shard_, play(shard_, std::move(stream), std::move(script))));
  }
  Task<void> play(Shard& shard, net::StreamPtr stream, Script script) {
    ScriptedPeer peer(std::move(stream));
    co_await peer.play(shard, std::move(script));
    if (!peer.body.empty()) bodies_.push_back(peer.body);
    received_.push_back(std::move(peer.received));
  }

  Shard& shard_;
  std::vector<Script> scripts_;
  std::unique_ptr<net::Listener> listener_;
  runtime::TaskGroup group_;
  size_t connections_ = 0;
  std::vector<std::string> bodies_;
  std::vector<std::string> received_;
};

}  // namespace sluice::test
