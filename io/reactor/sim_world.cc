#include "io/reactor/sim_world.h"

#include "io/base/check.h"
#include "io/reactor/sim_core.h"
#include "io/reactor/sim_reactor.h"

#include <algorithm>
#include <utility>

namespace sluice::reactor {
namespace {

// Shards that keep each other busy without time passing are a defect; so many rounds are beyond any real use.
constexpr int kRoundsPerInstant = 1'000'000;

SimReactor& simulated(Shard& shard) {
  auto* reactor = dynamic_cast<SimReactor*>(&shard.reactor());
  SLUICE_CHECK(reactor != nullptr);
  return *reactor;
}

bool is_due(Shard& shard, MonoTime now) {
  return simulated(shard).is_ready() || !shard.run_queue().empty() || shard.timers().next_wakeup() <= now;
}

MonoTime next_timer(std::span<Shard* const> shards) {
  MonoTime next = kNever;
  for (Shard* shard : shards) next = std::min(next, shard->timers().next_wakeup());
  return next;
}

}  // namespace

SimWorld::SimWorld(uint64_t seed) : core_(std::make_unique<SimCore>(seed)) {}

SimWorld::~SimWorld() { SLUICE_CHECK(core_->reactors.empty()); }

std::unique_ptr<Reactor> SimWorld::make_reactor(std::string_view node, const SimReactorOptions& options) {
  return std::make_unique<SimReactor>(*core_, core_->network.node(node), options);
}

// --- time ---

MonoTime SimWorld::now() const { return core_->events.now(); }

WallTime SimWorld::wall_now() const { return core_->events.wall_now(); }

MonoTime SimWorld::next_event() const {
  if (std::ranges::any_of(core_->reactors, &SimReactor::is_ready)) return now();
  return core_->events.next();
}

bool SimWorld::step() {
  if (std::ranges::any_of(core_->reactors, &SimReactor::is_ready)) return true;
  if (core_->events.next() == kNever) return false;
  core_->events.step();
  return true;
}

void SimWorld::advance(MonoTime to) { core_->events.advance(to); }

bool SimWorld::turn_round(std::span<Shard* const> shards) {
  std::vector<Shard*> order(shards.begin(), shards.end());
  for (size_t i = order.size(); i > 1; --i)
    std::swap(order[i - 1], order[core_->events.random().below(static_cast<uint32_t>(i))]);
  bool turned = false;
  for (Shard* shard : order) {
    if (!is_due(*shard, now())) continue;
    shard->turn(now());
    turned = true;
  }
  return turned;
}

void SimWorld::run(std::span<Shard* const> shards, MonoTime until) {
  const auto never = [] { return false; };
  // Time passes also when nothing happens any more.
  if (!run_until(shards, never, until) && until != kNever) advance(until);
}

bool SimWorld::run_until(std::span<Shard* const> shards, const std::function<bool()>& done, MonoTime latest) {
  // What was enlisted from outside a turn is not seen by is_due().
  for (Shard* shard : shards) shard->turn(now());
  for (int rounds = 0; !done();) {
    if (turn_round(shards)) {
      ++rounds;
      SLUICE_CHECK(rounds < kRoundsPerInstant);
      continue;
    }
    rounds = 0;
    const MonoTime next = std::min(core_->events.next(), next_timer(shards));
    if (next == kNever || next > latest) {
      if (latest != kNever) advance(latest);
      return false;
    }
    // One event at a time: others of the same instant meet shards that have seen it.
    if (core_->events.next() <= next) {
      core_->events.step();
    } else {
      advance(next);
    }
  }
  return true;
}

// --- network ---

IpAddress SimWorld::address(std::string_view node) {
  return core_->network.address(core_->network.node(node), IpFamily::V4);
}

IpAddress SimWorld::address_v6(std::string_view node) {
  return core_->network.address(core_->network.node(node), IpFamily::V6);
}

void SimWorld::add_address(std::string_view node, const IpAddress& address) {
  core_->network.add_address(core_->network.node(node), address);
}

void SimWorld::set_faults(const SimFaults& faults) { core_->network.set_faults(faults); }

void SimWorld::set_faults(std::string_view node, std::string_view other_node, const SimFaults& faults) {
  core_->network.set_faults(core_->network.node(node), core_->network.node(other_node), faults);
}

void SimWorld::set_faults(const Endpoint& server, const SimFaults& faults) {
  core_->network.set_faults(server, faults);
}

void SimWorld::clear_faults() { core_->network.clear_faults(); }

void SimWorld::reset_streams(const Endpoint& endpoint) { core_->streams.reset_all(endpoint); }

void SimWorld::crash(std::string_view node) {
  const SimNodeId number = core_->network.node(node);
  for (SimReactor* reactor : core_->reactors)
    if (reactor->node() == number && !reactor->is_husk()) reactor->become_husk();
  core_->streams.crash(number);
  core_->events.count(SimInjection::Crash);
  core_->events.count(SimInjection::UnsyncedLost, core_->disk(number).crash(core_->events.random()));
}

// --- disks ---

void SimWorld::set_disk_faults(std::string_view node, const SimDiskFaults& faults) {
  core_->disk(core_->network.node(node)).faults = faults;
}

std::optional<std::string> SimWorld::file_content(std::string_view node, const std::string& path) {
  return core_->disk(core_->network.node(node)).content(path);
}

void SimWorld::put_file(std::string_view node, const std::string& path, std::string content) {
  core_->disk(core_->network.node(node)).put(path, std::move(content));
}

void SimWorld::remove_file(std::string_view node, const std::string& path) {
  core_->disk(core_->network.node(node)).remove(path);
}

std::vector<std::string> SimWorld::file_names(std::string_view node) {
  return core_->disk(core_->network.node(node)).names();
}

size_t SimWorld::open_files(std::string_view node) {
  return core_->disk(core_->network.node(node)).open_files();
}

// --- proof ---

uint64_t SimWorld::trace_hash() const { return core_->events.trace_hash(); }

uint64_t SimWorld::events() const { return core_->events.happened(); }

const std::array<uint64_t, kSimInjections>& SimWorld::injected() const { return core_->events.injected(); }

size_t SimWorld::memory_out(std::string_view node) {
  const SimNodeId number = core_->network.node(node);
  size_t octets = 0;
  for (const SimReactor* reactor : core_->reactors)
    if (reactor->node() == number && !reactor->is_husk()) octets += reactor->memory_out();
  return octets;
}

}  // namespace sluice::reactor
