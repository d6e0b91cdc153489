// ServerConnection: one connection of an SmtpServer: moves octets between the stream and the session machine,
// events between the machine and the handler, and keeps the time. It is counted by its server from birth to
// death. Private to this folder; one shard.
#pragma once

#include "io/base/chunk.h"
#include "io/base/clock.h"
#include "io/net/stream.h"
#include "io/runtime/signal.h"
#include "io/runtime/task.h"
#include "io/serve/body_collector.h"
#include "io/serve/client_clock.h"
#include "io/serve/smtp_handler.h"
#include "io/serve/smtp_server.h"
#include "io/smtp/server_session.h"

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace sluice::serve {

class ServerConnection {
 public:
  ServerConnection(SmtpServer& server, Shard& shard, net::StreamPtr stream);
  ~ServerConnection();
  ServerConnection(const ServerConnection&) = delete;
  ServerConnection& operator=(const ServerConnection&) = delete;

  runtime::Task<void> run(Shard& shard);
  const Endpoint& peer() const { return connection_.peer; }
  void notice_drain() {
    stream_->interrupt();
    delay_.notify();
  }
  // W-16: the drain's time is over.
  void break_off(Shard& shard);

 private:
  friend class SmtpServer;
  using Event = smtp::ServerEvent;
  enum class Next : uint8_t { GoOn, End };

  // A call that is inlined keeps its frame inside its caller's, which an idle session then pays for as long
  // as it waits in converse(). Those that are marked have frames of their own, for as long as they run.
  [[gnu::noinline]] runtime::Task<void> greet(Shard& shard);
  runtime::Task<void> converse(Shard& shard);
  runtime::Task<Next> take_input(Shard& shard);
  bool collect_body();
  [[gnu::noinline]] runtime::Task<void> take_body(Shard& shard);
  [[gnu::noinline]] runtime::Task<void> pass_body(Shard& shard);
  [[gnu::noinline]] runtime::Task<void> make_room(Shard& shard);
  void refuse_rest(const Answer& answer);
  MonoClock::duration delay_due();
  [[gnu::noinline]] runtime::Task<void> delay_replies(Shard& shard, MonoClock::duration delay);
  bool reads_too_little() const { return stream_->unsent() > limits::kReplyBacklog; }
  [[gnu::noinline]] runtime::Task<void> await_reader(Shard& shard);
  [[gnu::noinline]] runtime::Task<void> end_of_data(Shard& shard, const Event& event);
  [[gnu::noinline]] runtime::Task<void> abort_transaction(Shard& shard, AbortReason reason,
                                                          const smtp::Reply* reply);
  [[gnu::noinline]] runtime::Task<void> finish(Shard& shard);

  // A decision that the session wants: asked of the handler, and brought back.
  Eventual<Answer> ask(Shard& shard, const Event& event);
  void settle(const Event& event, const Answer& answer);
  [[gnu::noinline]] runtime::Task<void> ask_together(Shard& shard, std::span<smtp::Recipient> recipients);
  void decide(const Answer& answer);
  void remember_identity();
  void settle_identity(bool accepted);
  void apply_xclient(const smtp::XclientOverrides& overrides);

  void send_replies();
  void report_told(Shard& shard, bool last);
  void fail_with(const smtp::FixedReply& reply, DisconnectReason reason);
  void keep_time(Shard& shard);

  // What a HELO or XCLIENT that is refused in the end must not change.
  struct Identity {
    Endpoint client;
    bool client_declared;
    smtp::XclientOverrides xclient;
    std::string hello;
    bool extended;
  };

  SmtpServer& server_;
  SmtpServerCounters& counters_;
  SmtpServer::SessionOptions& session_options_;  // what the session borrows
  net::StreamPtr stream_;
  SmtpConnection connection_;
  std::unique_ptr<SmtpHandler> handler_;
  smtp::ServerSession session_;
  Chunk input_;  // what the session is reading
  BodyCollector body_;
  std::unique_ptr<Identity> before_;  // while a HELO or XCLIENT is decided on
  TraceId transaction_;
  std::vector<TraceId> answered_;  // whose reply has been written, but perhaps not sent
  bool in_transaction_ = false;    // as the handler sees it
  bool ended_ = false;             // the reason is known
  bool broken_off_ = false;        // what the client sent before does not matter any more
  DisconnectReason reason_ = DisconnectReason::ClientClosed;
  ClientClock clock_;
  size_t faults_ = 0;  // of the session, as far as its replies were delayed for them
  runtime::Signal delay_;
  size_t place_ = 0;  // in the server's list
};

}  // namespace sluice::serve
