// SmtpHandler: what the server's side of SMTP asks of whoever decides: the pipeline, a load sink, a test.
// The server (SmtpServer) keeps the protocol, the times and the limits; a handler sees only what matters
// to mail.
//
// One object per connection, made by an SmtpService, on one shard. At most one method runs at a time; no
// other is called before its Eventual is over, but for on_drain_deadline. Order of a connection:
//
//   on_connect, { session }, on_disconnect
//   session:      on_hello | on_xclient | transaction
//   transaction:  on_mail, { on_rcpt | on_rcpts | on_rcpt_refused },
//                 on_data, { on_body }, on_end_of_data, on_answered
//
// A transaction is open from an accepted on_mail until one of: on_end_of_data was called; on_abort was
// called; on_body refused. on_abort comes at most once per transaction and always before on_disconnect. A
// handler is never destroyed while one of its methods runs, and on_disconnect is its last call.
#pragma once

#include "io/base/chunk.h"
#include "io/base/ip.h"
#include "io/reactor/shard.h"
#include "io/runtime/task.h"
#include "io/serve/eventual.h"
#include "io/serve/trace_id.h"
#include "io/smtp/command.h"
#include "io/smtp/data_reader.h"
#include "io/smtp/reply.h"
#include "io/smtp/xclient.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::serve {

using reactor::Shard;

// Nothing: yes, in the usual words. A 2xx reply: yes, in these words. Anything else: no. 421 and 521 also end
// the session.
using Answer = std::optional<smtp::Reply>;
inline bool ends_session(const Answer& answer) {
  return answer && (answer->code == 421 || answer->code == 521);
}

// All that is known of a connection. The server keeps it current; it outlives the handler.
struct SmtpConnection {
  TraceId id;
  uint32_t listener = 0;  // SmtpServerOptions::listener
  Endpoint peer;          // who is connected: the client, or a proxy that speaks for it
  Endpoint local;
  // Whose mail this is: the peer, or what a listed peer said by XCLIENT.
  Endpoint client;
  bool client_declared = false;    // `client` came by XCLIENT
  bool xclient_listed = false;     // the peer may say XCLIENT
  smtp::XclientOverrides xclient;  // all that was said, the last value of each attribute
  // What the client called itself: XCLIENT HELO if a listed peer said it (and then a later EHLO of the peer,
  // which is its own, changes nothing), else HELO or EHLO; empty before.
  std::string hello;
  bool extended = false;  // EHLO, or XCLIENT PROTO=ESMTP, by the same rule
};

enum class AbortReason : uint8_t {
  Reset,         // RSET, HELO, EHLO or XCLIENT
  Disconnected,  // the connection ended or broke, a time-out, a drain or too many errors
  BodyRefused,   // the session refused the message; on_abort gets the reply that the client will have
};

enum class DisconnectReason : uint8_t {
  Quit,
  ClientClosed,  // without QUIT
  Broken,        // a transport error, or a client that did not read our replies
  TimedOut,      // 421 4.4.2
  Protocol,      // too many errors, an unreadable line: the session ended it
  Handler,       // an Answer with 421 or 521, or on_connect refused
  Draining,      // 421 4.3.2, or the end of the drain's time
};

enum class Told : uint8_t { Yes, No };

class SmtpHandler {
 public:
  virtual ~SmtpHandler() = default;

  // A refusal is the greeting (554 or 421), and the connection ends.
  virtual Eventual<Answer> on_connect(Shard& /*shard*/) { return Answer(); }
  // connection.hello is the new name already.
  virtual Eventual<Answer> on_hello(Shard& /*shard*/) { return Answer(); }
  // connection.client and .xclient are the new ones already; a refusal puts the old ones back.
  virtual Eventual<Answer> on_xclient(Shard& /*shard*/) { return Answer(); }

  // `mail` and `recipient` may be moved from; they are gone when the Eventual is over.
  virtual Eventual<Answer> on_mail(Shard& shard, smtp::MailFrom& mail, TraceId transaction) = 0;
  virtual Eventual<Answer> on_rcpt(Shard& shard, smtp::Recipient& recipient) = 0;
  // Several that the client sent along; only where ServerOptions::recipients_at_once allows it. An answer for
  // each, in order; fewer only behind one that ends the session. They may be moved from too. By itself it
  // asks on_rcpt for each.
  virtual Eventual<std::vector<Answer>> on_rcpts(Shard& shard, std::span<smtp::Recipient> recipients);
  // A well-formed recipient that the session refused by itself (too many): for its row.
  virtual void on_rcpt_refused(Shard& /*shard*/, const smtp::Recipient& /*recipient*/,
                               const smtp::Reply& /*reply*/) {}
  // Before 354. A refusal leaves the transaction open.
  virtual Eventual<Answer> on_data(Shard& /*shard*/) { return Answer(); }
  // The next octets of the message, in wire form (dot-stuffed, without the final dot's line); never empty.
  // The Chunk is the handler's; its capacity is what a budget counts, and at least a quarter of all capacity
  // handed over is used. While the Eventual is not over, nothing more is read from the client. A refusal
  // (452 4.3.1, 552 5.3.4, ...) ends the transaction: the rest is read and dropped, the final dot gets this
  // reply, and no on_abort follows.
  virtual Eventual<Answer> on_body(Shard& shard, Chunk piece) = 0;
  // After the octets that are here were handed over, before more of the body is read: the place to wait for
  // memory or a disk. The client is paused meanwhile. A refusal is as one of on_body.
  virtual Eventual<Answer> before_more_body(Shard& /*shard*/) { return Answer(); }
  // The reply to the final dot. `message` holds sizes and flags and is gone when the Eventual is over. Ends
  // the transaction either way.
  virtual Eventual<Answer> on_end_of_data(Shard& shard, const smtp::DataReader& message) = 0;
  // Whether our reply to the final dot of this transaction left: once for each, in order, as soon as it is
  // known and at the latest before on_disconnect (a pipelining client may be in its next transaction by
  // then). Yes means that the kernel took it and has not reported the connection broken.
  virtual void on_answered(Shard& /*shard*/, TraceId /*transaction*/, Told /*told*/) {}

  // `reply` is null but for BodyRefused.
  virtual Eventual<Done> on_abort(Shard& shard, AbortReason reason, const smtp::Reply* reply) = 0;
  virtual Eventual<Done> on_disconnect(Shard& /*shard*/, DisconnectReason /*reason*/) { return Done(); }

  // W-16: the drain's time is over and the connection has just been broken off. At most once, also while
  // another method runs; that method ends what it waits for, since the drain waits for it. What follows is
  // on_answered, on_abort and on_disconnect as ever.
  virtual void on_drain_deadline(Shard& /*shard*/) {}

 private:
  runtime::Task<std::vector<Answer>> one_by_one(Shard& shard, std::span<smtp::Recipient> recipients);
};

// Per shard; outlives its server.
class SmtpService {
 public:
  virtual ~SmtpService() = default;
  // Never null. `connection` outlives the handler.
  virtual std::unique_ptr<SmtpHandler> make_handler(Shard& shard, const SmtpConnection& connection) = 0;
  // W-13: whether this peer may say XCLIENT.
  virtual bool may_xclient(const SmtpConnection& /*connection*/) const { return false; }
};

std::string_view to_string(AbortReason reason);
std::string_view to_string(DisconnectReason reason);

}  // namespace sluice::serve
