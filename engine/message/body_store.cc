#include "engine/message/body_store.h"

#include <utility>

namespace sluice::message {

using runtime::Task;

void BodyCounters::add(const BodyCounters& other) {
  spilled_messages += other.spilled_messages;
  spilled_octets += other.spilled_octets;
  read_octets += other.read_octets;
  spill_failures += other.spill_failures;
  read_failures += other.read_failures;
  disk_full += other.disk_full;
  memory_waits += other.memory_waits;
  memory_refusals += other.memory_refusals;
}

namespace {

ShardBudget make_budget(Shard& shard, const BudgetTotals& totals, NodeBudget* node) {
  if (node == nullptr) return {shard, totals};
  return {shard, *node};
}

}  // namespace

BodyStore::BodyStore(Shard& shard, BodySettings settings, NodeBudget* node)
    : shard_(shard), settings_(std::move(settings)), budget_(make_budget(shard, settings_.totals, node)) {
  if (!settings_.spill_directory.empty()) files_.emplace(budget_, settings_.spill_directory);
}

BodyStore::~BodyStore() { SLUICE_CHECK(budget_.memory().used() == 0 && budget_.disk().used() == 0); }

Task<Result<void>> BodyStore::start(Shard& shard) {
  if (!files_) co_return Result<void>();
  Result<void> tried = co_await files_->start(shard);
  co_return tried;
}

Task<void> BodyStore::stop(Shard& shard) {
  if (files_) co_await files_->stop(shard);
}

char* BodyStore::new_buffer(uint32_t capacity) {
  budget_.take_memory(capacity);
  return new char[capacity];
}

void BodyStore::release_chunk(char* buffer, uint32_t capacity, uint32_t /*token*/) noexcept {
  delete[] buffer;
  budget_.give_memory(capacity);
}

}  // namespace sluice::message
