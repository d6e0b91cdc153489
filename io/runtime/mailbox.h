// Mailbox: a bounded queue of messages from one thread to one other, without locks. One thread sends, one
// receives; either side never waits. It holds Sendable messages only. Full: send() refuses, and the sender
// keeps its message and decides. Destroyed when both sides have ended; what is left in it is dropped.
#pragma once

#include "io/base/check.h"
#include "io/runtime/sendable.h"

#include <atomic>
#include <bit>
#include <cstddef>
#include <memory>
#include <new>
#include <utility>

namespace sluice::runtime {

inline constexpr size_t kCacheLine = 64;

template <class T>
class Mailbox {
  static_assert(Sendable<T>, "a message must own all that it holds: see io/runtime/sendable.h");

 public:
  // Room for at least `capacity` messages (rounded up to a power of two).
  explicit Mailbox(size_t capacity)
      : mask_(std::bit_ceil(capacity < 2 ? 2 : capacity) - 1), slots_(std::make_unique<Slot[]>(mask_ + 1)) {}
  Mailbox(const Mailbox&) = delete;
  Mailbox& operator=(const Mailbox&) = delete;
  ~Mailbox() {
    while (receive([](T&& message) { [[maybe_unused]] const T dropped = std::move(message); })) {
    }
  }

  // The sender's thread. False when full: the message is untouched.
  [[nodiscard]] bool send(T&& message) {
    const size_t tail = tail_.load(std::memory_order_relaxed);
    if (tail - head_seen_ > mask_) {
      head_seen_ = head_.load(std::memory_order_acquire);
      if (tail - head_seen_ > mask_) return false;
    }
    new (slots_[tail & mask_].octets) T(std::move(message));
    tail_.store(tail + 1, std::memory_order_release);
    return true;
  }

  // The receiver's thread. Hands the oldest message to the function; false when there was none.
  template <class Function>
  bool receive(Function&& function) {
    const size_t head = head_.load(std::memory_order_relaxed);
    if (head == tail_seen_) {
      tail_seen_ = tail_.load(std::memory_order_acquire);
      if (head == tail_seen_) return false;
    }
    T* slot = std::launder(reinterpret_cast<T*>(slots_[head & mask_].octets));
    T message = std::move(*slot);
    slot->~T();
    // The slot is free before the function runs, so that it may answer through the opposite mailbox.
    head_.store(head + 1, std::memory_order_release);
    function(std::move(message));
    return true;
  }

  size_t capacity() const { return mask_ + 1; }

 private:
  struct Slot {
    alignas(T) std::byte octets[sizeof(T)];
  };

  const size_t mask_;
  const std::unique_ptr<Slot[]> slots_;
  // Each side's own index and its last sight of the other's share a line that the other side seldom reads.
  alignas(kCacheLine) std::atomic<size_t> tail_{0};
  size_t head_seen_ = 0;
  alignas(kCacheLine) std::atomic<size_t> head_{0};
  size_t tail_seen_ = 0;
};

}  // namespace sluice::runtime
