// NodeShard: all that one shard of the node is made of, built from the bottom up and taken down in reverse:
// DNS, next hops, journal, pipeline, and an SMTP server for each listener. One shard.
#pragma once

#include "dnscache/client/dns_client.h"
#include "dnscache/client/home_shards.h"
#include "dnscache/resolver/system_files.h"
#include "engine/delivery/hop_pools.h"
#include "engine/delivery/next_hops.h"
#include "engine/node/hop_watch.h"
#include "engine/pipeline/context.h"
#include "engine/pipeline/pipeline_service.h"
#include "engine/store/journal.h"
#include "io/reactor/shard.h"
#include "io/runtime/log.h"
#include "io/runtime/task_group.h"
#include "io/serve/smtp_server.h"
#include "rules/policy/policy.h"
#include "rules/policy/removed_fields.h"

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace sluice::node {

// Shared by all shards, immutable while they run but for the mail in `homes`.
struct NodeResources {
  const policy::Policy& policy;
  const policy::RemovedFields& removed_fields;
  const dns::HostsTable& hosts;
  std::vector<Endpoint> dns_servers;
  std::vector<Endpoint> addresses;  // of the listeners, with the ports that were reserved for port 0
  runtime::Log& log;
  dns::HomeShards* homes = nullptr;            // null: one shard, which asks everything itself
  uint64_t bodies_max = limits::kShardBodies;  // of each shard
};

// What a shard can say of itself when it has stopped.
struct ShardReport {
  message::Balance balance;
  pipeline::PipelineCounters pipeline;
  store::JournalCounters journal;
  serve::HopCounters hops;
  uint64_t connections = 0;
  uint64_t dns_questions = 0;  // sent upstream
  uint64_t dns_forwarded = 0;  // asked at another shard
  void add(const ShardReport& other);
};

class NodeShard {
 public:
  NodeShard(reactor::Shard& shard, const NodeResources& resources,
            store::JournalOptions::Listener on_journal);
  NodeShard(const NodeShard&) = delete;
  NodeShard& operator=(const NodeShard&) = delete;

  // Opens the journal and the listeners. After an error only stop() may be called.
  runtime::Task<Result<void>> start(reactor::Shard& shard);
  // Drain (W-16), then everything else in reverse order.
  runtime::Task<void> stop(reactor::Shard& shard);
  void reopen_journal() { journal_.reopen(); }
  // What another shard's journal reported.
  void hear_of_journal(store::JournalEvent event, uint64_t octets);
  void log_journal(reactor::Shard& shard, store::JournalEvent event);
  ShardReport report() const;

 private:
  runtime::Task<void> drain_server(reactor::Shard& shard, serve::SmtpServer& server, MonoTime deadline);
  void log_resolver_event(reactor::Shard& shard, const dns::ResolverEvent& event);

  const NodeResources& resources_;
  dns::DnsClient dns_;
  std::optional<dns::HomeShard> home_;
  delivery::NextHopDirectory directory_;
  delivery::HopPools hops_;
  HopWatch hop_watch_;
  store::Journal journal_;
  runtime::TaskGroup background_;
  pipeline::PipelineContext context_;
  pipeline::PipelineService service_;
  std::vector<std::unique_ptr<serve::SmtpServer>> servers_;
  bool journal_open_ = false;
};

}  // namespace sluice::node
