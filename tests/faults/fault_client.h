// FaultClient: one sending machine of the simulated world: carries out its plan, and watches every reply: one
// for each command and no more, none of a kind that its command cannot have, each in time, and none behind a
// 421. What it named and was told goes to the ledger. It does not use our session classes. One shard.
#pragma once

#include "io/net/stream.h"
#include "io/reactor/shard.h"
#include "io/reactor/sim_world.h"
#include "io/runtime/task_group.h"
#include "tests/faults/client_plan.h"
#include "tests/faults/dice.h"
#include "tests/faults/ledger.h"

#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::faults {

class FaultClient {
 public:
  struct World {
    reactor::SimWorld& sim;
    Ledger& ledger;
    bool normalizes;  // the nodes make bare line ends CRLF, and refuse no message for them
    std::vector<Endpoint> nodes;
    // A client was just told 250 for its message.
    std::function<void(const Attempt&)> on_accepted;
  };

  FaultClient(reactor::Shard& shard, World& world, size_t number, std::string name, ClientPlan plan,
              uint64_t seed);

  void start();
  bool done() const { return done_; }

 private:
  enum class Asked : uint8_t { Greeting, Hello, Mail, Rcpt, Data, Chunk, End, Other };
  struct Expected {
    Asked asked = Asked::Other;
    Attempt* attempt = nullptr;
    size_t recipient = 0;
  };
  // One connection, on its coroutine's frame.
  struct Talk {
    const ConnectionPlan& plan;
    net::StreamPtr stream;
    MonoTime connected_at{};
    std::string input;
    std::deque<Expected> expected;
    bool open = true;
    bool told_421 = false;
    bool dead_link = false;  // a blackhole of ours: nobody owes us anything
    bool chunking = false;
    bool over = false;  // by our own doing
    bool mute = false;
  };

  runtime::Task<void> run(reactor::Shard& shard);
  runtime::Task<void> talk_to(reactor::Shard& shard, Talk& talk);
  runtime::Task<void> transaction(reactor::Shard& shard, Talk& talk, size_t index);
  runtime::Task<bool> envelope(reactor::Shard& shard, Talk& talk, size_t index, Attempt& attempt);
  runtime::Task<void> say_recipients(reactor::Shard& shard, Talk& talk, size_t index, Attempt& attempt);
  runtime::Task<void> data(reactor::Shard& shard, Talk& talk, size_t index, Attempt& attempt);
  runtime::Task<void> body(reactor::Shard& shard, Talk& talk, size_t index, Attempt& attempt,
                           std::string wire);
  runtime::Task<void> chunks(reactor::Shard& shard, Talk& talk, Attempt& attempt, size_t index,
                             std::string message);
  runtime::Task<void> flood(reactor::Shard& shard, Talk& talk);
  runtime::Task<void> say(reactor::Shard& shard, Talk& talk, std::string octets);
  runtime::Task<void> garbage(reactor::Shard& shard, Talk& talk);
  // All replies that are owed, or the end of the connection.
  runtime::Task<void> settle(reactor::Shard& shard, Talk& talk);
  runtime::Task<void> receive(reactor::Shard& shard, Talk& talk, MonoTime deadline);
  // True: the connection is over by what happens here.
  runtime::Task<bool> mishap(reactor::Shard& shard, Talk& talk, Stage stage, size_t transaction);
  runtime::Task<void> keep_silent(reactor::Shard& shard, Talk& talk);
  void cut_link(Talk& talk, bool cut);

  void expect(Talk& talk, Asked asked, Attempt* attempt = nullptr, size_t recipient = 0);
  void take_replies(Talk& talk);
  void on_reply(Talk& talk, int code, std::string_view text);
  void note(const Expected& expected, int code);
  static bool fits(Asked asked, int code);
  void make_recipients(const TransactionPlan& plan, Attempt& attempt);
  std::string make_message(const TransactionPlan& plan, Attempt& attempt);
  static std::string stuffed(std::string_view message);

  reactor::Shard& shard_;
  World& world_;
  Ledger& ledger_;
  size_t number_;
  std::string name_;
  ClientPlan plan_;
  Dice dice_;
  runtime::TaskGroup group_;
  bool done_ = false;
};

}  // namespace sluice::faults
