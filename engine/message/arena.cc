#include "engine/message/arena.h"

#include "io/base/check.h"

#include <utility>

namespace sluice::message {
namespace {

constexpr size_t kBlock = 4096;  // guessed: the envelope, its pieces and the verdicts of a usual message
#ifdef SLUICE_SANITIZED
constexpr size_t kSmall = 0;
#else
constexpr size_t kSmall = kBlock / 4;  // at most; what is left of a block when one does not fit is little
#endif

constexpr size_t rounded(size_t octets) {
  constexpr size_t kUnit = alignof(std::max_align_t);
  return (octets + kUnit - 1) / kUnit * kUnit;
}

}  // namespace

Arena::~Arena() {
  while (newest_ != nullptr) drop_block(*newest_);
}

void* Arena::do_allocate(size_t octets, size_t alignment) {
  SLUICE_CHECK(alignment <= alignof(std::max_align_t));
  if (octets > kSmall) return &add_block(sizeof(Block) + octets) + 1;
  octets = rounded(octets);
  if (octets > free_octets_) {
    free_ = reinterpret_cast<std::byte*>(&add_block(kBlock) + 1);
    free_octets_ = kBlock - sizeof(Block);
  }
  free_octets_ -= octets;
  return std::exchange(free_, free_ + octets);
}

void Arena::do_deallocate(void* memory, size_t octets, size_t /*alignment*/) {
  if (octets > kSmall) drop_block(static_cast<Block*>(memory)[-1]);
}

Arena::Block& Arena::add_block(size_t octets) {
  auto* block = new (pool_.allocate(octets)) Block{newest_, nullptr, octets};
  if (newest_ != nullptr) newest_->next = block;
  newest_ = block;
  octets_ += octets;
  budget_.take_memory(octets);
  return *block;
}

void Arena::drop_block(Block& block) {
  if (block.previous != nullptr) block.previous->next = block.next;
  (block.next != nullptr ? block.next->previous : newest_) = block.previous;
  octets_ -= block.octets;
  budget_.give_memory(block.octets);
  runtime::FramePool::deallocate(&block);
}

}  // namespace sluice::message
