// HopPool: one list of next hops, as a message's recipient domain names it, over the sessions of one shard
// (hop_destinations.h): which address a transaction goes to, and what happens when that one does not work.
// What a message says over a session is HopTransaction (hop_transaction.h); nobody else sees one.
//
// - Addresses in the order of hop_selection.h. Connect, greeting or EHLO that fail lead to the next address,
//   within the transaction's deadline; TCP has next_address_wait for each while others are left (the
//   addresses of both families are tried one after the other, not at once: one that is silent is remembered
//   as failing, so that it costs its wait once and not for each message).
// - Busy is not broken: where all sessions to the addresses of one priority are taken, a transaction waits
// for
//   one, at most queue_wait and with at most waiting_max others; then 451 4.4.5. It does not go on to hops of
//   a higher priority number, which stand by for faults.
//
// Per shard; gone before its destinations stop, after its transactions.
#pragma once

#include "io/base/clock.h"
#include "io/base/ip.h"
#include "io/reactor/shard.h"
#include "io/runtime/task.h"
#include "io/serve/hop_destinations.h"
#include "io/serve/hop_reply.h"

#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <vector>

namespace sluice::serve {

// One next hop of a list, with the addresses that its name has now.
struct HopHost {
  std::string name;       // for rows and metrics
  unsigned priority = 0;  // lower is tried first
  unsigned weight = 1;    // share among equals
  bool send_xclient = false;
  std::vector<Endpoint> addresses;
  friend bool operator==(const HopHost&, const HopHost&) = default;
};

struct HopCounters {
  uint64_t connects = 0;
  uint64_t connect_failures = 0;
  uint64_t sessions_reused = 0;
  uint64_t retries = 0;             // W-3, on a fresh connection
  uint64_t parked = 0;              // W-2
  uint64_t repeated_envelopes = 0;  // W-2
  uint64_t recipients_accepted = 0;
  uint64_t recipients_refused = 0;
  uint64_t delivered = 0;
  uint64_t refused = 0;  // at end of data
  uint64_t faults = 0;
  uint64_t unknown = 0;
  uint64_t congested = 0;              // no session came free in time
  uint64_t sent_without_8bitmime = 0;  // W-9
  uint64_t sent_in_chunks = 0;         // by BDAT

  void add(const HopCounters& other);
};

class HopPool {
 public:
  // The destinations outlive the pool.
  HopPool(HopDestinations& destinations, std::vector<HopHost> hosts);
  ~HopPool();
  HopPool(const HopPool&) = delete;
  HopPool& operator=(const HopPool&) = delete;

  const HopOptions& options() const { return destinations_.options(); }
  // After a look-up. Sessions to addresses that no list names any more are not used again.
  void set_hosts(std::vector<HopHost> hosts);
  // W-8: the largest that any of the addresses names: what is larger, none of those that are known takes. No
  // value while none is known, or one names no limit.
  std::optional<uint64_t> size_limit() const;
  // The last look-up found some.
  bool any_address() const { return !candidates_.empty(); }
  // False while the last that was seen of every address was a fault between us and it.
  bool healthy() const;
  // Since when every recipient has been refused; null while at least one is accepted. An alarm after 60 s.
  std::optional<MonoTime> refusing_since() const { return refusing_since_; }
  size_t transactions() const { return transactions_; }
  size_t waiting() const { return waiting_; }
  // To the addresses of this list, whoever uses them.
  size_t open_sessions() const;
  size_t idle_sessions() const;
  const HopCounters& counters() const { return counters_; }

 private:
  friend class HopTransaction;
  using SessionPtr = HopDestinations::SessionPtr;
  using Freshness = HopDestinations::Freshness;
  struct Unavailable {
    HopReply reply;
    bool lost = false;  // 421 or a close: worth another try
  };
  using Acquired = std::expected<SessionPtr, Unavailable>;
  struct Candidate {
    HopDestination* destination;
    size_t host;
    unsigned priority;
    unsigned weight;
  };
  // What came of one walk along the list.
  struct Walked {
    SessionPtr session;
    ClientFault fault;
  };

  // An idle session to the address that this transaction would go to, if it is there.
  SessionPtr take_idle();
  runtime::Task<Acquired> acquire(reactor::Shard& shard, Freshness freshness, MonoTime deadline,
                                  HopWaiter& waiter);
  runtime::Task<Walked> walk(reactor::Shard& shard, Freshness freshness, MonoTime deadline,
                             HopWaiter& waiter);
  runtime::Task<bool> wait_for_room(reactor::Shard& shard, MonoTime deadline, HopWaiter& waiter);
  std::vector<Candidate> order_of_trial(MonoTime now);
  void leave_candidates(std::vector<Candidate> candidates);
  void note_recipient(HopSession& session, bool accepted);
  HopMeter first_meter() const {
    return candidates_.empty() ? HopMeter() : candidates_.front().destination->meter;
  }

  HopDestinations& destinations_;
  std::vector<HopHost> hosts_;
  std::vector<Candidate> candidates_;  // those of one host together
  size_t transactions_ = 0;
  size_t waiting_ = 0;
  std::optional<MonoTime> refusing_since_;
  HopCounters counters_;
};

}  // namespace sluice::serve
