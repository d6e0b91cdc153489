#include "tests/faults/fault_run.h"

#include "dnscache/zone/zone_file.h"
#include "tests/faults/fixtures.h"
#include "tests/faults/rows.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

namespace sluice::faults {

using reactor::Shard;
using namespace std::chrono_literals;

namespace {

constexpr size_t kHops = 3;
constexpr size_t kDnsServers = 2;
constexpr auto kActive = 240s;  // in which things go wrong
constexpr auto kRunMost = 6h;   // by then every client has done
constexpr auto kQuiet = 1200s;  // longer than any deadline
constexpr auto kRestartMost = 180s;

std::string numbered(std::string_view text, size_t number) {
  std::string result;
  for (size_t i = 0; i < text.size(); ++i) {
    const bool placeholder = text[i] == 'N' && i + 1 < text.size() && text[i + 1] == '.';
    if (placeholder) {
      result += std::to_string(number);
    } else {
      result += text[i];
    }
  }
  return result;
}

// A record that does not fit into a datagram.
std::string big_record(size_t number) {
  std::string text = fmt::format("big{}.senders.example:\n  - TXT: [", number);
  for (int part = 0; part < 10; ++part) {
    text += part == 0 ? "\"v=spf1 " : ", \"";
    for (int i = 0; i < 10; ++i) text += fmt::format("ip4:192.0.2.{} ", part * 10 + i);
    text += '"';
  }
  return text + ", \"+all\"]\n";
}

const dns::Zone& lies() {
  static const dns::Zone zone = std::move(*dns::zone_from_master(kLies));
  return zone;
}

}  // namespace

FaultRun::FaultRun(uint64_t seed, bool verbose, runtime::Log& log)
    : dice_(seed * 2654435761U + 12345),
      normalizes_(seed % 3 == 0),
      sim_(seed),
      ledger_(sim_, verbose),
      log_(log) {
  node_count_ = dice_.chance(0.3) ? 2 : 1;
  client_count_ = dice_.between(2, 6);
  name_everybody();
  sim_.set_faults(draw_network());
  make_hops();
  make_dns();
  make_nodes();
  make_clients();
}

FaultRun::~FaultRun() = default;

// Addresses are given in the order of the first mention: it is the same in every run.
void FaultRun::name_everybody() {
  for (size_t i = 0; i < 2; ++i) (void)sim_.address(fmt::format("mx{}", i));
  for (size_t i = 0; i < kHops; ++i) (void)sim_.address(fmt::format("hop{}", i));
  for (size_t i = 0; i < kDnsServers; ++i) (void)sim_.address(fmt::format("dns{}", i));
}

std::string FaultRun::with_addresses(std::string text, size_t node) {
  const auto replace = [&text](std::string_view word, const std::string& by) {
    for (size_t found = text.find(word); found != text.npos; found = text.find(word, found + by.size()))
      text.replace(found, word.size(), by);
  };
  const std::string self = fmt::format("mx{}", node);
  replace("@node", Endpoint{sim_.address(self), 25}.to_string());
  replace("@second", Endpoint{sim_.address(self), 26}.to_string());
  replace("@journal", kJournalPath);
  for (size_t i = 0; i < kHops; ++i) {
    const IpAddress address = sim_.address(fmt::format("hop{}", i));
    replace(fmt::format("@hopaddress{}", i), address.to_string());
    replace(fmt::format("@hop{}", i), Endpoint{address, 25}.to_string());
  }
  for (size_t i = 0; i < kDnsServers; ++i)
    replace(fmt::format("@dns{}", i), Endpoint{sim_.address(fmt::format("dns{}", i)), 53}.to_string());
  return text;
}

// --- who is there ---

reactor::SimFaults FaultRun::draw_network() {
  reactor::SimFaults faults;
  faults.latency_max = dice_.chance(0.3) ? 80ms : 2ms;
  faults.tiny_segment = dice_.chance(0.3) ? 0.4 : 0.05;
  faults.segment_max = dice_.chance(0.2) ? 512 : 16384;
  if (dice_.chance(0.3)) faults.stall = 0.02;
  if (dice_.chance(0.3)) faults.reset = 0.004;
  if (dice_.chance(0.2)) faults.refuse_connect = 0.1;
  if (dice_.chance(0.2)) faults.accept_error = 0.1;
  if (dice_.chance(0.15)) faults.lose_connect = 0.1;
  if (dice_.chance(0.3)) faults.lose_datagram = 0.2;
  if (dice_.chance(0.2)) faults.duplicate_datagram = 0.2;
  if (dice_.chance(0.3)) faults.delay_datagram = 0.3;
  return faults;
}

HopTemper FaultRun::draw_hop() {
  HopTemper temper;
  const double mood = dice_.chance(0.4) ? 0.0 : dice_.chance(0.7) ? 0.05 : 0.3;
  for (double& rude : temper.rude) rude = mood;
  for (size_t i = 1; i < kRudenesses; ++i)
    if (dice_.chance(0.6)) temper.manners.push_back(static_cast<Rudeness>(i));
  if (temper.manners.empty()) temper.manners.push_back(Rudeness::Refuse5);
  if (dice_.chance(0.4)) temper.took_and_lost = 0.2;
  if (dice_.chance(0.3)) temper.slow = 0.2;
  temper.late_min = 500ms;
  temper.late_max = dice_.chance(0.5) ? 20s : 400s;
  if (dice_.chance(0.8)) temper.capabilities.emplace_back("PIPELINING");
  if (dice_.chance(0.7)) temper.capabilities.emplace_back("8BITMIME");
  if (dice_.chance(0.7)) temper.capabilities.emplace_back("SMTPUTF8");
  if (dice_.chance(0.4)) temper.capabilities.emplace_back("CHUNKING");
  if (dice_.chance(0.5)) temper.capabilities.emplace_back(dice_.chance(0.2) ? "SIZE 70000" : "SIZE 10000000");
  return temper;
}

DnsTemper FaultRun::draw_dns() {
  DnsTemper temper;
  if (dice_.chance(0.4)) return temper;
  const auto some = [this] { return dice_.chance(0.3) ? 0.2 : 0.0; };
  temper.silent = some();
  temper.servfail = some();
  temper.truncate = some();
  temper.wrong_id = some();
  temper.wrong_question = some();
  temper.garbage = some();
  temper.late = some();
  temper.close_tcp = some();
  return temper;
}

void FaultRun::make_hops() {
  for (size_t i = 0; i < kHops; ++i) {
    const std::string name = fmt::format("hop{}", i);
    reactor::SimReactorOptions options;
    options.receive_buffer = dice_.chance(0.4) ? 2048 : 65536;
    peer_shards_.push_back(std::make_unique<Shard>(ShardId{0}, sim_.make_reactor(name, options)));
    hops_.push_back(std::make_unique<FaultHop>(*peer_shards_.back(), Endpoint{sim_.address(name), 25}, i,
                                               draw_hop(), dice_.seed(), ledger_));
  }
}

void FaultRun::make_dns() {
  static const std::string senders = [] {
    std::string text;
    for (size_t i = 0; i < 4; ++i) text += numbered(kZoneOfSenders, i) + big_record(i);
    return text;
  }();
  // The addresses of the hops are the same in every run, and so is the zone.
  static const dns::Zone truth =
      std::move(*dns::zone_from_yaml(senders + with_addresses(std::string(kZoneOfHops), 0)));
  for (size_t i = 0; i < kDnsServers; ++i) {
    const std::string name = fmt::format("dns{}", i);
    peer_shards_.push_back(std::make_unique<Shard>(ShardId{0}, sim_.make_reactor(name)));
    dns_.push_back(std::make_unique<FaultDns>(*peer_shards_.back(), Endpoint{sim_.address(name), 53}, truth,
                                              lies(), draw_dns(), dice_.seed(), ledger_));
  }
}

void FaultRun::make_nodes() {
  for (size_t i = 0; i < node_count_; ++i) {
    FaultNodeOptions options;
    options.name = fmt::format("mx{}", i);
    options.shards = dice_.chance(0.35) ? dice_.between(2, 3) : 1;
    options.bodies_max = dice_.chance(0.2) ? 200'000 : limits::kShardBodies;
    options.message_memory = dice_.chance(0.5) ? 40'000 : limits::kMessageMemory;
    options.reactor.late_report = 0.7;
    options.reactor.late_report_max = dice_.chance(0.5) ? 2ms : 400ms;
    options.reactor.send_buffer = dice_.chance(0.3) ? 2048 : 65536;
    options.reactor.receive_buffer = dice_.chance(0.2) ? 4096 : 65536;
    for (size_t server = 0; server < kDnsServers; ++server)
      options.dns_servers.push_back({sim_.address(fmt::format("dns{}", server)), 53});
    std::string base = with_addresses(std::string(kPolicyBase), i);
    const std::string_view rotate = dice_.chance(0.3) ? "4 KiB" : "256 MiB";
    base.replace(base.find("@rotate"), 7, rotate);
    base.replace(base.find("@connections"), 12, dice_.chance(0.4) ? "1" : "20");
    base.replace(base.find("@messages"), 9, dice_.chance(0.2) ? "2" : "100");
    base.replace(base.find("@bare"), 5, normalizes_ ? "normalize" : "refuse");
    base.replace(base.find("@outage"), 7, dice_.chance(0.5) ? "accept" : "defer");
    options.policies = {base + with_addresses(std::string(kPolicyOne), i),
                        base + with_addresses(std::string(kPolicyTwo), i)};
    nodes_.push_back(std::make_unique<FaultNode>(sim_, std::move(options), log_, ledger_));
  }
}

void FaultRun::make_clients() {
  client_world_ = std::make_unique<FaultClient::World>(FaultClient::World{
      sim_, ledger_, normalizes_, {}, [this](const Attempt& attempt) { check_accepted(attempt); }});
  for (size_t i = 0; i < node_count_; ++i)
    client_world_->nodes.push_back({sim_.address(fmt::format("mx{}", i)), 25});
  for (size_t i = 0; i < client_count_; ++i) {
    const std::string name = fmt::format("client{}", i);
    reactor::SimReactorOptions options;
    options.receive_buffer = dice_.chance(0.3) ? 1024 : 65536;
    peer_shards_.push_back(std::make_unique<Shard>(ShardId{0}, sim_.make_reactor(name, options)));
    clients_.push_back(std::make_unique<FaultClient>(*peer_shards_.back(), *client_world_, i, name,
                                                     draw_client(dice_, node_count_), dice_.seed()));
  }
}

// --- what goes wrong, and when ---

void FaultRun::at(std::chrono::nanoseconds from, std::chrono::nanoseconds until, std::function<void()> act) {
  actions_.push_back({sim_.now() + dice_.time(from, until), actions_.size(), std::move(act)});
}

void FaultRun::plan_actions() {
  for (size_t i = 0; i < node_count_; ++i) {
    plan_node_actions(i);
    plan_disk_actions(i);
  }
  plan_peer_actions();
  std::ranges::sort(actions_, [](const Action& a, const Action& b) {
    return std::pair(a.at, a.number) < std::pair(b.at, b.number);
  });
}

void FaultRun::plan_node_actions(size_t number) {
  FaultNode& node = *nodes_[number];
  const size_t crashes = dice_.chance(0.5) ? 0 : dice_.between(1, 3);
  for (size_t i = 0; i < crashes; ++i) {
    const auto away = dice_.time(0s, 20s);
    at(0s, kActive, [this, &node, away] {
      ledger_.tally().count("node crash");
      node.crash();
      turn_until([] { return false; }, away);
      start_node(node);
    });
  }
  if (dice_.chance(0.25)) {
    at(0s, kActive, [this, &node] {
      ledger_.tally().count("node drain and restart");
      restart_by_drain(node);
    });
  }
  if (dice_.chance(0.3)) {
    at(0s, kActive, [this, &node] {
      ledger_.tally().count("node reopens journals");
      node.reopen_journals();
    });
  }
  const size_t reloads = dice_.chance(0.6) ? 0 : dice_.between(1, 3);
  for (size_t i = 0; i < reloads; ++i) {
    at(0s, kActive, [this, &node] {
      ledger_.tally().count("node reloads its policy");
      node.reload();
    });
  }
}

void FaultRun::plan_disk_actions(size_t number) {
  if (!dice_.chance(0.4)) return;
  const std::string name = nodes_[number]->name();
  disks_were_healthy_ = false;
  const size_t kind = dice_.below(3);
  reactor::SimDiskFaults faults;
  if (kind == 0) {
    faults.capacity = dice_.between(0, 6000);
  } else if (kind == 1) {
    faults.open_error = faults.read_error = faults.write_error = faults.sync_error = faults.rename_error =
        0.3;
  } else {
    faults.latency_min = 50ms;
    faults.latency_max = 3s;
  }
  static constexpr std::array kWords{"disk full", "disk errors", "disk slow"};
  at(0s, 60s, [this, name, faults, kind] {
    ledger_.tally().count(kWords[kind]);
    ledger_.say("{}: {}", name, kWords[kind]);
    sim_.set_disk_faults(name, faults);
  });
  at(60s, kActive, [this, name] {
    ledger_.say("{}: the disk is well", name);
    sim_.set_disk_faults(name, {});
  });
}

void FaultRun::plan_peer_actions() {
  const auto cut_off = [this](const std::string& name, const char* kind) {
    reactor::SimFaults dead;
    dead.blackhole = true;
    const Endpoint server{sim_.address(name), static_cast<uint16_t>(name.starts_with("dns") ? 53 : 25)};
    at(0s, kActive / 2, [this, server, dead, kind] {
      ledger_.tally().count(kind);
      ledger_.say("{}: {}", server.to_string(), kind);
      sim_.set_faults(server, dead);
    });
    at(kActive / 2, kActive, [this, server] { sim_.set_faults(server, reactor::SimFaults{}); });
  };
  for (size_t i = 0; i < kHops; ++i) {
    const std::string name = fmt::format("hop{}", i);
    if (dice_.chance(0.1)) cut_off(name, "hop unreachable");
    if (dice_.chance(0.2)) {
      at(0s, kActive, [this, name] {
        ledger_.tally().count("hop streams reset");
        ledger_.say("{}: all streams are reset", name);
        sim_.reset_streams({sim_.address(name), 25});
      });
    }
  }
  const bool all = dice_.chance(0.05);
  for (size_t i = 0; i < kDnsServers; ++i)
    if (all || dice_.chance(0.1)) cut_off(fmt::format("dns{}", i), "dns unreachable");
}

// --- the run ---

std::vector<Shard*> FaultRun::all_shards() const {
  std::vector<Shard*> shards;
  for (const auto& shard : peer_shards_) shards.push_back(shard.get());
  for (const auto& node : nodes_) node->add_shards(shards);
  return shards;
}

bool FaultRun::turn_until(const std::function<bool()>& done, std::chrono::nanoseconds most) {
  const std::vector<Shard*> shards = all_shards();
  const MonoTime latest = sim_.now() + most;
  const bool came = sim_.run_until(shards, done, latest);
  for (const auto& node : nodes_) (void)node->reap();
  return came;
}

// A disk that refuses to open the journal keeps the node down until it is tried again.
void FaultRun::start_node(FaultNode& node) {
  for (int attempt = 0;; ++attempt) {
    node.start();
    const bool started = turn_until([&node] { return node.has_started(); }, kRestartMost);
    if (!started) ledger_.violated("{} does not start", node.name());
    if (started && !node.start_failed()) return;
    ledger_.say("{} could not start", node.name());
    if (attempt == 20) sim_.set_disk_faults(node.name(), {});
    node.stop();
    if (!turn_until([&node] { return node.has_stopped(); }, kRestartMost))
      ledger_.violated("{} does not stop after it could not start", node.name());
    turn_until([] { return false; }, 5s);
    node.bury();
  }
}

void FaultRun::restart_by_drain(FaultNode& node) {
  node.stop();
  if (!turn_until([&node] { return node.has_stopped(); }, kRestartMost))
    ledger_.violated("{} does not stop", node.name());
  turn_until([] { return false; }, 3s);
  node.bury();
  start_node(node);
}

void FaultRun::run() {
  for (const auto& node : nodes_) start_node(*node);
  plan_actions();
  for (const auto& client : clients_) client->start();
  for (const Action& action : actions_) {
    if (action.at > sim_.now()) turn_until([] { return false; }, action.at - sim_.now());
    action.act();
  }
  const auto all_done = [this] {
    return std::ranges::all_of(clients_, [](const auto& client) { return client->done(); });
  };
  if (!turn_until(all_done, kRunMost)) ledger_.violated("a client does not come to an end");
  heal();
  quiet();
  end_all();
  check_ledger(sim_, nodes_, ledger_);
  count_injections();
  trace_hash_ = sim_.trace_hash();
}

void FaultRun::heal() {
  ledger_.say("all is well from now on");
  sim_.clear_faults();
  for (const auto& hop : hops_) hop->calm();
  for (const auto& dns : dns_) dns->calm();
  for (const auto& node : nodes_) sim_.set_disk_faults(node->name(), {});
}

void FaultRun::quiet() {
  turn_until([] { return false; }, kQuiet);
  for (const auto& node : nodes_) {
    if (!node->reap()) ledger_.violated("{}: what crashed cannot be unwound", node->name());
    node->check_idle();
  }
}

void FaultRun::end_all() {
  for (const auto& node : nodes_) node->stop();
  const auto stopped = [this] {
    return std::ranges::all_of(nodes_, [](const auto& node) { return node->has_stopped(); });
  };
  if (!turn_until(stopped, kRestartMost)) ledger_.violated("a node does not stop");
  turn_until([] { return false; }, 3s);
  for (const auto& node : nodes_) node->bury();
  for (const auto& hop : hops_) hop->begin_stop();
  for (const auto& dns : dns_) dns->begin_stop();
  const auto peers_stopped = [this] {
    return std::ranges::all_of(hops_, [](const auto& hop) { return hop->stopped(); }) &&
           std::ranges::all_of(dns_, [](const auto& dns) { return dns->stopped(); });
  };
  if (!turn_until(peers_stopped, 1h)) ledger_.violated("a next hop or DNS server does not stop");
  hops_.clear();
  dns_.clear();
  clients_.clear();
  turn_until([] { return false; }, 10s);
}

// The row of a recipient stands before its 250 (W-17): what the disk has at this very moment.
void FaultRun::check_accepted(const Attempt& attempt) {
  const FaultNode& node = *nodes_[attempt.node];
  if (!disks_were_healthy_ || node.crashed_since(attempt.connected_at)) return;
  for (const Named& named : attempt.recipients) {
    if (named.code != 250 || Rows::has(sim_, node.name(), named.address)) continue;
    ledger_.violated("{} was told 250, and its row is not written", named.address);
  }
}

void FaultRun::count_injections() {
  for (size_t i = 0; i < reactor::kSimInjections; ++i) {
    const std::string kind = std::string("sim: ") + reactor::to_word(static_cast<reactor::SimInjection>(i));
    ledger_.tally().count(kind, sim_.injected()[i]);
  }
  ledger_tally_total_ = ledger_.tally().total();
}

}  // namespace sluice::faults
