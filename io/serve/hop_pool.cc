#include "io/serve/hop_pool.h"

#include "io/base/check.h"
#include "io/serve/hop_selection.h"
#include "io/serve/hop_transaction.h"

#include <algorithm>
#include <span>
#include <utility>

namespace sluice::serve {

using reactor::Shard;

void HopCounters::add(const HopCounters& other) {
  connects += other.connects;
  connect_failures += other.connect_failures;
  sessions_reused += other.sessions_reused;
  retries += other.retries;
  parked += other.parked;
  repeated_envelopes += other.repeated_envelopes;
  recipients_accepted += other.recipients_accepted;
  recipients_refused += other.recipients_refused;
  delivered += other.delivered;
  refused += other.refused;
  faults += other.faults;
  unknown += other.unknown;
  congested += other.congested;
  sent_without_8bitmime += other.sent_without_8bitmime;
  sent_in_chunks += other.sent_in_chunks;
}

HopPool::HopPool(HopDestinations& destinations, std::vector<HopHost> hosts) : destinations_(destinations) {
  set_hosts(std::move(hosts));
}

HopPool::~HopPool() {
  SLUICE_CHECK(transactions_ == 0 && waiting_ == 0);
  leave_candidates(std::exchange(candidates_, {}));
}

// --- the list ---

namespace {

// How many addresses of each host: equally many, so that one with many leaves room for those behind it.
std::vector<size_t> shares_of(const std::vector<HopHost>& hosts) {
  std::vector<size_t> shares(hosts.size());
  size_t left = limits::kHopEndpoints;
  for (bool any = true; any;) {
    any = false;
    for (size_t i = 0; i < hosts.size() && left != 0; ++i) {
      if (shares[i] == hosts[i].addresses.size()) continue;
      ++shares[i];
      --left;
      any = true;
    }
  }
  return shares;
}

}  // namespace

void HopPool::set_hosts(std::vector<HopHost> hosts) {
  if (hosts == hosts_) return;
  // The new ones first: what stands in both lists must not be forgotten in between.
  const std::vector<size_t> shares = shares_of(hosts);
  std::vector<Candidate> next;
  for (size_t i = 0; i < hosts.size(); ++i) {
    const HopHost& host = hosts[i];
    for (const Endpoint& address : std::span(host.addresses).first(shares[i])) {
      HopDestination& destination = destinations_.use(address, host.send_xclient, host.name);
      next.push_back({&destination, i, host.priority, host.weight});
    }
  }
  hosts_ = std::move(hosts);
  leave_candidates(std::exchange(candidates_, std::move(next)));
}

void HopPool::leave_candidates(std::vector<Candidate> candidates) {
  for (const Candidate& candidate : candidates) destinations_.leave(*candidate.destination);
}

bool HopPool::healthy() const {
  return !std::ranges::all_of(
      candidates_, [](const Candidate& candidate) { return candidate.destination->health.failing(); });
}

std::optional<uint64_t> HopPool::size_limit() const {
  std::optional<uint64_t> largest;
  for (const Candidate& candidate : candidates_) {
    const HopDestination& destination = *candidate.destination;
    if (!destination.greeted) continue;
    if (!destination.size_limit) return std::nullopt;
    largest = std::max(largest.value_or(0), *destination.size_limit);
  }
  return largest;
}

size_t HopPool::open_sessions() const {
  size_t sum = 0;
  for (const Candidate& candidate : candidates_) sum += candidate.destination->open;
  return sum;
}

size_t HopPool::idle_sessions() const {
  size_t sum = 0;
  for (const Candidate& candidate : candidates_) sum += candidate.destination->idle.size();
  return sum;
}

std::vector<HopPool::Candidate> HopPool::order_of_trial(MonoTime now) {
  if (candidates_.size() <= 1) return candidates_;
  std::vector<HopCandidate> facts;
  bool any_usable = false;
  for (const Candidate& candidate : candidates_) {
    const HopHealth& health = candidate.destination->health;
    const bool v4 = candidate.destination->endpoint.address.is_v4();
    facts.push_back(
        {candidate.host, candidate.priority, candidate.weight, v4, health.usable(), health.retry_at()});
    any_usable = any_usable || health.usable();
  }
  std::vector<Candidate> order;
  for (const size_t index : serve::order_of_trial(facts, destinations_.shard_.random())) {
    order.push_back(candidates_[index]);
    HopDestination& destination = *candidates_[index].destination;
    // Nobody's mail waits for what may not have recovered.
    if (any_usable && destination.health.probe_due(now)) destinations_.probe(destination);
  }
  return order;
}

void HopPool::note_recipient(HopSession& session, bool accepted) {
  ++(accepted ? counters_.recipients_accepted : counters_.recipients_refused);
  session.destination.meter.add(accepted ? &HopMetrics::recipients_accepted
                                         : &HopMetrics::recipients_refused);
  destinations_.mark_spoke(session.destination, /*served=*/false);
  if (accepted) {
    refusing_since_.reset();
  } else if (!refusing_since_) {
    refusing_since_ = destinations_.shard_.now();
  }
}

// --- getting a session ---

HopPool::SessionPtr HopPool::take_idle() {
  if (candidates_.size() != 1) return nullptr;  // which one is acquire()'s choice
  SessionPtr session = destinations_.take_idle(*candidates_.front().destination);
  if (session) ++counters_.sessions_reused;
  return session;
}

runtime::Task<HopPool::Acquired> HopPool::acquire(Shard& shard, Freshness freshness, MonoTime deadline,
                                                  HopWaiter& waiter) {
  const HopDestinations::Walk nothing_is_forgotten(destinations_);
  waiter.since = shard.now();
  waiter.granted = nullptr;
  const MonoTime queue_deadline = std::min(deadline, shard.now() + options().queue_wait);
  for (;;) {
    Walked walked = co_await walk(shard, freshness, deadline, waiter);
    // Room that was made for this one and is not taken is the next one's.
    const HopDestination* granted = std::exchange(waiter.granted, nullptr);
    if (granted != nullptr && (!walked.session || &walked.session->destination != granted)) {
      destinations_.pass_on_room(*granted);
    }
    if (walked.session) co_return std::move(walked.session);
    if (waiter.wanted.empty()) {
      const ClientFault::Kind kind = walked.fault.kind;
      const bool lost = kind == ClientFault::Kind::Lost || kind == ClientFault::Kind::Closing;
      co_return std::unexpected(Unavailable{map_fault(walked.fault), lost});
    }
    const bool room = co_await wait_for_room(shard, queue_deadline, waiter);
    if (room) continue;
    if (waiter.granted != nullptr) destinations_.pass_on_room(*waiter.granted);
    ++counters_.congested;
    first_meter().add(&HopMetrics::congested);
    co_return std::unexpected(Unavailable{hop_is_busy()});
  }
}

// waiter.wanted says afterwards where there was no room.
runtime::Task<HopPool::Walked> HopPool::walk(Shard& shard, Freshness freshness, MonoTime deadline,
                                             HopWaiter& waiter) {
  Walked walked;
  walked.fault.kind = ClientFault::Kind::Connect;
  waiter.wanted.clear();
  unsigned busy_priority = 0;
  bool busy_hop_works = false;
  const std::vector<Candidate> order = order_of_trial(shard.now());
  for (size_t i = 0; i < order.size(); ++i) {
    HopDestination& destination = *order[i].destination;
    const bool other_rank = order[i].priority != busy_priority || !destination.health.usable();
    if (busy_hop_works && other_rank) break;
    if (freshness == Freshness::Any) {
      walked.session = destinations_.take_idle(destination);
      if (walked.session) {
        ++counters_.sessions_reused;
        co_return walked;
      }
    }
    if (!destinations_.has_room(destination, freshness)) {
      waiter.wanted.push_back(&destination);
      busy_priority = order[i].priority;
      busy_hop_works = destination.health.usable();
      continue;
    }
    if (shard.now() >= deadline || waiter.stop.stopped()) break;
    ++counters_.connects;
    const bool others_left = i + 1 < order.size();
    net::StreamStop* stop = &waiter.stop;
    HopDestinations::Opened opened =
        co_await destinations_.open(shard, destination, others_left, deadline, stop);
    if (opened) {
      walked.session = std::move(*opened);
      co_return walked;
    }
    if (waiter.stop.stopped()) break;
    ++counters_.connect_failures;
    walked.fault = std::move(opened.error());
  }
  co_return walked;
}

runtime::Task<bool> HopPool::wait_for_room(Shard& shard, MonoTime deadline, HopWaiter& waiter) {
  if (waiting_ >= options().waiting_max || shard.now() >= deadline || waiter.stop.stopped()) co_return false;
  HopMeter meter = first_meter();
  ++waiting_;
  meter.change(&HopMetrics::waiting, 1);
  const bool room = co_await destinations_.wait_for_room(shard, deadline, waiter);
  --waiting_;
  meter.change(&HopMetrics::waiting, -1);
  co_return room;
}

}  // namespace sluice::serve
