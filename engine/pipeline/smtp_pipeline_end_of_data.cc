// End of data: the last of the evidence, the verdict, the disposition, the rows, the reply. In this order,
// always.
#include "engine/delivery/header_edit.h"
#include "engine/delivery/subject_tag.h"
#include "engine/pipeline/pipeline_replies.h"
#include "engine/pipeline/smtp_pipeline.h"
#include "io/base/ascii.h"
#include "io/mail/author.h"
#include "io/mail/header_writer.h"
#include "rules/dmarc/aggregate_report.h"
#include "rules/policy/authentication_results.h"
#include "rules/policy/result_header.h"

#include <algorithm>
#include <utility>

namespace sluice::pipeline {

using message::Disposition;
using message::EndedAt;
using policy::Action;
using policy::Stage;
using policy::Verdict;
using runtime::Task;
using serve::Answer;
using serve::Eventual;
using serve::HopReply;
using serve::HopResult;
using store::Appended;
using store::Durability;

namespace {

constexpr size_t kTraceFields = 1024;  // octets that a result header and Received usually stay below

Disposition disposition_of(HopResult result, const smtp::Reply& reply) {
  switch (result) {
    case HopResult::Accepted:
      return Disposition::Relayed;
    case HopResult::Unknown:
      return Disposition::Unknown;
    case HopResult::Refused:
    case HopResult::Fault:
      break;
  }
  return reply.permanent() ? Disposition::Refused : Disposition::Deferred;
}

bool is_ascii_header(const mail::HeaderBlock& block) {
  for (size_t i = 0; i < block.size(); ++i) {
    if (!std::ranges::all_of(block[i].raw, is_ascii)) return false;
  }
  return true;
}

uint64_t microseconds_since(MonoTime start, const Shard& shard) {
  return static_cast<uint64_t>(
      std::chrono::duration_cast<std::chrono::microseconds>(shard.now() - start).count());
}

mail::ReceivedProtocol protocol_of(const serve::SmtpConnection& connection, const Transaction& tx) {
  if (tx.smtputf8) return mail::ReceivedProtocol::Utf8Smtp;
  return connection.extended ? mail::ReceivedProtocol::Esmtp : mail::ReceivedProtocol::Smtp;
}

}  // namespace

Eventual<Answer> SmtpPipeline::on_end_of_data(Shard& shard, const smtp::DataReader& message) {
  Transaction& tx = *transaction_;
  tx.message_octets = message.message_octets();
  tx.stuffed = message.stuffed_dots() != 0;
  tx.eight_bit = message.eight_bit();
  tx.evidence.flags.long_line = message.longest_line() > limits::kSmtpTextLineAdvised;
  tx.evidence.flags.bare_line_ends = message.bare_line_ends();
  if (message.bare_line_ends() != 0) ++context_.counters.normalized;
  if (tx.header.state() == mail::HeaderReader::State::Reading) {
    tx.header.finish();
    tx.header_wire_octets = tx.body.wire_octets();
    start_authentication(shard);
    if (tx.inquiry != nullptr) tx.inquiry->feed(tx.header.body_prefix());
  }
  return decide_and_act(shard);
}

Task<Answer> SmtpPipeline::decide_and_act(Shard& shard) {
  Transaction& tx = *transaction_;
  const MonoTime began = shard.now();
  context_.distributions.message_octets.record(tx.message_octets);
  if (tx.header.block().received_fields() > limits::kReceivedFields) {
    Answer refused = co_await refuse_message(shard, kTooManyHops.to_reply());
    co_return refused;
  }
  const std::optional<uint64_t> limit = tx.pool->size_limit();
  if (limit && tx.message_octets > *limit) {
    Answer refused = co_await refuse_message(shard, kMessageTooLarge.to_reply());
    co_return refused;
  }
  const MonoTime deadline = shard.now() + limits::kAuthenticationWait;
  if (tx.spf.started()) co_await finish_spf(shard, deadline);
  if (tx.inquiry != nullptr) co_await finish_authentication(shard, deadline);
  Verdicts& verdicts = tx.verdicts;
  verdicts.reserve(tx.recipients.size());
  for (const AcceptedRecipient& recipient : tx.recipients) {
    verdicts.push_back(policy::decide(tx.policy(), recipient.binding, tx.evidence, Stage::EndOfData));
  }
  if (!verdicts.front().tags.empty() && tx.inquiry != nullptr)
    co_await validate_chain_for_seal(shard, deadline);
  // A deferred message comes again, and is reported for what becomes of it then.
  const bool settled = verdicts.front().action != Action::Defer;
  const bool reports = context_.dmarc_reports != nullptr && context_.dmarc_reports->enabled();
  if (reports && tx.evidence.dmarc && settled) report(verdicts.front());
  // One group (W-4): the same rule, exemption and evidence, so the same action for all.
  smtp::Reply reply;
  switch (verdicts.front().action) {
    case Action::Pass:
    case Action::Tag:
      reply = co_await relay(shard, verdicts);
      break;
    case Action::Delete:
      reply = co_await discard(shard, verdicts);
      break;
    case Action::Reject:
    case Action::Defer:
      reply = co_await refuse_by_rule(shard, verdicts);
      break;
  }
  context_.distributions.end_of_data.record(microseconds_since(began, shard));
  close_transaction();
  co_return Answer(std::move(reply));
}

Task<void> SmtpPipeline::finish_authentication(Shard& shard, MonoTime deadline) {
  Transaction& tx = *transaction_;
  tx.inquiry->body_done();
  // By all of SPF, the From field's included. One group (W-4): the same for all recipients.
  const bool dmarc_wanted = policy::needs_dmarc_now(tx.policy(), tx.recipients.front().binding, tx.evidence);
  tx.inquiry->spf_known(tx.evidence, dmarc_wanted);
  const bool in_time = co_await tx.inquiry->finish(shard, tx.evidence, deadline);
  AuthenticationCounters& counters = context_.counters.authentication;
  if (!in_time) ++counters.cut_off;
  counters.count(tx.evidence);
}

// For the domain's aggregate report: what the rule does, whatever the next hop says afterwards.
void SmtpPipeline::report(const Verdict& verdict) {
  const Transaction& tx = *transaction_;
  delivery::DmarcHandling handling;
  switch (verdict.action) {
    case Action::Pass:
    case Action::Defer:
      break;
    case Action::Tag:
      handling.applied = dmarc::Policy::Quarantine;
      break;
    case Action::Delete:
    case Action::Reject:
      handling.applied = dmarc::Policy::Reject;
      break;
  }
  handling.is_report = dmarc::is_report_mail(tx.header.block());
  context_.dmarc_reports->add(tx.evidence, tx.inquiry->dmarc_record(), handling);
}

Task<void> SmtpPipeline::finish_spf(Shard& shard, MonoTime deadline) {
  Transaction& tx = *transaction_;
  if (!tx.spf.finished()) (void)co_await tx.spf.wait(shard, deadline);
  if (!tx.spf.finished()) ++context_.counters.spf_cut_off;
  tx.spf.put_outcome(tx.evidence.spf);
  if (tx.evidence.client.reverse_name.empty()) tx.evidence.client.reverse_name = tx.spf.reverse_name();

  const std::optional<evidence::SpfOutcome>& helo = tx.evidence.spf.helo;
  const bool helo_says_none = !helo || helo->result == auth::SpfResult::None;
  if (!tx.policy().spf().from_header_if_null_sender || !tx.evidence.sender.is_null() || !helo_says_none)
    co_return;
  // By DMARC's setting: what has an author there has the same here, and a Fail can be acted on.
  const auto author = mail::find_author(tx.header.block(), tx.policy().dmarc().author_forms);
  if (!author) co_return;
  const std::string author_address = author->text();
  SpfRequest request{.client = tx.evidence.client, .sender = tx.evidence.sender};
  request.identities.from_header = true;
  request.from_author = author_address;
  request.receiver = tx.listener->hostname;
  request.time = tx.policy().dns().spf_evaluation;
  request.ask_ahead = tx.policy().spf().prefetch;
  if (tx.policy().spf().measure_breadth) request.measure = Measure::Compile;
  request.message = tx.spf.started() ? tx.spf.message() : 0;
  request.duration = &context_.distributions.authentication;
  ++context_.counters.spf_evaluations;
  (void)tx.spf_from_author.start(shard, context_.spf, context_.background, request);
  if (!tx.spf_from_author.finished()) (void)co_await tx.spf_from_author.wait(shard, deadline);
  if (!tx.spf_from_author.finished()) ++context_.counters.spf_cut_off;
  tx.evidence.spf.from_header = tx.spf_from_author.outcome().from_header;
}

// Topmost first: result headers stand above our Received (RFC 7208 section 9.1).
std::string SmtpPipeline::trace_fields(Shard& shard, const Verdict& verdict) const {
  const Transaction& tx = *transaction_;
  const policy::ResultHeaderSettings& settings = tx.policy().result_header();
  std::string fields = context_.texts.take();
  fields.reserve(kTraceFields);
  if (settings.authentication_results && !is_ours())
    policy::append_authentication_results_line(fields, settings.authserv_id, tx.evidence);
  if (verdict.insert_dkim_form)
    fields += policy::tm_dkim_field(tx.evidence.dkim, verdict.dkim_enforced).to_line();
  if (verdict.insert_dmarc_form) fields += policy::tm_dmarc_field(tx.evidence).to_line();
  const evidence::SpfOutcome* outcome = policy::governing_spf(tx.policy(), tx.evidence);
  if (verdict.insert_header && outcome != nullptr) {
    const evidence::Client& from = tx.evidence.client;
    policy::append_spf_result_line(fields, settings.name, *outcome, from, tx.evidence.sender);
    if (settings.received_spf) {
      policy::append_received_spf_line(fields, tx.listener->hostname, *outcome, from, tx.evidence.sender);
    }
  }
  mail::ReceivedTrace trace;
  trace.helo = connection_.hello;
  trace.client_name = tx.evidence.client.reverse_name;
  trace.client = tx.evidence.client.address;
  trace.by = tx.listener->hostname;
  trace.protocol = protocol_of(connection_, tx);
  trace.id = tx.id.text();
  if (tx.recipients.size() == 1) trace.only_recipient = tx.recipients.front().address;
  trace.time = shard.wall_now();
  mail::append_received(fields, trace);
  return fields;
}

Task<smtp::Reply> SmtpPipeline::relay(Shard& shard, const Verdicts& verdicts) {
  Transaction& tx = *transaction_;
  const mail::HeaderBlock& block = tx.header.block();
  const Verdict& verdict = verdicts.front();  // of all: one group
  delivery::HeaderEdits edits;
  if (!trusted()) edits.removed = delivery::find_removed(block, tx.version->removed_fields);
  for (const size_t index : edits.removed) tx.evidence.flags.removed_fields.emplace_back(block[index].name);
  tx.evidence.flags.removed_signed_fields =
      delivery::removed_and_signed(block, edits.removed, tx.evidence.dkim);
  if (!verdict.tags.empty()) {
    const bool signed_mail = delivery::is_signed_mail(block, tx.evidence.dkim);
    delivery::tag_subject(edits, block, verdict.tags, signed_mail);
  }
  std::string fields = trace_fields(shard, verdict);
  fields.insert(0, signatures(shard, fields, edits));
  delivery::EditedMessage edited(&tx.arena);
  edit_message(edited, std::move(fields), block, edits, tx.body, tx.header_wire_octets);

  const MonoTime began = shard.now();
  const MonoTime deadline = began + limits::kHopEndOfDataWait;
  edited.octets.message_octets = tx.message_octets;
  edited.octets.may_be_stuffed = tx.stuffed;
  edited.octets.may_be_eight_bit = tx.eight_bit;
  edited.octets.header_needs_utf8 = tx.smtputf8 && tx.eight_bit && !is_ascii_header(block);
  const HopReply said = co_await tx.hop->deliver(shard, edited.octets, deadline);
  context_.texts.give_back(std::move(edited.front));
  context_.distributions.next_hop.record(microseconds_since(began, shard));
  const std::string line = said.reply.to_line();
  End end{disposition_of(said.result, said.reply), EndedAt::EndOfData, line};
  const bool own_word = said.result == HopResult::Accepted || said.result == HopResult::Refused;
  (own_word ? end.hop_reply : end.next_hop_fault) = said.hop_said;
  RowBatch batch = rows();
  add_rows(shard, batch, end, &verdicts);
  // Kept is enough: the next hop has the message, and the row waits in the journal's ring.
  (void)co_await batch.commit(shard, Durability::Written);
  tx.hop.reset();
  if (said.accepted()) {
    Relayed relayed{tx.id, std::exchange(spare_text_, {})};
    for (const AcceptedRecipient& recipient : tx.recipients)
      relayed.recipients.append(recipient.address).append("\n");
    answered_.push_back(std::move(relayed));
  }
  co_return said.reply;
}

Task<smtp::Reply> SmtpPipeline::discard(Shard& shard, const Verdicts& verdicts) {
  const std::string line = kAccepted.to_reply().to_line();
  const End end{Disposition::Deleted, EndedAt::EndOfData, line};
  RowBatch batch = rows();
  add_rows(shard, batch, end, &verdicts);
  const Appended appended = co_await batch.commit(shard, Durability::Synced);
  if (appended == Appended::Durable) co_return kAccepted.to_reply();
  // The row may be in the file all the same; this later one for the same recipient stands.
  const std::string refused = kNotRecorded.to_reply().to_line();
  const End deferred{Disposition::Deferred, EndedAt::EndOfData, refused};
  add_rows(shard, batch, deferred, &verdicts);
  (void)co_await batch.commit(shard, Durability::Written);
  co_return kNotRecorded.to_reply();
}

Task<smtp::Reply> SmtpPipeline::refuse_by_rule(Shard& shard, const Verdicts& verdicts) {
  smtp::Reply reply = to_reply(*verdicts.front().reply);
  const std::string line = reply.to_line();
  const bool permanent = reply.permanent();
  const End end{permanent ? Disposition::Refused : Disposition::Deferred, EndedAt::EndOfData, line};
  RowBatch batch = rows();
  add_rows(shard, batch, end, &verdicts);
  (void)co_await batch.commit(shard, Durability::Written);
  co_return reply;
}

}  // namespace sluice::pipeline
