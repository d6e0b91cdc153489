// PipelineContext: what the messages of one shard share: the listeners with the policy in force, the DNS,
// SPF, the way to the next hops, the journal, and the counts. Owned by engine/node; outlives every connection
// of the shard. One shard.
#pragma once

#include "dnscache/client/dns_client.h"
#include "engine/delivery/dmarc_collector.h"
#include "engine/delivery/hop_pools.h"
#include "engine/message/body_store.h"
#include "engine/message/disposition.h"
#include "engine/pipeline/authentication_counters.h"
#include "engine/pipeline/live_policy.h"
#include "engine/pipeline/message_inquiry.h"
#include "engine/pipeline/spf_verdicts.h"
#include "engine/store/journal.h"
#include "io/base/bucket_counts.h"
#include "io/base/spare_texts.h"
#include "io/runtime/task_group.h"

#include <cstdint>
#include <memory>
#include <vector>

namespace sluice::pipeline {

struct PipelineCounters {
  uint64_t transactions = 0;
  uint64_t spf_evaluations = 0;   // inquiries started
  uint64_t spf_cut_off = 0;       // not finished when the verdict was due
  uint64_t mail_refused = 0;      // MAIL answered 452 4.3.1 because the node's memory was used up
  uint64_t normalized = 0;        // messages whose bare CR and LF were made CRLF
  uint64_t rows_not_durable = 0;  // rows in the ring, or deletions refused, because the disk refused
  AuthenticationCounters authentication;
};

// How long things took, and how large messages were. Times are in microseconds of the shard's turns.
struct PipelineDistributions {
  BucketCounts end_of_data;     // from the end of the message to the decision
  BucketCounts authentication;  // an inquiry, from its start to its outcome
  BucketCounts next_hop;        // from our DATA to the next hop's last word
  BucketCounts message_octets;  // of messages that came to their end

  void add(const PipelineDistributions& other) {
    end_of_data.add(other.end_of_data);
    authentication.add(other.authentication);
    next_hop.add(other.next_hop);
    message_octets.add(other.message_octets);
  }
};

struct PipelineContext {
  dns::DnsClient& dns;
  SpfVerdicts& spf;
  MessageInquiries& messages;
  delivery::HopPools& hops;
  store::Journal& journal;
  message::BodyStore& bodies;
  runtime::TaskGroup& background;  // evaluations that outlive their transaction
  // Each lives as long as a session that came in by it.
  std::vector<std::unique_ptr<ListenerInForce>> listeners{};
  delivery::DmarcCollector* dmarc_reports = nullptr;  // null: nobody reports
  message::Balance balance{};
  PipelineCounters counters{};
  PipelineDistributions distributions{};
  SpareTexts texts{};  // for header fields of ours

  // The number must be one of an open listener.
  ListenerInForce& listener(uint32_t number) const;
};

}  // namespace sluice::pipeline
