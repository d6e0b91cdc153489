// SmtpClient: one outgoing SMTP connection: a smtp::ClientSession driven over a stream, each wait with a
// deadline. Commands are queued by calls and leave together; replies are taken one by one, in order:
//
//   auto client = co_await SmtpClient::open(shard, endpoint, options, deadline);   // greeting, EHLO or HELO
//   (*client)->mail(sender, parameters);
//   (*client)->rcpt(recipient);                                   // in one flight if pipelining() is offered
//   ClientResult reply = co_await (*client)->next_reply(shard, deadline);
//
// What a refusal means is not decided here. After a ClientFault the client is dead: drop it. It
// may be dropped at any time unless a body is under way (send_body), whose octets are the caller's.
//
// Per shard; the hop pool and sluice-load use the same class.
#pragma once

#include "io/base/clock.h"
#include "io/base/ip.h"
#include "io/base/limits.h"
#include "io/net/stream.h"
#include "io/reactor/shard.h"
#include "io/runtime/task.h"
#include "io/serve/eventual.h"
#include "io/smtp/client_session.h"

#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory>
#include <memory_resource>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::serve {

using reactor::Shard;

struct ClientOptions {
  static constexpr MonoClock::duration kNoWait = MonoClock::duration::max();
  std::string our_name = "localhost";          // in EHLO
  MonoClock::duration connect_wait = kNoWait;  // of TCP alone, within open()'s deadline
  MonoClock::duration command_wait = limits::kHopCommandWait;
  MonoClock::duration write_wait = limits::kServerDataWait;  // for each send; RFC 5321 4.5.3.2.5
};

// Why there is no reply.
struct ClientFault {
  enum class Kind : uint8_t {
    Connect,  // os_error
    Timeout,  // nothing, or not all of a reply, until the deadline
    Lost,     // the connection ended or broke; os_error, if any
    Closing,  // 421; reply
    Refused,  // greeting, EHLO and HELO, XCLIENT, ... refused; reply
    Broken,   // what came is not SMTP, or answers nothing
    Message,  // the message could not be read back on our side; os_error
  };
  Kind kind = Kind::Lost;
  int os_error = 0;
  smtp::ClientCommand command{};  // what was waited for
  smtp::Reply reply{};            // Closing, Refused; else what came of a reply that did not end
  std::string to_string() const;
};

struct ClientReply {
  smtp::ClientCommand command{};
  size_t index = 0;  // Rcpt: 0 for the first since MAIL
  smtp::Reply reply;
};
using ClientResult = std::expected<ClientReply, ClientFault>;

// Octets of a message that are not in memory. They are read as they are sent, never more than two reads ahead
// of what the peer took.
class StoredOctets {
 public:
  // The next octets from `offset` on, at least one, or an errno. What it gives is gone before send_body() is
  // over.
  [[nodiscard]] virtual runtime::Task<std::expected<Chunk, int>> read(Shard& shard, uint64_t offset) = 0;

 protected:
  ~StoredOctets() = default;
};

// The octets of a message in wire form, dot-stuffed, empty or ending in CRLF, without the final dot. Those in
// memory are never copied: they stay where they are until deliver() or send_body() is over. A message of
// which a part was written out is `pieces`, then `stored` from `stored_from` to `stored_end`, then `tail`.
struct MessageOctets {
  std::pmr::vector<std::string_view> pieces;
  StoredOctets* stored = nullptr;
  uint64_t stored_from = 0;
  uint64_t stored_end = 0;
  std::pmr::vector<std::string_view> tail{};
  // What the octets are known to be; the defaults claim nothing.
  bool may_be_stuffed = true;      // a line may start with a dot, and so with a second one
  bool may_be_eight_bit = true;    // an octet above 127
  bool header_needs_utf8 = false;  // the header is in UTF-8, and its client said SMTPUTF8
  // RFC 1870: as its client sent it, without stuffing dots; 0: not known.
  uint64_t message_octets = 0;
  uint64_t octets_in_memory() const;  // of `pieces` and `tail`, in wire form
};

// When each step of open() was over, for whoever measures; `ready`: EHLO (or HELO) answered.
struct ClientMilestones {
  MonoTime connected;
  MonoTime greeted;
  MonoTime ready;
};

class SmtpClient {
 public:
  using Opened = std::expected<std::unique_ptr<SmtpClient>, ClientFault>;
  static runtime::Task<Opened> open(Shard& shard, Endpoint remote, ClientOptions options, MonoTime deadline,
                                    net::StreamStop* stop = nullptr);

  SmtpClient(const SmtpClient&) = delete;
  SmtpClient& operator=(const SmtpClient&) = delete;

  const smtp::Capabilities& capabilities() const { return session_.capabilities(); }
  const ClientMilestones& milestones() const { return milestones_; }

  // Queue one command each.
  void mail(std::string_view sender, const smtp::MailParameters& parameters) {
    session_.mail(sender, parameters);
  }
  void rcpt(std::string_view recipient) { session_.rcpt(recipient); }
  void data() { session_.data(); }
  void rset() { session_.rset(); }
  void noop() { session_.noop(); }
  // After 354: writes the body, of which nothing is stored, and the final dot without waiting.
  void write_body(const MessageOctets& body);
  // Sends what is queued at the end of this turn, without waiting for a reply.
  void send_queued();

  // Sends what is queued and takes the next reply.
  [[nodiscard]] Eventual<ClientResult> next_reply(Shard& shard, MonoTime deadline);
  // write_body() and the reply to it. On a fault the connection is closed already, so that the octets are
  // free. A reply that comes before all was sent counts, and the connection is closed behind it; what was not
  // sent by then is not.
  [[nodiscard]] runtime::Task<ClientResult> send_body(Shard& shard, const MessageOctets& body,
                                                      MonoTime deadline);
  // The message in one chunk (BDAT LAST), in one flight with what is queued and without its stuffing, and the
  // reply to it. Nothing of it is stored, and the peer offers CHUNKING. Otherwise as send_body().
  [[nodiscard]] runtime::Task<ClientResult> send_chunk(Shard& shard, const MessageOctets& body,
                                                       MonoTime deadline);
  // XCLIENT with what the peer takes of it, its new greeting, and EHLO again.
  [[nodiscard]] runtime::Task<ClientResult> xclient(Shard& shard, const smtp::XclientOverrides& overrides,
                                                    MonoTime deadline);
  // True when the kernel has taken all that was written; false when the connection broke or the deadline
  // passed.
  [[nodiscard]] net::Stream::Flush flush(Shard& shard, MonoTime deadline) {
    return stream_->flush(shard, deadline);
  }
  // QUIT, its reply if it comes until the deadline, and the end of the connection.
  [[nodiscard]] runtime::Task<void> quit(Shard& shard, MonoTime deadline);
  // Breaks the connection at once: whoever waits gets a ClientFault, Lost.
  void abort() { stream_->abort(); }

  // Nothing is expected, nothing came unasked, and the connection stands: it may be used for another message.
  bool reusable() const;
  // No end of the connection was seen, and nothing that nobody asked for.
  bool quiet() const { return !stream_->has_input() && !stream_->ended() && !stream_->broken(); }
  // Whether the kernel took everything that was written, and so the peer may have seen it.
  bool all_sent() const { return stream_->all_sent() && !cut_; }

 private:
  SmtpClient(net::StreamPtr stream, ClientOptions options);
  // The session's next reply or fault from what came so far; nothing when more is needed.
  std::optional<ClientResult> poll_reply();
  void write_chunk(const MessageOctets& body);
  runtime::Task<ClientResult> await_reply(Shard& shard, MonoTime deadline);
  runtime::Task<std::optional<ClientFault>> write_stored(Shard& shard, const MessageOctets& body,
                                                         MonoTime deadline);
  runtime::Task<ClientResult> handshake(Shard& shard, MonoTime deadline);
  ClientFault fault(ClientFault::Kind kind, int os_error = 0) const;

  net::StreamPtr stream_;
  smtp::ClientSession session_;
  Chunk input_;  // what the session was fed with
  std::string output_;
  ClientOptions options_;
  ClientMilestones milestones_;
  bool cut_ = false;  // a message was not sent to its end
};

}  // namespace sluice::serve
