#include "tools/sluice_load/sender.h"

#include "io/base/limits.h"

#include <algorithm>
#include <chrono>

namespace sluice::load {
namespace {

using namespace std::chrono_literals;
using serve::ClientFault;
using serve::ClientResult;
using serve::Eventual;
using serve::SmtpClient;

constexpr auto kPauseAfterFailure = 100ms;
constexpr unsigned kFailuresMax =
    20;  // closed loop: connections in a row that failed: the server is not there
// A body of so many octets fits the socket's buffer at once; of a longer one it is waited for that the kernel
// took its end.
constexpr uint64_t kOneSend = uint64_t{64} * 1024;
constexpr auto kLook = 2ms;

std::string words_of(const ClientFault& fault) {
  switch (fault.kind) {
    case ClientFault::Kind::Connect:
      return "connect";
    case ClientFault::Kind::Timeout:
      return "timeout";
    case ClientFault::Kind::Lost:
      return "lost";
    case ClientFault::Kind::Closing:
      return "closing";
    case ClientFault::Kind::Refused:
      return "session refused";
    case ClientFault::Kind::Message:
      return "message unreadable";
    case ClientFault::Kind::Broken:
      return "not SMTP";
  }
  return "fault";
}

// "550 5.7.1", or "550".
std::string code_of(const smtp::Reply& reply) {
  std::string code = std::to_string(reply.code);
  if (reply.status.present()) code += ' ' + reply.status.to_string();
  return code;
}

uint64_t micros(MonoClock::duration time) {
  return static_cast<uint64_t>(
      std::max<int64_t>(std::chrono::duration_cast<std::chrono::microseconds>(time).count(), 0));
}

std::string_view stage_of(smtp::ClientCommand command) {
  switch (command) {
    case smtp::ClientCommand::Mail:
      return "mail";
    case smtp::ClientCommand::Rcpt:
      return "rcpt";
    case smtp::ClientCommand::Data:
      return "data";
    default:
      return "end";
  }
}

}  // namespace

Sender::Sender(SenderPlan plan, const MessageSet& set, SendObserver* observer)
    : plan_(std::move(plan)), maker_(set, plan_.seed), random_(plan_.seed + 1), observer_(observer) {}

runtime::Task<void> Sender::run(Shard& shard) {
  start_ = shard.now();
  if (plan_.time_limit != MonoClock::duration{}) end_ = start_ + plan_.time_limit;
  const uint64_t workers = std::min(plan_.connections, plan_.messages);
  asleep_.assign(workers, nullptr);
  for (uint64_t i = 0; i < workers; ++i) (void)group_.spawn(shard, work(shard, i));
  group_.close();
  while (group_.size() != 0) (void)co_await group_.wait_empty(shard, kNever);
  // What was due and that nobody was free for.
  if (plan_.schedule && !stopping_) {
    while (claim(shard.now())) ++tally_.unsent;
  }
}

void Sender::stop() {
  stopping_ = true;
  for (runtime::Signal* sleeper : asleep_) {
    if (sleeper != nullptr) sleeper->cancel();
  }
}

// --- when ---

// Closed loop: now. Open loop: when the schedule says, which may be long ago.
std::optional<Sender::Ticket> Sender::claim(MonoTime now) {
  if (claimed_ == plan_.messages) return std::nullopt;
  Ticket ticket;
  ticket.number = plan_.first_number + claimed_ * plan_.number_step;
  ticket.due = now;
  if (plan_.schedule) {
    const std::optional<MonoClock::duration> offset = plan_.schedule->next();
    if (!offset) return std::nullopt;
    ticket.due = start_ + *offset;
    ++tally_.series.at(*offset).due;
  }
  ++claimed_;
  return ticket;
}

// False when it was woken to stop.
runtime::Task<bool> Sender::sleep(Shard& shard, size_t worker, MonoTime until) {
  runtime::Signal alarm;
  asleep_[worker] = &alarm;
  const runtime::Wake wake = co_await alarm.wait_until(shard, until);
  asleep_[worker] = nullptr;
  co_return wake == runtime::Wake::TimedOut;
}

runtime::Task<std::optional<Sender::Ticket>> Sender::next_ticket(Shard& shard, size_t worker,
                                                                 bool connected) {
  if (stopping_ || claimed_ == plan_.messages) co_return std::nullopt;
  if (!plan_.schedule) {
    const auto pause = std::chrono::milliseconds(connected ? plan_.pause_ms.draw(random_) : 0);
    const MonoTime pause_end = shard.now() + pause;
    if (pause != 0ms) (void)co_await sleep(shard, worker, pause_end);
    if (stopping_ || shard.now() >= end_) co_return std::nullopt;
    std::optional<Ticket> now = claim(shard.now());
    if (now) begin(*now, shard.now(), false);
    co_return now;
  }
  std::optional<Ticket> ticket = claim(shard.now());
  if (!ticket) co_return std::nullopt;
  const bool free_in_time = ticket->due >= shard.now();
  if (ticket->due > shard.now()) {
    const MonoTime due = ticket->due;
    const bool slept = co_await sleep(shard, worker, due);
    if (!slept) co_return std::nullopt;  // stopped before it was due
  } else if (shard.now() > ticket->due + plan_.grace) {
    ++tally_.unsent;  // so far behind that the run would not end
    co_return Ticket{};
  }
  begin(*ticket, shard.now(), free_in_time);
  co_return ticket;
}

void Sender::begin(const Ticket& ticket, MonoTime now, bool free_in_time) {
  ++tally_.begun;
  TimeBucket& second = tally_.series.at(now - start_);
  ++second.begun;
  uint64_t late = 0;
  if (plan_.schedule) {
    late = micros(now - ticket.due);
    (free_in_time ? tally_.lag : tally_.queue).record(late);
    if (free_in_time && late > Tally::kLateMicros) ++tally_.late;
    if (free_in_time) second.lag_max_us = std::max(second.lag_max_us, late);
  }
  if (observer_ != nullptr) observer_->begun(late);
}

// --- one connection ---

runtime::Task<void> Sender::work(Shard& shard, size_t worker) {
  std::unique_ptr<SmtpClient> client;
  uint64_t left = 0;  // messages on this connection
  for (;;) {
    const std::optional<Ticket> ticket = co_await next_ticket(shard, worker, client != nullptr);
    if (!ticket) break;
    if (ticket->due == MonoTime{}) continue;            // given up
    if (client && !client->reusable()) client.reset();  // the server ended an idle session
    if (!client) {
      client = co_await connect(shard, *ticket);
      left = plan_.messages_per_connection.draw(random_);
      if (!client) {
        if (++failures_in_a_row_ >= kFailuresMax && !plan_.schedule) stop();
        const MonoTime pause_end = shard.now() + kPauseAfterFailure;
        (void)co_await sleep(shard, worker, pause_end);
        continue;
      }
    }
    failures_in_a_row_ = 0;
    Attempt attempt;
    attempt.ticket = *ticket;
    attempt.message = maker_.make(ticket->number);
    const Verdict verdict = co_await send(shard, *client, attempt);
    if (verdict == Verdict::ConnectionLost) {
      client.reset();
    } else if (--left == 0) {
      co_await hang_up(shard, std::move(client));
    }
  }
  if (client) co_await hang_up(shard, std::move(client));
}

runtime::Task<void> Sender::hang_up(Shard& shard, std::unique_ptr<SmtpClient> client) {
  const MonoTime deadline = shard.now() + limits::kCloseLinger;
  co_await client->quit(shard, deadline);
}

MonoTime Sender::reply_deadline(MonoTime now) const {
  const MonoTime usual = now + limits::kHopCommandWait;
  return end_ == kNever ? usual : std::min(usual, std::max(end_, now) + plan_.grace);
}

runtime::Task<std::unique_ptr<SmtpClient>> Sender::connect(Shard& shard, const Ticket& ticket) {
  serve::ClientOptions options;
  options.our_name = plan_.helo;
  const MonoTime dialled = shard.now();
  const MonoTime deadline = reply_deadline(dialled);
  SmtpClient::Opened opened = co_await SmtpClient::open(shard, plan_.server, std::move(options), deadline);
  if (!opened) {
    if (opened.error().reply.code != 0) ++tally_.replies["session " + code_of(opened.error().reply)];
    failed(words_of(opened.error()), ticket, shard.now());
    co_return nullptr;
  }
  ++tally_.connections;
  const serve::ClientMilestones& when = (*opened)->milestones();
  tally_.point(Point::Connect).record(micros(when.connected - dialled));
  tally_.point(Point::Greeting).record(micros(when.greeted - when.connected));
  tally_.point(Point::Hello).record(micros(when.ready - when.greeted));
  co_return std::move(*opened);
}

// The client that the manifest names. Without XCLIENT the message would be judged by the wrong address.
runtime::Task<bool> Sender::introduce(Shard& shard, SmtpClient& client, Attempt& attempt) {
  const Message& message = attempt.message;
  if (!message.client && message.helo.empty()) co_return true;
  if (client.capabilities().xclient == 0) {
    failed("no XCLIENT", attempt.ticket, shard.now());
    co_return false;
  }
  smtp::XclientOverrides overrides;
  if (message.client) overrides.addr = {smtp::XclientState::Given, *message.client};
  if (!message.helo.empty()) overrides.helo = {smtp::XclientState::Given, message.helo};
  const MonoTime deadline = reply_deadline(shard.now());
  const ClientResult said = co_await client.xclient(shard, overrides, deadline);
  if (!said) failed(words_of(said.error()), attempt.ticket, shard.now());
  co_return said.has_value();
}

// --- one message ---

runtime::Task<Sender::Verdict> Sender::send(Shard& shard, SmtpClient& client, Attempt& attempt) {
  const bool introduced = co_await introduce(shard, client, attempt);
  if (!introduced) co_return Verdict::ConnectionLost;
  attempt.begin = shard.now();
  EnvelopeResult answer = co_await send_envelope(shard, client, attempt);
  if (!answer) {
    failed(words_of(answer.error()), attempt.ticket, shard.now());
    co_return Verdict::ConnectionLost;
  }
  if (answer->data_open) {
    const bool wanted = answer->accepted != 0;
    const ClientResult done = co_await send_body(shard, client, attempt, wanted);
    if (!done) {
      failed(words_of(done.error()), attempt.ticket, shard.now());
      co_return Verdict::ConnectionLost;
    }
    if (wanted) {
      tally_.point(Point::End).record(micros(shard.now() - attempt.last_octet));
      if (!done->reply.positive()) ++tally_.replies["end " + code_of(done->reply)];
    }
    answered(wanted ? done->reply : answer->refusal, attempt, shard.now());
  } else {
    answered(answer->refusal, attempt, shard.now());
    const MonoTime deadline = reply_deadline(shard.now());
    client.rset();
    Eventual<ClientResult> awaited = client.next_reply(shard, deadline);
    const ClientResult reset = co_await std::move(awaited);
    if (!reset) co_return Verdict::ConnectionLost;
  }
  co_return client.reusable() ? Verdict::GoOn : Verdict::ConnectionLost;
}

runtime::Task<Sender::EnvelopeResult> Sender::send_envelope(Shard& shard, SmtpClient& client,
                                                            Attempt& attempt) {
  const Message& message = attempt.message;
  EnvelopeAnswer answer;
  const bool pipelining = client.capabilities().pipelining;
  const MonoTime deadline = reply_deadline(shard.now());
  const size_t data_step = 1 + message.recipients.size();  // behind MAIL and the RCPTs
  size_t queued = 0;
  MonoTime said = shard.now();
  for (size_t step = 0; step <= data_step; ++step) {
    for (; queued <= data_step && (pipelining || queued == step); ++queued) {
      if (queued == 0) {
        client.mail(message.sender, {});
      } else if (queued < data_step) {
        client.rcpt(message.recipients[queued - 1]);
      } else {
        client.data();
      }
    }
    if (!pipelining) said = shard.now();
    Eventual<ClientResult> awaited = client.next_reply(shard, deadline);
    const ClientResult reply = co_await std::move(awaited);
    if (!reply) co_return std::unexpected(reply.error());
    take_answer(answer, *reply, shard.now() - said);
    const bool sender_refused = step == 0 && answer.refusal.code != 0;
    const bool hopeless = step + 1 == data_step && answer.accepted == 0;
    if (!pipelining && (sender_refused || hopeless)) break;
  }
  co_return answer;
}

void Sender::take_answer(EnvelopeAnswer& answer, const serve::ClientReply& reply,
                         MonoClock::duration waited) {
  const bool refused = reply.reply.refuses();
  if (refused) {
    if (answer.refusal.code == 0) answer.refusal = reply.reply;
    ++tally_.replies[std::string(stage_of(reply.command)) + ' ' + code_of(reply.reply)];
  }
  switch (reply.command) {
    case smtp::ClientCommand::Mail:
      tally_.point(Point::Mail).record(micros(waited));
      break;
    case smtp::ClientCommand::Rcpt:
      tally_.point(Point::Rcpt).record(micros(waited));
      ++(refused ? tally_.recipients_refused : answer.accepted);
      break;
    case smtp::ClientCommand::Data:
      answer.data_open = reply.reply.intermediate();
      if (answer.data_open) tally_.point(Point::Data).record(micros(waited));
      break;
    default:
      break;
  }
}

// A server that says 354 without a recipient gets an empty message. After a fault the octets are free: the
// connection is closed before the message goes.
runtime::Task<ClientResult> Sender::send_body(Shard& shard, SmtpClient& client, Attempt& attempt,
                                              bool wanted) {
  const MonoTime deadline = reply_deadline(shard.now());
  serve::MessageOctets octets;
  if (wanted) octets = attempt.message.octets();
  attempt.last_octet = shard.now();
  if (!wanted || attempt.message.size() <= kOneSend)
    co_return co_await client.send_body(shard, octets, deadline);
  client.write_body(octets);
  // The moment is known to be behind the last look that found octets left, and counts from there.
  for (bool waiting = true; waiting;) {
    attempt.last_octet = shard.now();
    const MonoTime look = std::min(deadline, attempt.last_octet + kLook);
    const bool taken = co_await client.flush(shard, look);
    waiting = !taken && shard.now() >= look && look < deadline;
  }
  Eventual<ClientResult> awaited = client.next_reply(shard, deadline);
  ClientResult reply = co_await std::move(awaited);
  if (!reply || !client.all_sent()) {
    client.abort();
    co_await client.quit(shard, deadline);
  }
  co_return reply;
}

// --- how it ended ---

void Sender::failed(const std::string& words, const Ticket& ticket, MonoTime now) {
  ++tally_.errors;
  ++tally_.faults[words];
  ++tally_.series.at(now - start_).errors;
  if (observer_ != nullptr) observer_->ended(SendObserver::End::Error, micros(now - ticket.due));
}

void Sender::answered(const smtp::Reply& reply, const Attempt& attempt, MonoTime now) {
  ++tally_.sent;
  const uint64_t whole = micros(now - attempt.ticket.due);
  tally_.point(Point::Service).record(micros(now - attempt.begin));
  tally_.point(Point::Message).record(whole);
  tally_.series.at(attempt.ticket.due - start_).latency.record(whole);
  TimeBucket& second = tally_.series.at(now - start_);
  if (reply.positive()) {
    ++tally_.accepted;
    ++second.accepted;
    tally_.octets += attempt.message.size();
  } else {
    ++second.refused;
    ++tally_.refused[code_of(reply)];
  }
  if (observer_ != nullptr) {
    observer_->ended(reply.positive() ? SendObserver::End::Accepted : SendObserver::End::Refused, whole);
  }
}

}  // namespace sluice::load
