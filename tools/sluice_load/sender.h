// Sender: one shard's share of the load: so many connections, each a coroutine with one message under way.
//
// Closed loop: a connection begins its next message when the last one is over (and the pause behind it). Open
// loop: messages begin when the Schedule says, on whichever connection is free; when all are busy they wait,
// and that waiting counts in their latency. Who is free takes the next time of the schedule and sleeps until
// then, so messages begin in order. Timers have ticks of a millisecond: as much as that a message may be
// late.
#pragma once

#include "io/base/clock.h"
#include "io/base/ip.h"
#include "io/base/random.h"
#include "io/runtime/signal.h"
#include "io/runtime/task.h"
#include "io/runtime/task_group.h"
#include "io/serve/smtp_client.h"
#include "tools/sluice_load/distribution.h"
#include "tools/sluice_load/messages.h"
#include "tools/sluice_load/schedule.h"
#include "tools/sluice_load/tally.h"

#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace sluice::load {

using reactor::Shard;

struct SenderPlan {
  Endpoint server;
  std::string helo = "load.invalid";
  uint64_t messages = 1;  // of this shard, at most
  uint64_t connections = 1;
  Distribution messages_per_connection;
  Distribution pause_ms{0};          // closed loop: before each message but a connection's first
  std::optional<Schedule> schedule;  // open loop
  uint64_t first_number = 0;         // this shard sends this message and every `number_step`th after it
  uint64_t number_step = 1;
  MonoClock::duration
      time_limit{};  // closed loop: then none is begun any more; zero: no limit. Open: its length
  MonoClock::duration grace = std::chrono::seconds(30);  // for what is under way or due at the end
  uint64_t seed = 1;
};

// What can be watched while it runs. Called on the shard's thread.
class SendObserver {
 public:
  enum class End : uint8_t { Accepted, Refused, Error };
  virtual void begun(uint64_t late_micros) = 0;
  virtual void ended(End how, uint64_t micros) = 0;  // micros: Point::Message; of errors too

 protected:
  ~SendObserver() = default;
};

class Sender {
 public:
  // The set and the observer outlive the sender.
  Sender(SenderPlan plan, const MessageSet& set, SendObserver* observer = nullptr);

  // Ends when all messages are sent, or the time is over, or stop() was called.
  runtime::Task<void> run(Shard& shard);
  // No message is begun any more; those under way end.
  void stop();
  bool stopped() const { return stopping_; }
  const Tally& tally() const { return tally_; }
  Tally& tally() { return tally_; }
  MonoClock::duration since_start(MonoTime now) const { return now - start_; }

 private:
  enum class Verdict : uint8_t { GoOn, ConnectionLost };
  // A message that is to begin now.
  struct Ticket {
    uint64_t number = 0;
    MonoTime due;
  };
  // A message under way.
  struct Attempt {
    Ticket ticket;
    Message message;
    MonoTime begin;
    MonoTime last_octet;
  };
  // What MAIL, RCPT and DATA were answered.
  struct EnvelopeAnswer {
    bool data_open = false;  // 354: a body must follow
    size_t accepted = 0;     // recipients
    smtp::Reply refusal;     // the first one; code 0: none
  };
  using EnvelopeResult = std::expected<EnvelopeAnswer, serve::ClientFault>;

  runtime::Task<void> work(Shard& shard, size_t worker);
  runtime::Task<std::optional<Ticket>> next_ticket(Shard& shard, size_t worker, bool connected);
  std::optional<Ticket> claim(MonoTime now);
  runtime::Task<bool> sleep(Shard& shard, size_t worker, MonoTime until);
  runtime::Task<std::unique_ptr<serve::SmtpClient>> connect(Shard& shard, const Ticket& ticket);
  runtime::Task<void> hang_up(Shard& shard, std::unique_ptr<serve::SmtpClient> client);
  runtime::Task<bool> introduce(Shard& shard, serve::SmtpClient& client, Attempt& attempt);
  runtime::Task<Verdict> send(Shard& shard, serve::SmtpClient& client, Attempt& attempt);
  runtime::Task<EnvelopeResult> send_envelope(Shard& shard, serve::SmtpClient& client, Attempt& attempt);
  runtime::Task<serve::ClientResult> send_body(Shard& shard, serve::SmtpClient& client, Attempt& attempt,
                                               bool wanted);
  void take_answer(EnvelopeAnswer& answer, const serve::ClientReply& reply, MonoClock::duration waited);
  MonoTime reply_deadline(MonoTime now) const;
  void begin(const Ticket& ticket, MonoTime now, bool free_in_time);
  void answered(const smtp::Reply& reply, const Attempt& attempt, MonoTime now);
  void failed(const std::string& words, const Ticket& ticket, MonoTime now);

  SenderPlan plan_;
  MessageMaker maker_;
  Random random_;
  SendObserver* observer_;
  runtime::TaskGroup group_;
  std::vector<runtime::Signal*> asleep_;  // by worker; null: awake
  MonoTime start_;
  MonoTime end_ = kNever;
  uint64_t claimed_ = 0;
  unsigned failures_in_a_row_ = 0;
  bool stopping_ = false;
  Tally tally_;
};

}  // namespace sluice::load
