// Sender: one shard's share of the load: so many connections, each a coroutine with one message under way.
#pragma once

#include "io/base/clock.h"
#include "io/base/ip.h"
#include "io/runtime/metric_cells.h"
#include "io/runtime/signal.h"
#include "io/runtime/task.h"
#include "io/runtime/task_group.h"
#include "io/serve/smtp_client.h"
#include "tools/sluice_load/messages.h"
#include "tools/sluice_load/tally.h"

#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory>
#include <string>
#include <utility>

namespace sluice::load {

using reactor::Shard;

struct SenderPlan {
  Endpoint server;
  std::string helo = "load.invalid";
  uint64_t messages = 1;  // of this shard
  uint64_t connections = 1;
  uint64_t messages_per_connection = 1;
  uint64_t first_envelope = 0;  // this shard sends this one and every `envelope_step`th after it
  uint64_t envelope_step = 1;
  MonoClock::duration time_limit{};  // then no message is begun any more; zero: no limit
};

// Counted while it runs, for the progress line.
struct Progress {
  runtime::Counter sent;
  runtime::Counter errors;
};

class Sender {
 public:
  // The set and the cells outlive the sender.
  Sender(SenderPlan plan, const MessageSet& set, runtime::MetricCells& cells, Progress progress)
      : plan_(std::move(plan)), set_(set), cells_(cells), progress_(progress) {}

  // Ends when all messages are sent, or the time is over, or stop() was called.
  runtime::Task<void> run(Shard& shard);
  void stop() { stopping_ = true; }
  const Tally& tally() const { return tally_; }

 private:
  enum class Verdict : uint8_t { GoOn, ConnectionLost };
  // What MAIL, RCPT and DATA were answered.
  struct EnvelopeAnswer {
    bool data_open = false;  // 354: a body must follow
    size_t accepted = 0;     // recipients
    smtp::Reply refusal;     // the first one; code 0: none
  };
  using EnvelopeResult = std::expected<EnvelopeAnswer, serve::ClientFault>;

  runtime::Task<void> work(Shard& shard);
  runtime::Task<std::unique_ptr<serve::SmtpClient>> connect(Shard& shard);
  runtime::Task<bool> introduce(Shard& shard, serve::SmtpClient& client, const Envelope& envelope);
  runtime::Task<Verdict> send(Shard& shard, serve::SmtpClient& client, const Envelope& envelope);
  runtime::Task<EnvelopeResult> send_envelope(Shard& shard, serve::SmtpClient& client,
                                              const Envelope& envelope);
  const Envelope* next_envelope(MonoTime now);
  bool take_answer(EnvelopeAnswer& answer, serve::ClientReply& reply);
  MonoTime reply_deadline(MonoTime now) const;
  void answered(const smtp::Reply& reply, const Envelope& envelope, MonoClock::duration latency);
  void failed(const serve::ClientFault& fault);

  SenderPlan plan_;
  const MessageSet& set_;
  runtime::MetricCells& cells_;
  Progress progress_;
  runtime::TaskGroup group_;
  MonoTime end_ = kNever;
  uint64_t begun_ = 0;
  unsigned failures_in_a_row_ = 0;
  bool stopping_ = false;
  Tally tally_;
};

}  // namespace sluice::load
