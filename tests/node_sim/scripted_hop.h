// A next hop inside the simulated world that does as it is told: a list of what to answer, consumed in order,
// for each verb, and "yes" where nothing is said. It keeps what it accepted. It does not use our server
// classes, so that it can be rude: say nothing, or close at any point.
#pragma once

#include "io/net/listener.h"
#include "io/net/stream.h"
#include "io/reactor/shard.h"
#include "io/runtime/task_group.h"

#include <deque>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::testing {

struct HopMessage {
  std::string sender;                   // "<a@b.example>"
  std::vector<std::string> recipients;  // accepted ones
  std::string octets;                   // wire form, without the final dot
};

class ScriptedHop final : private net::AcceptSink {
 public:
  static constexpr std::string_view kClose = "close";    // instead of a reply
  static constexpr std::string_view kSilent = "silent";  // no reply, the connection stays

  ScriptedHop(reactor::Shard& shard, const Endpoint& address);
  ~ScriptedHop();

  // `verb`: "greeting", "EHLO", "MAIL", "RCPT", "DATA", ".", "BDAT", "RSET" or "XCLIENT". `reply` without
  // CRLF.
  void answer(const std::string& verb, std::string_view reply) { script_[verb].emplace_back(reply); }
  // Before each reply to this verb.
  void set_pause(const std::string& verb, MonoClock::duration pause) { pauses_[verb] = pause; }
  void set_capabilities(std::vector<std::string> words) { capabilities_ = std::move(words); }

  const std::vector<HopMessage>& messages() const { return messages_; }
  const std::vector<std::string>& commands() const { return commands_; }  // every line, in order
  // What came at once where commands were awaited, in order: the round trips of a dialogue.
  const std::vector<std::string>& flights() const { return flights_; }
  size_t count(std::string_view verb) const;
  size_t connections() const { return connections_; }
  runtime::Task<void> stop(reactor::Shard& shard);

 private:
  void on_stream(net::StreamPtr stream) override;
  runtime::Task<bool> read_chunk(reactor::Shard& shard, net::Stream& stream, std::string line,
                                 std::string& input, std::string& octets);
  runtime::Task<void> serve(reactor::Shard& shard, net::StreamPtr stream);
  std::string take(const std::string& verb, std::string_view usual);
  std::string ehlo_reply() const;

  reactor::Shard& shard_;
  std::unique_ptr<net::Listener> listener_;
  std::map<std::string, std::deque<std::string>> script_;
  std::map<std::string, MonoClock::duration> pauses_;
  std::vector<std::string> capabilities_{"PIPELINING", "8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES",
                                         "SIZE 1000000"};
  std::vector<HopMessage> messages_;
  std::vector<std::string> commands_;
  std::vector<std::string> flights_;
  std::vector<net::Stream*> streams_;
  size_t connections_ = 0;
  runtime::TaskGroup group_;
};

}  // namespace sluice::testing
