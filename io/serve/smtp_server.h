// SmtpServer: one listening address of one shard: accepts, keeps the limits on connections, drives one
// smtp::ServerSession and one SmtpHandler over each stream, and drains.
//
// - Replies to what came in one piece leave in one write.
// - Times: see ClientClock; else 421 4.4.2. A client that does not read its replies for write_wait is broken
//   off, and while many of them wait, no command of it is read.
// - Over sessions_max of the shard: 421 4.3.2; over sessions_per_client_max of one address (IPv6: one
//   /64), or over connections_per_second of it: 421 4.7.0, unless it may say XCLIENT; all without a handler.
// - Replies to a client of many errors and refused recipients come later and later, up to delay_max, without
//   holding up anybody else; not for who may say XCLIENT.
// - Body octets: a receive that fills at least half of its buffer is handed on as it is; less is copied
//   into a tail Chunk, so that single octets cannot pin buffers (SmtpHandler::on_body).
// - drain() is W-16: the backlog is accepted, the listener closed, idle sessions get 421 4.3.2, sessions
//   with an open transaction go on until it is over; at the deadline the rest is broken off, and their
//   handlers are told to end what they wait for (SmtpHandler::on_drain_deadline).
//
// Per shard. drain() must be awaited before the server goes.
#pragma once

#include "io/base/clock.h"
#include "io/base/ip.h"
#include "io/base/limits.h"
#include "io/base/result.h"
#include "io/net/listener.h"
#include "io/net/stream.h"
#include "io/reactor/shard.h"
#include "io/runtime/task.h"
#include "io/runtime/task_group.h"
#include "io/serve/client_clock.h"
#include "io/serve/smtp_handler.h"
#include "io/serve/trace_id.h"
#include "io/smtp/server_session.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace sluice::serve {

class ServerConnection;

// What to do with a client that talks before it is greeted (RFC 5321 section 4.3.1 wants it to wait).
enum class EarlyTalker : uint8_t { Count, Refuse };  // Refuse: 554 5.5.0

// What one shard allows its clients. Taken over by set_limits() while sessions are open, for these too.
struct ClientLimits {
  size_t sessions_max = limits::kShardSessions;
  size_t sessions_per_client_max = limits::kClientSessions;
  size_t connections_per_second = 0;  // of one address; 0: any
  ClientTimes times;
  MonoClock::duration write_wait = limits::kServerWriteWait;
  MonoClock::duration delay_max = limits::kClientDelay;  // 0: none
};

struct SmtpServerOptions {
  reactor::ListenOptions listen;
  uint32_t listener = 0;  // handed on in SmtpConnection
  smtp::ServerOptions session;
  ClientLimits limits;
  // Counts the sessions of all servers of the shard, and outlives them; sessions_max is then for all of them.
  size_t* shard_sessions = nullptr;
  EarlyTalker early_talker = EarlyTalker::Count;
};

// Counted on this shard since the start.
struct SmtpServerCounters {
  uint64_t connections = 0;       // with a handler
  uint64_t over_shard_limit = 0;  // 421 4.3.2
  uint64_t over_client_limit = 0;
  uint64_t over_client_rate = 0;
  uint64_t closed_unheard = 0;  // ... of these, more at a time than are told why
  uint64_t delays = 0;          // replies that were held back
  uint64_t not_delayed = 0;     // ... and were not, because too many were already
  uint64_t early_talkers = 0;
  uint64_t time_outs = 0;
  uint64_t protocol_ends = 0;         // too many errors, unreadable lines
  uint64_t broken = 0;                // transport errors
  uint64_t transactions = 0;          // accepted MAIL
  uint64_t messages = 0;              // end of data reached
  uint64_t accepted = 0;              // ... and answered 2xx
  uint64_t aborted = 0;               // transactions that ended otherwise
  uint64_t body_octets = 0;           // in wire form
  std::array<uint64_t, 6> replies{};  // by their first digit

  void add(const SmtpServerCounters& other);
};

class SmtpServer final : private net::AcceptSink {
 public:
  // The service must outlive the server. The options are copied.
  [[nodiscard]] static Result<std::unique_ptr<SmtpServer>> start(Shard& shard,
                                                                 const SmtpServerOptions& options,
                                                                 SmtpService& service);
  ~SmtpServer();
  SmtpServer(const SmtpServer&) = delete;
  SmtpServer& operator=(const SmtpServer&) = delete;

  const Endpoint& address() const { return listener_->address(); }
  size_t sessions() const { return connections_.size(); }
  const SmtpServerCounters& counters() const { return counters_; }
  bool draining() const { return draining_; }
  // For sessions that begin from now on; those that are open keep what they were greeted with.
  void set_session_options(const smtp::ServerOptions& options);
  void set_limits(const ClientLimits& limits) { options_.limits = limits; }
  // W-16; the deadline is limits::kDrainWait away. Over when every session has ended; at the deadline those
  // that are left are broken off.
  [[nodiscard]] runtime::Task<void> drain(Shard& shard, MonoTime deadline);
  // During a drain: what its deadline would do, now.
  void hurry_drain();

 private:
  friend class ServerConnection;
  SmtpServer(Shard& shard, const SmtpServerOptions& options, SmtpService& service);

  void on_stream(net::StreamPtr stream) override;
  static runtime::Task<void> serve(Shard& shard, std::unique_ptr<ServerConnection> connection);
  runtime::Task<void> turn_away(Shard& shard, net::StreamPtr stream, smtp::FixedReply reply);
  bool is_proxy(const net::Stream& stream) const;
  const smtp::FixedReply* reason_to_turn_away(const net::Stream& stream);
  bool too_fast(const IpAddress& client);
  size_t sessions_of_shard() const;
  void enter(ServerConnection& connection);
  void leave(ServerConnection& connection);

  // What sessions borrow. The newest is at the back; an older one goes with its last session.
  struct SessionOptions {
    smtp::ServerOptions options;
    size_t sessions = 0;
  };
  void drop_unused_options();

  Shard& shard_;
  SmtpServerOptions options_;
  std::vector<std::unique_ptr<SessionOptions>> session_options_;
  SmtpService& service_;
  std::unique_ptr<net::Listener> listener_;
  runtime::TaskGroup group_;
  TraceIdSource ids_;
  std::vector<ServerConnection*> connections_;
  std::string replies_;  // what a session's replies are gathered in; between two uses, memory for the next
  std::map<IpAddress, size_t> per_client_;
  std::map<IpAddress, size_t> arrivals_;  // since arrivals_begin_, for less than a second
  MonoTime arrivals_begin_{};
  size_t turning_away_ = 0;
  size_t delayed_ = 0;
  bool draining_ = false;
  SmtpServerCounters counters_;
};

}  // namespace sluice::serve
