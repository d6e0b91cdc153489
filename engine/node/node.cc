#include "engine/node/node.h"

#include "engine/delivery/hop_pools.h"
#include "engine/node/journal_end.h"
#include "engine/node/machine_addresses.h"
#include "engine/node/policy_files.h"
#include "engine/node/system_file.h"

#include <algorithm>
#include <thread>
#include <utility>

#include <fmt/format.h>
#include <sys/random.h>
#include <unistd.h>

namespace sluice::node {

using reactor::Shard;
using runtime::LogLevel;
using runtime::Task;

namespace {

constexpr size_t kDmarcMail = 4;     // full: a period comes with the next one
constexpr size_t kJournalMail = 64;  // full: only a rotation comes a little later

reactor::BackendKind backend_of(policy::Backend backend) {
  switch (backend) {
    case policy::Backend::Auto:
      return reactor::BackendKind::Auto;
    case policy::Backend::Uring:
      return reactor::BackendKind::Uring;
    case policy::Backend::Epoll:
      return reactor::BackendKind::Epoll;
  }
  return reactor::BackendKind::Auto;
}

size_t shard_count(unsigned wanted) {
  if (wanted != 0) return wanted;
  cpu_set_t usable;
  CPU_ZERO(&usable);
  if (sched_getaffinity(0, sizeof usable, &usable) != 0) return 1;
  return static_cast<size_t>(std::max(1, CPU_COUNT(&usable)));
}

uint64_t random_seed() {
  uint64_t seed = 0;
  SLUICE_CHECK(getrandom(&seed, sizeof seed, 0) == static_cast<ssize_t>(sizeof seed));
  return seed;
}

Result<std::vector<Endpoint>> dns_servers(const policy::DnsSettings& settings) {
  if (!settings.servers.empty()) return settings.servers;
  Result<std::string> text = read_system_file(settings.resolv_conf);
  if (!text) return std::unexpected(std::move(text.error()));
  std::vector<Endpoint> servers = dns::parse_resolv_conf(*text).servers;
  if (servers.empty()) {
    return fail(ErrorKind::NotFound,
                fmt::format("{} names no DNS server; set dns.servers in the policy", settings.resolv_conf));
  }
  return servers;
}

}  // namespace

// One shard's part of the node, and its ear for the control thread and for the shard that rotates the
// journal.
class Node::Member final : private runtime::PostBox,
                           private runtime::Timer,
                           private runtime::Reports<ShardReport>::Source,
                           private reactor::MailHandler<JournalNews> {
 public:
  Member(Node& node, Shard& shard)
      : node_(node), shard_(shard), parts_(shard, *node.resources_, listen_to_journal()) {
    node_.control_->attach(shard);
    shard.attach(*this);
    node_.journal_news_->open(shard, *this);
    node_.reports_->attach(shard, *this);
    on_timer();
  }
  NodeShard& parts() { return parts_; }
  void leave() {
    stopped_ = true;
    disarm();
    node_.reports_->detach(shard_);
    node_.journal_news_->close(shard_);
    shard_.detach(*this);
    node_.control_->detach(shard_);
  }

 private:
  void collect() override {
    node_.control_->take_newest(shard_);
    const auto order = node_.control_->pin(shard_);
    if (order->hurry) parts_.hurry();
    parts_.take_dns_order(order->dns);
    if (order->journal_epoch == journal_epoch_) return;
    journal_epoch_ = order->journal_epoch;
    parts_.reopen_journal();
  }
  // The heartbeat: what it gives also says that the shard turns.
  void on_timer() override {
    node_.reports_->give(shard_, make_report());
    shard_.timers().arm(*this, shard_.now() + kHeartbeat);
  }
  std::unique_ptr<const ShardReport> make_report() override {
    auto report = std::make_unique<ShardReport>(parts_.report());
    report->stopped = stopped_;
    return report;
  }
  void on_mail(ShardId /*from*/, JournalNews news) override {
    parts_.hear_of_journal(news.event, news.octets);
  }

  std::function<void(store::JournalEvent, uint64_t)> listen_to_journal() {
    return [this](store::JournalEvent event, uint64_t octets) {
      parts_.log_journal(shard_, event, octets);
      const bool ours =
          event == store::JournalEvent::TakesAgain || event == store::JournalEvent::ReopenFailed;
      if (ours) return;
      for (uint16_t i = 0; i < node_.journal_news_->shard_count(); ++i) {
        if (i == shard_.id().value) continue;
        (void)node_.journal_news_->post(shard_, ShardId{i}, JournalNews{event, octets});
      }
    };
  }

  Node& node_;
  Shard& shard_;
  NodeShard parts_;
  uint64_t journal_epoch_ = 0;
  bool stopped_ = false;
};

Node::Node(dns::HostsTable hosts, runtime::Log& log) : hosts_(std::move(hosts)), log_(log) {}

Node::~Node() {
  if (finished_ || group_ == nullptr) return;
  begin_stop();
  (void)finish();
}

Result<std::unique_ptr<Node>> Node::start(policy::Policy policy, const NodeOptions& options,
                                          runtime::Log& log) {
  // A machine without /etc/hosts has no names in it.
  const Result<std::string> hosts = read_system_file("/etc/hosts");
  std::unique_ptr<Node> node(new Node(dns::parse_hosts(hosts ? *hosts : std::string()), log));
  Result<void> launched = node->launch(std::move(policy), options);
  if (!launched) return std::unexpected(std::move(launched.error()));
  return node;
}

Result<void> Node::launch(policy::Policy policy, const NodeOptions& options) {
  Result<pipeline::PolicyFiles> files = read_policy_files(policy);
  if (!files) return std::unexpected(std::move(files.error()));
  Result<std::vector<Endpoint>> servers = dns_servers(policy.dns());
  if (!servers) return std::unexpected(std::move(servers.error()));
  std::vector<pipeline::OpenListener> listeners;
  std::vector<ReservedPort> reserved;  // kept until every shard listens
  for (const policy::Listener& listener : policy.listeners()) {
    Result<ReservedPort> port = ReservedPort::reserve(listener.address);
    if (!port) return std::unexpected(std::move(port.error()));
    listeners.push_back({next_listener_++, port->address()});
    status_.listeners.push_back(port->address());
    reserved.push_back(std::move(*port));
  }

  Result<void> ended = end_last_row(policy.journal().path);
  if (!ended) return std::unexpected(std::move(ended.error()));

  reactor::ShardGroupOptions group_options;
  group_options.shards = shard_count(policy.node().shards);
  group_options.pin = options.pin;
  group_options.backend.kind = backend_of(policy.node().backend);
  group_options.backend.uring.mask_newer_than_6_1 = options.mask_newer_than_6_1;
  Result<std::unique_ptr<reactor::ShardGroup>> group = reactor::ShardGroup::create(group_options);
  if (!group) return std::unexpected(std::move(group.error()));
  group_ = std::move(*group);
  const size_t shards = group_->size();
  const message::BudgetTotals totals = body_totals(policy.memory());
  policy_at_start_ = std::make_unique<const policy::Policy>(policy);
  auto first = std::make_unique<const pipeline::LivePolicy>(std::move(policy), std::move(listeners),
                                                            std::move(*files));
  policies_ = std::make_unique<pipeline::LivePolicies>(shards, std::move(first));
  control_ = std::make_unique<runtime::Published<Control>>(shards, std::make_unique<const Control>());
  journal_news_ = std::make_unique<reactor::Mail<JournalNews>>(group_->directory(), kJournalMail);
  if (shards > 1) homes_ = std::make_unique<dns::HomeShards>(group_->directory(), random_seed());
  resources_ =
      std::make_unique<NodeResources>(NodeResources{*policies_, hosts_, std::move(*servers), log_, worker_});
  resources_->homes = homes_.get();
  if (shards > 1) {
    dmarc_mail_ = std::make_unique<reactor::Mail<delivery::DmarcPeriod>>(group_->directory(), kDmarcMail);
  }
  resources_->dmarc_mail = dmarc_mail_.get();
  resources_->shards = shards;
  resources_->machine = machine_addresses();
  hop_registry_ = std::make_unique<runtime::MetricRegistry>(shards);
  const std::vector<std::string> hops = delivery::hop_names(*policy_at_start_);
  hop_metrics_ = std::make_unique<const serve::HopMetricTable>(*hop_registry_, hops);
  hop_registry_->freeze();
  resources_->hop_metrics = hop_metrics_.get();
  resources_->metrics = hop_registry_.get();
  if (shards > 1) bodies_ = std::make_unique<message::NodeBudget>(totals, group_->directory());
  resources_->bodies = bodies_.get();
  members_ = std::make_unique<runtime::PerShard<Member>>(shards);
  started_ = std::make_unique<std::latch>(static_cast<ptrdiff_t>(shards));
  start_results_.resize(shards);
  reports_ = std::make_unique<runtime::Reports<ShardReport>>(shards);
  group_->start(*this);
  started_->wait();

  status_.shards = shards;
  status_.backend = group_->capabilities().name;
  status_.backend_note = group_->backend_note();
  for (Result<void>& result : start_results_) {
    if (result) continue;
    Error error = std::move(result.error());
    begin_stop();
    (void)finish();
    return std::unexpected(std::move(error));
  }
  return {};
}

Task<void> Node::run(Shard& shard) {
  policies_->attach(shard);
  Member& member = members_->emplace(shard, *this, shard);
  start_results_[shard.id().value] = co_await member.parts().start(shard);
  started_->count_down();
}

Task<void> Node::stop(Shard& shard) {
  Member& member = members_->on(shard);
  co_await member.parts().stop(shard);
  member.leave();
  members_->reset(shard);
  policies_->detach(shard);
}

void Node::reopen_journals() {
  Control next = control_->newest();
  ++next.journal_epoch;
  control_->publish(std::make_unique<const Control>(next));
}

void Node::order_dns(DnsOrder order) {
  Control next = control_->newest();
  next.dns = std::move(order);
  control_->publish(std::make_unique<const Control>(std::move(next)));
  ask_shards();
}

// --- reload ---

Result<void> Node::begin_reload(policy::Policy next) {
  Result<pipeline::PolicyFiles> files = read_policy_files(next);
  if (!files) return std::unexpected(std::move(files.error()));
  std::vector<pipeline::OpenListener> listeners = pipeline::listeners_that_stay(policies_->newest(), next);
  std::vector<ReservedPort> ports;
  for (pipeline::OpenListener& listener : listeners) {
    if (listener.number != 0) continue;
    Result<ReservedPort> port = ReservedPort::reserve(listener.address);
    if (!port) return std::unexpected(std::move(port.error()));
    listener = {next_listener_++, port->address()};
    ports.push_back(std::move(*port));
  }
  status_.listeners.clear();
  for (const pipeline::OpenListener& listener : listeners) status_.listeners.push_back(listener.address);
  for (ReservedPort& port : ports) reload_ports_.push_back(std::move(port));
  policies_->publish(
      std::make_unique<const pipeline::LivePolicy>(std::move(next), std::move(listeners), std::move(*files)));
  ask_shards();
  return {};
}

Node::ReloadState Node::reload_state() {
  for (const ShardReport* report : shard_reports()) {
    if (report != nullptr && report->policy_number == policies_->newest_number()) continue;
    if (shards_answered()) ask_shards();  // it spoke before it took the policy up
    return ReloadState::Pending;
  }
  reload_ports_.clear();
  return ReloadState::Done;
}

std::string Node::reload_problem() {
  for (const ShardReport* report : shard_reports()) {
    if (report != nullptr && !report->listen_problem.empty()) return report->listen_problem;
  }
  return {};
}

bool Node::shards_answered() const {
  for (size_t i = 0; i < reports_->size(); ++i) {
    if (!reports_->answered(i)) return false;
  }
  return true;
}

std::vector<const ShardReport*> Node::shard_reports() {
  std::vector<const ShardReport*> all;
  for (size_t i = 0; i < reports_->size(); ++i) all.push_back(reports_->newest(i));
  return all;
}

// --- the end ---

void Node::begin_stop() { group_->request_stop(); }

void Node::hurry() {
  Control next = control_->newest();
  next.hurry = true;
  control_->publish(std::make_unique<const Control>(next));
}

bool Node::stopped() {
  return std::ranges::all_of(shard_reports(),
                             [](const ShardReport* report) { return report != nullptr && report->stopped; });
}

ShardReport Node::finish() {
  SLUICE_CHECK(!finished_);
  finished_ = true;
  group_->wait();
  ShardReport sum;
  for (const ShardReport* report : shard_reports()) {
    if (report != nullptr) sum.add(*report);
  }
  return sum;
}

}  // namespace sluice::node
