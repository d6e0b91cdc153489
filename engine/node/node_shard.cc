#include "engine/node/node_shard.h"

#include "engine/node/listener_options.h"

#include <algorithm>
#include <system_error>
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

dns::DnsClientSettings dns_settings(const NodeResources& resources, const policy::Policy& policy) {
  dns::DnsClientSettings settings;
  settings.servers = resources.dns_servers;
  settings.question_wait = policy.dns().timeout;
  settings.mixed_case = policy.dns().mixed_case;
  settings.cache.pages = PageKind::Large;
  settings.cache.bytes_max = policy.dns().cache_octets;
  settings.cache.ttl_min = policy.dns().ttl_min;
  settings.cache.ttl_max = policy.dns().ttl_max;
  settings.cache.negative_ttl_max = policy.dns().negative_ttl_max;
  settings.cache.serve_stale = policy.dns().serve_stale;
  settings.cache.refresh_percent = policy.dns().refresh_percent;
  return settings;
}

delivery::OwnAddresses own_addresses(const pipeline::LivePolicy& live, const NodeResources& resources) {
  delivery::OwnAddresses own;
  for (const pipeline::OpenListener& listener : live.listeners) own.listeners.push_back(listener.address);
  own.machine = resources.machine;
  return own;
}

// A shard's part of what the node may have open to one address.
size_t session_share(const policy::DeliverySettings& delivery, size_t shards, size_t shard) {
  const size_t share = delivery.connections / shards + (shard < delivery.connections % shards ? 1 : 0);
  return std::clamp<size_t>(share, 1, delivery.connections_per_shard);
}

serve::HopOptions hop_options(const Shard& shard, const NodeResources& resources,
                              const policy::Policy& policy) {
  const policy::DeliverySettings& delivery = policy.delivery();
  serve::HopOptions options;
  options.our_name = policy.node().hostname;
  options.sessions_max = session_share(delivery, resources.shards, shard.id().value);
  options.waiting_max = delivery.queue;
  options.queue_wait = delivery.queue_wait;
  options.session_transactions = delivery.connection_messages;
  options.idle_wait = delivery.idle;
  if (resources.hop_metrics != nullptr) {
    options.metrics = resources.hop_metrics;
    options.cells = &resources.metrics->cells(shard.id().value);
  }
  options.chunking = delivery.chunking;
  options.refuse_eight_bit = delivery.refuse_eight_bit;
  return options;
}

store::JournalOptions journal_options(const Shard& shard, const NodeResources& resources,
                                      const policy::JournalSettings& settings,
                                      store::JournalOptions::Listener on_journal) {
  store::JournalOptions options;
  options.path = settings.path;
  options.rotate_octets = settings.rotate_octets;
  options.rotate_daily = settings.rotate_daily;
  options.rotates = shard.id().value == 0;
  options.shared = resources.homes != nullptr;  // several shards
  options.on_event = std::move(on_journal);
  return options;
}

message::BodySettings body_settings(const policy::MemorySettings& settings) {
  message::BodySettings bodies;
  bodies.message_memory = settings.message;
  if (settings.spill_octets != 0) bodies.spill_directory = settings.spill_directory;
  bodies.totals = body_totals(settings);
  return bodies;
}

serve::SmtpServerOptions server_options(const policy::Policy& policy, const policy::Listener& listener,
                                        const pipeline::OpenListener& open) {
  serve::SmtpServerOptions options;
  options.listen.address = open.address;
  options.listener = open.number;
  options.session = session_options(policy, listener);
  return options;
}

}  // namespace

message::BudgetTotals body_totals(const policy::MemorySettings& settings) {
  message::BudgetTotals totals;
  totals.memory = settings.bodies;
  totals.shard_memory = settings.shard_bodies;
  totals.disk = settings.spill_octets;
  return totals;
}

NodeShard::NodeShard(Shard& shard, const NodeResources& resources, store::JournalOptions::Listener on_journal)
    : shard_(shard),
      resources_(resources),
      policy_(resources.policies.pin(shard)),
      dns_(shard, dns_settings(resources, policy_->policy)),
      spf_(shard, dns_),
      messages_(shard, dns_),
      own_(own_addresses(*policy_, resources)),
      directory_(dns_, resources.hosts, own_),
      hops_(shard, directory_, hop_options(shard, resources, policy_->policy)),
      hop_watch_(shard, hops_, resources.log),
      journal_(journal_options(shard, resources, policy_->policy.journal(), std::move(on_journal))),
      dmarc_reports_(shard, dns_, resources.worker, report_options(), resources.dmarc_mail),
      bodies_(shard, resources.body_settings.value_or(body_settings(policy_->policy.memory())),
              resources.bodies),
      context_{dns_, spf_, messages_, hops_, journal_, bodies_, background_},
      service_(context_) {
  context_.dmarc_reports = &dmarc_reports_;
  shard.attach(*this);
  if (resources.homes != nullptr) home_.emplace(shard, *resources.homes, dns_);
  dns_.set_event_sink([this, &shard](const dns::ResolverEvent& event) { log_resolver_event(shard, event); });
}

NodeShard::~NodeShard() { shard_.detach(*this); }

Task<Result<void>> NodeShard::start(Shard& shard) {
  Result<void> opened = co_await journal_.start(shard);
  if (!opened) co_return std::unexpected(std::move(opened.error()));
  journal_open_ = true;
  Result<void> spills = co_await bodies_.start(shard);
  if (!spills) co_return std::unexpected(std::move(spills.error()));
  for (size_t i = 0; i < policy_->listeners.size(); ++i) {
    Result<void> listening = open_listener(i);
    if (!listening) co_return std::unexpected(std::move(listening.error()));
  }
  hop_watch_.start();
  listening_allowed_ = true;
  co_return Result<void>();
}

// --- the policy ---

void NodeShard::collect() {
  resources_.policies.take_newest(shard_);
  if (!listening_allowed_) return;
  pipeline::PolicyPin newest = resources_.policies.pin(shard_);
  if (newest.number() == policy_.number()) return;
  policy_ = std::move(newest);
  take_policy();
}

void NodeShard::take_policy() {
  listen_problem_.clear();
  const std::vector<pipeline::OpenListener>& wanted = policy_->listeners;
  for (const auto& listening : listening_) {
    const bool stays =
        std::ranges::find(wanted, listening->number, &pipeline::OpenListener::number) != wanted.end();
    if (stays || std::exchange(listening->draining, true)) continue;
    const MonoTime deadline = shard_.now() + limits::kDrainWait;
    const bool spawned = closing_.spawn(shard_, close_listener(shard_, *listening, deadline));
    SLUICE_CHECK(spawned);
  }
  for (size_t i = 0; i < wanted.size(); ++i) {
    const auto known = std::ranges::find_if(
        listening_, [&](const auto& listening) { return listening->number == wanted[i].number; });
    if (known != listening_.end()) {
      follow_listener(**known, i);
      continue;
    }
    const Result<void> opened = open_listener(i);
    if (!opened) listen_problem_ = opened.error().to_string();
  }
  own_ = own_addresses(*policy_, resources_);
  dmarc_reports_.set_options(report_options());
  hops_.adopt(policy_->policy, hop_options(shard_, resources_, policy_->policy));
  const policy::JournalSettings& journal = policy_->policy.journal();
  journal_.set_rotation(journal.rotate_octets, journal.rotate_daily);
}

Result<void> NodeShard::open_listener(size_t index) {
  const pipeline::OpenListener& open = policy_->listeners[index];
  auto in_force = std::make_unique<pipeline::ListenerInForce>();
  in_force->number = open.number;
  in_force->version = policy_.again();
  in_force->index = index;
  serve::SmtpServerOptions options = server_options(policy_->policy, in_force->settings(), open);
  options.limits = client_limits(policy_->policy.clients(), resources_.shards);
  options.shard_sessions = &sessions_;
  Result<std::unique_ptr<SmtpServer>> server = SmtpServer::start(shard_, options, service_);
  if (!server) {
    Error error = std::move(server.error());
    error.message = fmt::format("listener {}: {}", open.address.to_string(), error.message);
    return std::unexpected(std::move(error));
  }
  context_.listeners.push_back(std::move(in_force));
  auto listening = std::make_unique<Listening>();
  listening->number = open.number;
  listening->server = std::move(*server);
  listening_.push_back(std::move(listening));
  return {};
}

void NodeShard::follow_listener(Listening& listening, size_t index) {
  pipeline::ListenerInForce& in_force = context_.listener(listening.number);
  in_force.version = policy_.again();
  in_force.index = index;
  listening.server->set_session_options(session_options(policy_->policy, in_force.settings()));
  listening.server->set_limits(client_limits(policy_->policy.clients(), resources_.shards));
}

Task<void> NodeShard::close_listener(Shard& shard, Listening& listening, MonoTime deadline) {
  co_await listening.server->drain(shard, deadline);
  closed_listeners_.add(listening.server->counters());
  forget_listener(listening.number);
}

void NodeShard::forget_listener(uint32_t number) {
  std::erase_if(listening_, [number](const auto& listening) { return listening->number == number; });
  std::erase_if(context_.listeners, [number](const auto& in_force) { return in_force->number == number; });
}

// --- the end ---

Task<void> NodeShard::stop(Shard& shard) {
  listening_allowed_ = false;
  const MonoTime deadline = shard.now() + limits::kDrainWait;
  for (const auto& listening : listening_) {
    if (std::exchange(listening->draining, true)) continue;
    const bool spawned = closing_.spawn(shard, close_listener(shard, *listening, deadline));
    SLUICE_CHECK(spawned);
  }
  closing_.close();
  const Wake drained = co_await closing_.wait_empty(shard, kNever);
  SLUICE_CHECK(drained == Wake::Notified);
  hop_watch_.stop();
  co_await dmarc_reports_.stop(shard);
  co_await dns_.stop(shard);  // answers what evaluations still wait for; other shards now ask for themselves
  background_.close();
  const Wake ended = co_await background_.wait_empty(shard, kNever);
  SLUICE_CHECK(ended == Wake::Notified);
  const MonoTime goodbye = shard.now() + kHopGoodbyeTime;
  co_await hops_.stop(shard, goodbye);
  co_await bodies_.stop(shard);
  if (journal_open_) co_await journal_.stop(shard);
}

void NodeShard::hurry() {
  for (const auto& listening : listening_) listening->server->hurry_drain();
}

void NodeShard::take_dns_order(const DnsOrder& order) {
  if (order.number == dns_order_.number) return;
  dns_order_ = carry_out(order, dns_.cache(), shard_.now());
  dns_order_until_ = shard_.now() + limits::kAdminWait;
}

ShardReport NodeShard::report() const {
  ShardReport report;
  report.at = shard_.now();
  report.balance = context_.balance;
  report.pipeline = context_.counters;
  report.distributions = context_.distributions;
  report.spf = spf_.counters();
  report.journal = journal_.counters();
  report.bodies = bodies_.counters();
  report.dmarc_reports = dmarc_reports_.counters();
  report.dmarc_report_octets_held = dmarc_reports_.octets_held();
  report.journal_refuses = journal_.refuses();
  report.hops = hops_.counters();
  hops_.for_each([&](const std::string& next_hops, const serve::HopPool& pool) {
    HopReport hop;
    hop.next_hops = next_hops;
    hop.reachable = pool.healthy();
    const auto since = pool.refusing_since();
    hop.refuses_everyone = since && shard_.now() - *since >= HopWatch::kRefusesAll;
    hop.sessions_open = pool.open_sessions();
    hop.sessions_idle = pool.idle_sessions();
    hop.counters = pool.counters();
    report.hop_list.push_back(std::move(hop));
  });
  report.smtp = closed_listeners_;
  for (const auto& listening : listening_) {
    report.smtp.add(listening->server->counters());
    report.sessions += listening->server->sessions();
  }
  report.body_octets_held = bodies_.budget().memory().used();
  report.body_octets_granted = bodies_.budget().memory().granted();
  report.spill_octets_held = bodies_.budget().disk().used();
  report.connections = report.smtp.connections;
  report.resolver = dns_.resolver_statistics();
  report.dns_cache = dns_.cache().statistics();
  report.dns_outage = dns_.outage();
  report.dns_questions = report.resolver.sent_udp + report.resolver.sent_tcp;
  report.dns_forwarded = dns_.statistics().forwarded;
  report.policy_number = policy_.number();
  report.listen_problem = listen_problem_;
  report.dns_order.number = dns_order_.number;
  if (shard_.now() < dns_order_until_) report.dns_order = dns_order_;
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
    case store::JournalEvent::ReopenFailed:
      return;
  }
}

void NodeShard::log_journal(Shard& shard, store::JournalEvent event, uint64_t number) {
  const WallTime at = shard.wall_now();
  switch (event) {
    case store::JournalEvent::Refused:
      resources_.log.write(at, LogLevel::Error, "journal.refused",
                           {{"path", journal_.path()}, {"shard", shard.id().value}});
      return;
    case store::JournalEvent::TakesAgain:
      resources_.log.write(at, LogLevel::Info, "journal.takes_again",
                           {{"path", journal_.path()}, {"shard", shard.id().value}});
      return;
    case store::JournalEvent::ReopenFailed: {
      const std::string reason = std::generic_category().message(static_cast<int>(number));
      resources_.log.write(at, LogLevel::Error, "journal.reopen_failed",
                           {{"path", journal_.path()}, {"reason", reason}, {"shard", shard.id().value}});
      return;
    }
    case store::JournalEvent::Rotated:
    case store::JournalEvent::Wrote:
      return;
  }
}

delivery::DmarcReportOptions NodeShard::report_options() const {
  const policy::DmarcSettings& dmarc = policy_->policy.dmarc();
  delivery::DmarcReportOptions options;
  options.settings = dmarc.reports;
  options.mode = dmarc.mode;
  options.generator = "Sluice " SLUICE_VERSION;
  options.on_refused = [this](const std::string& path, int os_error) {
    const std::string reason = std::generic_category().message(os_error);
    resources_.log.write(shard_.wall_now(), LogLevel::Error, "dmarc.report_refused",
                         {{"path", path}, {"reason", reason}});
  };
  options.on_lost = [this](size_t reports, uint64_t messages) {
    resources_.log.write(shard_.wall_now(), LogLevel::Error, "dmarc.reports_lost",
                         {{"reports", reports}, {"messages", messages}});
  };
  return options;
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
