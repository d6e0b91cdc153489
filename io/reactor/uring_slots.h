// Numbered slots for what is in flight at the kernel, and the 64 bits by which a completion finds its way
// back. Private to the uring back end.
//
//   user_data   | operation 8 | generation 24 | table 2 | index 30 |
//   SocketId      slot = table, index      generation = generation (never 0)
//
// A slot is reused only after everything of its last user has completed, so a completion whose generation
// does not match can only be one that nobody waits for (a cancel's own).
#pragma once

#include "io/base/check.h"
#include "io/reactor/reactor.h"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <vector>

namespace sluice::reactor {

enum class UringOp : uint8_t {
  Ignored,  // a cancel: what it cancelled reports
  Wake,
  Accept,
  AcceptPause,
  Connect,
  Receive,
  Send,
  CloseStream,
  ReceiveDatagram,
  SendDatagram,
  File,
};

enum class UringTable : uint8_t { Streams, Listeners, Datagrams, Operations };

inline constexpr uint32_t kGenerationMask = 0xFFFFFF;
inline constexpr uint32_t kIndexMask = 0x3FFFFFFF;

constexpr UringTable table_of(SocketId id) { return static_cast<UringTable>(id.slot >> 30); }
constexpr uint64_t user_data(UringOp op, SocketId id) {
  return uint64_t{static_cast<uint8_t>(op)} << 56 | uint64_t{id.generation & kGenerationMask} << 32 | id.slot;
}
constexpr UringOp operation_of(uint64_t data) { return static_cast<UringOp>(data >> 56); }
constexpr SocketId id_of(uint64_t data) {
  return {static_cast<uint32_t>(data), static_cast<uint32_t>(data >> 32) & kGenerationMask};
}

class UringSlot {
 public:
  SocketId id() const { return id_; }

 private:
  template <class T, UringTable kTable, uint32_t kGenerationMax>
  friend class UringSlots;
  SocketId id_;
  bool live_ = false;
};

// T derives from UringSlot and has reset(), which makes it as new but keeps its memory.
template <class T, UringTable kTable, uint32_t kGenerationMax = kGenerationMask>
class UringSlots {
 public:
  T& acquire() {
    if (free_.empty()) {
      T& slot = slots_.emplace_back();
      slot.id_ = {static_cast<uint32_t>(kTable) << 30 | static_cast<uint32_t>(slots_.size() - 1), 1};
      free_.reserve(slots_.size());
      free_.push_back(&slot);
    }
    T& slot = *free_.back();
    free_.pop_back();
    slot.live_ = true;
    ++live_;
    return slot;
  }
  void release(T& slot) {
    SLUICE_CHECK(slot.live_);
    slot.reset();
    slot.live_ = false;
    slot.id_.generation = slot.id_.generation == kGenerationMax ? 1 : slot.id_.generation + 1;
    free_.push_back(&slot);
    --live_;
  }
  // Null when nobody or somebody else is there by now.
  T* find(SocketId id) {
    const size_t index = id.slot & kIndexMask;
    if (table_of(id) != kTable || index >= slots_.size()) return nullptr;
    T& slot = slots_[index];
    return slot.live_ && slot.id_ == id ? &slot : nullptr;
  }
  size_t live() const { return live_; }
  template <class Function>
  void for_each_live(Function&& function) {
    for (T& slot : slots_)
      if (slot.live_) function(slot);
  }

 private:
  std::deque<T> slots_;  // never move
  std::vector<T*> free_;
  size_t live_ = 0;
};

}  // namespace sluice::reactor
