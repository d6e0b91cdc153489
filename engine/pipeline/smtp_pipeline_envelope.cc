// The envelope: MAIL and RCPT.
#include "engine/pipeline/pipeline_replies.h"
#include "engine/pipeline/smtp_pipeline.h"
#include "io/base/ascii.h"

#include <algorithm>
#include <utility>

namespace sluice::pipeline {

using message::Disposition;
using message::EndedAt;
using message::TrackingRow;
using policy::RecipientBinding;
using policy::RouteKind;
using policy::SpfNeed;
using policy::Stage;
using runtime::Task;
using serve::Answer;
using serve::Eventual;
using serve::HopReply;

void SmtpPipeline::describe_client(evidence::Client& client) const {
  // A proxy that does not know its client's address leaves none to evaluate, never the one it had before.
  const smtp::XclientState addr = connection_.xclient.addr.state;
  const bool addressless =
      addr == smtp::XclientState::Unavailable || addr == smtp::XclientState::TemporarilyUnavailable;
  client.address = addressless ? IpAddress() : connection_.client.address;
  // Where a proxy says that its client gave no name, its own EHLO behind XCLIENT does not stand in for it
  // (D-4).
  const bool nameless = connection_.xclient.helo.state == smtp::XclientState::Unavailable;
  client.helo = nameless ? std::string_view() : std::string_view(connection_.hello);
  client.source =
      connection_.client_declared ? evidence::ClientSource::Xclient : evidence::ClientSource::Socket;
  const bool named = connection_.xclient.name.given();
  client.reverse_name = named ? std::string_view(connection_.xclient.name.value) : std::string_view();
}

// Whose mail this is, for a next hop that shall know it. What is not said would leave the hop with what it
// knows of us, or was told of the client before (attributes stay until they are told anew): so a name that
// nobody has looked up is said to be missing for now, and whatever else this client does not have to be
// missing.
smtp::XclientOverrides SmtpPipeline::declared_client() const {
  const smtp::XclientOverrides& told = connection_.xclient;
  smtp::XclientOverrides client;
  client.name = told.name;
  if (client.name.state == smtp::XclientState::Absent)
    client.name.state = smtp::XclientState::TemporarilyUnavailable;
  client.addr = told.addr;
  client.port = told.port;
  if (client.addr.state == smtp::XclientState::Absent) {
    client.addr = {smtp::XclientState::Given, connection_.client.address};
    client.port = {smtp::XclientState::Given, connection_.client.port};
  }
  client.proto = {smtp::XclientState::Given,
                  connection_.extended ? smtp::XclientProtocol::Esmtp : smtp::XclientProtocol::Smtp};
  client.helo = told.helo;
  if (client.helo.state == smtp::XclientState::Absent)
    client.helo = {smtp::XclientState::Given, connection_.hello};
  client.login = told.login;
  for (smtp::XclientState* state : {&client.port.state, &client.login.state}) {
    if (*state == smtp::XclientState::Absent) *state = smtp::XclientState::Unavailable;
  }
  return client;
}

Eventual<Answer> SmtpPipeline::on_mail(Shard& shard, smtp::MailFrom& mail, serve::TraceId transaction) {
  if (context_.bodies.budget().node_exhausted()) {
    ++context_.counters.mail_refused;
    return Answer(kNoMemory.to_reply());
  }
  ++context_.counters.transactions;
  transaction_ =
      runtime::make_in_pool<Transaction>(shard.frame_pool(), transaction, context_.bodies, listener_);
  Transaction& tx = *transaction_;
  tx.evidence.direction = tx.listener->direction;
  tx.evidence.client = std::move(spare_client_);
  describe_client(tx.evidence.client);
  const size_t local_octets = mail.sender.local_part().size();
  tx.evidence.sender = evidence::Sender(std::move(mail.sender).take_text(), local_octets);
  tx.declared_size = mail.size;
  tx.body_type = mail.body;
  tx.smtputf8 = mail.smtputf8;
  if (policy::is_spf_certain_at_mail(tx.policy(), tx.listener->direction, tx.evidence.client,
                                     tx.evidence.sender)) {
    start_spf(shard);
  }
  return Answer();
}

void SmtpPipeline::start_spf(Shard& shard) {
  Transaction& tx = *transaction_;
  if (tx.spf.started()) return;
  SpfRequest request{.client = tx.evidence.client, .sender = tx.evidence.sender};
  request.identities = policy::spf_identities(tx.policy(), tx.evidence.client, tx.evidence.sender);
  request.identities.from_header = false;  // after the header block, and only where HELO gave None (D-2)
  const bool helo_missing = tx.evidence.client.helo.empty() && tx.evidence.client.reverse_name.empty();
  request.find_reverse_name = helo_missing && (tx.evidence.sender.is_null() || tx.policy().spf().check_helo);
  request.check_helo = tx.policy().spf().check_helo;
  request.receiver = tx.listener->hostname;
  request.time = tx.policy().dns().spf_evaluation;
  request.ask_ahead = tx.policy().spf().prefetch;
  if (tx.policy().spf().measure_breadth) request.measure = Measure::Compile;
  request.duration = &context_.distributions.authentication;
  ++context_.counters.spf_evaluations;
  // A group that is closed leaves the inquiry finished and empty: the rule sees TempError.
  (void)tx.spf.start(shard, context_.spf, context_.background, request);
}

Eventual<Answer> SmtpPipeline::on_rcpt(Shard& shard, smtp::Recipient& recipient) {
  return take_recipient(shard, std::move(recipient.address));
}

Eventual<std::vector<Answer>> SmtpPipeline::on_rcpts(Shard& shard, std::span<smtp::Recipient> recipients) {
  return take_recipients(shard, recipients);
}

// Counted from here on; refused where that takes no question.
SmtpPipeline::Candidate SmtpPipeline::name_recipient(mail::Address address) {
  ++context_.balance.named;
  Transaction& tx = *transaction_;
  const policy::RecipientView view{address.local_part(), address.domain()};
  Candidate candidate;
  candidate.binding = tx.policy().bind(tx.evidence.client.address, tx.listener->direction, view);
  const bool is_bare_postmaster = address.is_bare_postmaster();
  candidate.address = std::move(address).take_text();
  const RecipientBinding& binding = candidate.binding;
  if (!binding.accepted()) {
    const bool denied = binding.route == RouteKind::RelayDenied;
    candidate.refusal.emplace();
    candidate.refusal->reply = denied ? kRelayDenied.to_reply() : kNoPostmaster.to_reply();
  } else if (is_bare_postmaster) {
    candidate.address += '@' + binding.recipient_domain;
  }
  return candidate;
}

// W-4
bool SmtpPipeline::is_of_other_group(const RecipientBinding& binding) const {
  const auto& accepted = transaction_->recipients;
  return !accepted.empty() && !binding.same_group_as(accepted.front().binding);
}

Task<Answer> SmtpPipeline::take_recipient(Shard& shard, mail::Address address) {
  Candidate candidate = name_recipient(std::move(address));
  Transaction& tx = *transaction_;
  std::optional<Refusal>& refusal = candidate.refusal;
  if (!refusal && is_of_other_group(candidate.binding)) {
    refusal.emplace();
    refusal->reply = kOtherGroup.to_reply();
  }
  if (!refusal) refusal = co_await ask_policy(shard, candidate.binding);
  if (!refusal) refusal = co_await find_next_hop(shard, candidate.binding);
  if (!refusal) {
    HopReply said = co_await tx.hop->rcpt(shard, candidate.address);
    refusal = refusal_of(std::move(said));
  }
  if (refusal) {
    RowBatch batch = rows();
    add_refusal(shard, batch, candidate.address, *refusal);
    (void)co_await batch.commit(shard, store::Durability::Written);
    co_return Answer(std::move(refusal->reply));
  }
  tx.recipients.push_back({std::move(candidate.address), std::move(candidate.binding)});
  co_return Answer();
}

// As one after the other, but that those of one route are offered to the hop together, and all rows are
// written at once.
Task<std::vector<Answer>> SmtpPipeline::take_recipients(Shard& shard, std::span<smtp::Recipient> recipients) {
  std::vector<Candidate> candidates;
  candidates.reserve(recipients.size());
  size_t offered = 0;           // of the candidates
  std::optional<size_t> first;  // of those that are about to be
  for (smtp::Recipient& recipient : recipients) {
    Candidate& candidate = candidates.emplace_back(name_recipient(std::move(recipient.address)));
    if (candidate.refusal) continue;
    const bool is_open = transaction_->recipients.empty();  // whose group it is
    if (is_open && first && !candidate.binding.same_group_as(candidates[*first].binding)) {
      const std::span<Candidate> ready = std::span(candidates).first(candidates.size() - 1).subspan(offered);
      co_await offer_together(shard, ready);
      offered = candidates.size() - 1;
      first.reset();
    }
    if (is_of_other_group(candidate.binding)) {
      candidate.refusal.emplace();
      candidate.refusal->reply = kOtherGroup.to_reply();
      continue;
    }
    candidate.refusal = co_await ask_policy(shard, candidate.binding);
    if (!candidate.refusal && !first) first = candidates.size() - 1;
  }
  const std::span<Candidate> ready = std::span(candidates).subspan(offered);
  co_await offer_together(shard, ready);

  RowBatch batch = rows();
  std::vector<Answer> answers;
  answers.reserve(candidates.size());
  for (Candidate& candidate : candidates) {
    Answer& answer = answers.emplace_back();
    if (!candidate.refusal) continue;
    add_refusal(shard, batch, candidate.address, *candidate.refusal);
    answer = std::move(candidate.refusal->reply);
  }
  if (!batch.empty()) (void)co_await batch.commit(shard, store::Durability::Written);
  co_return answers;
}

// Those that are not refused yet; all of one group.
Task<void> SmtpPipeline::offer_together(Shard& shard, std::span<Candidate> candidates) {
  Transaction& tx = *transaction_;
  const auto waits = [](const Candidate& candidate) { return !candidate.refusal; };
  const auto first = std::ranges::find_if(candidates, waits);
  if (first == candidates.end()) co_return;
  const std::optional<Refusal> unreachable = co_await find_next_hop(shard, first->binding);
  if (unreachable) {
    for (Candidate& candidate : candidates) {
      if (waits(candidate)) candidate.refusal = unreachable;
    }
    co_return;
  }
  std::vector<std::string> addresses;
  for (const Candidate& candidate : candidates) {
    if (waits(candidate)) addresses.push_back(candidate.address);
  }
  std::vector<HopReply> said = co_await tx.hop->rcpt_all(shard, std::move(addresses));
  auto next = said.begin();
  for (Candidate& candidate : candidates) {
    if (!waits(candidate)) continue;
    candidate.refusal = refusal_of(std::move(*next));
    ++next;
    if (!candidate.refusal) tx.recipients.push_back({candidate.address, std::move(candidate.binding)});
  }
}

// W-35, then enforcement at RCPT (ESE-12): the only wait for SPF before the end of data.
Task<std::optional<SmtpPipeline::Refusal>> SmtpPipeline::ask_policy(Shard& shard,
                                                                    const RecipientBinding& binding) {
  Transaction& tx = *transaction_;
  const policy::Policy& policy = tx.policy();
  const SpfNeed need = policy::needs_spf(policy, binding, tx.evidence.client, tx.evidence.sender);
  if (need == SpfNeed::Never) co_return std::nullopt;
  if (context_.dns.outage() && !binding.exempt) {
    if (const auto reply = policy::outage_reply(policy)) {
      Refusal refusal;
      refusal.reply = to_reply(*reply);
      co_return refusal;
    }
  }
  start_spf(shard);
  if (need != SpfNeed::AtRcpt) co_return std::nullopt;
  const MonoTime deadline = shard.now() + limits::kAuthenticationWait;
  if (!tx.spf.finished()) (void)co_await tx.spf.wait(shard, deadline);
  if (!tx.spf.finished()) ++context_.counters.spf_cut_off;
  tx.spf.put_outcome(tx.evidence.spf);
  if (tx.evidence.client.reverse_name.empty()) tx.evidence.client.reverse_name = tx.spf.reverse_name();
  policy::Verdict verdict = policy::decide(policy, binding, tx.evidence, Stage::Rcpt);
  if (!verdict.enforce_now || !verdict.reply) co_return std::nullopt;
  Refusal refusal;
  refusal.reply = to_reply(*verdict.reply);
  refusal.verdict = std::move(verdict);
  co_return refusal;
}

// Who is asked about recipients of this route: tx.hop.
Task<std::optional<SmtpPipeline::Refusal>> SmtpPipeline::find_next_hop(Shard& shard,
                                                                       const RecipientBinding& binding) {
  Transaction& tx = *transaction_;
  Refusal refusal;
  // While nobody is accepted the route is still open: those before may have been for another next hop.
  const bool other_route = !std::ranges::equal(tx.next_hops, binding.next_hops);
  if (tx.recipients.empty() && other_route) {
    tx.hop.reset();
    tx.pool = nullptr;
  }
  if (tx.pool == nullptr) {
    tx.next_hops = binding.next_hops;
    tx.next_hop = delivery::hops_text(binding.next_hops);
    tx.pool = co_await context_.hops.find(shard, binding.next_hops);
  }
  if (tx.pool == nullptr) {
    refusal.reply = kNextHopUnreachable.to_reply();
    refusal.next_hop_fault = context_.hops.why_none(tx.next_hop);
    co_return refusal;
  }
  // Made at once: the pool stays while it has a transaction.
  if (tx.hop == nullptr) {
    serve::HopEnvelope envelope;
    envelope.sender = tx.evidence.sender.text();
    envelope.parameters.size = tx.declared_size;
    envelope.parameters.body = tx.body_type;
    envelope.parameters.smtputf8 = tx.smtputf8;
    envelope.needs_smtputf8 = !std::ranges::all_of(tx.evidence.sender.text(), is_ascii);
    if (std::ranges::any_of(binding.next_hops, &policy::NextHop::send_xclient))
      envelope.client = declared_client();
    tx.hop = runtime::make_in_pool<serve::HopTransaction>(shard.frame_pool(), *tx.pool, std::move(envelope),
                                                          &tx.arena);
    if (tx.cut_off) tx.hop->cancel();
  }
  if (tx.declared_size && tx.pool->size_limit() && *tx.declared_size > *tx.pool->size_limit()) {
    refusal.reply = kMessageTooLarge.to_reply();
    co_return refusal;
  }
  co_return std::nullopt;
}

// Nothing: accepted.
std::optional<SmtpPipeline::Refusal> SmtpPipeline::refusal_of(HopReply said) {
  if (said.accepted()) return std::nullopt;
  Refusal refusal;
  refusal.reply = std::move(said.reply);
  const bool fault = said.result != serve::HopResult::Refused;
  (fault ? refusal.next_hop_fault : refusal.hop_reply) = std::move(said.hop_said);
  return refusal;
}

void SmtpPipeline::add_refusal(Shard& shard, RowBatch& batch, std::string_view recipient,
                               const Refusal& refusal) const {
  const std::string reply = refusal.reply.to_line();
  TrackingRow row;
  row.recipient = recipient;
  row.disposition = refusal.reply.permanent() ? Disposition::Refused : Disposition::Deferred;
  row.stage = EndedAt::Rcpt;
  row.reply = reply;
  row.next_hop = transaction_->next_hop;
  row.hop_reply = refusal.hop_reply;
  row.next_hop_fault = refusal.next_hop_fault;
  if (refusal.verdict) row.verdict = &*refusal.verdict;
  batch.end_recipient(shard, row);
  if (refusal.verdict && refusal.verdict->policy_event)
    batch.policy_event(shard, recipient, *refusal.verdict);
}

void SmtpPipeline::on_rcpt_refused(Shard& shard, const smtp::Recipient& recipient, const smtp::Reply& reply) {
  ++context_.balance.named;
  Refusal refusal;
  refusal.reply = reply;
  RowBatch batch = rows();
  add_refusal(shard, batch, recipient.address.text(), refusal);
  batch.commit_later(shard);
}

}  // namespace sluice::pipeline
