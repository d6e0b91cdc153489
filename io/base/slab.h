// Slab: slots that are numbered, reused and told apart by a generation, so that a stale id finds nothing.
//
// A generation is never 0, so a value-initialised id is invalid. Per shard. References stay valid until the
// slot is erased (slots live in blocks that never move).
#pragma once

#include "io/base/check.h"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <utility>
#include <vector>

namespace sluice {

template <class T>
class Slab {
 public:
  struct Id {
    uint32_t slot = 0;
    uint32_t generation = 0;
    friend bool operator==(const Id&, const Id&) = default;
  };

  template <class... Args>
  Id emplace(Args&&... args) {
    uint32_t slot;
    if (!free_.empty()) {
      slot = free_.back();
      free_.pop_back();
    } else {
      slot = static_cast<uint32_t>(slots_.size());
      slots_.emplace_back();
    }
    slots_[slot].value.emplace(std::forward<Args>(args)...);
    ++live_;
    return {slot, slots_[slot].generation};
  }
  // Null for an id whose slot was erased, even if it is in use again.
  T* find(Id id) {
    if (id.slot >= slots_.size()) return nullptr;
    Slot& slot = slots_[id.slot];
    return slot.generation == id.generation && slot.value ? &*slot.value : nullptr;
  }
  void erase(Id id) {
    SLUICE_CHECK(find(id) != nullptr);
    Slot& slot = slots_[id.slot];
    slot.value.reset();
    if (++slot.generation == 0) slot.generation = 1;
    free_.push_back(id.slot);
    --live_;
  }
  size_t size() const { return live_; }
  // The ids of all that is there now. For the end of things; not for the message path.
  std::vector<Id> ids() const {
    std::vector<Id> all;
    for (uint32_t slot = 0; slot < slots_.size(); ++slot) {
      if (slots_[slot].value) all.push_back({slot, slots_[slot].generation});
    }
    return all;
  }

 private:
  struct Slot {
    std::optional<T> value;
    uint32_t generation = 1;
  };
  std::deque<Slot> slots_;
  std::vector<uint32_t> free_;
  size_t live_ = 0;
};

}  // namespace sluice
