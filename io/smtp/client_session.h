// ClientSession: the client's side of one SMTP connection as a machine without I/O, time or threads. The
// node's next-hop pool, sluice-load and the simulator drive this same class. One session, one shard.
//
// Commands are queued by calls and leave as octets; every reply is matched with the command that it answers,
// pipelined or not. RFC 5321 with EHLO and HELO as its fall-back, and what capabilities() lists. Who may be
// sent what, when to pipeline and what a refusal means is the driver's. Driver:
//
//   ... connect ...                                           // the greeting is awaited from the start
//   for (bool open = true; open;) {
//     const ClientEvent event = session.next();
//     switch (event.kind) {
//       case ClientEvent::Kind::NeedInput:
//         session.take_output(octets);  ... write `octets`, unless empty; receive a chunk ...
//         session.feed(chunk.view());  break;                 // or session.peer_closed()
//       case ClientEvent::Kind::Reply:
//         if (event.command == ClientCommand::Greeting) session.hello(our_name);
//         if (event.command == ClientCommand::Hello) {
//           session.mail(from);
//           session.rcpt(to);
//           session.data();
//         }
//         if (event.command == ClientCommand::Data && event.reply->intermediate()) {
//           ... take_output and write; write the body in wire form ...
//           session.end_of_data();                            // queues the final dot
//         }
//         break;
//       case ClientEvent::Kind::Closing:
//       case ClientEvent::Kind::Broken:
//         ... close ...
//         open = false;
//         break;
//     }
//   }
//
// Commands may be queued without their replies only if capabilities().pipelining (CHECKed is only that
// nothing but the body follows DATA). Fails by the events Closing (the peer said 421, or closed) and Broken
// (what came is not SMTP, a reply to nothing, or a close in mid-reply): the session is dead then, and
// unanswered() says what got no reply.
#pragma once

#include "io/smtp/command.h"
#include "io/smtp/reply.h"
#include "io/smtp/reply_reader.h"
#include "io/smtp/xclient.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::smtp {

// What the peer offered to EHLO; nothing after HELO.
struct Capabilities {
  bool extended = false;  // EHLO was accepted
  bool pipelining = false;
  bool eight_bit_mime = false;
  bool smtputf8 = false;
  bool enhanced_status_codes = false;
  bool chunking = false;
  bool starttls = false;
  bool dsn = false;
  bool size_offered = false;
  std::optional<uint64_t> size;      // RFC 1870; none or 0 on the wire: no fixed limit
  XclientAttributes xclient = 0;     // attributes that the peer takes; 0: not offered
  std::optional<uint64_t> rcpt_max;  // LIMITS, RFC 9422
  std::optional<uint64_t> mail_max;
  std::optional<uint64_t> rcpt_domain_max;
};
// The reply to EHLO. Unknown keywords and bad values are passed over.
Capabilities parse_capabilities(const Reply& reply);

enum class ClientCommand : uint8_t {
  Greeting,  // not a command: the reply that opens the session
  Hello,     // EHLO, or HELO after its refusal
  Xclient,   // a positive reply is a new greeting: hello() comes again
  Mail,
  Rcpt,
  Data,
  EndOfData,
  Bdat,  // one chunk that is the whole message
  Rset,
  Noop,
  Quit,
};

// Valid until the next call of next(); the reply may be moved from.
struct ClientEvent {
  enum class Kind : uint8_t {
    NeedInput,
    Reply,    // command, index, reply
    Closing,  // the peer ends the session; reply: the 421, null if it just closed. Repeats
    Broken,   // the peer cannot be understood. Repeats
  };
  Kind kind = Kind::NeedInput;
  ClientCommand command{};
  size_t index = 0;  // Rcpt: 0 for the first since MAIL, and so on
  Reply* reply = nullptr;
};

struct MailParameters {
  std::optional<uint64_t> size;           // written if size_offered
  BodyType body = BodyType::Unspecified;  // written if eight_bit_mime
  bool smtputf8 = false;                  // written if smtputf8 is offered
};

class ClientSession {
 public:
  ClientSession() { reset(); }
  // For a new connection; keeps the memory.
  void reset();

  // Input that must stay until next() returned something other than Reply. Only when next() last returned
  // NeedInput.
  void feed(std::string_view octets);
  // The peer closed its side: next() gives Closing or Broken.
  void peer_closed();
  [[nodiscard]] ClientEvent next();

  // Each queues one command; a dead session takes none. While a body is open (DATA was answered 354) only
  // end_of_data() may come: an open body is abandoned by closing. Names and addresses must be clean (no CR,
  // LF, NUL; CHECKed): they come from a parser.
  void hello(std::string_view our_name);
  // Of them, what the peer takes. Where the command would be longer than a peer must take (4.5.3.1.4), names
  // are said to be unavailable: that of the login first, then HELO's, then the client's.
  void xclient(const XclientOverrides& overrides);
  void mail(std::string_view sender, const MailParameters& parameters = {});  // without brackets; "" for <>
  void rcpt(std::string_view recipient);
  void data();
  void end_of_data();  // after DATA's 354 and the body, which was empty or ended in CRLF
  // The whole message in one chunk (RFC 3030): just so many octets follow, as they are, without a final dot.
  // Its reply is the one to the message. Only where CHUNKING is offered.
  void bdat_last(uint64_t octets);
  void rset();
  void noop();
  void quit();

  // Moves the waiting commands into `out` (which loses what it held) and takes its memory for the next ones.
  void take_output(std::string& out);
  bool has_output() const { return !output_.empty(); }

  const Capabilities& capabilities() const { return capabilities_; }
  // Commands without a reply yet, oldest first.
  std::span<const ClientCommand> unanswered() const { return std::span(expected_).subspan(expected_begin_); }
  // The lines that came of a reply whose end has not; null when there are none.
  const Reply* partial_reply() const;
  // Nothing is awaited, and nothing has come that nobody asked for.
  bool idle() const {
    return unanswered().empty() && !dead_ && input_.empty() && (reply_given_ || !reader_.in_the_middle());
  }
  bool dead() const { return dead_; }

 private:
  bool queue(ClientCommand command);
  void append_line(std::string_view verb, std::string_view argument);
  ClientEvent on_reply();
  bool on_hello_reply(const Reply& reply);
  ClientEvent end(ClientEvent::Kind kind);

  std::string_view input_;
  std::string output_;
  std::string our_name_;
  ReplyReader reader_;
  Capabilities capabilities_;
  std::vector<ClientCommand> expected_;  // from expected_begin_ on: what replies are awaited for
  size_t expected_begin_ = 0;
  size_t next_rcpt_index_ = 0;
  ClientEvent::Kind end_kind_ = ClientEvent::Kind::NeedInput;  // why the session is dead
  bool closing_reply_ = false;                                 // reader_ holds the 421
  bool said_helo_ = false;
  bool reply_given_ = false;  // reader_ holds the reply that the last event showed
  bool body_open_ = false;    // DATA was answered 354, the final dot was not sent
  bool peer_closed_ = false;
  bool dead_ = false;
};

std::string_view to_string(ClientCommand command);

}  // namespace sluice::smtp
