// FramePool: memory for coroutine frames, and for what lives about as long (small Chunks, the memory of a
// transaction), reused by size class, so that a session's life allocates nothing in steady state; what a
// burst needed and the time after it does not is given back in small steps. One shard.
// Under sanitizers every block is a plain heap block, so that use after free is seen.
#pragma once

#include "io/base/chunk.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <utility>

namespace sluice::runtime {

class FramePool {
 public:
  FramePool() = default;
  ~FramePool();
  FramePool(const FramePool&) = delete;
  FramePool& operator=(const FramePool&) = delete;

  void* allocate(size_t size);
  // Finds the pool that the frame came from by the word in front of the frame. The pool must still live.
  static void deallocate(void* frame) noexcept;
  // An empty Chunk of so many octets; fill it with append(). The pool must outlive it.
  [[nodiscard]] Chunk chunk(uint32_t capacity);

  // Is more kept than the busiest moment since the last begin_trim() needed, with a quarter to spare?
  bool worth_trimming() const { return spare() > kKept; }
  // To be called from time to time while it is: half of what is spare is to go, of each size class its share.
  void begin_trim();
  // Frees a few of those, so that nobody waits for long. False: none is left.
  bool trim_some();

  // Zero when every coroutine of the shard, and all else that is served from here, has ended.
  size_t frames_in_use() const { return in_use_; }

 private:
  static constexpr size_t kKept = 64;   // frames
  static constexpr size_t kStep = 128;  // frames freed at a time: some tens of microseconds
  static constexpr size_t kGranule = 64;
  static constexpr size_t kClasses = 264;  // blocks below 16.5 KB are reused; larger ones come from the heap

  struct Header {
    FramePool* pool;
    size_t size_class;  // kClasses: not reused
  };
  struct Free {
    Free* next;
  };
  struct List {
    Free* head = nullptr;
    uint32_t kept = 0;
    uint32_t to_free = 0;
  };
  static_assert(sizeof(Header) <= alignof(std::max_align_t));

  size_t spare() const {
    const size_t needed = peak_ + peak_ / 4;
    return in_use_ + kept_ > needed ? in_use_ + kept_ - needed : 0;
  }

  std::array<List, kClasses> free_{};
  size_t in_use_ = 0;
  size_t kept_ = 0;  // in the lists
  size_t peak_ = 0;  // of those in use, since the last begin_trim()
  size_t to_free_ = 0;
  size_t next_class_ = 0;  // where trim_some() goes on
};

// An object that lies in a pool's memory; the pool must outlive it.
struct FrameDelete {
  template <class T>
  void operator()(T* object) const noexcept {
    std::destroy_at(object);
    FramePool::deallocate(object);
  }
};
template <class T>
using FramePtr = std::unique_ptr<T, FrameDelete>;

template <class T, class... Args>
[[nodiscard]] FramePtr<T> make_in_pool(FramePool& pool, Args&&... args) {
  static_assert(alignof(T) <= alignof(std::max_align_t));
  return FramePtr<T>(new (pool.allocate(sizeof(T))) T(std::forward<Args>(args)...));
}

}  // namespace sluice::runtime
