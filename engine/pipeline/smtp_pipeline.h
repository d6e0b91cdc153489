// SmtpPipeline: one SMTP connection's mail, from MAIL to the reply to the final dot: evaluates, decides,
// relays or intercepts, and writes a row for every end of every recipient. The stages, each in a source of
// its own:
//
// - envelope: on_mail, on_rcpt. Routes, SPF as early as it is certain (W-30), enforcement at RCPT, the next
//   hop's word.
// - body: on_body. Keeps the octets, reads the header block, has DKIM, DMARC and ARC begin.
// - end_of_data: the verdict, then one of relay (W-1), delete, reject, defer; rows before the reply (the 250
//   rule).
// - signing: DKIM signatures and ARC seals of ours.
// - ends: RSET, a lost client, a body that was refused: rows for whom they end.
//
// What cannot be decided is deferred (4xx), never accepted: a next hop that is not reachable, a journal that
// refuses a deletion. What SPF could not find out in time is TempError, and the rule says what that means.
// One shard.
#pragma once

#include "engine/delivery/header_edit.h"
#include "engine/message/journal_row.h"
#include "engine/pipeline/context.h"
#include "engine/pipeline/row_batch.h"
#include "engine/pipeline/transaction.h"
#include "io/serve/smtp_handler.h"
#include "rules/policy/settings.h"
#include "rules/policy/verdict.h"

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace sluice::pipeline {

using reactor::Shard;

class SmtpPipeline final : public serve::SmtpHandler {
 public:
  // All outlive the pipeline.
  SmtpPipeline(PipelineContext& context, const ListenerInForce& listener,
               const serve::SmtpConnection& connection)
      : context_(context), listener_(listener), connection_(connection) {}

  serve::Eventual<serve::Answer> on_mail(Shard& shard, smtp::MailFrom& mail,
                                         serve::TraceId transaction) override;
  serve::Eventual<serve::Answer> on_rcpt(Shard& shard, smtp::Recipient& recipient) override;
  serve::Eventual<std::vector<serve::Answer>> on_rcpts(Shard& shard,
                                                       std::span<smtp::Recipient> recipients) override;
  void on_rcpt_refused(Shard& shard, const smtp::Recipient& recipient, const smtp::Reply& reply) override;
  serve::Eventual<serve::Answer> on_body(Shard& shard, Chunk piece) override;
  serve::Eventual<serve::Answer> before_more_body(Shard& shard) override;
  serve::Eventual<serve::Answer> on_end_of_data(Shard& shard, const smtp::DataReader& message) override;
  void on_answered(Shard& shard, serve::TraceId transaction, serve::Told told) override;
  serve::Eventual<serve::Done> on_abort(Shard& shard, serve::AbortReason reason,
                                        const smtp::Reply* reply) override;
  void on_drain_deadline(Shard& shard) override;
  serve::Eventual<serve::Done> on_disconnect(Shard& shard, serve::DisconnectReason reason) override;

 private:
  // Why a recipient is not accepted, for its row and for the client.
  struct Refusal {
    smtp::Reply reply;
    std::string hop_reply;
    std::string next_hop_fault;
    std::optional<policy::Verdict> verdict;
  };

  // A recipient that was named, while it is found out whether it is accepted.
  struct Candidate {
    std::string address;
    policy::RecipientBinding binding;
    std::optional<Refusal> refusal;
  };

  // envelope
  void describe_client(evidence::Client& client) const;
  smtp::XclientOverrides declared_client() const;
  void start_spf(Shard& shard);
  Candidate name_recipient(mail::Address address);
  bool is_of_other_group(const policy::RecipientBinding& binding) const;
  runtime::Task<serve::Answer> take_recipient(Shard& shard, mail::Address address);
  runtime::Task<std::vector<serve::Answer>> take_recipients(Shard& shard,
                                                            std::span<smtp::Recipient> recipients);
  runtime::Task<std::optional<Refusal>> ask_policy(Shard& shard, const policy::RecipientBinding& binding);
  runtime::Task<std::optional<Refusal>> find_next_hop(Shard& shard, const policy::RecipientBinding& binding);
  static std::optional<Refusal> refusal_of(serve::HopReply said);
  runtime::Task<void> offer_together(Shard& shard, std::span<Candidate> candidates);
  void add_refusal(Shard& shard, RowBatch& batch, std::string_view recipient, const Refusal& refusal) const;

  // body
  std::optional<smtp::Reply> read_header(Shard& shard, std::string_view wire_octets);
  void read_body(std::string_view wire_octets);
  void start_authentication(Shard& shard);
  runtime::Task<serve::Answer> make_room(Shard& shard);
  runtime::Task<serve::Answer> refuse_message(Shard& shard, smtp::Reply reply);

  // signing
  bool is_ours() const;
  std::span<const dkim::SigningIdentity> signing_identities() const;
  bool may_seal() const;
  bool seals_in_any_case() const;
  runtime::Task<void> validate_chain_for_seal(Shard& shard, MonoTime deadline);
  void want_body_hashes();
  std::string signatures(Shard& shard, std::string_view ours, const delivery::HeaderEdits& edits);

  // end of data
  runtime::Task<serve::Answer> decide_and_act(Shard& shard);
  runtime::Task<void> finish_spf(Shard& shard, MonoTime deadline);
  runtime::Task<void> finish_authentication(Shard& shard, MonoTime deadline);
  void report(const policy::Verdict& verdict);
  runtime::Task<smtp::Reply> relay(Shard& shard, const Verdicts& verdicts);
  runtime::Task<smtp::Reply> discard(Shard& shard, const Verdicts& verdicts);
  runtime::Task<smtp::Reply> refuse_by_rule(Shard& shard, const Verdicts& verdicts);
  std::string trace_fields(Shard& shard, const policy::Verdict& verdict) const;

  // ends
  struct Relayed {
    serve::TraceId id;
    std::string recipients;  // each ended by a line feed, which no address can hold
  };
  struct End {
    message::Disposition disposition;
    message::EndedAt stage;
    std::string_view reply;
    std::string_view hop_reply{};
    std::string_view next_hop_fault{};
  };
  void add_rows(Shard& shard, RowBatch& rows, const End& end, const Verdicts* verdicts) const;
  runtime::Task<serve::Done> end_all(Shard& shard, End end);
  runtime::Task<serve::Done> write_not_told(Shard& shard);
  void close_transaction();

  bool trusted() const { return transaction_->policy().is_trusted(connection_.client.address); }
  RowBatch rows() const { return {context_, *transaction_, connection_.peer.address}; }

  PipelineContext& context_;
  const ListenerInForce& listener_;
  const serve::SmtpConnection& connection_;
  runtime::FramePtr<Transaction> transaction_;
  // Relayed, and our 250 is on its way: at most as many as replies can wait. Those whose client had gone are
  // marked at the end of the connection (W-7).
  std::vector<Relayed> answered_;
  std::vector<Relayed> not_told_;
  std::string spare_text_;         // of a Relayed that is over, for the next
  evidence::Client spare_client_;  // of a transaction that is over, for the memory of its texts
  std::string abort_reply_;        // what on_abort was given, while its rows are written
};

}  // namespace sluice::pipeline
