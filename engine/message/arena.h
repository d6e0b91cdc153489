// Arena: the memory of one transaction: what it gathers is laid out one behind the other in blocks of the
// shard's pool, and all of it goes at once when the transaction ends. Large requests have a block of their
// own and give it back by themselves, so a text that grows does not leave its former selves behind.
//
//   block   |header| text | fields | recipients ... |.....free.....|      small: only ever taken
//   block   |header|.......one large request.......|                     large: given back when it is freed
//
// Nothing that it holds may outlive it: what lives longer (rows of the journal, what a reply waits for) is
// copied or moved out. What it holds counts as the shard's memory (ShardBudget). Bounded by what is put in:
// recipients, header block, pieces of a body, each with its limit. Under sanitizers every request is a block
// of its own, so that use after free is seen. One transaction, one shard.
#pragma once

#include "engine/message/budget.h"
#include "io/runtime/frame_pool.h"

#include <cstddef>
#include <cstdint>
#include <memory_resource>

namespace sluice::message {

class Arena final : public std::pmr::memory_resource {
 public:
  // Both outlive the arena.
  Arena(runtime::FramePool& pool, ShardBudget& budget) : pool_(pool), budget_(budget) {}
  ~Arena() override;
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  uint64_t octets() const { return octets_; }  // of its blocks

 private:
  struct alignas(std::max_align_t) Block {
    Block* previous;
    Block* next;
    size_t octets;  // with this header
  };

  void* do_allocate(size_t octets, size_t alignment) override;
  void do_deallocate(void* memory, size_t octets, size_t alignment) override;
  bool do_is_equal(const std::pmr::memory_resource& other) const noexcept override { return this == &other; }
  Block& add_block(size_t octets);
  void drop_block(Block& block);

  runtime::FramePool& pool_;
  ShardBudget& budget_;
  Block* newest_ = nullptr;
  std::byte* free_ = nullptr;  // of the newest block of small ones
  size_t free_octets_ = 0;
  uint64_t octets_ = 0;
};

}  // namespace sluice::message
