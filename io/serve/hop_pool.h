// HopPool: the sessions of one shard to one next hop: opened, shared, reused and retired here (W-2, W-3).
// What a message says over them is HopTransaction (hop_transaction.h); nobody else sees a session.
//
// - W-3: a session is retired after 5 refused recipients or 50 RSETs, and never used again after a late,
//   missing or unexpected reply.
// - W-2: a transaction that waits for its client holds its session for body_wait at most; while others wait
//   for a session, the one that has waited longest gives its session up at once.
// - Endpoints are tried in order, those that failed lately last. At most sessions_max sessions; further
//   transactions wait for one, within their deadline. A session that is idle for idle_wait is closed.
//
// Per shard. stop() must be awaited before the pool goes; transactions must be gone by then.
#pragma once

#include "io/base/clock.h"
#include "io/base/ip.h"
#include "io/base/limits.h"
#include "io/net/stream.h"
#include "io/reactor/shard.h"
#include "io/runtime/signal.h"
#include "io/runtime/task.h"
#include "io/runtime/task_group.h"
#include "io/runtime/timer_wheel.h"
#include "io/serve/hop_reply.h"
#include "io/serve/smtp_client.h"

#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace sluice::serve {

struct HopOptions {
  std::vector<Endpoint> endpoints;  // in the order of preference; IPv6 and IPv4 may be mixed
  std::string our_name = "localhost";
  bool send_xclient = false;  // SPF-16: hand on the client, where the hop offers XCLIENT
  size_t sessions_max = limits::kHopSessions;
  unsigned refusals_max = limits::kHopSessionRefusals;
  unsigned resets_max = limits::kHopSessionResets;
  MonoClock::duration connect_wait = limits::kHopConnectWait;  // connect, greeting and EHLO, per endpoint
  MonoClock::duration command_wait = limits::kHopCommandWait;
  MonoClock::duration data_init_wait = limits::kHopDataInitWait;
  MonoClock::duration body_wait = limits::kHopBodyWait;  // W-2
  MonoClock::duration idle_wait = limits::kHopIdleWait;
  MonoClock::duration unhealthy_wait = limits::kHopUnhealthyWait;
};

struct HopCounters {
  uint64_t connects = 0;
  uint64_t connect_failures = 0;
  uint64_t sessions_reused = 0;
  uint64_t sessions_retired = 0;    // W-3, for refusals or RSETs
  uint64_t retries = 0;             // W-3, on a fresh connection
  uint64_t parked = 0;              // W-2
  uint64_t repeated_envelopes = 0;  // W-2
  uint64_t recipients_accepted = 0;
  uint64_t recipients_refused = 0;
  uint64_t delivered = 0;
  uint64_t refused = 0;  // at end of data
  uint64_t faults = 0;
  uint64_t unknown = 0;
  uint64_t sent_without_8bitmime = 0;  // W-9
};

struct HopSession;
class HopTransaction;

class HopPool final : private runtime::Timer {
 public:
  HopPool(Shard& shard, HopOptions options);
  ~HopPool();
  HopPool(const HopPool&) = delete;
  HopPool& operator=(const HopPool&) = delete;

  const HopOptions& options() const { return options_; }
  // New addresses, e.g. after a look-up. Sessions to others are not used again.
  void set_endpoints(std::vector<Endpoint> endpoints);
  // W-8: what the hop's last EHLO said: no value before there was one, or when it names no limit.
  std::optional<uint64_t> size_limit() const { return size_limit_; }
  // False while the last that was seen of every endpoint was a fault between us and it.
  bool healthy() const;
  // Since when every recipient has been refused; null while at least one is accepted. An alarm after 60 s.
  std::optional<MonoTime> refusing_since() const { return refusing_since_; }
  size_t open_sessions() const { return open_; }
  size_t idle_sessions() const { return idle_.size(); }
  const HopCounters& counters() const { return counters_; }

  // Closes idle sessions with QUIT. Its replies, and those of sessions that are still being reset, are
  // awaited until the deadline; what is left then is broken off.
  [[nodiscard]] runtime::Task<void> stop(Shard& shard, MonoTime deadline);

 private:
  friend class HopTransaction;
  using SessionPtr = std::unique_ptr<HopSession>;
  using Acquired = std::expected<SessionPtr, HopReply>;
  enum class Freshness : uint8_t { Any, Fresh };
  struct EndpointHealth {
    Endpoint endpoint;
    MonoTime failed_until{};  // tried last until then
    bool failing = false;     // the last that was seen of it was a fault
  };
  // A transaction that wants a session: while it waits for room, or for a connection to be opened.
  struct Waiter {
    runtime::Signal room;
    bool granted = false;  // off the list: room was made for it
    net::StreamStop stop;
  };

  runtime::Task<Acquired> acquire(Shard& shard, Freshness freshness, MonoTime deadline, Waiter& waiter);
  runtime::Task<bool> wait_for_room(Shard& shard, MonoTime deadline, Waiter& waiter, bool again);
  runtime::Task<Acquired> open_session(Shard& shard, MonoTime deadline, Waiter& waiter);
  std::vector<Endpoint> order_of_trial(MonoTime now) const;
  SessionPtr take_idle();
  // Back to the idle list, after RSET where a mail transaction is open, or closed if it is not fit for more.
  void give_back(SessionPtr session);
  void discard(SessionPtr session);
  void keep_idle(SessionPtr session);
  void retire(SessionPtr session);
  runtime::Task<void> reset_and_keep(Shard& shard, SessionPtr session);
  runtime::Task<void> quit(Shard& shard, SessionPtr session);
  void room_was_made();
  // Somebody waits for whom nothing is on its way back.
  bool wants_room() const { return waiters_.size() > returning_.size(); }
  bool serves(const Endpoint& endpoint) const;
  void mark(const Endpoint& endpoint, bool works);
  void note_recipient(bool accepted);
  void on_timer() override;

  Shard& shard_;
  HopOptions options_;
  std::vector<EndpointHealth> endpoints_;
  std::vector<SessionPtr> idle_;          // the one used last is at the back
  std::vector<Waiter*> waiters_;          // for room; the oldest first
  std::vector<HopTransaction*> holders_;  // have a session and no call under way; the oldest first
  size_t open_ = 0;                       // idle, in use or being opened
  std::vector<HopSession*> returning_;    // of these, waiting for the reply to RSET or QUIT
  size_t transactions_ = 0;
  std::optional<uint64_t> size_limit_;
  MonoTime quit_deadline_ = kNever;  // of stop()
  std::optional<MonoTime> refusing_since_;
  runtime::TaskGroup group_;
  HopCounters counters_;
};

}  // namespace sluice::serve
