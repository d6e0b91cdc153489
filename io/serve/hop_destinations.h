// HopDestinations: every address of every next hop that one shard has to do with, and the sessions to them:
// kept idle, reset, retired, counted and limited here, whatever list of next hops (hop_pool.h) they serve.
//
// - At most sessions_max sessions to one address; whoever wants one more waits, in the order of asking, and
//   takes the first that comes free. Who waits has a claim on who only holds (W-2).
// - W-3: a session is retired after 5 refused recipients, 50 RSETs or session_transactions messages, and
// never
//   used again after a late, missing or unexpected reply. A session that is idle for idle_wait is closed.
// - An address that fails is left alone for a growing time (hop_health.h); then one connection is tried in
// the
//   background while others work, and serves as an idle session if it succeeds.
//
// Per shard. stop() must be awaited before it goes; pools and transactions must be gone by then.
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
#include "io/serve/hop_health.h"
#include "io/serve/hop_meter.h"
#include "io/serve/hop_session.h"
#include "io/serve/smtp_client.h"

#include <cstddef>
#include <cstdint>
#include <expected>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace sluice::serve {

struct HopOptions {
  std::string our_name = "localhost";
  size_t sessions_max = limits::kHopSessions;  // to one address
  size_t waiting_max = limits::kHopWaiting;    // transactions of one list that wait for a session
  bool chunking = true;                        // BDAT where the hop offers it and it saves a round trip
  bool refuse_eight_bit = false;  // W-9: 554 5.6.3 where a hop without 8BITMIME would get octets above 127
  unsigned refusals_max = limits::kHopSessionRefusals;
  unsigned resets_max = limits::kHopSessionResets;
  unsigned session_transactions = limits::kHopSessionTransactions;
  MonoClock::duration connect_wait = limits::kHopConnectWait;  // connect, greeting and EHLO, per address
  MonoClock::duration next_address_wait = limits::kHopNextAddressWait;  // TCP's part, while others are left
  MonoClock::duration queue_wait = limits::kHopQueueWait;               // for a session
  MonoClock::duration command_wait = limits::kHopCommandWait;
  MonoClock::duration data_init_wait = limits::kHopDataInitWait;
  MonoClock::duration body_wait = limits::kHopBodyWait;  // W-2
  MonoClock::duration idle_wait = limits::kHopIdleWait;
  HopBackoff backoff;
  const HopMetricTable* metrics = nullptr;  // both or none; they outlive the destinations
  runtime::MetricCells* cells = nullptr;
};

class HopPool;
class HopTransaction;

// One address. Sessions that have told it of a client (XCLIENT) and those that never do are kept apart.
struct HopDestination {
  using SessionPtr = std::unique_ptr<HopSession>;
  Endpoint endpoint;
  bool send_xclient = false;
  bool greeted = false;                // it has answered EHLO
  std::optional<uint64_t> size_limit;  // W-8: what it last said then; none: it names no limit
  HopHealth health;
  std::vector<SessionPtr> idle;  // the one used last is at the back
  size_t open = 0;               // idle, in use or being opened
  size_t returning = 0;          // of these, waiting for the reply to RSET or QUIT
  size_t pools = 0;              // that name it
  HopMeter meter;
};

// A transaction that wants a session: while it waits for room, or for a connection to be opened.
struct HopWaiter {
  runtime::Signal room;
  std::vector<const HopDestination*> wanted;  // that were full when it looked
  const HopDestination* granted = nullptr;    // where room was made for it
  MonoTime since{};
  net::StreamStop stop;
  bool wants(const HopDestination& destination) const;
};

class HopDestinations final : private runtime::Timer {
 public:
  HopDestinations(reactor::Shard& shard, HopOptions options);
  ~HopDestinations();
  HopDestinations(const HopDestinations&) = delete;
  HopDestinations& operator=(const HopDestinations&) = delete;

  const HopOptions& options() const { return options_; }
  // From now on; what is open stays. The metrics stay as they were.
  void set_options(HopOptions options);
  size_t open_sessions() const;
  size_t idle_sessions() const;
  size_t addresses() const { return by_address_.size(); }
  // W-3, for refusals, RSETs or the number of messages.
  uint64_t sessions_retired() const { return sessions_retired_; }
  // look(destination)
  template <class Look>
  void for_each(Look look) const {
    for (const auto& [key, destination] : by_address_) look(std::as_const(*destination));
  }

  // Closes idle sessions with QUIT. Its replies, and those of sessions that are still being reset, are
  // awaited until the deadline; what is left then is broken off.
  [[nodiscard]] runtime::Task<void> stop(reactor::Shard& shard, MonoTime deadline);

 private:
  friend class HopPool;
  friend class HopTransaction;
  using SessionPtr = HopDestination::SessionPtr;
  using Key = std::pair<Endpoint, bool>;
  using Opened = std::expected<SessionPtr, ClientFault>;
  // While one is alive nobody's address is forgotten.
  class Walk {
   public:
    explicit Walk(HopDestinations& all) : all_(all) { ++all_.walks_; }
    ~Walk() { --all_.walks_; }
    Walk(const Walk&) = delete;
    Walk& operator=(const Walk&) = delete;

   private:
    HopDestinations& all_;
  };

  HopDestination& use(const Endpoint& endpoint, bool send_xclient, const std::string& hop);
  void leave(HopDestination& destination);
  void forget_unused();

  SessionPtr take_idle(HopDestination& destination);
  enum class Freshness : uint8_t { Any, Fresh };
  // Whether one more may be opened; for a fresh one an idle one makes room.
  bool has_room(HopDestination& destination, Freshness freshness);
  runtime::Task<Opened> open(reactor::Shard& shard, HopDestination& destination, bool others_left,
                             MonoTime deadline, net::StreamStop* stop);
  void probe(HopDestination& destination);
  runtime::Task<void> probe_once(reactor::Shard& shard, HopDestination& destination);

  // Back to the idle list, after RSET where a mail transaction is open, or closed if it is not fit for more.
  void give_back(SessionPtr session);
  void discard(SessionPtr session);
  void keep_idle(SessionPtr session);
  void retire(SessionPtr session);
  void is_returning(HopSession& session);
  void has_returned(HopSession& session);
  runtime::Task<void> reset_and_keep(reactor::Shard& shard, SessionPtr session);
  runtime::Task<void> quit(reactor::Shard& shard, SessionPtr session);
  void close_idle();
  void close_one(HopDestination& destination);  // of those that are counted as open
  void mark_failed(HopDestination& destination);
  void mark_spoke(HopDestination& destination, bool served);

  // Waiting, until there is room at one of those that are wanted, or they have changed. False: in vain.
  runtime::Task<bool> wait_for_room(reactor::Shard& shard, MonoTime deadline, HopWaiter& waiter);
  void room_was_made(const HopDestination& destination);
  // As far as a newcomer was not faster.
  void pass_on_room(const HopDestination& destination);
  // Whoever waits for it looks at his list again.
  void look_again(const HopDestination& destination);
  // Somebody waits for it for whom nothing is on its way back.
  bool wants_room(const HopDestination& destination) const;
  void hold(HopTransaction& holder) { holders_.push_back(&holder); }
  void unhold(HopTransaction& holder) { std::erase(holders_, &holder); }
  void on_timer() override;

  reactor::Shard& shard_;
  HopOptions options_;
  std::map<Key, std::unique_ptr<HopDestination>> by_address_;
  std::vector<HopWaiter*> waiters_;        // for room; the oldest first
  std::vector<HopTransaction*> holders_;   // have a session and no call under way; the oldest first
  std::vector<HopSession*> returning_;     // waiting for the reply to RSET or QUIT
  std::vector<net::StreamStop*> probing_;  // connections that nobody waits for
  size_t walks_ = 0;
  uint64_t sessions_retired_ = 0;
  MonoTime quit_deadline_ = kNever;  // of stop()
  runtime::TaskGroup group_;
};

}  // namespace sluice::serve
