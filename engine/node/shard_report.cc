#include "engine/node/shard_report.h"

#include <algorithm>

namespace sluice::node {
namespace {

void add_pipeline(pipeline::PipelineCounters& sum, const pipeline::PipelineCounters& other) {
  sum.transactions += other.transactions;
  sum.spf_evaluations += other.spf_evaluations;
  sum.spf_cut_off += other.spf_cut_off;
  sum.mail_refused += other.mail_refused;
  sum.normalized += other.normalized;
  sum.rows_not_durable += other.rows_not_durable;
  sum.authentication.add(other.authentication);
}

void add_resolver(dns::ResolverStatistics& sum, const dns::ResolverStatistics& other) {
  sum.asked += other.asked;
  sum.joined += other.joined;
  sum.sent_udp += other.sent_udp;
  sum.sent_tcp += other.sent_tcp;
  sum.retries += other.retries;
  sum.answers += other.answers;
  sum.unmatched += other.unmatched;
  sum.malformed += other.malformed;
  sum.other_case += other.other_case;
  sum.truncated += other.truncated;
  sum.unreachable += other.unreachable;
  sum.probes += other.probes;
  sum.time_outs += other.time_outs;
  sum.failures += other.failures;
  sum.refused_full += other.refused_full;
  sum.refused_domain += other.refused_domain;
}

void add_cache(dns::CacheStatistics& sum, const dns::CacheStatistics& other) {
  sum.hits += other.hits;
  sum.negative_hits += other.negative_hits;
  sum.stale_hits += other.stale_hits;
  sum.misses += other.misses;
  sum.puts += other.puts;
  sum.renewals += other.renewals;
  sum.refreshes += other.refreshes;
  sum.evictions += other.evictions;
  sum.passed_over += other.passed_over;
  sum.object_evictions += other.object_evictions;
  sum.entries += other.entries;
  sum.bytes += other.bytes;
  sum.object_bytes += other.object_bytes;
}

// A next hop is reachable where one shard can talk to it, and refuses everyone only where it does so to all.
void add_hop(std::vector<HopReport>& all, const HopReport& other) {
  const auto known = std::ranges::find(all, other.next_hops, &HopReport::next_hops);
  if (known == all.end()) {
    all.push_back(other);
    return;
  }
  known->reachable |= other.reachable;
  known->refuses_everyone &= other.refuses_everyone;
  known->sessions_open += other.sessions_open;
  known->sessions_idle += other.sessions_idle;
  known->counters.add(other.counters);
}

}  // namespace

void ShardReport::add(const ShardReport& other) {
  at = at == MonoTime{} ? other.at : std::min(at, other.at);
  balance.add(other.balance);
  add_pipeline(pipeline, other.pipeline);
  distributions.add(other.distributions);
  spf.add(other.spf);
  body_octets_held += other.body_octets_held;
  body_octets_granted += other.body_octets_granted;
  spill_octets_held += other.spill_octets_held;
  bodies.add(other.bodies);
  dmarc_reports.add(other.dmarc_reports);
  dmarc_report_octets_held += other.dmarc_report_octets_held;
  journal.add(other.journal);
  journal_refuses |= other.journal_refuses;
  hops.add(other.hops);
  for (const HopReport& hop : other.hop_list) add_hop(hop_list, hop);
  smtp.add(other.smtp);
  sessions += other.sessions;
  add_resolver(resolver, other.resolver);
  add_cache(dns_cache, other.dns_cache);
  dns_outage |= other.dns_outage;
  policy_number = policy_number == 0 ? other.policy_number : std::min(policy_number, other.policy_number);
  if (listen_problem.empty()) listen_problem = other.listen_problem;
  connections += other.connections;
  dns_questions += other.dns_questions;
  dns_forwarded += other.dns_forwarded;
}

}  // namespace sluice::node
