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

constexpr auto kGrace = 30s;  // for the messages under way when the time is over
constexpr auto kPauseAfterFailure = 100ms;
constexpr unsigned kFailuresMax = 20;  // connections in a row that failed: the server is not there

std::string words_of(ClientFault::Kind kind) {
  switch (kind) {
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

}  // namespace

runtime::Task<void> Sender::run(Shard& shard) {
  if (plan_.time_limit != MonoClock::duration{}) end_ = shard.now() + plan_.time_limit;
  const uint64_t workers = std::min(plan_.connections, plan_.messages);
  for (uint64_t i = 0; i < workers; ++i) (void)group_.spawn(shard, work(shard));
  group_.close();
  while (group_.size() != 0) (void)co_await group_.wait_empty(shard, kNever);
}

const Envelope* Sender::next_envelope(MonoTime now) {
  if (stopping_ || begun_ == plan_.messages || now >= end_) return nullptr;
  const uint64_t number = plan_.first_envelope + begun_++ * plan_.envelope_step;
  return &set_.envelopes[number % set_.envelopes.size()];
}

runtime::Task<void> Sender::work(Shard& shard) {
  for (const Envelope* envelope = next_envelope(shard.now()); envelope != nullptr;
       envelope = next_envelope(shard.now())) {
    std::unique_ptr<SmtpClient> client = co_await connect(shard);
    if (!client) {
      if (++failures_in_a_row_ >= kFailuresMax) stopping_ = true;
      runtime::Signal never;
      const MonoTime pause_end = shard.now() + kPauseAfterFailure;
      (void)co_await never.wait_until(shard, pause_end);
      continue;
    }
    failures_in_a_row_ = 0;
    Verdict verdict = Verdict::GoOn;
    for (uint64_t sent = 1; envelope != nullptr; ++sent) {
      verdict = co_await send(shard, *client, *envelope);
      if (verdict == Verdict::ConnectionLost || sent == plan_.messages_per_connection) break;
      envelope = next_envelope(shard.now());
    }
    const MonoTime quit_deadline = shard.now() + limits::kCloseLinger;
    if (verdict == Verdict::GoOn) co_await client->quit(shard, quit_deadline);
  }
}

MonoTime Sender::reply_deadline(MonoTime now) const {
  const MonoTime usual = now + limits::kHopCommandWait;
  return end_ == kNever ? usual : std::min(usual, end_ + kGrace);
}

runtime::Task<std::unique_ptr<SmtpClient>> Sender::connect(Shard& shard) {
  serve::ClientOptions options;
  options.our_name = plan_.helo;
  const MonoTime deadline = reply_deadline(shard.now());
  SmtpClient::Opened opened = co_await SmtpClient::open(shard, plan_.server, std::move(options), deadline);
  if (!opened) {
    failed(opened.error());
    co_return nullptr;
  }
  ++tally_.connections;
  co_return std::move(*opened);
}

void Sender::failed(const ClientFault& fault) {
  ++tally_.errors;
  ++tally_.faults[words_of(fault.kind)];
  cells_.add(progress_.errors);
}

void Sender::answered(const smtp::Reply& reply, const Envelope& envelope, MonoClock::duration latency) {
  ++tally_.sent;
  cells_.add(progress_.sent);
  tally_.latency.record(
      static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(latency).count()));
  if (reply.positive()) {
    ++tally_.accepted;
    tally_.octets += set_.bodies[envelope.body].size();
  } else {
    ++tally_.refused[code_of(reply)];
  }
}

// The client that the manifest names. Without XCLIENT the message would be judged by the wrong address.
runtime::Task<bool> Sender::introduce(Shard& shard, SmtpClient& client, const Envelope& envelope) {
  if (!envelope.client && envelope.helo.empty()) co_return true;
  if (client.capabilities().xclient == 0) {
    ++tally_.errors;
    ++tally_.faults["no XCLIENT"];
    cells_.add(progress_.errors);
    co_return false;
  }
  smtp::XclientOverrides overrides;
  if (envelope.client) overrides.addr = {smtp::XclientState::Given, *envelope.client};
  if (!envelope.helo.empty()) overrides.helo = {smtp::XclientState::Given, envelope.helo};
  const MonoTime deadline = reply_deadline(shard.now());
  const ClientResult said = co_await client.xclient(shard, overrides, deadline);
  if (!said) failed(said.error());
  co_return said.has_value();
}

runtime::Task<Sender::Verdict> Sender::send(Shard& shard, SmtpClient& client, const Envelope& envelope) {
  const bool introduced = co_await introduce(shard, client, envelope);
  if (!introduced) co_return Verdict::ConnectionLost;
  const MonoTime begin = shard.now();
  EnvelopeResult answer = co_await send_envelope(shard, client, envelope);
  if (!answer) {
    failed(answer.error());
    co_return Verdict::ConnectionLost;
  }
  const MonoTime deadline = reply_deadline(shard.now());
  const bool wanted = answer->accepted != 0;
  if (answer->data_open) {
    // A server that says 354 without a recipient gets an empty message.
    serve::MessageOctets octets;
    if (wanted) octets.pieces.push_back(set_.bodies[envelope.body]);
    const ClientResult done = co_await client.send_body(shard, octets, deadline);
    if (!done) {
      failed(done.error());
      co_return Verdict::ConnectionLost;
    }
    answered(wanted ? done->reply : answer->refusal, envelope, shard.now() - begin);
  } else {
    answered(answer->refusal, envelope, shard.now() - begin);
    client.rset();
    Eventual<ClientResult> awaited = client.next_reply(shard, deadline);
    const ClientResult reset = co_await std::move(awaited);
    if (!reset) co_return Verdict::ConnectionLost;
  }
  co_return client.reusable() ? Verdict::GoOn : Verdict::ConnectionLost;
}

runtime::Task<Sender::EnvelopeResult> Sender::send_envelope(Shard& shard, SmtpClient& client,
                                                            const Envelope& envelope) {
  EnvelopeAnswer answer;
  const bool pipelining = client.capabilities().pipelining;
  const MonoTime deadline = reply_deadline(shard.now());
  const size_t data_step = 1 + envelope.recipients.size();  // behind MAIL and the RCPTs
  size_t queued = 0;
  for (size_t step = 0; step <= data_step; ++step) {
    for (; queued <= data_step && (pipelining || queued == step); ++queued) {
      if (queued == 0) {
        client.mail(envelope.sender, {});
      } else if (queued < data_step) {
        client.rcpt(envelope.recipients[queued - 1]);
      } else {
        client.data();
      }
    }
    Eventual<ClientResult> awaited = client.next_reply(shard, deadline);
    ClientResult reply = co_await std::move(awaited);
    if (!reply) co_return std::unexpected(std::move(reply.error()));
    const bool worth_going_on = take_answer(answer, *reply);
    const bool hopeless = step + 1 == data_step && answer.accepted == 0;
    if (!pipelining && (!worth_going_on || hopeless)) break;
  }
  co_return answer;
}

// False when the sender was refused.
bool Sender::take_answer(EnvelopeAnswer& answer, serve::ClientReply& reply) {
  const bool refused = reply.reply.refuses();
  if (refused && answer.refusal.code == 0) answer.refusal = reply.reply;
  if (reply.command == smtp::ClientCommand::Rcpt) {
    if (refused) {
      ++tally_.recipients_refused;
    } else {
      ++answer.accepted;
    }
  }
  if (reply.command == smtp::ClientCommand::Data) answer.data_open = reply.reply.intermediate();
  return !(refused && reply.command == smtp::ClientCommand::Mail);
}

}  // namespace sluice::load
