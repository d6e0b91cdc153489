// BodyStore: where the bodies of one shard's messages are: the account of the memory and disk room that they
// hold, and the spill files. Bodies refer to it; it outlives them and all that reads from them. One shard.
#pragma once

#include "engine/message/budget.h"
#include "engine/message/spill_files.h"
#include "io/base/chunk.h"
#include "io/base/limits.h"
#include "io/base/result.h"
#include "io/reactor/shard.h"
#include "io/runtime/task.h"

#include <cstdint>
#include <optional>
#include <string>

namespace sluice::message {

struct BodySettings {
  uint64_t message_memory = limits::kMessageMemory;  // of one message; beyond it, it is written out
  std::string spill_directory{};                     // empty: nothing is ever written out
  BudgetTotals totals{};
};

// Counted on this shard since the start.
struct BodyCounters {
  uint64_t spilled_messages = 0;
  uint64_t spilled_octets = 0;
  uint64_t read_octets = 0;
  uint64_t spill_failures = 0;  // open or write: 452 4.3.1
  uint64_t read_failures = 0;
  uint64_t disk_full = 0;     // the node's budget for spill files was used up; kept in memory, if it could be
  uint64_t memory_waits = 0;  // clients that were paused
  uint64_t memory_refusals = 0;  // messages refused after such a wait: 452 4.3.1
  void add(const BodyCounters& other);
};

class BodyStore final : private ChunkOwner {
 public:
  // `node`: null where there is one shard.
  BodyStore(Shard& shard, BodySettings settings, NodeBudget* node);
  ~BodyStore();
  BodyStore(const BodyStore&) = delete;
  BodyStore& operator=(const BodyStore&) = delete;

  // Tries the spill directory.
  [[nodiscard]] runtime::Task<Result<void>> start(Shard& shard);
  // After the last body is gone: waits until its file is closed.
  [[nodiscard]] runtime::Task<void> stop(Shard& shard);

  Shard& shard() { return shard_; }
  ShardBudget& budget() { return budget_; }
  const ShardBudget& budget() const { return budget_; }
  SpillFiles* files() { return files_ ? &*files_ : nullptr; }
  uint64_t message_memory() const { return settings_.message_memory; }
  BodyCounters& counters() { return counters_; }
  const BodyCounters& counters() const { return counters_; }

  // A buffer on the heap that is part of the account until its Chunk is gone.
  char* new_buffer(uint32_t capacity);
  Chunk fill(char* buffer, uint32_t capacity, uint32_t size) {
    return Chunk(*this, buffer, capacity, size, 0);
  }
  void drop_buffer(char* buffer, uint32_t capacity) noexcept { release_chunk(buffer, capacity, 0); }

 private:
  void release_chunk(char* buffer, uint32_t capacity, uint32_t token) noexcept override;

  Shard& shard_;
  BodySettings settings_;
  ShardBudget budget_;
  std::optional<SpillFiles> files_;
  BodyCounters counters_;
};

}  // namespace sluice::message
