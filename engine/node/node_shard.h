// NodeShard: all that one shard of the node is made of, built from the bottom up and taken down in reverse:
// DNS, next hops, journal, pipeline, and an SMTP server for each listener. One shard.
//
// A new policy is published into NodeResources::policies and taken up between two turns: listeners that it
// has and we have not are opened, those that it has no more are drained, for the others its settings hold
// from the next connection on. A transaction ends under the version that it began with.
#pragma once

#include "dnscache/client/dns_client.h"
#include "dnscache/client/home_shards.h"
#include "dnscache/resolver/system_files.h"
#include "engine/delivery/dmarc_reports.h"
#include "engine/delivery/hop_pools.h"
#include "engine/delivery/next_hops.h"
#include "engine/message/body_store.h"
#include "engine/node/hop_watch.h"
#include "engine/node/shard_report.h"
#include "engine/pipeline/context.h"
#include "engine/pipeline/live_policy.h"
#include "engine/pipeline/pipeline_service.h"
#include "engine/store/journal.h"
#include "io/reactor/shard.h"
#include "io/runtime/log.h"
#include "io/runtime/task_group.h"
#include "io/runtime/worker.h"
#include "io/serve/smtp_server.h"

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace sluice::node {

// Shared by all shards, immutable while they run but for the versions in `policies` and the mail in `homes`.
struct NodeResources {
  pipeline::LivePolicies&
      policies;  // each shard is attached before its NodeShard is made, and detached after it
  const dns::HostsTable& hosts;
  std::vector<Endpoint> dns_servers;
  runtime::Log& log;
  runtime::Worker& worker;                               // for what would hold a shard up; outlives them
  dns::HomeShards* homes = nullptr;                      // null: one shard, which asks everything itself
  message::NodeBudget* bodies = nullptr;                 // null: one shard, whose budget is the node's
  std::optional<message::BodySettings> body_settings{};  // instead of the policy's: for tests
  reactor::Mail<delivery::DmarcPeriod>* dmarc_mail = nullptr;  // null: one shard, which reports alone
  size_t shards = 1;
  std::vector<IpAddress> machine{};  // its own addresses: W-11
  // What is counted for each next hop, and where; neither or both.
  const serve::HopMetricTable* hop_metrics = nullptr;
  runtime::MetricRegistry* metrics = nullptr;
};

message::BudgetTotals body_totals(const policy::MemorySettings& settings);

class NodeShard final : private runtime::PostBox {
 public:
  NodeShard(reactor::Shard& shard, const NodeResources& resources,
            store::JournalOptions::Listener on_journal);
  NodeShard(const NodeShard&) = delete;
  NodeShard& operator=(const NodeShard&) = delete;
  ~NodeShard();

  // Opens the journal and the listeners. After an error only stop() may be called.
  runtime::Task<Result<void>> start(reactor::Shard& shard);
  // Drain (W-16), then everything else in reverse order.
  runtime::Task<void> stop(reactor::Shard& shard);
  // During stop(): what the drain's deadline would do, now.
  void hurry();
  void reopen_journal() { journal_.reopen(); }
  // Carries out an order that it has not seen yet.
  void take_dns_order(const DnsOrder& order);
  // What another shard's journal reported.
  void hear_of_journal(store::JournalEvent event, uint64_t octets);
  void log_journal(reactor::Shard& shard, store::JournalEvent event, uint64_t number = 0);
  ShardReport report() const;

 private:
  // One listening address of ours.
  struct Listening {
    uint32_t number;
    std::unique_ptr<serve::SmtpServer> server;
    bool draining = false;
  };

  void collect() override;
  void take_policy();
  Result<void> open_listener(size_t index);
  void follow_listener(Listening& listening, size_t index);
  runtime::Task<void> close_listener(reactor::Shard& shard, Listening& listening, MonoTime deadline);
  void forget_listener(uint32_t number);
  delivery::DmarcReportOptions report_options() const;
  void log_resolver_event(reactor::Shard& shard, const dns::ResolverEvent& event);

  reactor::Shard& shard_;
  const NodeResources& resources_;
  pipeline::PolicyPin policy_;  // the newest that was taken up
  dns::DnsClient dns_;
  pipeline::SpfVerdicts spf_;
  pipeline::MessageInquiries messages_;
  std::optional<dns::HomeShard> home_;
  delivery::OwnAddresses own_;  // W-11: where a next hop would lead back to us
  delivery::NextHopDirectory directory_;
  delivery::HopPools hops_;
  HopWatch hop_watch_;
  store::Journal journal_;
  delivery::DmarcReports dmarc_reports_;
  runtime::TaskGroup background_;
  message::BodyStore bodies_;
  pipeline::PipelineContext context_;
  pipeline::PipelineService service_;
  size_t sessions_ = 0;  // of all listeners
  std::vector<std::unique_ptr<Listening>> listening_;
  runtime::TaskGroup closing_;  // listeners that a reload took away
  serve::SmtpServerCounters closed_listeners_;
  std::string listen_problem_;
  DnsOrderResult dns_order_;    // of the newest order
  MonoTime dns_order_until_{};  // its answers are kept for the reports so long
  bool journal_open_ = false;
  bool listening_allowed_ = false;  // started, and not stopping
};

}  // namespace sluice::node
