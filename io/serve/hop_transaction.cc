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

bool is_fault(const HopReply& answer) { return answer.result == HopResult::Fault; }

}  // namespace

HopTransaction::HopTransaction(HopPool& pool, HopEnvelope envelope, std::pmr::memory_resource* memory)
    : pool_(pool), envelope_(std::move(envelope)), accepted_(memory) {
  ++pool_.transactions_;
}

HopTransaction::~HopTransaction() {
  abandon();
  --pool_.transactions_;
}

void HopTransaction::abandon() {
  disarm();
  pool_.destinations_.unhold(*this);
  if (session_) pool_.destinations_.give_back(std::move(session_));
}

void HopTransaction::cancel() {
  canceled_ = true;
  waiter_.stop.stop();
  waiter_.room.cancel();
  if (session_) session_->client->abort();
  if (!in_call_) abandon();
}

// A fault of the hop; not where we broke it off.
void HopTransaction::drop_session(ClientFault::Kind fault) {
  HopDestination& destination = session_->destination;
  const bool lost = fault == ClientFault::Kind::Lost || fault == ClientFault::Kind::Closing;
  // A session that has served others may have reached the hop's own limits: the next one shows what is true.
  const bool says_nothing = lost && session_->reused() && !retried_;
  if (!canceled_) destination.meter.fault(fault);
  // Nor does a silence that our own deadline cut short.
  const MonoClock::duration fair_wait =
      std::min<MonoClock::duration>(limits::kHopConnectWait, pool_.options().command_wait / 2);
  const bool cut_short =
      fault == ClientFault::Kind::Timeout && pool_.destinations_.shard_.now() - waiting_since_ < fair_wait;
  if (!canceled_ && !says_nothing && !cut_short) pool_.destinations_.mark_failed(destination);
  disarm();
  pool_.destinations_.discard(std::move(session_));
}

// One that works, but not for us.
void HopTransaction::retire_session() {
  disarm();
  pool_.destinations_.retire(std::move(session_));
}

// --- W-2 ---

void HopTransaction::enter_call() {
  in_call_ = true;
  pool_.destinations_.unhold(*this);
}

void HopTransaction::leave_call(Shard& shard) {
  in_call_ = false;
  if (!session_) return;
  if (canceled_ || shard.now() >= hold_until_ || pool_.destinations_.wants_room(session_->destination)) {
    park();
  } else {
    pool_.destinations_.hold(*this);
  }
}

void HopTransaction::park() {
  if (!canceled_) ++pool_.counters_.parked;
  abandon();
}

void HopTransaction::on_timer() {
  if (!in_call_) park();  // else leave_call() will
}

// W-3: once, on a fresh connection. The session is gone already.
bool HopTransaction::may_retry(const std::optional<Setback>& setback) {
  if (!setback || !setback->lost || canceled_ || std::exchange(retried_, true)) return false;
  ++pool_.counters_.retries;
  return true;
}

HopTransaction::Setback HopTransaction::setback_of(ClientFault fault) {
  drop_session(fault.kind);
  if (canceled_) return {cut_off(), false};
  const bool lost = fault.kind == ClientFault::Kind::Lost || fault.kind == ClientFault::Kind::Closing;
  return {map_fault(fault), lost};
}

void HopTransaction::count(const HopReply& reply) {
  switch (reply.result) {
    case HopResult::Accepted:
      ++pool_.counters_.delivered;
      meter_.add(&HopMetrics::delivered);
      break;
    case HopResult::Refused:
      ++pool_.counters_.refused;
      meter_.add(&HopMetrics::refused);
      break;
    case HopResult::Fault:
      ++pool_.counters_.faults;
      break;
    case HopResult::Unknown:
      ++pool_.counters_.unknown;
      meter_.add(&HopMetrics::unknown);
      break;
  }
}

// --- a session that speaks for our client ---

runtime::Task<std::optional<HopTransaction::Setback>> HopTransaction::ensure_session(Shard& shard,
                                                                                     MonoTime deadline) {
  // Half of it is kept for the envelope.
  deadline = std::min(deadline, shard.now() + pool_.options().command_wait / 2);
  for (;;) {
    if (session_) co_return std::nullopt;
    std::optional<Setback> setback = co_await establish(shard, deadline);
    if (!may_retry(setback)) co_return setback;
  }
}

runtime::Task<std::optional<HopTransaction::Setback>> HopTransaction::establish(Shard& shard,
                                                                                MonoTime deadline) {
  HopPool::Freshness freshness = retried_ ? HopPool::Freshness::Fresh : HopPool::Freshness::Any;
  if (canceled_) co_return Setback{cut_off(), false};
  if (!retried_) session_ = pool_.take_idle();
  if (session_ && session_->stuck_with_another(envelope_.client)) {
    retire_session();
    freshness = HopPool::Freshness::Fresh;
  }
  while (!session_) {
    HopPool::Acquired acquired = co_await pool_.acquire(shard, freshness, deadline, waiter_);
    if (acquired) session_ = std::move(*acquired);
    if (canceled_) {
      if (session_) drop_session(ClientFault::Kind::Lost);
      co_return Setback{cut_off(), false};
    }
    if (!acquired) co_return Setback{std::move(acquired.error().reply), acquired.error().lost};
    if (session_->stuck_with_another(envelope_.client)) {
      retire_session();
      freshness = HopPool::Freshness::Fresh;  // has been told of nobody
    }
  }
  meter_ = session_->destination.meter;
  hold_until_ = shard.now() + pool_.options().body_wait;
  shard.timers().arm(*this, hold_until_);
  co_return co_await declare_client(shard, deadline);
}

// SPF-16: what the hop is told of whose mail this is. A session that already speaks for this client is left
// so.
runtime::Task<std::optional<HopTransaction::Setback>> HopTransaction::declare_client(Shard& shard,
                                                                                     MonoTime deadline) {
  const smtp::XclientAttributes offered = session_->attributes();
  if (!session_->destination.send_xclient || offered == 0 || session_->declared == envelope_.client)
    co_return std::nullopt;
  waiting_since_ = shard.now();
  ClientResult said = co_await session_->client->xclient(shard, envelope_.client, deadline);
  if (!said && said.error().kind == ClientFault::Kind::Refused && !canceled_) {
    // The hop has spoken of this client: others need not be kept from it.
    session_->destination.meter.fault(ClientFault::Kind::Refused);
    disarm();
    pool_.destinations_.discard(std::move(session_));
    co_return Setback{map_fault(said.error()), false};
  }
  if (!said) co_return setback_of(std::move(said.error()));
  session_->declared = envelope_.client;
  session_->declared_attributes = offered;
  co_return std::nullopt;
}

// --- the envelope ---

runtime::Task<HopReply> HopTransaction::rcpt(Shard& shard, std::string recipient) {
  HopReply answer;
  const std::span<std::string> one(&recipient, 1);
  const std::span<HopReply> said(&answer, 1);
  co_await take_all(shard, one, said);
  co_return answer;
}

runtime::Task<std::vector<HopReply>> HopTransaction::rcpt_all(Shard& shard,
                                                              std::vector<std::string> recipients) {
  std::vector<HopReply> answers(recipients.size());
  co_await take_all(shard, recipients, answers);
  co_return answers;
}

runtime::Task<void> HopTransaction::take_all(Shard& shard, std::span<std::string> recipients,
                                             std::span<HopReply> answers) {
  enter_call();
  Flight flight{
      .deadline = shard.now() + pool_.options().command_wait, .recipients = recipients, .answers = answers};
  std::optional<HopReply> for_all = sender_refusal_;
  while (!for_all && !flight.recipients.empty()) {
    // Enough refusals: another session goes on from here, with the envelope so far (W-3).
    if (is_worn_out()) abandon();
    co_await offer(shard, flight);
    if (flight.setback) {
      for_all = std::move(flight.setback->reply);
    } else if (flight.sender_refusal) {
      for_all = sender_refusal_ = std::move(flight.sender_refusal);
    }
  }
  if (for_all) std::ranges::fill(flight.answers, *for_all);
  if (for_all && is_fault(*for_all)) ++pool_.counters_.faults;
  leave_call(shard);
}

// The envelope so far, if this session has not heard it, and these recipients, as many as it may have.
runtime::Task<void> HopTransaction::offer(Shard& shard, Flight& flight) {
  for (;;) {
    flight.repeated.clear();
    flight.sender_refusal.reset();
    flight.setback = co_await ensure_session(shard, flight.deadline);
    if (flight.setback) co_return;
    co_await offer_once(shard, flight);
    if (!flight.repeated.empty()) late_answers_ = flight.repeated;
    settle(flight);
    if (may_retry(flight.setback)) continue;
    co_return;
  }
}

// What has its answer has it, whatever becomes of the session: a refusal is for its own recipient, and who
// was accepted is part of the envelope from here on.
void HopTransaction::settle(Flight& flight) {
  const size_t answered = std::exchange(flight.answered, 0);
  for (size_t i = 0; i < answered; ++i) {
    if (flight.answers[i].accepted()) accepted_.push_back(std::move(flight.recipients[i]));
  }
  flight.recipients = flight.recipients.subspan(answered);
  flight.answers = flight.answers.subspan(answered);
}

// W-9: asked here, since a repeated envelope may meet another hop.
bool HopTransaction::takes(std::string_view recipient) const {
  return session_->client->capabilities().smtputf8 || is_ascii_text(recipient);
}

HopTransaction::Plan HopTransaction::plan(const Flight& flight) const {
  Plan plan;
  if (!session_->in_mail) {
    plan.repeated = accepted_.size();
    const auto takes_it = [this](const std::string& recipient) { return takes(recipient); };
    plan.with_mail =
        std::ranges::any_of(accepted_, takes_it) || std::ranges::any_of(flight.recipients, takes_it);
  }
  plan.steps = (plan.with_mail ? 1 : 0) + plan.repeated + flight.recipients.size();
  return plan;
}

HopTransaction::Step HopTransaction::step(const Plan& plan, const Flight& flight, size_t index) const {
  Step step;
  if (plan.with_mail && index-- == 0) {
    step.is_mail = true;
    return step;
  }
  if (index < plan.repeated) {
    step.recipient = accepted_[index];
  } else {
    step.recipient = flight.recipients[index - plan.repeated];
    step.answer = &flight.answers[index - plan.repeated];
  }
  step.unsaid = !takes(step.recipient);
  return step;
}

// The end of what may be under way with the step `first`, before which everything is answered.
size_t HopTransaction::last_in_flight(const Plan& plan, const Flight& flight, size_t first) const {
  if (!session_->client->capabilities().pipelining) return first + 1;
  const size_t known = plan.steps - flight.recipients.size();  // MAIL, and who was accepted before
  const unsigned refusals_left = is_worn_out() ? 1 : pool_.options().refusals_max - session_->refusals;
  return std::min(plan.steps, std::max(first, known) + refusals_left);
}

runtime::Task<void> HopTransaction::offer_once(Shard& shard, Flight& flight) {
  SmtpClient& client = *session_->client;
  if (envelope_.needs_smtputf8 && !client.capabilities().smtputf8) {
    flight.sender_refusal = needs_smtputf8();
    co_return;
  }
  MonoTime deadline = std::min(flight.deadline, shard.now() + pool_.options().command_wait);
  const Plan all = plan(flight);
  for (size_t said = 0, i = 0; i < all.steps; ++i) {
    if (i == said) {
      if (flight.sender_refusal || (flight.answered != 0 && is_worn_out())) co_return;
      for (const size_t end = last_in_flight(all, flight, i); said < end; ++said)
        say(step(all, flight, said));
    }
    const Step asked = step(all, flight, i);
    if (asked.unsaid) {
      take_word(flight, asked, needs_smtputf8());
      continue;
    }
    waiting_since_ = shard.now();
    Eventual<ClientResult> awaited = client.next_reply(shard, deadline);
    ClientResult result = co_await std::move(awaited);
    if (!result) {
      flight.setback = setback_of(std::move(result.error()));
      co_return;
    }
    take_answer(flight, asked, result->reply);
    if (flight.setback) co_return;
    // Each recipient has the time of a command, as if it had come by itself.
    if (flight.answered != 0) deadline = flight.deadline = shard.now() + pool_.options().command_wait;
  }
}

void HopTransaction::say(const Step& step) {
  if (step.is_mail) {
    session_->client->mail(envelope_.sender, envelope_.parameters);
  } else if (!step.unsaid) {
    session_->client->rcpt(step.recipient);
  }
}

void HopTransaction::take_answer(Flight& flight, const Step& step, const smtp::Reply& reply) {
  if (flight.sender_refusal) return;  // what follows was not worth asking
  HopReply said = step.is_mail ? map_mail_reply(reply) : map_rcpt_reply(reply);
  if (is_fault(said)) {
    // W-6: whatever else a hop says here is between us and it, and nobody's refusal.
    flight.setback = Setback{std::move(said), false};
    drop_session(ClientFault::Kind::Refused);
    return;
  }
  if (step.is_mail) {
    session_->in_mail = said.accepted();
    if (!said.accepted()) flight.sender_refusal = std::move(said);
    return;
  }
  if (!said.accepted()) ++session_->refusals;
  if (step.answer != nullptr) pool_.note_recipient(*session_, said.accepted());
  take_word(flight, step, std::move(said));
}

void HopTransaction::take_word(Flight& flight, const Step& step, HopReply said) {
  if (step.answer != nullptr) {
    *step.answer = std::move(said);
    ++flight.answered;
  } else {
    flight.repeated.push_back(std::move(said));
  }
}

// --- the message ---

// W-2: what was said at RCPT must hold again. Nothing: it does.
runtime::Task<std::optional<HopReply>> HopTransaction::repeat_envelope(Shard& shard, MonoTime deadline) {
  if (!session_ || !session_->in_mail) {
    ++pool_.counters_.repeated_envelopes;
    Flight flight{.deadline = deadline};
    co_await offer(shard, flight);
    if (flight.setback) co_return std::move(flight.setback->reply);
    if (flight.sender_refusal) co_return std::move(flight.sender_refusal);
  }
  co_return late_refusal();
}

std::optional<HopReply> HopTransaction::late_refusal() const {
  const HopReply* refused = nullptr;
  const HopReply* refused_for_now = nullptr;
  size_t count = 0;
  for (const HopReply& answer : late_answers_) {
    if (answer.accepted()) continue;
    ++count;
    if (refused == nullptr) refused = &answer;
    if (refused_for_now == nullptr && !answer.reply.permanent()) refused_for_now = &answer;
  }
  if (count == 0) return std::nullopt;
  if (count == accepted_.size()) return *(refused_for_now != nullptr ? refused_for_now : refused);
  // A refusal for good would bounce the message of those that the hop still accepts. The client comes again,
  // and then each recipient has its own answer.
  HopReply mixed;
  mixed.result = HopResult::Refused;
  mixed.reply = kChangedItsMind.to_reply();
  mixed.hop_said = refused->hop_said;
  return mixed;
}

runtime::Task<HopReply> HopTransaction::deliver(Shard& shard, const MessageOctets& octets,
                                                MonoTime deadline) {
  SLUICE_CHECK(!accepted_.empty());
  enter_call();
  const MonoTime begun = shard.now();
  HopReply outcome;
  for (;;) {
    std::optional<HopReply> refusal = co_await repeat_envelope(shard, deadline);
    if (!refusal) refusal = unfit(octets);
    if (refusal) {
      outcome = std::move(*refusal);
      break;
    }
    Sent sent;
    if (goes_in_chunk(octets)) {
      sent = co_await send_in_chunk(shard, octets, deadline);
    } else {
      sent = co_await send_by_data(shard, octets, deadline);
    }
    if (sent) {
      outcome = std::move(*sent);
      break;
    }
    if (may_retry(sent.error())) continue;
    outcome = std::move(sent.error().reply);
    break;
  }
  count(outcome);
  meter_.took(&HopMetrics::delivery_time, shard.now() - begun);
  in_call_ = false;
  abandon();
  co_return outcome;
}

// W-8, W-9: asked of the session that gets the message.
std::optional<HopReply> HopTransaction::unfit(const MessageOctets& octets) {
  const smtp::Capabilities& hop = session_->client->capabilities();
  if (hop.size && octets.message_octets > *hop.size) return exceeds_size(*hop.size);
  if (octets.header_needs_utf8 && !hop.smtputf8) return needs_smtputf8();
  if (!octets.may_be_eight_bit || hop.eight_bit_mime) return std::nullopt;
  if (pool_.options().refuse_eight_bit) return needs_eight_bit();
  if (envelope_.parameters.body == smtp::BodyType::EightBitMime) ++pool_.counters_.sent_without_8bitmime;
  return std::nullopt;
}

bool HopTransaction::goes_in_chunk(const MessageOctets& octets) const {
  return pool_.options().chunking && session_->client->capabilities().chunking && octets.stored == nullptr &&
         octets.octets_in_memory() <= limits::kHopChunk;
}

runtime::Task<HopTransaction::Sent> HopTransaction::send_in_chunk(Shard& shard, const MessageOctets& octets,
                                                                  MonoTime deadline) {
  SmtpClient& client = *session_->client;
  if (!client.quiet()) co_return std::unexpected(setback_of(ClientFault()));  // gone meanwhile
  const MonoTime answer_deadline = std::min(deadline, shard.now() + limits::kHopEndOfDataWait);
  waiting_since_ = shard.now();
  ClientResult result = co_await client.send_chunk(shard, octets, answer_deadline);
  const bool hop_has_all = client.all_sent();
  session_->in_mail = false;
  if (!result) {
    ClientFault fault = std::move(result.error());
    // As behind the final dot, but 421 may as well be meant for the command.
    const bool unknown = hop_has_all && fault.kind != ClientFault::Kind::Closing;
    if (!unknown) co_return std::unexpected(setback_of(std::move(fault)));
    drop_session(fault.kind);
    co_return unknown_outcome(fault);
  }
  HopReply said = map_chunk_reply(result->reply);
  if (said.accepted() && !hop_has_all) {  // it cannot have meant this message
    drop_session(ClientFault::Kind::Broken);
    co_return map_other_reply(smtp::ClientCommand::Bdat, result->reply);
  }
  ++pool_.counters_.sent_in_chunks;
  co_return finish_session(std::move(said));
}

runtime::Task<HopTransaction::Sent> HopTransaction::send_by_data(Shard& shard, const MessageOctets& octets,
                                                                 MonoTime deadline) {
  const MonoTime data_deadline = std::min(deadline, shard.now() + pool_.options().data_init_wait);
  std::optional<Setback> setback = co_await start_data(shard, data_deadline);
  if (setback) co_return std::unexpected(std::move(*setback));
  co_return co_await send_message(shard, octets, deadline);
}

runtime::Task<std::optional<HopTransaction::Setback>> HopTransaction::start_data(Shard& shard,
                                                                                 MonoTime deadline) {
  SmtpClient& client = *session_->client;
  client.data();
  waiting_since_ = shard.now();
  Eventual<ClientResult> awaited = client.next_reply(shard, deadline);
  ClientResult result = co_await std::move(awaited);
  if (!result) co_return setback_of(std::move(result.error()));
  if (result->reply.intermediate()) {
    data_text_ = std::move(result->reply.text);
    co_return std::nullopt;
  }
  HopReply said = map_other_reply(smtp::ClientCommand::Data, result->reply);
  drop_session(ClientFault::Kind::Refused);
  co_return Setback{std::move(said), false};
}

runtime::Task<HopReply> HopTransaction::send_message(Shard& shard, const MessageOctets& octets,
                                                     MonoTime deadline) {
  SmtpClient& client = *session_->client;
  const MonoTime answer_deadline = std::min(deadline, shard.now() + limits::kHopEndOfDataWait);
  waiting_since_ = shard.now();
  ClientResult result = co_await client.send_body(shard, octets, answer_deadline);
  const bool hop_has_all = client.all_sent();
  session_->in_mail = false;
  if (!result) {
    const ClientFault fault = std::move(result.error());
    if (fault.kind == ClientFault::Kind::Message) {  // no fault of the hop's
      pool_.destinations_.discard(std::move(session_));
      co_return map_fault(fault);
    }
    drop_session(fault.kind);
    // W-7: a hop that has our dot may have taken the message; one that says 421 has not.
    if (hop_has_all && fault.kind != ClientFault::Kind::Closing) {
      HopReply unknown = unknown_outcome(fault);
      // Some name their queue id there.
      if (!data_text_.empty()) unknown.hop_said += "; to DATA it said: " + data_text_;
      co_return unknown;
    }
    if (canceled_) co_return cut_off();
    co_return map_fault(fault);
  }
  HopReply said = map_end_of_data_reply(result->reply);
  if (said.accepted() && !hop_has_all) {  // it cannot have meant this message
    drop_session(ClientFault::Kind::Broken);
    co_return map_other_reply(smtp::ClientCommand::EndOfData, result->reply);
  }
  co_return finish_session(std::move(said));
}

// What the hop's last word of a message means for the session.
HopReply HopTransaction::finish_session(HopReply said) {
  if (said.result == HopResult::Fault) {
    drop_session(ClientFault::Kind::Refused);
  } else {
    pool_.destinations_.mark_spoke(session_->destination, /*served=*/true);
  }
  return said;
}

}  // namespace sluice::serve
