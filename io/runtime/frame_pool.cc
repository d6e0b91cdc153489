#include "io/runtime/frame_pool.h"

#include "io/base/check.h"

#include <algorithm>
#include <utility>

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
  Free*& list = header.pool->free_[header.size_class];
  list = new (block) Free{list};
  ++header.pool->kept_;
}

void FramePool::trim() {
  const size_t before = kept_;
  const size_t wanted = std::min(before, spare() / 2);
  for (Free*& list : free_) {
    size_t length = 0;
    for (const Free* each = list; each != nullptr; each = each->next) ++length;
    // The ends of the lists have not been used for the longest time.
    const size_t stays = before == 0 ? 0 : length - length * wanted / before;
    Free** link = &list;
    for (size_t i = 0; i < stays; ++i) link = &(*link)->next;
    for (Free* each = std::exchange(*link, nullptr); each != nullptr; --kept_) {
      Free* next = each->next;
      ::operator delete(each);
      each = next;
    }
  }
  peak_ = in_use_;
}

}  // namespace sluice::runtime
