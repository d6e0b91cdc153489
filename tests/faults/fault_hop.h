// FaultHop: a next hop of the simulated world with manners drawn by lot: it refuses, keeps silent, answers
// late, closes, resets, says 421 or nonsense at every step, reads slowly, or takes a message and is gone
// before it says so. It tells the ledger what it took, at the final dot, whatever it then says. It does not
// use our session classes. DATA and BDAT. One shard.
#pragma once

#include "io/net/listener.h"
#include "io/net/stream.h"
#include "io/reactor/shard.h"
#include "io/runtime/task_group.h"
#include "tests/faults/dice.h"
#include "tests/faults/ledger.h"

#include <array>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::faults {

struct HopTemper {
  std::array<double, kHopStages> rude{};  // how often, at each stage
  std::vector<Rudeness> manners;          // by lot among these
  double took_and_lost = 0;               // per message taken: the reply never leaves
  double slow = 0;                        // per message: pauses while it is read
  std::chrono::nanoseconds late_min{};
  std::chrono::nanoseconds late_max{};
  std::vector<std::string> capabilities;
};

class FaultHop final : private net::AcceptSink {
 public:
  FaultHop(reactor::Shard& shard, const Endpoint& address, size_t number, HopTemper temper, uint64_t seed,
           Ledger& ledger);
  ~FaultHop();

  // From now on it says yes to everything.
  void calm() { temper_.rude = {}, temper_.took_and_lost = 0, temper_.slow = 0; }
  void begin_stop();
  bool stopped() const { return stopped_; }

 private:
  // One connection's state, on its coroutine's frame.
  struct Talk {
    net::StreamPtr stream;
    std::string input;
    bool open = true;
    bool mail = false;
    std::vector<std::string> recipients;
    std::string body;
    std::string next_reply;  // of the step that comes
  };

  runtime::Task<void> stop(reactor::Shard& shard);
  void on_stream(net::StreamPtr stream) override;
  runtime::Task<void> serve(reactor::Shard& shard, net::StreamPtr stream);
  runtime::Task<bool> fill(reactor::Shard& shard, Talk& talk);
  runtime::Task<void> command(reactor::Shard& shard, Talk& talk, std::string line);
  runtime::Task<void> read_data(reactor::Shard& shard, Talk& talk);
  runtime::Task<void> read_bdat(reactor::Shard& shard, Talk& talk, std::string argument);
  runtime::Task<void> take(reactor::Shard& shard, Talk& talk);
  // Answers with `usual` (without CRLF), or does not. True: it was said.
  runtime::Task<bool> answer(reactor::Shard& shard, Talk& talk, HopStage stage, std::string usual);
  runtime::Task<void> misbehave(reactor::Shard& shard, Talk& talk, Rudeness rudeness);
  Rudeness draw(HopStage stage);
  std::string ehlo_reply() const;

  reactor::Shard& shard_;
  size_t number_;
  HopTemper temper_;
  Dice dice_;
  Ledger& ledger_;
  std::unique_ptr<net::Listener> listener_;
  std::vector<net::Stream*> streams_;
  runtime::TaskGroup group_;
  runtime::TaskGroup stopping_;
  bool stopped_ = false;
};

}  // namespace sluice::faults
