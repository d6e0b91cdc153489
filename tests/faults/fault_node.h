// FaultNode: one machine with a node on it, through several lives: started, drained, crashed and started
// again on what its disk kept. Each life has its shards and what they share, wired as engine/node's Node does
// it, on reactors of the simulator. A life that crashed is unwound beside the next one. One thread.
#pragma once

#include "dnscache/client/home_shards.h"
#include "engine/node/node_shard.h"
#include "io/reactor/mail.h"
#include "io/reactor/sim_world.h"
#include "io/runtime/task_group.h"
#include "rules/policy/policy.h"
#include "tests/faults/ledger.h"

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace sluice::faults {

struct FaultNodeOptions {
  std::string name;
  size_t shards = 1;
  uint64_t bodies_max = limits::kShardBodies;
  uint64_t message_memory = limits::kMessageMemory;  // beyond it a message is written out
  reactor::SimReactorOptions reactor;
  std::vector<Endpoint> dns_servers;
  std::vector<std::string> policies;  // documents, one after the other with each reload
};

inline constexpr const char* kJournalPath = "/var/journal.jsonl";

class FaultNode {
 public:
  // The world, the log and the ledger outlive the node.
  FaultNode(reactor::SimWorld& world, FaultNodeOptions options, runtime::Log& log, Ledger& ledger);
  ~FaultNode();

  // Begins a life; has_started() says when it is there. It may fail to start, as when the disk refuses.
  void start();
  bool has_started() const;
  bool start_failed() const;
  // Begins to drain (W-16), or to unwind what a crash left.
  void stop();
  bool has_stopped() const;
  // Checks the life that has stopped, and forgets it.
  void bury();
  // Cuts it off; it is unwound beside what comes next.
  void crash();
  void reopen_journals();
  void reload();  // the next policy
  bool alive() const { return life_ != nullptr; }

  // To be turned: the shards of this life and of those that are being unwound.
  void add_shards(std::vector<reactor::Shard*>& shards) const;
  // Buries crashed lives that have been unwound. True: none is left.
  bool reap();

  // Nobody talks to it any more and all deadlines are past: what it must then have given back.
  void check_idle();
  const std::string& name() const { return options_.name; }
  const std::vector<MonoTime>& crashes() const { return crashes_; }
  bool crashed_since(MonoTime time) const;
  const message::Balance& balance() const { return balance_; }  // of the lives that were drained
  uint64_t rows_dropped() const { return rows_dropped_; }

 private:
  struct Life;
  void bury(Life& life);
  void end_last_row();
  policy::Policy read_policy();

  reactor::SimWorld& world_;
  dns::HostsTable hosts_;
  FaultNodeOptions options_;
  runtime::Log& log_;
  Ledger& ledger_;
  std::unique_ptr<Life> life_;
  std::vector<std::unique_ptr<Life>> unwinding_;
  std::vector<MonoTime> crashes_;
  message::Balance balance_;
  uint64_t rows_dropped_ = 0;
  uint64_t policies_read_ = 0;
};

}  // namespace sluice::faults
