// Node: one running sluiced: the shards and what they share, from a compiled policy to a drained stop. It is
// driven by the control thread, which is none of the shards:
//
//   auto node = Node::start(std::move(policy), options);   // every listener is open, or an error and nothing
//   runs node->reopen_journals();                                // SIGHUP NodeReport report = node->stop();
//   // SIGTERM: drains, joins
//
// All shards read one policy; a second one cannot be published yet.
#pragma once

#include "engine/node/node_shard.h"
#include "io/reactor/mail.h"
#include "io/reactor/shard_group.h"
#include "io/runtime/per_shard.h"
#include "io/runtime/published.h"

#include <latch>
#include <memory>
#include <string>
#include <vector>

namespace sluice::node {

struct NodeOptions {
  bool mask_newer_than_6_1 = false;  // the io_uring back end as on Linux 6.1
  bool pin = true;
};

struct NodeStatus {
  size_t shards = 0;
  std::string backend;
  std::string backend_note;  // why `auto` did not take io_uring; empty when it did
  std::vector<Endpoint> listeners;
};

class Node final : private reactor::ShardProgram {
 public:
  // The log outlives the node.
  [[nodiscard]] static Result<std::unique_ptr<Node>> start(policy::Policy policy, const NodeOptions& options,
                                                           runtime::Log& log);
  ~Node();
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;

  const NodeStatus& status() const { return status_; }
  void reopen_journals();
  ShardReport stop();

 private:
  struct Control {
    uint64_t journal_epoch = 0;  // the journal is opened anew when it grows
  };
  // From the journal of one shard to those of the others.
  struct JournalNews {
    store::JournalEvent event = store::JournalEvent::Rotated;
    uint64_t octets = 0;
  };
  class Member;

  Node(dns::HostsTable hosts, runtime::Log& log);

  Result<void> launch(policy::Policy policy, const NodeOptions& options);
  runtime::Task<void> run(reactor::Shard& shard) override;
  runtime::Task<void> stop(reactor::Shard& shard) override;

  dns::HostsTable hosts_;
  runtime::Log& log_;
  NodeStatus status_;
  std::unique_ptr<reactor::ShardGroup> group_;
  // Made once the group knows its shards, and destroyed after their threads have ended.
  std::unique_ptr<pipeline::LivePolicies> policies_;
  std::unique_ptr<NodeResources> resources_;
  std::unique_ptr<runtime::Published<Control>> control_;
  std::unique_ptr<reactor::Mail<JournalNews>> journal_news_;
  std::unique_ptr<dns::HomeShards> homes_;       // null with one shard
  std::unique_ptr<message::NodeBudget> bodies_;  // null with one shard
  std::unique_ptr<runtime::PerShard<Member>> members_;
  std::unique_ptr<std::latch> started_;
  std::vector<Result<void>> start_results_;  // one a shard, written before the latch
  std::vector<ShardReport> reports_;         // one a shard, written before its thread ends
  uint32_t next_listener_ = 1;               // numbers are not used twice
  bool stopped_ = false;
};

}  // namespace sluice::node
