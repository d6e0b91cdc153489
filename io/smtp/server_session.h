// ServerSession: the server's side of one SMTP connection as a machine without I/O, time or threads. The
// node, the load sink, the simulator and the fuzzers drive this same class. One session, one shard.
//
// RFC 5321 with PIPELINING (2920), 8BITMIME (6152), SIZE (1870), ENHANCEDSTATUSCODES (2034), SMTPUTF8 (6531)
// XCLIENT from listed peers, CHUNKING (3030) without BINARYMIME, LIMITS (9422). Not: STARTTLS, AUTH, DSN
// (refused with a code, never taken for something else). DATA and BDAT give the same events. It keeps the
// order of commands and replies: one reply to each command, in order; what it can answer alone it answers;
// for the rest it hands out an event and waits for the decision. Driver:
//
//   session.greet();
//   for (bool open = true; open;) {
//     const ServerEvent event = session.next();
//     switch (event.kind) {
//       case ServerEvent::Kind::NeedInput:
//         session.take_output(replies);   // one write for a whole pipeline
//         ... write `replies`, unless empty; receive a chunk ...
//         ... on its end or a time-out: session.fail_with(reply) or just leave ...
//         session.feed(chunk.view());     // the chunk stays until the next NeedInput
//         break;
//       case ServerEvent::Kind::Flush:    // many replies wait: write them, then go on
//         session.take_output(replies);
//         ... write ...
//         break;
//       case ServerEvent::Kind::Mail:     // a decision: accept, accept(reply) or reject
//         refused ? session.reject(reply) : session.accept();
//         break;
//       ... Hello, Xclient, Data, EndOfData likewise, Recipient for each; the others only inform ...
//       case ServerEvent::Kind::Body:
//         handler.take(event.octets);     // or session.refuse_body(reply)
//         break;
//       case ServerEvent::Kind::Close:
//         ... take_output, write, close ...
//         open = false;
//         break;
//     }
//   }
//
// While a decision takes its time the driver may write what take_output() gives; more input can wait.
// Time-outs are the driver's: from the last NeedInput that followed a complete command or octets of
// the body.
//
// Fails by replies. A command line with bare LF, bare CR or NUL inside is answered 500 5.5.2 and the
// connection ends, because what such a peer means by a line is not what we mean (whatever becomes of them in
// messages: ServerOptions::bare_line_ends); so does it behind a BDAT whose size cannot be read, since nobody
// knows where its octets end. The octets of a BDAT that is refused are read and dropped, and then it gets its
// reply. Misuse by the driver is a CHECK.
#pragma once

#include "io/base/limits.h"
#include "io/smtp/command.h"
#include "io/smtp/data_reader.h"
#include "io/smtp/reply.h"
#include "io/smtp/xclient.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::smtp {

// Shared immutable; one for each listener. Outlives its sessions.
struct ServerOptions {
  std::string hostname = "localhost";  // in the greeting and in EHLO
  std::string greeting = "ESMTP Sluice";
  uint64_t message_octets = limits::kMessageOctets;            // SIZE; 552 5.3.4 above
  size_t recipients = limits::kSmtpRecipients;                 // 452 4.5.3 above
  size_t errors = limits::kSmtpErrors;                         // 5xx for commands, then 421 4.7.0 and close
  size_t refused_recipients = limits::kSmtpRefusedRecipients;  // RCPTs answered 5xx, then the same
  // Commands without mail in a row, from peers that are not listed; then 421 4.7.0 and close.
  size_t idle_commands = limits::kSmtpIdleCommands;
  bool pipelining = true;
  bool eight_bit_mime = true;
  bool smtputf8 = true;
  bool chunking = true;
  // RCPTs in one Recipient event, at most, where a client sent them along. 1: each has its own.
  size_t recipients_at_once = 1;
  BareLineEnds bare_line_ends = BareLineEnds::Refuse;  // in messages; never in commands
  size_t recipient_domains = 0;  // offered as LIMITS RCPTDOMAINMAX (the handler keeps to it); 0: not offered
  mail::AddressRules address{};
};

enum class XclientPeer : uint8_t { NotListed, Listed };

enum class BodyRefusal : uint8_t { BareCr, BareLf, Nul, TooLarge, ByDriver };

enum class CloseReason : uint8_t {
  Quit,
  TooManyErrors,  // 421 4.7.0; refused recipients and RCPTs without end too
  TooIdle,        // 421 4.7.0: commands without end and no mail
  BadLine,        // bare LF, bare CR or NUL in a command line
  Bdat,           // BDAT without a size that can be read: what follows it cannot be told from commands
  ByDriver,       // fail_with(), or a decision with code 421 or 521
};

// What next() found. Views and pointers are valid until the next call of next(), but `octets` as long as the
// fed input is; what they point to may be moved from.
struct ServerEvent {
  enum class Kind : uint8_t {
    NeedInput,         // everything fed was used
    Flush,             // more than kReplyBacklog octets of replies wait
    Hello,             // decision. hello_name, extended
    Xclient,           // decision. xclient; accepting it resets the session to its greeting
    Mail,              // decision. mail. Accepted: a transaction is open
    Recipient,         // a decision for each of recipients, in order, unless one of them ends the session
    RecipientRefused,  // a well-formed recipient that the session refused alone; recipient, reply
    Data,              // decision, at DATA and at the first BDAT. Accepted: Body and EndOfData or BodyRefused
                       // follow; between chunks a Reset may come too
    Body,              // octets: the next part of the message in wire form
    BodyRefused,  // body_refusal, reply: the transaction has failed; the rest is read and dropped, and the
                  // session answers the final dot, or each chunk, with the reply by itself. A chunk that is
                  // too large in advance is refused without a Data event
    EndOfData,    // decision. message. Ends the transaction either way
    Reset,        // an open transaction was dropped by RSET, HELO or EHLO
    Close,        // close_reason. Write what take_output() gives and close. Repeats
  };
  Kind kind = Kind::NeedInput;

  std::string_view hello_name;
  bool extended = false;  // EHLO
  XclientOverrides* xclient = nullptr;
  MailFrom* mail = nullptr;
  std::span<Recipient> recipients;
  Recipient* recipient = nullptr;
  const Reply* reply = nullptr;

  std::string_view octets;    // Body: a part of the fed input, or of static storage if carried
  bool carried = false;       // not a part of what was fed: copy it
  uint64_t stuffed_dots = 0;  // Body: how many of the octets are stuffing

  BodyRefusal body_refusal{};
  CloseReason close_reason{};
  const DataReader* message = nullptr;  // EndOfData: sizes, longest line, eight_bit
};

class ServerSession {
 public:
  // Above this next() asks for a Flush before it answers more commands.
  static constexpr size_t kReplyBacklog = limits::kSmtpReplyBacklog;

  ServerSession(const ServerOptions& options, XclientPeer peer);

  void greet();  // queues 220; first of all, unless fail_with() refuses the connection
  // Input that must stay until next() returned NeedInput or Close. Only when next() last returned NeedInput.
  void feed(std::string_view octets);
  [[nodiscard]] ServerEvent next();

  // The decision of the event that next() returned last. accept() sends the usual reply (Data: 354); a reply
  // of one's own must be 2xx (Data: 3xx), a refusal 4xx or 5xx; 421 and 521 also end the session.
  void accept();
  void accept(const Reply& reply);
  void reject(const Reply& reply);
  // After a Body event: gives up this message. Behaves like BodyRefused, without an event.
  void refuse_body(const Reply& reply);
  // Ends the session with this reply (421 4.4.2 on a time-out, 421 4.3.2 on a drain, ...) at any time.
  void fail_with(const Reply& reply);

  // Moves the waiting replies into `out` (which loses what it held) and takes its memory for the next ones.
  void take_output(std::string& out);
  bool has_output() const { return !output_.empty(); }
  // The memory that replies are gathered in, for drivers with many idle sessions: taken from `spare` where
  // the session has none, and given back (or freed) where nothing is gathered. What `spare` holds is not
  // kept.
  void borrow_memory(std::string& spare);
  void return_memory(std::string& spare);

  bool awaits_decision() const { return pending_ != ServerEvent::Kind::NeedInput; }
  bool in_transaction() const { return transaction_; }
  // A message is open, between its chunks as well.
  bool in_body() const { return state_ == State::Body || chunks_ == Chunks::Open; }
  // Of a refused message, up to its end or that of the chunk.
  bool dropping_body() const { return state_ == State::Dropping || state_ == State::Skipping; }
  bool said_hello() const { return !hello_name_.empty(); }
  bool extended() const { return extended_; }
  std::string_view hello_name() const { return hello_name_; }  // valid until the next HELO, EHLO or XCLIENT
  bool smtputf8() const { return mail_.smtputf8; }
  size_t accepted_recipients() const { return accepted_recipients_; }
  size_t errors() const { return errors_; }
  size_t refused_recipients() const { return refused_recipients_; }  // answered 5xx
  // Fed and not used yet: what a client sent without waiting. Drop-and-close checks can look at it.
  size_t unread_input() const { return input_.size(); }

 private:
  enum class State : uint8_t {
    New,
    Greeted,
    Ready,
    Body,      // behind DATA
    Dropping,  // ... of a refused message
    Chunk,     // behind BDAT
    Skipping,  // ... of a refused one
    Closed,
  };
  enum class Chunks : uint8_t {
    None,
    Open,    // BDAT was accepted, LAST has not ended yet: only more BDATs bring the message on
    Failed,  // the message was refused: what is still pipelined of it is refused with the same reply
  };
  using Kind = ServerEvent::Kind;
  using Found = std::optional<ServerEvent>;  // an event, or go on

  Found read_on();
  Found next_command();
  Found next_body();
  Found next_chunk();
  Found on_body_step(const DataReader::Result& result, uint64_t dots_before);
  bool chunk_is_over() const {
    return (state_ == State::Chunk || state_ == State::Skipping) && chunk_.octets == 0;
  }
  Found on_line(std::string_view line);
  Found on_command(const Command& command);
  Found on_hello(const Command& command);
  Found on_xclient(const Command& command);
  Found on_mail(const Command& command);
  Found on_rcpt(const Command& command);
  void gather_recipients();
  bool gather_recipient();
  Found on_data(const Command& command);
  Found on_bdat(const Command& command);
  Found begin_chunks();
  Found go_on_with_chunks();
  Found on_chunk_end();
  Found on_skipped();
  Found on_reset();
  Found on_other(const Command& command);
  Found on_body_end();

  ServerEvent decide(Kind kind);
  Found refuse_recipient(const FixedReply& reply);
  ServerEvent refuse_body_for(BodyDefect defect);
  Found refuse_sequence(const FixedReply& reply);
  Found refuse_without_recipients();
  void fail_message();
  void leave_body() { state_ = hello_name_.empty() ? State::Greeted : State::Ready; }
  Found refuse_command(const CommandError& error, bool recipient);
  void take_decision(Kind kind);
  void go_to_next_recipient();
  void answer(const FixedReply& reply) { append_reply(output_, reply); }
  void answer_hello();
  Found error(const FixedReply& reply);
  void count_refused_recipient();
  void close(CloseReason reason);
  bool too_idle();
  void end_transaction();
  void keep_line(std::string_view piece);

  const ServerOptions* options_;
  std::string_view input_;
  std::string line_;  // a command line whose end has not come yet
  std::string output_;
  std::string hello_name_;
  std::string next_hello_name_;  // of the Hello event that waits
  XclientOverrides xclient_;
  MailFrom mail_;
  std::vector<Recipient> recipients_;  // of the event that waits
  size_t decided_recipients_ = 0;      // of them
  Reply own_reply_;                    // of RecipientRefused; of the final dot of a refused message
  DataReader reader_;
  BdatArgument chunk_;  // the BDAT that is under way; of its octets, those that have not come yet
  const FixedReply* skip_reply_ = nullptr;  // of a BDAT that was refused for itself
  size_t accepted_recipients_ = 0;
  size_t rcpt_commands_ = 0;  // of this transaction
  size_t refused_recipients_ = 0;
  size_t errors_ = 0;
  size_t idle_commands_ = 0;
  State state_ = State::New;
  Chunks chunks_ = Chunks::None;
  Kind pending_ = Kind::NeedInput;  // the event that waits for its decision; NeedInput: none does
  CloseReason close_reason_{};
  XclientPeer peer_;
  bool long_line_ = false;  // the line in line_ is over the limit: only its end is kept
  bool extended_ = false;
  bool next_extended_ = false;
  bool hello_due_ = false;  // a Reset event went out before the Hello event
  bool transaction_ = false;
  bool mail_refused_ = false;  // what a client pipelined behind the refused MAIL is not its error
};

// A few words for rows and logs.
std::string_view to_string(BodyRefusal refusal);
std::string_view to_string(CloseReason reason);

}  // namespace sluice::smtp
