#include "io/runtime/frame_pool.h"

#include "io/base/check.h"

namespace sluice::runtime {
namespace {

constexpr size_t kHeaderSize = alignof(std::max_align_t);  // keeps the frame aligned

#ifdef SLUICE_SANITIZED
constexpr bool kReuse = false;
#else
constexpr bool kReuse = true;
#endif

}  // namespace

FramePool::~FramePool() {
  SLUICE_CHECK(in_use_ == 0);
  for (Free* list : free_) {
    while (list != nullptr) {
      Free* next = list->next;
      ::operator delete(list);
      list = next;
    }
  }
}

void* FramePool::allocate(size_t size) {
  const size_t size_class = (size + kHeaderSize + kGranule - 1) / kGranule;
  void* block = nullptr;
  if (kReuse && size_class < kClasses && free_[size_class] != nullptr) {
    block = free_[size_class];
    free_[size_class] = free_[size_class]->next;
  } else {
    block = ::operator new(size_class * kGranule);
  }
  ++in_use_;
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
  Free*& list = header.pool->free_[header.size_class];
  list = new (block) Free{list};
}

}  // namespace sluice::runtime
