// HopPool: the sessions of one shard to one next hop, and HopTransaction: one message's talk with it. Whoever
// has a transaction knows nothing of sessions: they are opened, shared, reused and retired here (W-2, W-3).
//
//   HopPool pool(shard, options);                               // one destination; lives as long as the node
//   HopTransaction hop(pool, std::move(envelope));              // no packet yet
//   HopReply said = co_await hop.rcpt(shard, "a@example.com");  // the first brings MAIL along, in one flight
//   HopReply done = co_await hop.deliver(shard, octets, deadline);   // DATA, body, the hop's answer
//   hop.abandon();                                              // or simply its destructor: RSET, and back
//
// - W-2: a transaction that waits kHopBodyWait for its next call is RSET and its session goes back; rcpt()
// and
//   deliver() repeat MAIL and the accepted RCPTs by themselves. What is refused then is refused by deliver().
// - W-3: a session is retired after 5 refused recipients or 50 RSETs, and never used again after a late,
//   missing or unexpected reply. A 421 or close before DATA is retried once on a fresh connection.
// - W-6, W-7: HopReply is made for our client. After an Unknown nothing may be sent again.
// - W-9: a hop without 8BITMIME gets the message without BODY (counted); without SMTPUTF8, where the envelope
//   or a recipient needs it: 550 5.6.7.
// - Endpoints are tried in order, those that failed lately last. At most sessions_max sessions; further
//   transactions wait for one, within their deadline. A session that is idle for idle_wait is closed.
//
// Per shard. stop() must be awaited before the pool goes; transactions must be gone by then.
#pragma once

#include "io/base/clock.h"
#include "io/base/ip.h"
#include "io/base/limits.h"
#include "io/reactor/shard.h"
#include "io/runtime/signal.h"
#include "io/runtime/task.h"
#include "io/runtime/task_group.h"
#include "io/runtime/timer_wheel.h"
#include "io/serve/hop_reply.h"
#include "io/serve/smtp_client.h"
#include "io/smtp/client_session.h"
#include "io/smtp/xclient.h"

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

struct HopEnvelope {
  std::string sender;  // without brackets; empty for <>
  smtp::MailParameters parameters;
  bool needs_smtputf8 = false;
  smtp::XclientOverrides client;  // sent only with HopOptions::send_xclient
};

class HopSession;
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
  // False from the first fault between us and every endpoint until something works again.
  bool healthy() const { return healthy_; }
  // Since when every recipient has been refused; null while at least one is accepted. An alarm after 60 s.
  std::optional<MonoTime> refusing_since() const { return refusing_since_; }
  size_t open_sessions() const { return open_; }
  size_t idle_sessions() const { return idle_.size(); }
  const HopCounters& counters() const { return counters_; }

  // Closes idle sessions with QUIT and waits for what is still being reset or closed.
  [[nodiscard]] runtime::Task<void> stop(Shard& shard, MonoTime deadline);

 private:
  friend class HopTransaction;
  using SessionPtr = std::unique_ptr<HopSession>;
  using Acquired = std::expected<SessionPtr, HopReply>;
  enum class Freshness : uint8_t { Any, Fresh };
  struct Waiter {
    runtime::Signal signal;
    bool granted = false;
  };
  struct EndpointHealth {
    Endpoint endpoint;
    MonoTime failed_until{};
  };

  runtime::Task<Acquired> acquire(Shard& shard, Freshness freshness, MonoTime deadline);
  runtime::Task<Acquired> open_session(Shard& shard, MonoTime deadline);
  SessionPtr take_idle();
  // Back to the idle list, by RSET first if a mail transaction is open; or closed.
  void give_back(SessionPtr session);
  void discard(SessionPtr session);
  runtime::Task<void> reset_and_keep(Shard& shard, SessionPtr session);
  runtime::Task<void> quit_session(Shard& shard, SessionPtr session);
  void keep_idle(SessionPtr session);
  void session_gone();
  bool serves(const Endpoint& endpoint) const;
  void mark(const Endpoint& endpoint, bool works);
  void note_recipient(bool accepted);
  void on_timer() override;

  Shard& shard_;
  HopOptions options_;
  std::vector<EndpointHealth> endpoints_;
  std::vector<SessionPtr> idle_;  // the one used last is at the back
  std::vector<Waiter*> waiters_;  // the oldest first
  size_t open_ = 0;               // idle, in use or being opened
  size_t transactions_ = 0;
  std::optional<uint64_t> size_limit_;
  bool healthy_ = true;
  std::optional<MonoTime> refusing_since_;
  runtime::TaskGroup group_;
  HopCounters counters_;
};

class HopTransaction final : private runtime::Timer {
 public:
  HopTransaction(HopPool& pool, HopEnvelope envelope);
  ~HopTransaction();  // abandon(); not while a call is under way
  HopTransaction(const HopTransaction&) = delete;
  HopTransaction& operator=(const HopTransaction&) = delete;

  // Offers a recipient (without brackets). A refusal of the sender (MAIL) is the answer of every rcpt().
  [[nodiscard]] runtime::Task<HopReply> rcpt(Shard& shard, std::string recipient);
  // Several at once, in one flight where the hop allows it; answers in the same order.
  [[nodiscard]] runtime::Task<std::vector<HopReply>> rcpt_all(Shard& shard,
                                                              std::vector<std::string> recipients);
  // Sends the message to all accepted recipients; at least one must be. The octets stay until it is over. All
  // or nothing: where a repeated envelope (W-2) is refused for some recipients only, nothing is sent and the
  // answer is 451. After this only abandon() may be called.
  [[nodiscard]] runtime::Task<HopReply> deliver(Shard& shard, const MessageOctets& octets, MonoTime deadline);
  // Gives the session back. Also after deliver(); may be called again.
  void abandon();

  size_t accepted_recipients() const { return accepted_.size(); }
  // W-2 took the session away meanwhile.
  bool parked() const { return !session_ && !accepted_.empty(); }

 private:
  struct Flight;
  runtime::Task<std::optional<HopReply>> establish(Shard& shard, HopPool::Freshness freshness,
                                                   MonoTime deadline);
  runtime::Task<Flight> envelope_flight(Shard& shard, std::vector<std::string> recipients, MonoTime deadline);
  runtime::Task<Flight> try_envelope(Shard& shard, const std::vector<std::string>& recipients,
                                     MonoTime deadline);
  runtime::Task<std::optional<HopReply>> start_data(Shard& shard, MonoTime deadline);
  smtp::MailParameters mail_parameters();
  void drop_session();
  void start_body_wait();
  void on_timer() override;

  HopPool& pool_;
  HopEnvelope envelope_;
  std::unique_ptr<HopSession> session_;
  std::vector<std::string> accepted_;
  std::optional<HopReply> sender_refusal_;
  bool retried_ = false;
};

}  // namespace sluice::serve
