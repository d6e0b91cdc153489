// The ends of transactions that did not come to a verdict, and what follows a reply.
#include "engine/pipeline/smtp_pipeline.h"

#include <algorithm>
#include <utility>

namespace sluice::pipeline {

using message::Disposition;
using message::EndedAt;
using message::TrackingRow;
using runtime::Task;
using serve::AbortReason;
using serve::Done;
using serve::Eventual;
using store::Durability;

namespace {

constexpr size_t kSpareText = 512;  // ours: octets that an idle connection may keep for the next message

}  // namespace

void SmtpPipeline::add_rows(Shard& shard, RowBatch& batch, const End& end, const Verdicts* verdicts) const {
  const Transaction& tx = *transaction_;
  for (size_t i = 0; i < tx.recipients.size(); ++i) {
    TrackingRow row;
    row.first = i == 0;
    row.recipient = tx.recipients[i].address;
    row.disposition = end.disposition;
    row.stage = end.stage;
    row.reply = end.reply;
    row.next_hop = tx.next_hop;
    row.hop_reply = end.hop_reply;
    row.next_hop_fault = end.next_hop_fault;
    if (verdicts != nullptr) row.verdict = &(*verdicts)[i];
    batch.end_recipient(shard, row);
    if (row.verdict != nullptr && row.verdict->policy_event)
      batch.policy_event(shard, row.recipient, *row.verdict);
  }
}

Eventual<Done> SmtpPipeline::on_abort(Shard& shard, AbortReason reason, const smtp::Reply* reply) {
  if (transaction_->recipients.empty()) {
    close_transaction();
    return Done();
  }
  End end{Disposition::Abandoned, EndedAt::Reset, {}};
  if (reason == AbortReason::Disconnected) end.stage = EndedAt::Disconnect;
  if (reason == AbortReason::BodyRefused) {
    end.stage = EndedAt::Data;
    end.disposition = reply->permanent() ? Disposition::Refused : Disposition::Deferred;
    abort_reply_ = reply->to_line();
    end.reply = abort_reply_;
  }
  return end_all(shard, end);
}

Task<Done> SmtpPipeline::end_all(Shard& shard, End end) {
  RowBatch batch = rows();
  add_rows(shard, batch, end, nullptr);
  (void)co_await batch.commit(shard, Durability::Written);
  close_transaction();
  co_return Done();
}

// The client is gone and the node wants to end: whoever waits for the DNS or the next hop goes on without
// them, and what the next hop may have taken is "unknown".
void SmtpPipeline::on_drain_deadline(Shard& /*shard*/) {
  if (transaction_ == nullptr) return;
  transaction_->body.cancel_wait();
  transaction_->spf.finish_now();
  transaction_->spf_from_author.finish_now();
  if (transaction_->inquiry != nullptr) transaction_->inquiry->finish_now();
  transaction_->cut_off = true;
  if (transaction_->hop != nullptr) transaction_->hop->cancel();
}

void SmtpPipeline::close_transaction() {
  spare_client_ = std::move(transaction_->evidence.client);
  transaction_.reset();
}

void SmtpPipeline::on_answered(Shard& /*shard*/, serve::TraceId transaction, serve::Told told) {
  const auto at = std::ranges::find(answered_, transaction, &Relayed::id);
  if (at == answered_.end()) return;  // it was not relayed
  if (told == serve::Told::No) {
    not_told_.push_back(std::move(*at));
  } else if (at->recipients.capacity() <= kSpareText) {
    spare_text_ = std::move(at->recipients);
    spare_text_.clear();
  }
  answered_.erase(at);
}

Eventual<Done> SmtpPipeline::on_disconnect(Shard& shard, serve::DisconnectReason /*reason*/) {
  if (not_told_.empty()) return Done();
  return write_not_told(shard);
}

Task<Done> SmtpPipeline::write_not_told(Shard& shard) {
  std::string rows;
  uint32_t count = 0;
  for (const Relayed& relayed : not_told_) {
    std::string_view left = relayed.recipients;
    while (!left.empty()) {
      const size_t end = left.find('\n');
      message::append_amendment(rows, relayed.id.text(), left.substr(0, end), shard.wall_now());
      left.remove_prefix(end + 1);
      ++count;
    }
  }
  context_.balance.not_told += count;
  (void)co_await context_.journal.append(shard, std::move(rows), count, Durability::Written);
  co_return Done();
}

}  // namespace sluice::pipeline
