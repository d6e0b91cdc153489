// DnsClient: asks the DNS for one shard: the cache in front, the resolver behind it, and between them and the
// world the sockets. Each server has a pool of connected UDP sockets, whose ports the kernel draws at random
// (RFC 5452 section 4.5) and which are replaced when they have been used for a while, and at most one TCP
// connection (RFC 7766), opened when a truncated answer calls for it and closed when idle.
//
//   Answer answer = co_await client.ask(shard, question, LookupKind::Uncounted, budget);   // one question
//   client.ask(question, kind, budget, receiver, tag);                                     // many at once
//
// With a home router (home_shards.h) a question that the cache cannot answer goes to its name's home shard
// and the answer is kept here too. When the home's mailbox is full, when the home has left and when too much
// is under way there, it is asked here as if there were no router.
//
// A name in use is asked for again in the background shortly before its answer's time is over; no budget pays
// for that, and it waits its turn behind what messages wait for.
//
// What leaves: everything asked during a turn of the shard's loop leaves in one submission. A question that
// the budget or its deadline does not cover is answered OverBudget and no packet leaves. While no server
// answers, and when a question fails, an answer past its time is used for at most limits::kDnsServeStale and
// marked (W-35).
//
// One shard. Nothing here fails but start(); stop() is awaited before destruction.
#pragma once

#include "dnscache/cache/answer_cache.h"
#include "dnscache/client/home_crossings.h"
#include "dnscache/client/home_router.h"
#include "dnscache/resolver/resolver.h"
#include "io/net/datagram.h"
#include "io/reactor/shard.h"
#include "io/runtime/signal.h"
#include "io/runtime/task.h"
#include "io/runtime/task_group.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <variant>
#include <vector>

namespace sluice::dns {

class AnswerReceiver {
 public:
  // Called from inside the reactor's poll, a timer or the post, never from inside ask(): records and
  // schedules. The answer is valid for the call.
  virtual void on_answer(uint64_t tag, const Answer& answer) = 0;

 protected:
  ~AnswerReceiver() = default;
};

struct DnsClientSettings {
  std::vector<Endpoint> servers;  // 1 to limits::kDnsServers
  std::chrono::nanoseconds question_wait = limits::kDnsQuestionWait;
  size_t questions_max = ResolverSettings{}.questions_max;  // under way at the servers; more get ServFail
  bool mixed_case = false;                                  // ResolverSettings'
  CacheSettings cache;
};

struct DnsClientStatistics {
  uint64_t asked = 0;
  uint64_t over_budget = 0;
  uint64_t stale_answers = 0;
  uint64_t forwarded = 0;            // questions that went to their home shard
  uint64_t answered_for_others = 0;  // answers that went to the shard that asked us
  uint64_t refreshed = 0;            // names in use that were asked for ahead of their end
  uint64_t datagrams_refused = 0;    // the reactor's queue was full: the resolver's retry takes over
  uint64_t datagram_errors = 0;      // of a socket, that do not say that the server is gone
};

class DnsClient final : private net::DatagramReceiver, private runtime::Timer {
 public:
  DnsClient(reactor::Shard& shard, DnsClientSettings settings);
  ~DnsClient();
  DnsClient(const DnsClient&) = delete;
  DnsClient& operator=(const DnsClient&) = delete;

  // Ends what is under way: receivers that still wait get Timeout, and whoever asks afterwards OverBudget.
  // Other shards that wait for us are told to ask themselves.
  runtime::Task<void> stop(reactor::Shard& shard);

  using AskId = Slab<int>::Id;
  // Either the answer at once (valid until the next call of this client; one that is not the cache's has an
  // id of generation 0), or the id under which the receiver will hear of it. The receiver lives until then or
  // until forget().
  using Asked = std::variant<AnswerCache::Hit, AskId>;
  Asked ask(const Question& question, LookupKind kind, LookupBudget& budget, AnswerReceiver& receiver,
            uint64_t tag);
  void forget(AskId id);

  runtime::Task<Answer> ask(reactor::Shard& shard, Question question, LookupKind kind, LookupBudget& budget);

  // No server has answered for limits::kDnsOutage while we, or another shard, asked (W-35).
  bool outage() const { return resolver_.outage() || (router_ != nullptr && router_->outage_elsewhere()); }
  // Told of outages and of servers that are passed over or tried again. For the log.
  void set_event_sink(std::function<void(const ResolverEvent&)> sink) { event_sink_ = std::move(sink); }

  // --- for the home router ---
  // Once, before the first question; used until stop(), which has it leave.
  void set_home_router(HomeRouter* router);
  void on_home_question(ShardId from, const HomeQuestion& message);
  void on_home_answer(HomeAnswer message);
  void on_home_left(ShardId home);  // what it has of ours is asked here

  // For who looks into the cache itself and finds Hit::refresh_due.
  void refresh_soon(const Question& question);
  // For who finds objects there, afterwards: what these were made from and is due.
  void refresh_told() {
    if (cache_.has_due()) refresh_all_told();
  }

  AnswerCache& cache() { return cache_; }
  const AnswerCache& cache() const { return cache_; }
  const DnsClientSettings& settings() const { return settings_; }
  const DnsClientStatistics& statistics() const { return statistics_; }
  size_t udp_sockets() const;  // that are open
  const ResolverStatistics& resolver_statistics() const { return resolver_.statistics(); }

 private:
  // Home: null receiver, for a question of the shard `from` under its token `tag`.
  struct Asker {
    AnswerReceiver* receiver;
    uint64_t tag;
    Question question;
    ShardId from{};
  };
  struct UdpSocket {
    net::DatagramPtr socket;
    size_t server = 0;
    uint16_t slot = 0;
    bool unreachable = false;  // the kernel said so since the resolver was last told
    bool retired = false;      // sends no more; is closed when it is owed no answer
  };
  class TcpConnection;

  void on_datagram(net::Datagram& socket, Chunk payload, const Endpoint& from) override;
  void on_datagram_error(net::Datagram& socket, int error) override;
  void on_timer() override;
  void tell_unreachable();

  AnswerCache::Hit local_hit() const {
    AnswerCache::Hit hit;
    hit.answer = &local_answer_;
    return hit;
  }
  std::optional<AnswerCache::Hit> find_in_cache(const Question& question);
  void refresh_all_told();
  void refresh_due();
  void refresh(const Question& question);
  bool may_renew(const AnswerCache::Hit& hit) const;
  bool ask_home(const Question& question, AskerId asker, MonoTime deadline);
  void pump();  // carries out what the resolver decided
  void send(const Send& send);
  void complete(Completion completion);
  void hand_over(Slab<Asker>::Id id, const Answer& answer, bool for_cache);
  net::Datagram* socket_for(const Send& send);
  void close_retired();
  UdpSocket* find(const net::Datagram& socket);

  reactor::Shard& shard_;
  DnsClientSettings settings_;
  uint16_t slots_;
  AnswerCache cache_;
  Resolver resolver_;
  HomeRouter* router_ = nullptr;
  HomeCrossings crossings_;
  Slab<Asker> askers_;
  Slab<Asker>::Id asking_;          // by the call of ask() that is on the stack; what it gets is returned
  std::vector<UdpSocket> sockets_;  // server * slots_ + slot; opened when first used
  std::vector<std::unique_ptr<TcpConnection>> tcp_;
  Answer local_answer_;  // what ask() returned last, where it is not the cache's
  DnsClientStatistics statistics_;
  std::function<void(const ResolverEvent&)> event_sink_;
  runtime::TaskGroup tasks_;
  std::vector<Question> due_;  // for asking anew, once the call that found them has returned
  bool any_unreachable_ = false;
  bool any_retired_ = false;
  bool pumping_ = false;
  bool stopped_ = false;
};

}  // namespace sluice::dns
