#include "dnscache/client/dns_client.h"

#include "dnscache/client/tcp_connection.h"

#include <algorithm>
#include <cerrno>
#include <memory>
#include <utility>

namespace sluice::dns {

using reactor::Shard;
using runtime::Task;
using runtime::Wake;

namespace {

// ours: beyond the question's own wait, which the home keeps itself; only a home that hangs is later
constexpr std::chrono::milliseconds kHomeGrace{250};
constexpr size_t kDueMax = 256;  // ours: found in one turn; others are asked when their time is over

ResolverSettings resolver_settings(const DnsClientSettings& settings) {
  ResolverSettings resolver;
  resolver.server_count = settings.servers.size();
  resolver.question_wait = settings.question_wait;
  resolver.questions_max = settings.questions_max;
  resolver.mixed_case = settings.mixed_case;
  return resolver;
}

// What ICMP makes of a server that is not there (ip(7)); others are our own troubles, or a datagram's.
bool is_unreachable(int error) {
  return error == ECONNREFUSED || error == EHOSTUNREACH || error == ENETUNREACH;
}

AskerId to_asker(DnsClient::AskId id) { return {static_cast<uint64_t>(id.generation) << 32 | id.slot}; }

}  // namespace

DnsClient::DnsClient(Shard& shard, DnsClientSettings settings)
    : shard_(shard),
      settings_(std::move(settings)),
      slots_(Resolver::slots(resolver_settings(settings_))),
      cache_(settings_.cache, shard.random()()),
      resolver_(resolver_settings(settings_), Random(shard.reactor().random_seed())),
      crossings_(shard.random()()) {
  sockets_.resize(settings_.servers.size() * slots_);
  for (size_t server = 0; server < settings_.servers.size(); ++server) {
    TcpConnection::Owner owner;
    owner.on_message = [this, server](std::string_view message) {
      resolver_.on_tcp_message(server, message, shard_.now());
      pump();
    };
    owner.on_closed = [this, server] {
      resolver_.on_tcp_closed(server, shard_.now());
      pump();
    };
    owner.on_failed = [this, server] {
      resolver_.on_tcp_failed(server, shard_.now());
      pump();
    };
    tcp_.push_back(std::make_unique<TcpConnection>(shard, settings_.servers[server], std::move(owner)));
  }
}

DnsClient::~DnsClient() = default;

Task<void> DnsClient::stop(Shard& shard) {
  stopped_ = true;
  disarm();
  due_.clear();
  if (router_ != nullptr) std::exchange(router_, nullptr)->leave();
  crossings_.clear();
  for (const auto& connection : tcp_) connection->stop();
  sockets_.clear();
  const Answer timeout{AnswerStatus::Timeout, {}, 0, false};
  for (const Slab<Asker>::Id id : askers_.ids()) {
    const Asker* asker = askers_.find(id);
    if (asker == nullptr) continue;  // an answer to one made another forget
    AnswerReceiver* receiver = asker->receiver;
    const uint64_t tag = asker->tag;
    askers_.erase(id);
    if (receiver != nullptr) receiver->on_answer(tag, timeout);
  }
  tasks_.close();
  const Wake ended = co_await tasks_.wait_empty(shard, kNever);
  SLUICE_CHECK(ended == Wake::Notified);
}

DnsClient::Asked DnsClient::ask(const Question& question, LookupKind kind, LookupBudget& budget,
                                AnswerReceiver& receiver, uint64_t tag) {
  ++statistics_.asked;
  const MonoTime now = shard_.now();
  if (stopped_ || !budget.take(kind, now)) {
    ++statistics_.over_budget;
    local_answer_ = Answer{AnswerStatus::OverBudget, {}, 0, false};
    return local_hit();
  }
  if (const auto hit = find_in_cache(question)) {
    if (hit->stale) ++statistics_.stale_answers;
    return *hit;
  }
  const auto id = askers_.emplace(Asker{&receiver, tag, question});
  const AskId asked{id.slot, id.generation};
  if (ask_home(question, to_asker(asked), budget.deadline)) return asked;
  const auto outer = std::exchange(asking_, id);
  resolver_.ask(question, to_asker(asked), budget.deadline, now);
  pump();
  asking_ = outer;
  if (askers_.find(id) == nullptr) return local_hit();
  return asked;
}

std::optional<AnswerCache::Hit> DnsClient::find_in_cache(const Question& question) {
  const MonoTime now = shard_.now();
  auto hit = outage() ? cache_.find_or_stale(question, now) : cache_.find(question, now);
  if (hit && hit->refresh_due) refresh_soon(question);
  return hit;
}

void DnsClient::refresh_soon(const Question& question) {
  if (due_.size() >= kDueMax) return;
  // Not now: what it sends could move the answer that was found.
  due_.push_back(question);
  shard_.timers().arm(*this, shard_.now());
}

void DnsClient::refresh_all_told() {
  for (const Question& question : cache_.take_due()) refresh_soon(question);
}

void DnsClient::refresh_due() {
  for (const Question& question : std::exchange(due_, {})) refresh(question);
}

void DnsClient::refresh(const Question& question) {
  if (outage()) return;
  ++statistics_.refreshed;
  const MonoTime now = shard_.now();
  const std::optional<ShardId> home = router_ == nullptr ? std::nullopt : router_->home_of(question.name);
  if (!home) {
    resolver_.refresh(question, now);
    return;
  }
  if (crossings_.under_way(*home) >= router_->under_way_max() / 4) return;
  const MonoTime ends = now + settings_.question_wait + kHomeGrace;
  const HomeCrossings::Waiting nobody{AskerId{}, ends};
  if (crossings_.join(question, nobody)) return;
  const uint64_t token = crossings_.open(question, *home, nobody, ends);
  const bool sent = router_->ask_home(*home, {std::make_unique<const Question>(question), token, ends, true});
  if (!sent) crossings_.drop(token);
}

// Whether a shard that wants it newer may have it asked for anew.
bool DnsClient::may_renew(const AnswerCache::Hit& hit) const {
  return hit.left.count() * 100 < int64_t{hit.answer->ttl} * settings_.cache.refresh_percent;
}

void DnsClient::forget(AskId id) {
  const Slab<Asker>::Id slab_id{id.slot, id.generation};
  const Asker* asker = askers_.find(slab_id);
  if (asker == nullptr) return;
  resolver_.forget(asker->question, to_asker(id));
  crossings_.forget(asker->question, to_asker(id));
  askers_.erase(slab_id);
}

namespace {

class OneAnswer final : public AnswerReceiver {
 public:
  void on_answer(uint64_t /*tag*/, const Answer& given) override {
    answer = given;
    arrived.notify();
  }
  Answer answer;
  runtime::Signal arrived;
};

}  // namespace

Task<Answer> DnsClient::ask(Shard& shard, Question question, LookupKind kind, LookupBudget& budget) {
  OneAnswer waiting;
  const Asked asked = ask(question, kind, budget, waiting, 0);
  if (const auto* now = std::get_if<AnswerCache::Hit>(&asked)) co_return *now->answer;
  // The resolver completes within question_wait and the budget's deadline; a stopped client never does.
  const MonoTime latest = shard.now() + settings_.question_wait + std::chrono::seconds(1);
  const Wake woken = co_await waiting.arrived.wait_until(shard, latest);
  if (woken == Wake::Notified) co_return std::move(waiting.answer);
  forget(std::get<AskId>(asked));
  co_return Answer{AnswerStatus::Timeout, {}, 0, false};
}

net::Datagram* DnsClient::socket_for(const Send& send) {
  UdpSocket& place = sockets_[send.server * slots_ + send.slot];
  if (send.retires) {
    sockets_[send.server * slots_ + *send.retires].retired = any_retired_ = true;
    place = {};
  }
  if (!place.socket) {
    reactor::DatagramOptions options;
    options.remote = settings_.servers[send.server];
    auto opened = net::Datagram::open(shard_, options, *this);
    if (!opened) return nullptr;
    place = {.socket = std::move(*opened), .server = send.server, .slot = send.slot};
  }
  return place.socket.get();
}

void DnsClient::close_retired() {
  if (!std::exchange(any_retired_, false)) return;
  for (UdpSocket& place : sockets_) {
    if (!place.socket || !place.retired) continue;
    if (resolver_.under_way(place.server, place.slot) == 0) {
      place = {};
    } else {
      any_retired_ = true;
    }
  }
}

size_t DnsClient::udp_sockets() const {
  return static_cast<size_t>(
      std::ranges::count_if(sockets_, [](const UdpSocket& each) { return each.socket != nullptr; }));
}

DnsClient::UdpSocket* DnsClient::find(const net::Datagram& socket) {
  const auto at =
      std::ranges::find_if(sockets_, [&](const UdpSocket& each) { return each.socket.get() == &socket; });
  return at == sockets_.end() ? nullptr : &*at;
}

void DnsClient::on_datagram(net::Datagram& socket, Chunk payload, const Endpoint& /*from*/) {
  const UdpSocket* place = find(socket);
  if (place == nullptr) return;
  resolver_.on_datagram(place->server, place->slot, payload.view(), shard_.reactor().now());
  pump();
}

void DnsClient::on_datagram_error(net::Datagram& socket, int error) {
  UdpSocket* place = find(socket);
  if (place == nullptr) return;
  if (!is_unreachable(error)) {
    ++statistics_.datagram_errors;
    return;
  }
  // Each datagram that a dead server gets comes back as an error: the resolver is told once of many.
  place->unreachable = any_unreachable_ = true;
  shard_.timers().arm(*this, shard_.now());
}

void DnsClient::tell_unreachable() {
  if (!std::exchange(any_unreachable_, false)) return;
  for (UdpSocket& place : sockets_) {
    if (std::exchange(place.unreachable, false))
      resolver_.on_udp_unreachable(place.server, place.slot, shard_.now());
  }
}

void DnsClient::on_timer() {
  tell_unreachable();
  refresh_due();
  resolver_.on_tick(shard_.now());
  crossings_.on_tick(shard_.now());
  pump();
}

// Sending and completing can come back here through a connection that fails at once; the loop takes care of
// that.
void DnsClient::pump() {
  if (stopped_ || std::exchange(pumping_, true)) return;
  for (bool progress = true; progress;) {
    progress = false;
    while (const auto next = resolver_.next_send()) {
      send(*next);
      progress = true;
    }
    while (auto next = resolver_.next_completion()) {
      complete(std::move(*next));
      progress = true;
    }
    while (auto next = crossings_.next_completion()) {
      complete(std::move(*next));
      progress = true;
    }
  }
  while (const auto event = resolver_.next_event()) {
    if (event_sink_) event_sink_(*event);
  }
  if (router_ != nullptr) router_->tell_outage(resolver_.outage());
  close_retired();
  const MonoTime soonest = any_unreachable_ || !due_.empty() ? shard_.now() : kNever;
  shard_.timers().arm(*this, std::min({soonest, resolver_.next_wakeup(), crossings_.next_wakeup()}));
  pumping_ = false;
}

void DnsClient::send(const Send& send) {
  if (send.transport == DnsTransport::Tcp) {
    tcp_[send.server]->send(send.message.view(), tasks_);
    return;
  }
  net::Datagram* socket = socket_for(send);
  if (socket == nullptr || !socket->send(send.message.view())) ++statistics_.datagrams_refused;
}

void DnsClient::complete(Completion completion) {
  const MonoTime now = shard_.now();
  const bool failed = is_temporary(completion.answer.status);
  const Answer* answer = &completion.answer;
  if (completion.for_cache) {
    if (const auto kept = cache_.put(completion.question, std::move(completion.answer), now))
      answer = kept->answer;
  }
  Answer stale;
  if (failed) {
    if (const auto hit = cache_.find_or_stale(completion.question, now); hit && hit->stale) {
      statistics_.stale_answers += completion.askers.size();
      stale = *hit->answer;
      answer = &stale;
    }
  }
  for (const AskerId id : completion.askers) {
    hand_over({static_cast<uint32_t>(id.value), static_cast<uint32_t>(id.value >> 32)}, *answer,
              completion.for_cache);
  }
}

void DnsClient::hand_over(Slab<Asker>::Id id, const Answer& answer, bool for_cache) {
  const Asker* asker = askers_.find(id);
  if (asker == nullptr) return;
  const Asker gone{asker->receiver, asker->tag, {}, asker->from};
  askers_.erase(id);
  if (gone.receiver == nullptr) {
    if (router_ == nullptr) return;
    ++statistics_.answered_for_others;
    router_->answer(gone.from, {gone.tag, answer, for_cache});
  } else if (id == asking_) {
    local_answer_ = answer;
  } else {
    gone.receiver->on_answer(gone.tag, answer);
  }
}

// --- home shards ---

void DnsClient::set_home_router(HomeRouter* router) {
  SLUICE_CHECK(router_ == nullptr && !stopped_);
  router_ = router;
}

// True: the asker hears of it by a crossing.
bool DnsClient::ask_home(const Question& question, AskerId asker, MonoTime deadline) {
  if (router_ == nullptr) return false;
  if (crossings_.join(question, {asker, deadline})) {
    pump();  // for the new deadline
    return true;
  }
  const std::optional<ShardId> home = router_->home_of(question.name);
  if (!home || crossings_.under_way(*home) >= router_->under_way_max()) return false;
  const MonoTime ends = shard_.now() + settings_.question_wait + kHomeGrace;
  const uint64_t token = crossings_.open(question, *home, {asker, deadline}, ends);
  if (!router_->ask_home(*home, {std::make_unique<const Question>(question), token, ends, false})) {
    crossings_.drop(token);
    return false;
  }
  ++statistics_.forwarded;
  pump();
  return true;
}

void DnsClient::on_home_question(ShardId from, const HomeQuestion& message) {
  const MonoTime now = shard_.now();
  if (stopped_ || now >= message.ends) return;  // the asking shard has given up
  const Question& question = *message.question;
  // In the background only while few wait: whoever asked ahead of the end takes what is there.
  const bool renews = message.refresh && resolver_.has_room_for_refresh();
  if (const auto hit = find_in_cache(question); hit && !(renews && may_renew(*hit))) {
    HomeAnswer reply{message.token, *hit->answer, true};
    reply.answer.ttl = static_cast<uint32_t>(hit->left.count());
    // A failure would begin its time anew at the other shard; what has no time left says nothing new.
    reply.for_cache = !is_temporary(reply.answer.status) && reply.answer.ttl != 0;
    ++statistics_.answered_for_others;
    router_->answer(from, std::move(reply));
    return;
  }
  const auto id = askers_.emplace(Asker{nullptr, message.token, question, from});
  resolver_.ask(question, to_asker({id.slot, id.generation}), kNever, now);
  pump();
}

void DnsClient::on_home_answer(HomeAnswer message) {
  crossings_.on_answer(message.token, std::move(message.answer), message.for_cache);
  pump();
}

void DnsClient::on_home_left(ShardId home) {
  const MonoTime now = shard_.now();
  for (const HomeCrossings::Returned& returned : crossings_.take_back(home)) {
    for (const HomeCrossings::Waiting& asker : returned.askers)
      resolver_.ask(returned.question, asker.id, asker.deadline, now);
  }
  pump();
}

}  // namespace sluice::dns
