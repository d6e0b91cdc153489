#include "engine/pipeline/row_batch.h"

#include <utility>

namespace sluice::pipeline {

using reactor::Shard;
using runtime::Task;
using store::Appended;

namespace {

constexpr size_t kUsualRow = 2048;  // octets: most rows need no second allocation

}  // namespace

message::TransactionFacts RowBatch::facts() const {
  return {transaction_.id.text(), transaction_.evidence, transaction_.policy().version_text(), peer_,
          transaction_.message_octets};
}

void RowBatch::end_recipient(Shard& shard, const message::TrackingRow& row) {
  if (rows_.empty()) {
    rows_ = context_.journal.texts().take();
    rows_.reserve(kUsualRow);
  }
  message::append_tracking_row(rows_, facts(), row, shard.wall_now());
  ++count_;
  ++ended_.of(row.disposition);
}

void RowBatch::policy_event(Shard& shard, std::string_view recipient, const policy::Verdict& verdict) {
  count_ += message::append_policy_events(rows_, facts(), recipient, verdict, shard.wall_now());
}

Task<Appended> RowBatch::commit(Shard& shard, store::Durability durability) {
  std::string rows = std::exchange(rows_, {});
  const uint32_t count = std::exchange(count_, 0);
  const Appended appended = co_await context_.journal.append(shard, std::move(rows), count, durability);
  if (appended != Appended::Durable) ++context_.counters.rows_not_durable;
  if (appended != Appended::Refused) context_.balance.add(ended_);
  ended_ = {};
  co_return appended;
}

void RowBatch::commit_later(Shard& shard) {
  context_.balance.add(std::exchange(ended_, {}));
  std::string rows = std::exchange(rows_, {});
  const uint32_t count = std::exchange(count_, 0);
  // The group is closed only after every connection has ended.
  const bool spawned =
      context_.background.spawn(shard, append_later(shard, context_, std::move(rows), count));
  SLUICE_CHECK(spawned);
}

Task<void> RowBatch::append_later(Shard& shard, PipelineContext& context, std::string rows, uint32_t count) {
  const Appended appended =
      co_await context.journal.append(shard, std::move(rows), count, store::Durability::Written);
  if (appended != Appended::Durable) ++context.counters.rows_not_durable;
}

}  // namespace sluice::pipeline
