#include "engine/node/metrics_page.h"

#include "engine/node/metric_text.h"

#include <array>

#include <fmt/format.h>

namespace sluice::node {
namespace {

constexpr double kMicroseconds = 1e-6;

double seconds_of(WallTime time) {
  return static_cast<double>(time.time_since_epoch().count()) * kMicroseconds;
}

double seconds_of(MonoClock::duration time) { return std::chrono::duration<double>(time).count(); }

uint64_t as_number(bool truth) { return truth ? 1 : 0; }

void write_node(MetricText& out, const NodeView& view) {
  out.gauge("sluice_build_info", "Always 1; the labels say what is running.");
  out.sample(uint64_t{1},
             {{"version", SLUICE_VERSION}, {"compiler", SLUICE_COMPILER}, {"backend", view.backend}});
  out.gauge("sluice_start_time_seconds", "When the node was started, seconds since 1970.");
  out.sample(seconds_of(view.started));
  out.gauge("sluice_draining", "1 while the node drains and ends.", as_number(view.phase == Phase::Draining));
  out.gauge("sluice_shards", "Shards of the node.", view.shards.size());
  out.gauge("sluice_shard_last_turn_age_seconds", "Since when the loop of a shard has not turned.");
  for (size_t i = 0; i < view.shards.size(); ++i) {
    if (view.shards[i] == nullptr) continue;
    const auto age = std::max(view.now - view.shards[i]->at, MonoClock::duration::zero());
    out.sample(seconds_of(age), {{"shard", std::to_string(i)}});
  }
  out.counter("sluice_log_dropped",
              "Lines of the log that were lost because it could not be written as fast.", view.log_dropped);
  out.counter("sluice_log_suppressed",
              "Lines of the log that were held back because their kind came too often.", view.log_suppressed);
}

void write_process(MetricText& out, const ProcessFigures& process) {
  out.gauge("process_resident_memory_bytes", "Resident memory.", process.resident_octets);
  out.gauge("process_virtual_memory_bytes", "Virtual memory.", process.virtual_octets);
  out.counter("process_cpu_seconds", "User and system time of all threads.");
  out.sample(process.cpu_seconds);
  out.gauge("process_open_fds", "Open descriptors.", process.open_files);
  out.gauge("process_max_fds", "Descriptors that the process may open.", process.open_files_max);
}

void write_allocator(MetricText& out, const AllocatorFigures& allocator) {
  out.gauge("sluice_allocator_allocated_bytes", "Memory that the node has asked its allocator for.",
            allocator.allocated_octets);
  out.gauge("sluice_allocator_active_bytes", "Pages that hold it.", allocator.active_octets);
  out.gauge("sluice_allocator_resident_bytes",
            "All memory that the allocator has of the kernel, free or not.", allocator.resident_octets);
}

void write_policy(MetricText& out, const NodeView& view, const ShardReport& sum) {
  out.gauge("sluice_policy_info",
            "Always 1; the label is the version in force, as in the rows of the journal.");
  out.sample(uint64_t{1}, {{"version", view.policy_version}});
  out.gauge("sluice_policy_loaded_time_seconds", "When that version took effect, seconds since 1970.");
  out.sample(seconds_of(view.policy_loaded));
  out.gauge("sluice_policy_number", "Number of that version since the start, as taken up by every shard.",
            sum.policy_number);
  out.gauge("sluice_policy_versions_alive", "Versions that are in force or still have a transaction.",
            view.policy_versions_alive);
  out.counter("sluice_policy_reloads", "Reloads, by what came of them.");
  out.sample(view.reloads.done, {{"result", "done"}});
  out.sample(view.reloads.failed, {{"result", "failed"}});
  out.gauge("sluice_policy_last_reload_failed",
            "1 when the last reload failed and the version before it stays.",
            as_number(view.reloads.last_failed));
  out.gauge("sluice_policy_restart_needed_settings", "Settings whose new values wait for a restart.",
            view.reloads.restart_needed.size());
}

void write_connections(MetricText& out, const ShardReport& sum) {
  const serve::SmtpServerCounters& smtp = sum.smtp;
  out.counter("sluice_connections", "SMTP connections that were greeted.", smtp.connections);
  out.counter("sluice_connections_refused", "SMTP connections that were turned away with 421.");
  out.sample(smtp.over_shard_limit, {{"reason", "shard_limit"}});
  out.sample(smtp.over_client_limit, {{"reason", "client_limit"}});
  out.sample(smtp.over_client_rate, {{"reason", "client_rate"}});
  out.counter("sluice_connections_closed_unheard",
              "Of those turned away, connections that were closed without the 421, so many came at a time.",
              smtp.closed_unheard);
  out.gauge("sluice_sessions", "SMTP sessions that are open.", sum.sessions);
  out.counter("sluice_sessions_cut", "SMTP sessions that did not end by QUIT or by their client.");
  out.sample(smtp.time_outs, {{"reason", "time_out"}});
  out.sample(smtp.protocol_ends, {{"reason", "protocol"}});
  out.sample(smtp.broken, {{"reason", "broken"}});
  out.counter("sluice_early_talkers", "Clients that spoke before they were greeted.", smtp.early_talkers);
  out.counter("sluice_replies_delayed", "Replies that were held back from a client that erred too often.",
              smtp.delays);
  out.counter("sluice_transactions", "MAIL commands that were accepted.", smtp.transactions);
  out.counter("sluice_transactions_aborted", "Transactions that did not come to their end of data.",
              smtp.aborted);
  out.counter("sluice_messages", "Messages that came to their end of data.");
  out.sample(smtp.accepted, {{"answer", "accepted"}});
  out.sample(smtp.messages - smtp.accepted, {{"answer", "refused"}});
  out.counter("sluice_messages_normalized", "Of these, those whose bare CR and LF were made CRLF.",
              sum.pipeline.normalized);
  out.counter("sluice_body_bytes", "Octets of messages that were received, as on the wire.",
              smtp.body_octets);
  out.counter("sluice_replies", "Replies to clients, by their first digit.");
  constexpr std::array kClasses{"2xx", "3xx", "4xx", "5xx"};
  for (size_t i = 0; i < kClasses.size(); ++i) out.sample(smtp.replies[i + 2], {{"class", kClasses[i]}});
}

void write_recipients(MetricText& out, const ShardReport& sum) {
  out.counter("sluice_recipients_named", "Recipients that clients named.", sum.balance.named);
  out.counter("sluice_recipients",
              "Recipients by their end; the sum is those named, less those of open transactions.");
  for (size_t i = 0; i < message::kDispositions; ++i) {
    out.sample(sum.balance.ended[i], {{"end", message::to_word(static_cast<message::Disposition>(i))}});
  }
  out.counter("sluice_recipients_not_told", "Relayed recipients whose client had gone before our 250.",
              sum.balance.not_told);
}

void write_times(MetricText& out, const ShardReport& sum) {
  const pipeline::PipelineDistributions& all = sum.distributions;
  out.histogram("sluice_end_of_data_seconds", "From the end of a message to the decision on it.",
                all.end_of_data, kMicroseconds);
  out.histogram("sluice_authentication_seconds", "SPF inquiries, from start to outcome.", all.authentication,
                kMicroseconds);
  out.histogram("sluice_next_hop_seconds", "From our DATA to the next hop's last word.", all.next_hop,
                kMicroseconds);
  out.histogram("sluice_message_size_bytes", "Sizes of messages that came to their end of data.",
                all.message_octets, 1);
}

void write_spf(MetricText& out, const ShardReport& sum) {
  const pipeline::SpfCounters& spf = sum.spf;
  out.counter("sluice_spf_inquiries", "SPF inquiries that were started.", sum.pipeline.spf_evaluations);
  out.counter("sluice_spf_cut_off", "SPF inquiries that had not ended when the decision was due.",
              sum.pipeline.spf_cut_off);
  out.counter("sluice_spf_outcomes", "SPF outcomes, by how they were found.");
  out.sample(spf.program_hits, {{"by", "program"}});
  out.sample(spf.step_by_step, {{"by", "steps"}});
  out.counter("sluice_spf_waits", "Evaluations by steps that waited for the DNS.", spf.waited);
  out.counter("sluice_spf_programs", "Records that were compiled.", spf.compiled);
  out.counter("sluice_spf_programs_not_whole",
              "Of these, those that leave some clients to steps, by reason.");
  out.sample(spf.with_macros, {{"reason", "macros"}});
  out.sample(spf.with_names, {{"reason", "ptr"}});
  out.sample(spf.with_missing, {{"reason", "missing"}});
  out.sample(spf.with_temporary, {{"reason", "temporary"}});
  out.sample(spf.with_limits, {{"reason", "limits"}});
  out.counter("sluice_spf_questions_ahead", "Questions that were asked ahead of need.", spf.asked_ahead);
}

void write_dmarc_reports(MetricText& out, const ShardReport& sum) {
  const delivery::DmarcReportCounters& reports = sum.dmarc_reports;
  out.counter("sluice_dmarc_report_messages", "Messages that were collected for aggregate reports.",
              reports.messages);
  out.counter("sluice_dmarc_report_messages_unlisted",
              "Of these, those that no report lists: no room, or the report was given up.", reports.unlisted);
  out.counter("sluice_dmarc_reports", "Aggregate reports, by what became of them.");
  out.sample(reports.written, {{"result", "written"}});
  out.sample(reports.unwanted, {{"result", "unwanted"}});
  out.sample(reports.postponed, {{"result", "postponed"}});
  out.counter("sluice_dmarc_report_writes_refused", "Files of reports that the disk refused.",
              reports.refused);
  out.gauge("sluice_dmarc_report_held_bytes", "What is collected and not yet written.",
            sum.dmarc_report_octets_held);
}

template <class Result, size_t kCount>
void write_results(MetricText& out, const std::array<uint64_t, kCount>& counts,
                   std::string_view (*word)(Result)) {
  for (size_t i = 0; i < kCount; ++i) out.sample(counts[i], {{"result", word(static_cast<Result>(i))}});
}

void write_authentication(MetricText& out, const ShardReport& sum) {
  const pipeline::AuthenticationCounters& all = sum.pipeline.authentication;
  out.counter("sluice_authentication_messages", "Messages whose DKIM, DMARC or ARC was looked at.",
              all.messages);
  out.counter("sluice_authentication_cut_off",
              "Of these, those that had not ended when the decision was due.", all.cut_off);
  out.counter("sluice_dkim_signatures", "DKIM signatures of messages, by result.");
  write_results<dkim::Result>(out, all.dkim, &dkim::rfc_word);
  out.counter("sluice_dmarc_results", "Messages by what DMARC says of them.");
  write_results<dmarc::Result>(out, all.dmarc, &dmarc::rfc_word);
  out.counter("sluice_dmarc_standards_differ",
              "Messages of which the two standards of dmarc.mode = both say different things.",
              all.standards_differ);
  out.counter("sluice_arc_chains", "Messages whose ARC chain was asked about, by result.");
  write_results<arc::Result>(out, all.arc, &arc::rfc_word);
  out.counter("sluice_arc_overrides", "DMARC failures that the chain of a trusted sealer set aside.",
              all.overrides);
  out.counter("sluice_dkim_signed", "DKIM signatures that we made.", all.signatures);
  out.counter("sluice_arc_sealed", "ARC sets that we made.", all.seals);
  out.counter("sluice_arc_not_sealed",
              "Messages that were not sealed because their chain cannot be continued.", all.not_sealed);
  out.counter("sluice_signing_failures", "Signatures and seals that could not be made.",
              all.signature_failures);
}

void write_memory(MetricText& out, const ShardReport& sum) {
  const message::BodyCounters& bodies = sum.bodies;
  out.gauge("sluice_body_memory_bytes", "Memory that holds messages.", sum.body_octets_held);
  out.gauge("sluice_body_memory_granted_bytes", "What the shards have of the node's budget.",
            sum.body_octets_granted);
  out.gauge("sluice_spill_bytes", "Octets of messages in spill files.", sum.spill_octets_held);
  out.counter("sluice_mail_refused_for_memory", "MAIL commands answered 452 4.3.1.",
              sum.pipeline.mail_refused);
  out.counter("sluice_messages_refused_for_memory", "Messages answered 452 4.3.1.", bodies.memory_refusals);
  out.counter("sluice_clients_paused_for_memory", "Times a client was paused in its message.",
              bodies.memory_waits);
  out.counter("sluice_spilled_messages", "Messages that were written to spill files.",
              bodies.spilled_messages);
  out.counter("sluice_spilled_bytes", "Octets that were written to spill files.", bodies.spilled_octets);
  out.counter("sluice_spill_read_bytes", "Octets that were read back.", bodies.read_octets);
  out.counter("sluice_spill_full", "Times the room for spill files was used up.", bodies.disk_full);
  out.counter("sluice_spill_errors", "Operations on spill files that failed.");
  out.sample(bodies.spill_failures, {{"operation", "write"}});
  out.sample(bodies.read_failures, {{"operation", "read"}});
}

void write_dns(MetricText& out, const ShardReport& sum) {
  const dns::ResolverStatistics& resolver = sum.resolver;
  out.counter("sluice_dns_questions_sent", "Questions to DNS servers.");
  out.sample(resolver.sent_udp, {{"transport", "udp"}});
  out.sample(resolver.sent_tcp, {{"transport", "tcp"}});
  out.counter("sluice_dns_retries", "Of these, those that were sent again.", resolver.retries);
  out.counter("sluice_dns_answers", "Answers that belonged to a question.", resolver.answers);
  out.counter("sluice_dns_answers_unmatched", "Answers that belonged to none: late, or forged.",
              resolver.unmatched);
  out.counter("sluice_dns_answers_malformed", "Answers that could not be read.", resolver.malformed);
  out.counter("sluice_dns_answers_other_case", "Answers that did not repeat the case of letters.",
              resolver.other_case);
  out.counter("sluice_dns_failures", "Questions that found no answer.");
  out.sample(resolver.time_outs, {{"reason", "time_out"}});
  out.sample(resolver.failures, {{"reason", "server_failure"}});
  out.sample(resolver.refused_full, {{"reason", "too_many"}});
  out.sample(resolver.refused_domain, {{"reason", "too_many_of_domain"}});
  out.counter("sluice_dns_forwarded", "Questions that another shard was asked.", sum.dns_forwarded);
  const dns::CacheStatistics& cache = sum.dns_cache;
  out.counter("sluice_dns_cache_lookups", "Look-ups in the cache.");
  out.sample(cache.hits - cache.stale_hits, {{"result", "hit"}});
  out.sample(cache.stale_hits, {{"result", "stale"}});
  out.sample(cache.misses, {{"result", "miss"}});
  out.counter("sluice_dns_cache_negative_hits", "Of the hits, those of what does not exist or failed.",
              cache.negative_hits);
  out.counter("sluice_dns_cache_puts", "Answers that were kept.");
  out.sample(cache.puts - cache.renewals, {{"answer", "new"}});
  out.sample(cache.renewals, {{"answer", "same"}});
  out.counter("sluice_dns_cache_refreshes", "Names in use that were due to be asked for ahead of their end.",
              cache.refreshes);
  out.counter("sluice_dns_cache_evictions", "Answers that went before their time, for want of room.",
              cache.evictions);
  out.counter("sluice_dns_cache_object_evictions",
              "Of what was made of answers (SPF programs), what went before its answer, for want of room.",
              cache.object_evictions);
  out.counter("sluice_dns_cache_passed_over", "Looked at for eviction, and left since it is in use.",
              cache.passed_over);
  out.gauge("sluice_dns_cache_entries", "Answers in the cache.", cache.entries);
  out.gauge("sluice_dns_cache_bytes", "Memory of the cache, estimated.", cache.bytes);
  out.gauge("sluice_dns_cache_object_bytes", "Of these, of what was made of answers.", cache.object_bytes);
  out.gauge("sluice_dns_outage", "1 while no DNS server answers a shard.", as_number(sum.dns_outage));
}

void write_journal(MetricText& out, const ShardReport& sum) {
  const store::JournalCounters& journal = sum.journal;
  out.counter("sluice_journal_rows", "Rows that were written.", journal.rows_written);
  out.counter("sluice_journal_bytes", "Octets that were written.", journal.octets_written);
  out.counter("sluice_journal_errors", "Operations on the journal that failed.");
  out.sample(journal.writes_refused, {{"operation", "write"}});
  out.sample(journal.syncs_refused, {{"operation", "sync"}});
  out.sample(journal.reopens_failed, {{"operation", "reopen"}});
  out.counter("sluice_journal_syncs", "Times that the journal was synced.", journal.syncs);
  out.counter("sluice_journal_rotations", "Files of the journal that were ended.", journal.rotations);
  out.gauge("sluice_journal_ring_rows", "Rows that wait in memory because the disk refuses them.",
            journal.rows_kept);
  out.counter("sluice_journal_rows_dropped", "Rows that were lost because that memory was full.",
              journal.rows_dropped);
  out.gauge("sluice_journal_refusing", "1 while the journal of a shard cannot be written.",
            as_number(sum.journal_refuses));
}

template <class Value>
void write_each_hop(MetricText& out, const std::vector<HopReport>& hops, Value value) {
  for (const HopReport& hop : hops) out.sample(uint64_t{value(hop)}, {{"next_hop", hop.next_hops}});
}

void write_hops(MetricText& out, const ShardReport& sum) {
  const std::vector<HopReport>& hops = sum.hop_list;
  out.gauge("sluice_next_hop_reachable", "1 while the next hop can be talked to.");
  write_each_hop(out, hops, [](const HopReport& hop) { return as_number(hop.reachable); });
  out.gauge("sluice_next_hop_refuses_everyone", "1 while it has refused every recipient for a minute.");
  write_each_hop(out, hops, [](const HopReport& hop) { return as_number(hop.refuses_everyone); });
  out.gauge("sluice_next_hop_sessions", "Sessions that are open, by state.");
  for (const HopReport& hop : hops) {
    out.sample(hop.sessions_idle, {{"next_hop", hop.next_hops}, {"state", "idle"}});
    out.sample(hop.sessions_open - hop.sessions_idle, {{"next_hop", hop.next_hops}, {"state", "busy"}});
  }
  out.counter("sluice_next_hop_connects", "Connections that were tried.");
  write_each_hop(out, hops, [](const HopReport& hop) { return hop.counters.connects; });
  out.counter("sluice_next_hop_connect_failures", "Of these, those that came to no session.");
  write_each_hop(out, hops, [](const HopReport& hop) { return hop.counters.connect_failures; });
  out.counter("sluice_next_hop_sessions_reused", "Transactions that took a session from the pool.");
  write_each_hop(out, hops, [](const HopReport& hop) { return hop.counters.sessions_reused; });
  out.counter("sluice_next_hop_messages", "Messages that were offered, by what the next hop said.");
  for (const HopReport& hop : hops) {
    out.sample(hop.counters.delivered, {{"next_hop", hop.next_hops}, {"answer", "accepted"}});
    out.sample(hop.counters.refused, {{"next_hop", hop.next_hops}, {"answer", "refused"}});
    out.sample(hop.counters.unknown, {{"next_hop", hop.next_hops}, {"answer", "unknown"}});
  }
  out.counter("sluice_next_hop_recipients_refused", "Recipients that the next hop refused.");
  write_each_hop(out, hops, [](const HopReport& hop) { return hop.counters.recipients_refused; });
  out.counter("sluice_next_hop_faults", "Faults between us and the next hop.");
  write_each_hop(out, hops, [](const HopReport& hop) { return hop.counters.faults; });
  out.counter("sluice_next_hop_messages_in_chunks", "Messages that were sent by BDAT.");
  write_each_hop(out, hops, [](const HopReport& hop) { return hop.counters.sent_in_chunks; });
  out.counter("sluice_next_hop_messages_undeclared_eight_bit",
              "Messages declared 8BITMIME that a next hop without it was sent as they were.");
  write_each_hop(out, hops, [](const HopReport& hop) { return hop.counters.sent_without_8bitmime; });
}

}  // namespace

std::string metrics_page(const NodeView& view) {
  const ShardReport sum = view.sum();
  MetricText out;
  write_node(out, view);
  write_process(out, view.process);
  if (view.allocator) write_allocator(out, *view.allocator);
  write_policy(out, view, sum);
  write_connections(out, sum);
  write_recipients(out, sum);
  write_times(out, sum);
  write_spf(out, sum);
  write_dmarc_reports(out, sum);
  write_authentication(out, sum);
  write_memory(out, sum);
  write_dns(out, sum);
  write_journal(out, sum);
  write_hops(out, sum);
  out.declared(view.hop_metrics);
  return out.text();
}

}  // namespace sluice::node
