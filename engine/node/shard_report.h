// ShardReport: what one shard says of itself when it is asked and when it has stopped: its counts since the
// start and its state at that moment. Plain values; those of several shards add up.
#pragma once

#include "dnscache/cache/answer_cache.h"
#include "dnscache/client/dns_client.h"
#include "engine/delivery/dmarc_reports.h"
#include "engine/message/body_store.h"
#include "engine/message/disposition.h"
#include "engine/node/dns_order.h"
#include "engine/pipeline/context.h"
#include "engine/store/journal.h"
#include "io/base/clock.h"
#include "io/serve/hop_pool.h"
#include "io/serve/smtp_server.h"

#include <cstdint>
#include <string>
#include <vector>

namespace sluice::node {

// One list of next hops, as the rows name it.
struct HopReport {
  std::string next_hops;
  bool reachable = true;
  bool refuses_everyone = false;
  uint64_t sessions_open = 0;
  uint64_t sessions_idle = 0;
  serve::HopCounters counters;
};

struct ShardReport {
  MonoTime at{};  // of the turn; the earliest of those that were added
  bool stopped = false;
  message::Balance balance;
  pipeline::PipelineCounters pipeline;
  pipeline::PipelineDistributions distributions;
  pipeline::SpfCounters spf;
  message::BodyCounters bodies;
  uint64_t body_octets_held = 0;     // what the budget of bodies has booked
  uint64_t body_octets_granted = 0;  // what the shard may book without asking
  uint64_t spill_octets_held = 0;
  delivery::DmarcReportCounters dmarc_reports;
  uint64_t dmarc_report_octets_held = 0;  // collected and not yet written
  store::JournalCounters journal;
  bool journal_refuses = false;
  serve::HopCounters hops;
  std::vector<HopReport> hop_list;
  serve::SmtpServerCounters smtp;
  uint64_t sessions = 0;
  dns::ResolverStatistics resolver;
  dns::CacheStatistics dns_cache;
  bool dns_outage = false;
  uint64_t policy_number = 0;  // of the version that was taken up last; the least of all shards
  std::string listen_problem;  // a listener of that version that could not be opened
  DnsOrderResult dns_order;    // of the newest order; not summed
  uint64_t connections = 0;
  uint64_t dns_questions = 0;  // sent upstream
  uint64_t dns_forwarded = 0;  // asked at another shard

  void add(const ShardReport& other);
};

}  // namespace sluice::node
