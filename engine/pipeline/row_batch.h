// RowBatch: the rows by which recipients of one transaction end, gathered and committed together. Ending a
// recipient here is what counts it (W-7): one call, one row, one count. One shard, on a coroutine's frame.
#pragma once

#include "engine/message/journal_row.h"
#include "engine/pipeline/context.h"
#include "engine/pipeline/transaction.h"
#include "io/reactor/shard.h"
#include "io/runtime/task.h"

#include <cstdint>
#include <string>
#include <string_view>

namespace sluice::pipeline {

class RowBatch {
 public:
  // Both outlive the batch. `peer` is the socket's other end.
  RowBatch(PipelineContext& context, const Transaction& transaction, IpAddress peer)
      : context_(context), transaction_(transaction), peer_(peer) {}

  void end_recipient(reactor::Shard& shard, const message::TrackingRow& row);
  void policy_event(reactor::Shard& shard, std::string_view recipient, const policy::Verdict& verdict);

  bool empty() const { return count_ == 0; }
  // For rows that must be there before the reply, see Journal. Refused: nothing was ended, the counts are
  // taken back.
  runtime::Task<store::Appended> commit(reactor::Shard& shard, store::Durability durability);
  // For rows that no reply waits for. Their task belongs to the context's background group.
  void commit_later(reactor::Shard& shard);

 private:
  message::TransactionFacts facts() const;
  static runtime::Task<void> append_later(reactor::Shard& shard, PipelineContext& context, std::string rows,
                                          uint32_t count);

  PipelineContext& context_;
  const Transaction& transaction_;
  IpAddress peer_;
  std::string rows_;
  uint32_t count_ = 0;
  message::Balance ended_;
};

}  // namespace sluice::pipeline
