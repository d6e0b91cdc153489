#include "io/serve/hop_pool.h"

#include "io/base/check.h"
#include "io/serve/hop_session.h"
#include "io/serve/hop_transaction.h"

#include <algorithm>
#include <utility>

namespace sluice::serve {
namespace {

ClientFault no_room() {
  ClientFault fault;
  fault.kind = ClientFault::Kind::Refused;
  fault.command = smtp::ClientCommand::Greeting;
  fault.reply.code = 421;
  fault.reply.text = "too many sessions to this next hop are open";
  return fault;
}

ClientFault no_endpoint() {
  ClientFault fault;
  fault.kind = ClientFault::Kind::Connect;
  return fault;
}

}  // namespace

HopPool::HopPool(Shard& shard, HopOptions options) : shard_(shard), options_(std::move(options)) {
  set_endpoints(options_.endpoints);
}

HopPool::~HopPool() { SLUICE_CHECK(idle_.empty() && open_ == 0 && transactions_ == 0); }

void HopPool::set_endpoints(std::vector<Endpoint> endpoints) {
  if (endpoints.size() > limits::kHopEndpoints) endpoints.resize(limits::kHopEndpoints);
  std::vector<EndpointHealth> next;
  for (const Endpoint& endpoint : endpoints) {
    const auto known = std::ranges::find(endpoints_, endpoint, &EndpointHealth::endpoint);
    next.push_back(known == endpoints_.end() ? EndpointHealth{endpoint, {}, false} : *known);
  }
  endpoints_ = std::move(next);
  options_.endpoints = std::move(endpoints);
}

bool HopPool::serves(const Endpoint& endpoint) const {
  return std::ranges::find(endpoints_, endpoint, &EndpointHealth::endpoint) != endpoints_.end();
}

bool HopPool::healthy() const { return !std::ranges::all_of(endpoints_, &EndpointHealth::failing); }

void HopPool::mark(const Endpoint& endpoint, bool works) {
  const auto known = std::ranges::find(endpoints_, endpoint, &EndpointHealth::endpoint);
  if (known == endpoints_.end()) return;
  known->failing = !works;
  known->failed_until = works ? MonoTime{} : shard_.now() + options_.unhealthy_wait;
}

void HopPool::note_recipient(bool accepted) {
  ++(accepted ? counters_.recipients_accepted : counters_.recipients_refused);
  if (accepted) {
    refusing_since_.reset();
  } else if (!refusing_since_) {
    refusing_since_ = shard_.now();
  }
}

// --- getting a session ---

runtime::Task<HopPool::Acquired> HopPool::acquire(Shard& shard, Freshness freshness, MonoTime deadline,
                                                  Waiter& waiter) {
  for (bool again = false;;) {
    if (freshness == Freshness::Any) {
      if (SessionPtr session = take_idle()) {
        ++counters_.sessions_reused;
        co_return std::move(session);
      }
    }
    if (open_ < options_.sessions_max) break;
    if (!idle_.empty()) {  // a fresh one is wanted: an idle one makes room
      SessionPtr oldest = std::move(idle_.front());
      idle_.erase(idle_.begin());
      discard(std::move(oldest));
      continue;
    }
    const bool room = co_await wait_for_room(shard, deadline, waiter, again);
    if (!room) {
      const ClientFault fault = no_room();
      co_return std::unexpected(map_fault(fault));
    }
    again = true;  // a newcomer was faster: then this one is the next
  }
  ++open_;
  Acquired opened = co_await open_session(shard, deadline, waiter);
  if (!opened) {
    --open_;
    room_was_made();
  }
  co_return opened;
}

runtime::Task<bool> HopPool::wait_for_room(Shard& shard, MonoTime deadline, Waiter& waiter, bool again) {
  waiter.granted = false;
  waiter.room.reset();
  waiters_.insert(again ? waiters_.begin() : waiters_.end(), &waiter);
  if (wants_room() && !holders_.empty()) holders_.front()->park();
  const runtime::Wake wake = co_await waiter.room.wait_until(shard, deadline);
  if (!waiter.granted) std::erase(waiters_, &waiter);
  if (wake == runtime::Wake::Notified && !waiter.stop.stopped()) co_return true;
  if (waiter.granted) room_was_made();  // too late for this one: it is the next one's
  co_return false;
}

runtime::Task<HopPool::Acquired> HopPool::open_session(Shard& shard, MonoTime deadline, Waiter& waiter) {
  ClientFault last = no_endpoint();
  const std::vector<Endpoint> endpoints = order_of_trial(shard.now());
  for (const Endpoint& endpoint : endpoints) {
    if (shard.now() >= deadline || waiter.stop.stopped()) break;
    ++counters_.connects;
    ClientOptions client_options{options_.our_name, options_.command_wait, limits::kServerDataWait};
    const MonoTime attempt_deadline = std::min(deadline, shard.now() + options_.connect_wait);
    net::StreamStop* stop = &waiter.stop;
    SmtpClient::Opened client =
        co_await SmtpClient::open(shard, endpoint, std::move(client_options), attempt_deadline, stop);
    if (waiter.stop.stopped()) break;
    mark(endpoint, client.has_value());
    if (!client) {
      ++counters_.connect_failures;
      last = std::move(client.error());
      continue;
    }
    auto session = std::make_unique<HopSession>();
    session->client = std::move(*client);
    session->endpoint = endpoint;
    size_limit_ = session->client->capabilities().size;
    co_return std::move(session);
  }
  co_return std::unexpected(map_fault(last));
}

// In their order, but those that failed lately behind the others.
std::vector<Endpoint> HopPool::order_of_trial(MonoTime now) const {
  std::vector<Endpoint> endpoints;
  for (const bool failed : {false, true}) {
    for (const EndpointHealth& health : endpoints_) {
      if ((health.failed_until > now) == failed) endpoints.push_back(health.endpoint);
    }
  }
  return endpoints;
}

HopPool::SessionPtr HopPool::take_idle() {
  while (!idle_.empty()) {
    SessionPtr session = std::move(idle_.back());
    idle_.pop_back();
    if (session->client->reusable() && serves(session->endpoint)) return session;
    discard(std::move(session));
  }
  return nullptr;
}

// --- and giving it back ---

void HopPool::give_back(SessionPtr session) {
  if (!session->client->reusable() || !serves(session->endpoint)) {
    discard(std::move(session));
  } else if (session->refusals >= options_.refusals_max || session->resets >= options_.resets_max) {
    ++counters_.sessions_retired;
    retire(std::move(session));
  } else if (!session->in_mail) {
    keep_idle(std::move(session));
  } else {
    returning_.push_back(session.get());
    if (group_.spawn(shard_, reset_and_keep(shard_, std::move(session)))) return;
    returning_.pop_back();
    --open_;  // stopping: it was dropped
  }
}

runtime::Task<void> HopPool::reset_and_keep(Shard& shard, SessionPtr session) {
  session->client->rset();
  const MonoTime deadline = shard.now() + limits::kHopResetWait;
  Eventual<ClientResult> awaited = session->client->next_reply(shard, deadline);
  const ClientResult result = co_await std::move(awaited);
  session->in_mail = false;
  ++session->resets;
  if (!result || !result->reply.positive()) {
    std::erase(returning_, session.get());
    discard(std::move(session));
  } else if (session->resets >= options_.resets_max || group_.closed()) {
    ++counters_.sessions_retired;
    co_await quit(shard, std::move(session));
  } else {
    std::erase(returning_, session.get());
    keep_idle(std::move(session));
  }
}

void HopPool::keep_idle(SessionPtr session) {
  if (group_.closed()) {  // stopping
    discard(std::move(session));
    return;
  }
  session->idle_since = shard_.now();
  idle_.push_back(std::move(session));
  if (!armed()) shard_.timers().arm(*this, shard_.now() + options_.idle_wait);
  room_was_made();
}

void HopPool::discard(SessionPtr session) {
  session.reset();
  --open_;
  room_was_made();
}

void HopPool::retire(SessionPtr session) {
  returning_.push_back(session.get());
  if (group_.spawn(shard_, quit(shard_, std::move(session)))) return;
  returning_.pop_back();
  --open_;
}

runtime::Task<void> HopPool::quit(Shard& shard, SessionPtr session) {
  const MonoTime deadline = std::min(quit_deadline_, shard.now() + limits::kCloseLinger);
  co_await session->client->quit(shard, deadline);
  std::erase(returning_, session.get());
  discard(std::move(session));
}

void HopPool::room_was_made() {
  if (waiters_.empty()) return;
  Waiter* oldest = waiters_.front();
  waiters_.erase(waiters_.begin());
  oldest->granted = true;
  oldest->room.notify();
}

// Idle sessions that have waited long enough, or whose hop has closed them.
void HopPool::on_timer() {
  std::vector<SessionPtr> kept;
  for (SessionPtr& session : std::exchange(idle_, {})) {
    if (!session->client->reusable()) {
      discard(std::move(session));
    } else if (session->idle_since + options_.idle_wait <= shard_.now()) {
      retire(std::move(session));
    } else {
      kept.push_back(std::move(session));
    }
  }
  idle_ = std::move(kept);
  if (!idle_.empty()) shard_.timers().arm(*this, idle_.front()->idle_since + options_.idle_wait);
}

runtime::Task<void> HopPool::stop(Shard& shard, MonoTime deadline) {
  disarm();
  quit_deadline_ = deadline;
  for (SessionPtr& session : std::exchange(idle_, {})) retire(std::move(session));
  group_.close();
  while (group_.size() != 0) {
    const runtime::Wake wake = co_await group_.wait_empty(shard, deadline);
    if (wake != runtime::Wake::TimedOut) continue;
    for (HopSession* session : returning_) session->client->abort();
    deadline = kNever;
  }
}

}  // namespace sluice::serve
