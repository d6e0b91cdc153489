// PerShard<T>: one T for each shard, made, used and destroyed on that shard's thread. Whoever wires the node
// owns it and outlives the shards' threads.
#pragma once

#include "io/base/check.h"
#include "io/base/ids.h"

#include <concepts>
#include <cstddef>
#include <memory>
#include <optional>
#include <utility>

namespace sluice::runtime {

template <class S>
concept HasShardId = requires(const S& shard) {
  { shard.id() } -> std::same_as<ShardId>;
};

template <class T>
class PerShard {
 public:
  explicit PerShard(size_t shards) : count_(shards), slots_(std::make_unique<Slot[]>(shards)) {}
  PerShard(const PerShard&) = delete;
  PerShard& operator=(const PerShard&) = delete;

  template <HasShardId S, class... Args>
  T& emplace(const S& shard, Args&&... args) {
    std::optional<T>& slot = slot_of(shard.id());
    SLUICE_CHECK(!slot.has_value());
    return slot.emplace(std::forward<Args>(args)...);
  }
  template <HasShardId S>
  T& on(const S& shard) {
    std::optional<T>& slot = slot_of(shard.id());
    SLUICE_CHECK(slot.has_value());
    return *slot;
  }
  template <HasShardId S>
  bool has(const S& shard) {
    return slot_of(shard.id()).has_value();
  }
  template <HasShardId S>
  void reset(const S& shard) {
    slot_of(shard.id()).reset();
  }
  size_t size() const { return count_; }

 private:
  struct alignas(64) Slot {  // shards do not share cache lines
    std::optional<T> value;
  };
  std::optional<T>& slot_of(ShardId id) {
    SLUICE_CHECK(id.value < count_);
    return slots_[id.value].value;
  }

  size_t count_;
  std::unique_ptr<Slot[]> slots_;
};

}  // namespace sluice::runtime
