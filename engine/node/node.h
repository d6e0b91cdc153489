// Node: one running sluiced: the shards and what they share, from a compiled policy to a drained stop. It is
// driven by the control thread, which is none of the shards (control_loop.h):
//
//   auto node = Node::start(std::move(policy), options, log);   // every listener is open, or an error and
//   nothing runs node->reopen_journals(); node->begin_reload(std::move(next));                        // and
//   reload_state() until it is not Pending node->begin_stop();                                         //
//   drains; hurry() cuts that short if (node->stopped()) report = node->finish();
//
// Nothing here waits for a shard but start() and finish().
#pragma once

#include "engine/node/node_shard.h"
#include "engine/node/reserved_port.h"
#include "io/reactor/mail.h"
#include "io/reactor/shard_group.h"
#include "io/runtime/metric_cells.h"
#include "io/runtime/per_shard.h"
#include "io/runtime/published.h"
#include "io/runtime/published_report.h"
#include "io/serve/hop_meter.h"

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

  // Opens the ports of new listeners and publishes the policy; the shards take it up at their next turns. An
  // error, and nothing has changed, when a port cannot be had. One reload at a time: not while one is
  // Pending.
  Result<void> begin_reload(policy::Policy next);
  enum class ReloadState : uint8_t { Pending, Done };
  ReloadState reload_state();
  // Of the last reload: listeners that a shard could not open all the same; empty where all went well.
  std::string reload_problem();
  const policy::Policy& policy() const { return policies_->newest().policy; }
  // What the settings that need a restart are still those of.
  const policy::Policy& policy_at_start() const { return *policy_at_start_; }
  size_t policy_versions() { return policies_->collect(); }  // still alive

  // What each shard said last; null where it has said nothing yet. Valid until the next call. After
  // ask_shards() a shard that turns says it anew; each does so by itself every second.
  void ask_shards() { reports_->ask(); }
  bool shards_answered() const;
  std::vector<const ShardReport*> shard_reports();
  static constexpr std::chrono::seconds kHeartbeat{1};
  // As of now, of all shards. What is declared is what the policy at the start named.
  std::vector<runtime::MetricSample> hop_metrics() const { return hop_registry_->read(); }

  // Each shard carries it out between two turns, and says so in its report.
  void order_dns(DnsOrder order);

  void begin_stop();
  // While it stops: what is still running is broken off now.
  void hurry();
  bool stopped();
  // After begin_stop(): joins the shards and sums up what they did.
  ShardReport finish();

 private:
  struct Control {
    uint64_t journal_epoch = 0;  // the journal is opened anew when it grows
    bool hurry = false;
    DnsOrder dns;
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
  std::unique_ptr<const policy::Policy> policy_at_start_;
  NodeStatus status_;
  runtime::ThreadWorker worker_{"sluice-work"};
  std::unique_ptr<reactor::ShardGroup> group_;
  // Made once the group knows its shards, and destroyed after their threads have ended.
  std::unique_ptr<pipeline::LivePolicies> policies_;
  std::unique_ptr<NodeResources> resources_;
  std::unique_ptr<runtime::MetricRegistry> hop_registry_;
  std::unique_ptr<const serve::HopMetricTable> hop_metrics_;
  std::unique_ptr<runtime::Published<Control>> control_;
  std::unique_ptr<runtime::Reports<ShardReport>> reports_;
  std::unique_ptr<reactor::Mail<JournalNews>> journal_news_;
  std::unique_ptr<reactor::Mail<delivery::DmarcPeriod>> dmarc_mail_;  // null with one shard
  std::unique_ptr<dns::HomeShards> homes_;                            // null with one shard
  std::unique_ptr<message::NodeBudget> bodies_;                       // null with one shard
  std::unique_ptr<runtime::PerShard<Member>> members_;
  std::unique_ptr<std::latch> started_;
  std::vector<Result<void>> start_results_;  // one a shard, written before the latch
  uint32_t next_listener_ = 1;               // numbers are not used twice
  std::vector<ReservedPort> reload_ports_;   // kept until every shard listens
  bool finished_ = false;
};

}  // namespace sluice::node
