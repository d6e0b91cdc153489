#include "io/serve/hop_transaction.h"

#include "io/base/ascii.h"
#include "io/base/check.h"
#include "io/serve/hop_session.h"

#include <algorithm>
#include <utility>

namespace sluice::serve {
namespace {

constexpr smtp::FixedReply kChangedItsMind{
    451, {4, 3, 0}, "The next server now refuses some recipients, try again"};

bool is_ascii_text(std::string_view text) { return std::ranges::all_of(text, is_ascii); }

bool all_accepted(const std::vector<HopReply>& answers) {
  return std::ranges::all_of(answers, [](const HopReply& answer) { return answer.accepted(); });
}

}  // namespace

HopTransaction::HopTransaction(HopPool& pool, HopEnvelope envelope)
    : pool_(pool), envelope_(std::move(envelope)) {
  ++pool_.transactions_;
}

HopTransaction::~HopTransaction() {
  abandon();
  --pool_.transactions_;
}

void HopTransaction::abandon() {
  disarm();
  if (session_) pool_.give_back(std::move(session_));
}

void HopTransaction::drop_session() {
  pool_.mark(session_->endpoint, /*works=*/false);
  pool_.discard(std::move(session_));
}

// W-2.
void HopTransaction::start_body_wait(Shard& shard) {
  if (session_) shard.timers().arm(*this, shard.now() + pool_.options_.body_wait);
}

void HopTransaction::on_timer() {
  ++pool_.counters_.parked;
  pool_.give_back(std::move(session_));
}

// W-3: once, on a fresh connection. The session is gone already.
bool HopTransaction::may_retry(const std::optional<Setback>& setback) {
  if (!setback || !setback->lost || std::exchange(retried_, true)) return false;
  ++pool_.counters_.retries;
  return true;
}

HopTransaction::Setback HopTransaction::setback_of(ClientFault fault) {
  drop_session();
  const bool lost = fault.kind == ClientFault::Kind::Lost || fault.kind == ClientFault::Kind::Closing;
  return {map_fault(fault), lost};
}

void HopTransaction::count(const HopReply& reply) {
  switch (reply.result) {
    case HopResult::Accepted:
      ++pool_.counters_.delivered;
      break;
    case HopResult::Refused:
      ++pool_.counters_.refused;
      break;
    case HopResult::Fault:
      ++pool_.counters_.faults;
      break;
    case HopResult::Unknown:
      ++pool_.counters_.unknown;
      break;
  }
}

// --- a session that speaks for our client ---

runtime::Task<std::optional<HopTransaction::Setback>> HopTransaction::ensure_session(Shard& shard) {
  const MonoTime deadline = shard.now() + pool_.options_.command_wait / 2;
  for (;;) {
    if (session_) co_return std::nullopt;
    std::optional<Setback> setback = co_await establish(shard, deadline);
    if (!may_retry(setback)) co_return setback;
  }
}

runtime::Task<std::optional<HopTransaction::Setback>> HopTransaction::establish(Shard& shard,
                                                                                MonoTime deadline) {
  const HopPool::Freshness freshness = retried_ ? HopPool::Freshness::Fresh : HopPool::Freshness::Any;
  HopPool::Acquired acquired = co_await pool_.acquire(shard, freshness, deadline);
  if (!acquired) co_return Setback{std::move(acquired.error()), false};
  session_ = std::move(*acquired);
  co_return co_await declare_client(shard, deadline);
}

// SPF-16: what the hop is told of whose mail this is. A session that already speaks for this client is left
// so.
runtime::Task<std::optional<HopTransaction::Setback>> HopTransaction::declare_client(Shard& shard,
                                                                                     MonoTime deadline) {
  const bool offered = session_->client->capabilities().xclient != 0;
  if (!pool_.options_.send_xclient || !offered || session_->declared == envelope_.client)
    co_return std::nullopt;
  ClientResult said = co_await session_->client->xclient(shard, envelope_.client, deadline);
  if (!said) co_return setback_of(std::move(said.error()));
  session_->declared = envelope_.client;
  co_return std::nullopt;
}

bool HopTransaction::lacks_smtputf8() const { return !session_->client->capabilities().smtputf8; }

// --- the envelope ---

runtime::Task<HopReply> HopTransaction::rcpt(Shard& shard, std::string recipient) {
  std::vector<std::string> recipients;
  recipients.push_back(std::move(recipient));
  std::vector<HopReply> answers = co_await rcpt_all(shard, std::move(recipients));
  co_return std::move(answers.front());
}

runtime::Task<std::vector<HopReply>> HopTransaction::rcpt_all(Shard& shard,
                                                              std::vector<std::string> recipients) {
  disarm();
  // Enough refusals: another session goes on from here, with the envelope so far (W-3).
  if (session_ && session_->refusals >= pool_.options_.refusals_max) pool_.give_back(std::move(session_));
  std::optional<HopReply> for_all = sender_refusal_;
  if (!for_all) {
    std::optional<Setback> setback = co_await ensure_session(shard);
    if (setback) for_all = std::move(setback->reply);
  }
  std::vector<HopReply> answers(recipients.size());
  std::vector<std::string> offered;
  if (!for_all) {
    if (envelope_.needs_smtputf8 && lacks_smtputf8()) for_all = sender_refusal_ = needs_smtputf8();
    for (size_t i = 0; i < recipients.size(); ++i) {
      if (lacks_smtputf8() && !is_ascii_text(recipients[i])) {
        answers[i] = needs_smtputf8();
      } else if (!for_all) {
        offered.push_back(recipients[i]);
      }
    }
  }
  if (!offered.empty()) {
    Flight flight = co_await offer(shard, offered);
    if (flight.setback) {
      for_all = std::move(flight.setback->reply);
    } else if (flight.sender_refusal) {
      for_all = sender_refusal_ = std::move(flight.sender_refusal);
    } else {
      note_answers(offered, flight.answers);
      size_t next = 0;
      for (size_t i = 0; i < recipients.size(); ++i) {
        if (answers[i].reply.code == 0) answers[i] = std::move(flight.answers[next++]);
      }
    }
  }
  if (for_all) {
    if (for_all->result == HopResult::Fault) ++pool_.counters_.faults;
    std::ranges::fill(answers, *for_all);
  }
  start_body_wait(shard);
  co_return answers;
}

void HopTransaction::note_answers(const std::vector<std::string>& recipients,
                                  const std::vector<HopReply>& answers) {
  for (size_t i = 0; i < recipients.size(); ++i) {
    if (answers[i].accepted()) accepted_.push_back(recipients[i]);
    if (answers[i].result == HopResult::Refused && session_) ++session_->refusals;
    if (answers[i].result != HopResult::Fault) pool_.note_recipient(answers[i].accepted());
  }
}

// The envelope so far, if this session has not heard it, and these recipients.
runtime::Task<HopTransaction::Flight> HopTransaction::offer(Shard& shard,
                                                            std::vector<std::string> recipients) {
  for (;;) {
    Flight flight;
    flight.setback = co_await ensure_session(shard);
    if (flight.setback) co_return flight;
    flight = co_await offer_once(shard, recipients);
    if (may_retry(flight.setback)) continue;
    if (!flight.repeated.empty()) late_answers_ = flight.repeated;
    co_return flight;
  }
}

runtime::Task<HopTransaction::Flight> HopTransaction::offer_once(Shard& shard,
                                                                 const std::vector<std::string>& recipients) {
  Flight flight;
  SmtpClient& client = *session_->client;
  const bool new_mail = !session_->in_mail;
  const std::vector<std::string> repeated = new_mail ? accepted_ : std::vector<std::string>();
  const size_t last = 1 + repeated.size() + recipients.size();
  const MonoTime deadline = shard.now() + pool_.options_.command_wait;
  const bool pipelining = client.capabilities().pipelining;
  // Step 0 is MAIL.
  size_t queued = new_mail ? 0 : 1;
  for (size_t answered = queued; answered < last; ++answered) {
    while (queued < last && (pipelining || queued == answered)) queue_step(queued++, repeated, recipients);
    Eventual<ClientResult> awaited = client.next_reply(shard, deadline);
    ClientResult result = co_await std::move(awaited);
    if (!result) {
      flight.setback = setback_of(std::move(result.error()));
      co_return flight;
    }
    const bool go_on = take_answer(flight, answered, repeated, *result);
    if (!go_on && !pipelining) break;
  }
  // W-6: any other refusal of MAIL is a fault between us and the hop.
  if (flight.sender_refusal && flight.sender_refusal->result == HopResult::Fault) {
    flight.setback = Setback{std::move(*flight.sender_refusal), false};
    flight.sender_refusal.reset();
    drop_session();
  }
  co_return flight;
}

void HopTransaction::queue_step(size_t step, const std::vector<std::string>& repeated,
                                const std::vector<std::string>& recipients) {
  SmtpClient& client = *session_->client;
  if (step == 0) {
    client.mail(envelope_.sender, envelope_.parameters);
  } else if (step <= repeated.size()) {
    client.rcpt(repeated[step - 1]);
  } else {
    client.rcpt(recipients[step - 1 - repeated.size()]);
  }
}

// False: what follows was not worth asking.
bool HopTransaction::take_answer(Flight& flight, size_t step, const std::vector<std::string>& repeated,
                                 ClientReply& reply) {
  if (step == 0) {
    HopReply said = map_mail_reply(reply.reply);
    session_->in_mail = said.accepted();
    if (!said.accepted()) flight.sender_refusal = std::move(said);
  } else if (!flight.sender_refusal) {
    HopReply said = map_rcpt_reply(reply.reply);
    (step <= repeated.size() ? flight.repeated : flight.answers).push_back(std::move(said));
  }
  return !flight.sender_refusal;
}

// --- the message ---

// W-2: what was said at RCPT must hold again. Nothing: it does.
runtime::Task<std::optional<HopReply>> HopTransaction::repeat_envelope(Shard& shard) {
  if (!session_ || !session_->in_mail) {
    ++pool_.counters_.repeated_envelopes;
    std::vector<std::string> none;
    Flight flight = co_await offer(shard, std::move(none));
    if (flight.setback) co_return std::move(flight.setback->reply);
    if (flight.sender_refusal) co_return std::move(flight.sender_refusal);
  }
  if (all_accepted(late_answers_)) co_return std::nullopt;
  if (std::ranges::none_of(late_answers_, [](const HopReply& answer) { return answer.accepted(); })) {
    co_return late_answers_.front();
  }
  // A refusal for good would bounce the message of those that the hop still accepts. The client comes again,
  // and then each recipient has its own answer.
  HopReply mixed;
  mixed.result = HopResult::Refused;
  mixed.reply = kChangedItsMind.to_reply();
  mixed.hop_said = std::ranges::find_if(late_answers_, [](const HopReply& answer) {
                     return !answer.accepted();
                   })->hop_said;
  co_return mixed;
}

runtime::Task<HopReply> HopTransaction::deliver(Shard& shard, const MessageOctets& octets,
                                                MonoTime deadline) {
  disarm();
  SLUICE_CHECK(!accepted_.empty());
  HopReply outcome;
  for (;;) {
    std::optional<HopReply> refusal = co_await repeat_envelope(shard);
    if (refusal) {
      outcome = std::move(*refusal);
      break;
    }
    const MonoTime data_deadline = std::min(deadline, shard.now() + pool_.options_.data_init_wait);
    std::optional<Setback> setback = co_await start_data(shard, data_deadline);
    if (!setback) {
      outcome = co_await send_message(shard, octets, deadline);
      break;
    }
    if (may_retry(setback)) continue;
    outcome = std::move(setback->reply);
    break;
  }
  count(outcome);
  abandon();
  co_return outcome;
}

runtime::Task<std::optional<HopTransaction::Setback>> HopTransaction::start_data(Shard& shard,
                                                                                 MonoTime deadline) {
  SmtpClient& client = *session_->client;
  if (envelope_.parameters.body == smtp::BodyType::EightBitMime && !client.capabilities().eight_bit_mime) {
    ++pool_.counters_.sent_without_8bitmime;
  }
  client.data();
  Eventual<ClientResult> awaited = client.next_reply(shard, deadline);
  ClientResult result = co_await std::move(awaited);
  if (!result) co_return setback_of(std::move(result.error()));
  if (result->reply.intermediate()) co_return std::nullopt;
  HopReply said = map_other_reply(smtp::ClientCommand::Data, result->reply);
  drop_session();
  co_return Setback{std::move(said), false};
}

runtime::Task<HopReply> HopTransaction::send_message(Shard& shard, const MessageOctets& octets,
                                                     MonoTime deadline) {
  SmtpClient& client = *session_->client;
  const MonoTime answer_deadline = std::min(deadline, shard.now() + limits::kHopEndOfDataWait);
  ClientResult result = co_await client.send_body(shard, octets, answer_deadline);
  const bool hop_has_all = client.all_sent();
  session_->in_mail = false;
  if (!result) {
    const ClientFault fault = std::move(result.error());
    drop_session();
    // W-7: a hop that has our dot may have taken the message; one that says 421 has not.
    const bool unknown = hop_has_all && fault.kind != ClientFault::Kind::Closing;
    co_return unknown ? unknown_outcome(fault) : map_fault(fault);
  }
  HopReply said = map_end_of_data_reply(result->reply);
  if (said.accepted() && !hop_has_all) {  // it cannot have meant this message
    drop_session();
    co_return map_other_reply(smtp::ClientCommand::EndOfData, result->reply);
  }
  if (said.result == HopResult::Fault) {
    drop_session();
  } else {
    pool_.mark(session_->endpoint, /*works=*/true);
  }
  co_return said;
}

}  // namespace sluice::serve
