#include "io/runtime/frame_pool.h"

#include "io/base/check.h"

#include <utility>

namespace sluice::runtime {
namespace {

constexpr size_t kHeaderSize = alignof(std::max_align_t);  // keeps the frame aligned

#ifdef SLUICE_SANITIZED
constexpr bool kReuse = false;
#else
constexpr bool kReuse = true;
#endif

class FrameChunks final : public ChunkOwner {
 public:
  void release_chunk(char* buffer, uint32_t /*capacity*/, uint32_t /*token*/) noexcept override {
    FramePool::deallocate(buffer);
  }
};

// Stateless: what is in front of the buffer knows the pool.
constinit FrameChunks frame_chunks;

}  // namespace

FramePool::~FramePool() {
  SLUICE_CHECK(in_use_ == 0);
  for (List& list : free_) {
    while (list.head != nullptr) ::operator delete(std::exchange(list.head, list.head->next));
  }
}

void* FramePool::allocate(size_t size) {
  const size_t size_class = (size + kHeaderSize + kGranule - 1) / kGranule;
  void* block = nullptr;
  if (kReuse && size_class < kClasses && free_[size_class].head != nullptr) {
    List& list = free_[size_class];
    block = std::exchange(list.head, list.head->next);
    --list.kept;
    --kept_;
  } else {
    block = ::operator new(size_class * kGranule);
  }
  if (++in_use_ > peak_) peak_ = in_use_;
  new (block) Header{this, kReuse && size_class < kClasses ? size_class : kClasses};
  return static_cast<char*>(block) + kHeaderSize;
}

void FramePool::deallocate(void* frame) noexcept {
  void* block = static_cast<char*>(frame) - kHeaderSize;
  const Header header = *static_cast<Header*>(block);
  --header.pool->in_use_;
  if (header.size_class == kClasses) {
    ::operator delete(block);
    return;
  }
  List& list = header.pool->free_[header.size_class];
  list.head = new (block) Free{list.head};
  ++list.kept;
  ++header.pool->kept_;
}

Chunk FramePool::chunk(uint32_t capacity) {
  return {frame_chunks, static_cast<char*>(allocate(capacity)), capacity, 0, 0};
}

void FramePool::begin_trim() {
  const size_t before = kept_;
  const size_t wanted = spare() / 2;  // at most what is kept, since the peak is at least what is in use
  to_free_ = wanted;
  size_t share = 0;  // of the lists so far, in parts of `before`: what one does not make up goes to the next
  for (List& list : free_) {
    share += list.kept * wanted;
    list.to_free = before == 0 ? 0 : static_cast<uint32_t>(share / before);
    if (before != 0) share %= before;
  }
  peak_ = in_use_;
}

bool FramePool::trim_some() {
  for (size_t steps = kStep; to_free_ != 0 && steps != 0;) {
    List& list = free_[next_class_];
    if (list.to_free == 0 || list.head == nullptr) {
      to_free_ -= std::exchange(list.to_free, 0);  // those were taken meanwhile
      next_class_ = (next_class_ + 1) % kClasses;
      continue;
    }
    ::operator delete(std::exchange(list.head, list.head->next));
    --list.kept;
    --list.to_free;
    --kept_;
    --to_free_;
    --steps;
  }
  return to_free_ != 0;
}

}  // namespace sluice::runtime
