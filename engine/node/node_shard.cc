#include "engine/node/node_shard.h"

#include <utility>

#include <fmt/format.h>

namespace sluice::node {

using reactor::Shard;
using runtime::LogLevel;
using runtime::Task;
using runtime::Wake;
using serve::SmtpServer;

namespace {

constexpr std::chrono::seconds kHopGoodbyeTime{2};  // QUIT to idle sessions of next hops

dns::DnsClientSettings dns_settings(const NodeResources& resources) {
  dns::DnsClientSettings settings;
  settings.servers = resources.dns_servers;
  settings.question_wait = resources.policy.dns().timeout;
  return settings;
}

serve::HopOptions hop_options(const policy::Policy& policy) {
  serve::HopOptions options;
  options.our_name = policy.node().hostname;
  return options;
}

store::JournalOptions journal_options(const Shard& shard, const policy::JournalSettings& settings,
                                      store::JournalOptions::Listener on_journal) {
  store::JournalOptions options;
  options.path = settings.path;
  options.rotate_octets = settings.rotate_octets;
  options.rotate_daily = settings.rotate_daily;
  options.rotates = shard.id().value == 0;
  options.on_event = std::move(on_journal);
  return options;
}

serve::SmtpServerOptions server_options(const policy::Listener& listener, const Endpoint& address,
                                        uint32_t index) {
  serve::SmtpServerOptions options;
  options.listen.address = address;
  options.listener = index;
  options.session.hostname = listener.hostname;
  options.session.message_octets = listener.max_message_octets;
  options.session.recipients = listener.max_recipients;
  return options;
}

}  // namespace

void ShardReport::add(const ShardReport& other) {
  balance.add(other.balance);
  pipeline.transactions += other.pipeline.transactions;
  pipeline.spf_evaluations += other.pipeline.spf_evaluations;
  pipeline.spf_cut_off += other.pipeline.spf_cut_off;
  pipeline.rows_not_durable += other.pipeline.rows_not_durable;
  journal.rows_written += other.journal.rows_written;
  journal.rows_dropped += other.journal.rows_dropped;
  journal.syncs += other.journal.syncs;
  hops.connects += other.hops.connects;
  hops.delivered += other.hops.delivered;
  hops.sent_without_8bitmime += other.hops.sent_without_8bitmime;
  connections += other.connections;
  dns_questions += other.dns_questions;
  dns_forwarded += other.dns_forwarded;
}

NodeShard::NodeShard(Shard& shard, const NodeResources& resources, store::JournalOptions::Listener on_journal)
    : resources_(resources),
      dns_(shard, dns_settings(resources)),
      directory_(dns_, resources.hosts),
      hops_(directory_, hop_options(resources.policy)),
      hop_watch_(shard, hops_, resources.log),
      journal_(journal_options(shard, resources.policy.journal(), std::move(on_journal))),
      context_{resources.policy, resources.removed_fields, dns_, hops_, journal_, background_},
      service_(context_) {
  context_.held_octets_max = resources.bodies_max;
  if (resources.homes != nullptr) home_.emplace(shard, *resources.homes, dns_);
  dns_.set_event_sink([this, &shard](const dns::ResolverEvent& event) { log_resolver_event(shard, event); });
}

Task<Result<void>> NodeShard::start(Shard& shard) {
  Result<void> opened = co_await journal_.start(shard);
  if (!opened) co_return std::unexpected(std::move(opened.error()));
  journal_open_ = true;
  const auto listeners = resources_.policy.listeners();
  for (uint32_t i = 0; i < listeners.size(); ++i) {
    const serve::SmtpServerOptions options = server_options(listeners[i], resources_.addresses[i], i);
    Result<std::unique_ptr<SmtpServer>> server = SmtpServer::start(shard, options, service_);
    if (!server) {
      Error error = std::move(server.error());
      error.message = fmt::format("listener {}: {}", resources_.addresses[i].to_string(), error.message);
      co_return std::unexpected(std::move(error));
    }
    servers_.push_back(std::move(*server));
  }
  hop_watch_.start();
  co_return Result<void>();
}

Task<void> NodeShard::drain_server(Shard& shard, SmtpServer& server, MonoTime deadline) {
  co_await server.drain(shard, deadline);
}

Task<void> NodeShard::stop(Shard& shard) {
  const MonoTime deadline = shard.now() + limits::kDrainWait;
  runtime::TaskGroup draining;
  for (const auto& server : servers_) {
    const bool spawned = draining.spawn(shard, drain_server(shard, *server, deadline));
    SLUICE_CHECK(spawned);
  }
  draining.close();
  const Wake drained = co_await draining.wait_empty(shard, kNever);
  SLUICE_CHECK(drained == Wake::Notified);
  hop_watch_.stop();
  co_await dns_.stop(shard);  // answers what evaluations still wait for; other shards now ask for themselves
  background_.close();
  const Wake ended = co_await background_.wait_empty(shard, kNever);
  SLUICE_CHECK(ended == Wake::Notified);
  const MonoTime goodbye = shard.now() + kHopGoodbyeTime;
  co_await hops_.stop(shard, goodbye);
  if (journal_open_) co_await journal_.stop(shard);
}

ShardReport NodeShard::report() const {
  ShardReport report;
  report.balance = context_.balance;
  report.pipeline = context_.counters;
  report.journal = journal_.counters();
  report.hops = hops_.counters();
  for (const auto& server : servers_) report.connections += server->counters().connections;
  report.dns_questions = dns_.resolver_statistics().sent_udp + dns_.resolver_statistics().sent_tcp;
  report.dns_forwarded = dns_.statistics().forwarded;
  return report;
}

void NodeShard::hear_of_journal(store::JournalEvent event, uint64_t octets) {
  switch (event) {
    case store::JournalEvent::Rotated:
      journal_.reopen();
      return;
    case store::JournalEvent::Wrote:
      journal_.note_written_elsewhere(octets);
      return;
    case store::JournalEvent::Refused:
      journal_.note_refused_elsewhere();
      return;
    case store::JournalEvent::TakesAgain:
      return;
  }
}

void NodeShard::log_journal(Shard& shard, store::JournalEvent event) {
  const bool refused = event == store::JournalEvent::Refused;
  if (!refused && event != store::JournalEvent::TakesAgain) return;
  resources_.log.write(shard.wall_now(), refused ? LogLevel::Error : LogLevel::Info,
                       refused ? "journal.refused" : "journal.takes_again",
                       {{"path", resources_.policy.journal().path}, {"shard", shard.id().value}});
}

void NodeShard::log_resolver_event(Shard& shard, const dns::ResolverEvent& event) {
  const std::string server = resources_.dns_servers[event.server].to_string();
  const WallTime at = shard.wall_now();
  runtime::Log& log = resources_.log;
  switch (event.kind) {
    case dns::ResolverEventKind::OutageBegan:
      log.write(at, LogLevel::Error, "dns.outage_began", {{"shard", shard.id().value}});
      return;
    case dns::ResolverEventKind::OutageEnded:
      log.write(at, LogLevel::Info, "dns.outage_ended", {{"shard", shard.id().value}, {"server", server}});
      return;
    case dns::ResolverEventKind::ServerDemoted:
      log.write(at, LogLevel::Warning, "dns.server_silent",
                {{"shard", shard.id().value}, {"server", server}});
      return;
    case dns::ResolverEventKind::ServerRestored:
      log.write(at, LogLevel::Info, "dns.server_back", {{"shard", shard.id().value}, {"server", server}});
      return;
  }
}

}  // namespace sluice::node
