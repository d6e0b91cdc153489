#include "tests/node_sim/scripted_hop.h"

#include "io/base/ascii.h"
#include "io/runtime/signal.h"
#include "io/smtp/dot_stuffing.h"

#include <algorithm>

namespace sluice::testing {

using reactor::Shard;
using runtime::Task;

ScriptedHop::ScriptedHop(Shard& shard, const Endpoint& address) : shard_(shard) {
  reactor::ListenOptions options;
  options.address = address;
  auto opened = net::Listener::open(shard, options, *this);
  SLUICE_CHECK(opened.has_value());
  listener_ = std::move(*opened);
}

ScriptedHop::~ScriptedHop() = default;

Task<void> ScriptedHop::stop(Shard& shard) {
  co_await listener_->close(shard);
  for (net::Stream* stream : streams_) stream->abort();
  group_.close();
  (void)co_await group_.wait_empty(shard, kNever);
}

size_t ScriptedHop::count(std::string_view verb) const {
  return static_cast<size_t>(std::ranges::count_if(
      commands_, [&](const std::string& line) { return starts_with_ignore_case(line, verb); }));
}

void ScriptedHop::on_stream(net::StreamPtr stream) {
  ++connections_;
  const bool spawned = group_.spawn(shard_, serve(shard_, std::move(stream)));
  SLUICE_CHECK(spawned);
}

std::string ScriptedHop::take(const std::string& verb, std::string_view usual) {
  std::deque<std::string>& replies = script_[verb];
  if (replies.empty()) return std::string(usual);
  std::string reply = std::move(replies.front());
  replies.pop_front();
  return reply;
}

std::string ScriptedHop::ehlo_reply() const {
  std::string reply = "250-hop.example";
  for (size_t i = 0; i < capabilities_.size(); ++i) {
    reply += i + 1 == capabilities_.size() ? "\r\n250 " : "\r\n250-";
    reply += capabilities_[i];
  }
  if (capabilities_.empty()) reply = "250 hop.example";
  return reply;
}

// "BDAT n LAST": its octets, stuffed as DATA would have brought them.
Task<bool> ScriptedHop::read_chunk(Shard& shard, net::Stream& stream, std::string line, std::string& input,
                                   std::string& octets) {
  const size_t size = std::stoul(line.substr(5));
  while (input.size() < size) {
    net::Received got = co_await stream.receive(shard, kNever);
    if (got.event != net::StreamEvent::Data) co_return false;
    input += got.chunk.view();
  }
  smtp::Stuffer stuffer;
  stuffer.append(octets, std::string_view(input).substr(0, size));
  input.erase(0, size);
  co_return true;
}

Task<void> ScriptedHop::serve(Shard& shard, net::StreamPtr stream) {
  streams_.push_back(stream.get());
  std::string input;
  HopMessage message;
  bool in_data = false;
  std::string reply = take("greeting", "220 hop.example ESMTP");
  std::string accepted_recipient;
  for (bool open = true; open;) {
    if (reply == kClose) break;
    if (!reply.empty() && reply != kSilent) stream->write(reply + "\r\n");
    reply.clear();
    size_t end = input.find("\r\n");
    while (end == input.npos) {
      net::Received got = co_await stream->receive(shard, kNever);
      if (got.event != net::StreamEvent::Data) {
        open = false;
        break;
      }
      input += got.chunk.view();
      if (!in_data) flights_.emplace_back(got.chunk.view());
      end = input.find("\r\n");
    }
    if (!open) break;
    const std::string line = input.substr(0, end);
    input.erase(0, end + 2);
    if (in_data) {
      if (line != ".") {
        message.octets += line + "\r\n";
        continue;
      }
      in_data = false;
      reply = take(".", "250 2.0.0 taken");
      if (reply.starts_with('2')) messages_.push_back(message);
      message = {};
      continue;
    }
    commands_.push_back(line);
    const std::string verb = line.substr(0, 4);
    if (const auto pause = pauses_.find(verb); pause != pauses_.end()) {
      runtime::Signal nobody;
      const MonoTime until = shard.now() + pause->second;
      (void)co_await nobody.wait_until(shard, until);
    }
    if (verb == "EHLO") {
      reply = take("EHLO", ehlo_reply());
    } else if (verb == "XCLI") {
      reply = take("XCLIENT", "220 hop.example ESMTP");
    } else if (verb == "MAIL") {
      reply = take("MAIL", "250 2.1.0 ok");
      message = {};
      message.sender = line.substr(10, line.find('>') - 9);
    } else if (verb == "RCPT") {
      reply = take("RCPT", "250 2.1.5 ok");
      if (reply.starts_with('2')) message.recipients.push_back(line.substr(8, line.find('>') - 7));
    } else if (verb == "DATA") {
      reply = take("DATA", "354 go on");
      in_data = reply.starts_with('3');
    } else if (verb == "BDAT") {
      const bool whole = co_await read_chunk(shard, *stream, line, input, message.octets);
      if (!whole) break;
      reply = take("BDAT", "250 2.0.0 taken");
      if (reply.starts_with('2')) messages_.push_back(message);
      message = {};
    } else if (verb == "RSET") {
      reply = take("RSET", "250 2.0.0 ok");
      message = {};
    } else if (verb == "QUIT") {
      stream->write("221 2.0.0 bye\r\n");
      break;
    } else {
      reply = "500 5.5.2 what";
    }
  }
  std::erase(streams_, stream.get());
  co_await stream->close(shard, net::CloseMode::Graceful);
}

}  // namespace sluice::testing
