#include "io/serve/hop_destinations.h"

#include "io/base/check.h"
#include "io/serve/hop_pool.h"
#include "io/serve/hop_transaction.h"

#include <algorithm>
#include <cerrno>
#include <utility>

namespace sluice::serve {

using reactor::Shard;

HopDestinations::HopDestinations(Shard& shard, HopOptions options)
    : shard_(shard), options_(std::move(options)) {}

HopDestinations::~HopDestinations() {
  for (const auto& [key, destination] : by_address_) {
    SLUICE_CHECK(destination->open == 0 && destination->pools == 0);
    if (destination->health.failing()) destination->meter.change(&HopMetrics::failing, -1);
  }
  SLUICE_CHECK(waiters_.empty());
}

void HopDestinations::set_options(HopOptions options) {
  options.metrics = options_.metrics;
  options.cells = options_.cells;
  options_ = std::move(options);
  for (HopWaiter* waiter : std::exchange(waiters_, {})) waiter->room.notify();  // there may be room now
}

size_t HopDestinations::open_sessions() const {
  size_t sum = 0;
  for_each([&sum](const HopDestination& destination) { sum += destination.open; });
  return sum;
}

size_t HopDestinations::idle_sessions() const {
  size_t sum = 0;
  for_each([&sum](const HopDestination& destination) { sum += destination.idle.size(); });
  return sum;
}

// --- addresses ---

HopDestination& HopDestinations::use(const Endpoint& endpoint, bool send_xclient, const std::string& hop) {
  std::unique_ptr<HopDestination>& slot = by_address_[Key{endpoint, send_xclient}];
  if (slot == nullptr) {
    slot = std::make_unique<HopDestination>();
    slot->endpoint = endpoint;
    slot->send_xclient = send_xclient;
    if (options_.metrics != nullptr) slot->meter = HopMeter(options_.cells, &options_.metrics->of(hop));
  }
  ++slot->pools;
  return *slot;
}

void HopDestinations::leave(HopDestination& destination) {
  SLUICE_CHECK(destination.pools > 0);
  look_again(destination);
  if (--destination.pools != 0) return;
  {
    const Walk walk(*this);
    for (SessionPtr& session : std::exchange(destination.idle, {})) {
      destination.meter.change(&HopMetrics::idle, -1);
      retire(std::move(session));
    }
  }
  forget_unused();
}

void HopDestinations::forget_unused() {
  if (walks_ != 0) return;
  std::erase_if(by_address_, [](const auto& entry) {
    HopDestination& destination = *entry.second;
    const bool unused = destination.pools == 0 && destination.open == 0;
    if (unused && destination.health.failing()) destination.meter.change(&HopMetrics::failing, -1);
    return unused;
  });
}

void HopDestinations::mark_failed(HopDestination& destination) {
  if (!destination.health.failing()) destination.meter.change(&HopMetrics::failing, 1);
  destination.health.failed(shard_.now(), options_.backoff, shard_.random());
  look_again(destination);  // another one of their lists may be better now
}

void HopDestinations::mark_spoke(HopDestination& destination, bool served) {
  if (destination.health.failing()) destination.meter.change(&HopMetrics::failing, -1);
  served ? destination.health.served() : destination.health.spoke();
}

// --- opening ---

HopDestinations::SessionPtr HopDestinations::take_idle(HopDestination& destination) {
  while (!destination.idle.empty()) {
    SessionPtr session = std::move(destination.idle.back());
    destination.idle.pop_back();
    destination.meter.change(&HopMetrics::idle, -1);
    if (session->client->reusable()) {
      ++session->transactions;
      return session;
    }
    discard(std::move(session));
  }
  return nullptr;
}

bool HopDestinations::has_room(HopDestination& destination, Freshness freshness) {
  if (destination.open < options_.sessions_max) return true;
  if (freshness == Freshness::Any || destination.idle.empty()) return false;
  SessionPtr oldest = std::move(destination.idle.front());
  destination.idle.erase(destination.idle.begin());
  destination.meter.change(&HopMetrics::idle, -1);
  oldest.reset();
  close_one(destination);  // nobody else hears of this room
  return true;
}

runtime::Task<HopDestinations::Opened> HopDestinations::open(Shard& shard, HopDestination& destination,
                                                             bool others_left, MonoTime deadline,
                                                             net::StreamStop* stop) {
  ++destination.open;
  destination.meter.change(&HopMetrics::open, 1);
  destination.meter.add(&HopMetrics::connects);
  const MonoTime begun = shard.now();
  const MonoTime attempt_deadline = std::min(deadline, begun + options_.connect_wait);
  ClientOptions client_options;
  client_options.our_name = options_.our_name;
  client_options.command_wait = options_.command_wait;
  if (others_left) client_options.connect_wait = options_.next_address_wait;
  SmtpClient::Opened client = co_await SmtpClient::open(shard, destination.endpoint,
                                                        std::move(client_options), attempt_deadline, stop);
  const bool stopped = stop != nullptr && stop->stopped();
  if (client && !stopped) {
    destination.health.answered();
    destination.greeted = true;
    destination.size_limit = (*client)->capabilities().size;
    destination.meter.took(&HopMetrics::connect_time, shard.now() - begun);
    auto session = std::make_unique<HopSession>(destination);
    session->client = std::move(*client);
    session->transactions = 1;
    co_return std::move(session);
  }
  ClientFault fault;
  if (!client) fault = std::move(client.error());
  // Where our own time ran out it may only have been slow.
  const bool silent = fault.kind == ClientFault::Kind::Timeout || fault.os_error == ETIMEDOUT;
  const bool cut_short = silent && attempt_deadline < begun + options_.connect_wait / 2;
  if (!stopped) destination.meter.fault(fault.kind);
  if (!stopped && !cut_short) mark_failed(destination);
  if (client) client->reset();
  close_one(destination);
  room_was_made(destination);
  co_return std::unexpected(std::move(fault));
}

void HopDestinations::probe(HopDestination& destination) {
  if (destination.open >= options_.sessions_max || group_.closed()) return;
  destination.health.begin_probe();
  const bool spawned = group_.spawn(shard_, probe_once(shard_, destination));
  SLUICE_CHECK(spawned);
}

runtime::Task<void> HopDestinations::probe_once(Shard& shard, HopDestination& destination) {
  const Walk walk(*this);
  if (group_.closed()) {  // between the decision and this turn
    destination.health.probe_broken_off();
    co_return;
  }
  net::StreamStop stop;
  probing_.push_back(&stop);
  Opened opened = co_await open(shard, destination, /*others_left=*/false, kNever, &stop);
  std::erase(probing_, &stop);
  if (stop.stopped()) destination.health.probe_broken_off();
  if (!opened) co_return;
  (*opened)->transactions = 0;
  give_back(std::move(*opened));
}

// --- giving back ---

void HopDestinations::close_one(HopDestination& destination) {
  --destination.open;
  destination.meter.change(&HopMetrics::open, -1);
}

void HopDestinations::give_back(SessionPtr session) {
  if (!session->client->reusable()) {
    discard(std::move(session));
  } else if (session->destination.pools == 0) {
    retire(std::move(session));
  } else if (session->refusals >= options_.refusals_max || session->resets >= options_.resets_max ||
             session->transactions >= options_.session_transactions) {
    ++sessions_retired_;
    retire(std::move(session));
  } else if (!session->in_mail) {
    keep_idle(std::move(session));
  } else {
    HopDestination& destination = session->destination;
    is_returning(*session);
    if (group_.spawn(shard_, reset_and_keep(shard_, std::move(session)))) return;
    returning_.pop_back();  // stopping: it was dropped
    --destination.returning;
    close_one(destination);
  }
}

void HopDestinations::is_returning(HopSession& session) {
  returning_.push_back(&session);
  ++session.destination.returning;
}

void HopDestinations::has_returned(HopSession& session) {
  std::erase(returning_, &session);
  --session.destination.returning;
}

runtime::Task<void> HopDestinations::reset_and_keep(Shard& shard, SessionPtr session) {
  session->client->rset();
  const MonoTime deadline = shard.now() + limits::kHopResetWait;
  Eventual<ClientResult> awaited = session->client->next_reply(shard, deadline);
  const ClientResult result = co_await std::move(awaited);
  session->in_mail = false;
  ++session->resets;
  if (!result || !result->reply.positive()) {
    has_returned(*session);
    discard(std::move(session));
  } else if (session->resets >= options_.resets_max) {
    ++sessions_retired_;
    co_await quit(shard, std::move(session));
  } else if (session->destination.pools == 0 || group_.closed()) {
    co_await quit(shard, std::move(session));
  } else {
    has_returned(*session);
    keep_idle(std::move(session));
  }
}

void HopDestinations::keep_idle(SessionPtr session) {
  if (group_.closed()) {  // stopping
    discard(std::move(session));
    return;
  }
  HopDestination& destination = session->destination;
  session->idle_since = shard_.now();
  destination.idle.push_back(std::move(session));
  destination.meter.change(&HopMetrics::idle, 1);
  if (!armed()) shard_.timers().arm(*this, shard_.now() + options_.idle_wait);
  room_was_made(destination);
}

void HopDestinations::discard(SessionPtr session) {
  HopDestination& destination = session->destination;
  session.reset();
  close_one(destination);
  room_was_made(destination);
  forget_unused();
}

void HopDestinations::retire(SessionPtr session) {
  HopDestination& destination = session->destination;
  is_returning(*session);
  if (group_.spawn(shard_, quit(shard_, std::move(session)))) return;
  returning_.pop_back();
  --destination.returning;
  close_one(destination);
}

runtime::Task<void> HopDestinations::quit(Shard& shard, SessionPtr session) {
  const MonoTime deadline = std::min(quit_deadline_, shard.now() + limits::kCloseLinger);
  co_await session->client->quit(shard, deadline);
  has_returned(*session);
  discard(std::move(session));
}

// Idle sessions that have waited long enough, or whose hop has closed them.
void HopDestinations::on_timer() {
  const Walk walk(*this);
  MonoTime next = kNever;
  for (const auto& [key, destination] : by_address_) {
    for (SessionPtr& session : std::exchange(destination->idle, {})) {
      destination->meter.change(&HopMetrics::idle, -1);
      if (!session->client->reusable()) {
        discard(std::move(session));
      } else if (session->idle_since + options_.idle_wait <= shard_.now()) {
        retire(std::move(session));
      } else {
        next = std::min(next, session->idle_since + options_.idle_wait);
        destination->meter.change(&HopMetrics::idle, 1);
        destination->idle.push_back(std::move(session));
      }
    }
  }
  if (next != kNever) shard_.timers().arm(*this, next);
}

void HopDestinations::close_idle() {
  const Walk walk(*this);
  for (const auto& [key, destination] : by_address_) {
    for (SessionPtr& session : std::exchange(destination->idle, {})) {
      destination->meter.change(&HopMetrics::idle, -1);
      retire(std::move(session));
    }
  }
}

runtime::Task<void> HopDestinations::stop(Shard& shard, MonoTime deadline) {
  disarm();
  quit_deadline_ = deadline;
  for (net::StreamStop* probe : probing_) probe->stop();
  close_idle();
  group_.close();
  while (group_.size() != 0) {
    const runtime::Wake wake = co_await group_.wait_empty(shard, deadline);
    if (wake != runtime::Wake::TimedOut) continue;
    for (HopSession* session : returning_) session->client->abort();
    for (net::StreamStop* probe : probing_) probe->stop();
    deadline = kNever;
  }
}

// --- waiting for one to come free ---

bool HopWaiter::wants(const HopDestination& destination) const {
  return std::ranges::find(wanted, &destination) != wanted.end();
}

runtime::Task<bool> HopDestinations::wait_for_room(Shard& shard, MonoTime deadline, HopWaiter& waiter) {
  waiter.granted = nullptr;
  waiter.room.reset();
  // In the order of asking, also when it waits again.
  waiters_.insert(std::ranges::upper_bound(waiters_, waiter.since, {}, &HopWaiter::since), &waiter);
  const auto may_give = [&](const HopTransaction* holder) {
    const HopDestination& held = holder->session_->destination;
    return waiter.wants(held) && wants_room(held);
  };
  const auto longest = std::ranges::find_if(holders_, may_give);
  if (longest != holders_.end()) (*longest)->park();
  const runtime::Wake wake = co_await waiter.room.wait_until(shard, deadline);
  std::erase(waiters_, &waiter);
  co_return wake == runtime::Wake::Notified && !waiter.stop.stopped();
}

void HopDestinations::room_was_made(const HopDestination& destination) {
  const auto oldest =
      std::ranges::find_if(waiters_, [&](const HopWaiter* waiter) { return waiter->wants(destination); });
  if (oldest == waiters_.end()) return;
  HopWaiter& waiter = **oldest;
  waiters_.erase(oldest);
  waiter.granted = &destination;
  waiter.room.notify();
}

void HopDestinations::pass_on_room(const HopDestination& destination) {
  if (!destination.idle.empty() || destination.open < options_.sessions_max) room_was_made(destination);
}

void HopDestinations::look_again(const HopDestination& destination) {
  std::erase_if(waiters_, [&](HopWaiter* waiter) {
    const bool wants = waiter->wants(destination);
    if (wants) waiter->room.notify();
    return wants;
  });
}

bool HopDestinations::wants_room(const HopDestination& destination) const {
  if (waiters_.empty()) return false;
  const auto waiting =
      std::ranges::count_if(waiters_, [&](const HopWaiter* waiter) { return waiter->wants(destination); });
  return static_cast<size_t>(waiting) > destination.returning;
}

}  // namespace sluice::serve
