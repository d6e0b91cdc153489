// BufferPool: receive buffers of one size for one reactor. It grows by slabs as they are needed, up to a cap.
// What a burst needed and the time after it does not is given back to the kernel in small steps: the
// addresses stay. A buffer leaves either to the kernel (a back end's receive ring) or, filled, as a Chunk; a
// Chunk that is destroyed puts its buffer back.
//
// Order of destruction: everything that holds Chunks goes before the pool, the pool (a member of its reactor)
// with the Shard. The destructor CHECKs that no Chunk is left. One shard; a Chunk that must cross shards is
// copied. At the cap take() gives null: the back end stops receiving and goes on when told that a buffer came
// back.
#pragma once

#include "io/base/chunk.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace sluice::reactor {

struct BufferPoolOptions {
  // 32 KB: guessed. One buffer holds any SMTP command batch, and DATA comes in few pieces.
  uint32_t buffer_size = 32 * 1024;
  size_t max_octets = 256UL * 1024 * 1024;  // a setting of the node; at least 16 buffers are allowed
};

class BufferPool final : public ChunkOwner {
 public:
  explicit BufferPool(const BufferPoolOptions& options);
  ~BufferPool();
  BufferPool(const BufferPool&) = delete;
  BufferPool& operator=(const BufferPool&) = delete;

  // An empty buffer, or null at the cap. The most recently returned first, since it is warm.
  [[nodiscard]] char* take();
  void put_back(char* buffer) noexcept;
  // Makes the Chunk of a buffer from take() that now holds `size` octets. Destroying it puts the buffer back.
  [[nodiscard]] Chunk fill(char* buffer, uint32_t size);

  // Are there more free buffers with pages than one keeps for the next moment?
  bool worth_trimming() const { return can_trim_ && free_.size() - given_back_ > kKept; }
  // To be called from time to time while it is. Half of the buffers that nobody took since the last time are
  // to lose their pages; the kernel finds new ones when they are used again.
  void begin_trim();
  // Does so for a few of them, so that nobody waits for long. False: none is left.
  bool trim_some();

  uint32_t buffer_size() const { return buffer_size_; }
  size_t buffers_out() const { return out_; }  // taken and not put back, by the kernel's ring or in Chunks
  size_t chunks_alive() const { return chunks_; }  // of these, in Chunks
  size_t buffers_max() const { return buffers_max_; }
  bool exhausted() const { return free_.empty() && allocated_ == buffers_max_; }
  // How often a Chunk came back; a back end that starved compares it with what it saw.
  uint64_t returns() const { return returns_; }

 private:
  static constexpr size_t kKept = 16;
  static constexpr size_t kStep = 32;  // buffers at a time: some tens of microseconds

  void release_chunk(char* buffer, uint32_t capacity, uint32_t token) noexcept override;
  void grow();

  struct SlabDelete {
    void operator()(char* slab) const noexcept;
  };

  const uint32_t buffer_size_;
  const size_t buffers_max_;
  const bool can_trim_;  // buffers are whole pages
  std::vector<std::unique_ptr<char, SlabDelete>> slabs_;
  // A stack: the lowest have not been used for the longest time. Room for all buffers is reserved, so that
  // putting back never allocates.
  std::vector<char*> free_;
  size_t lowest_free_ = 0;   // since the last begin_trim()
  size_t given_back_ = 0;    // of the lowest, those without pages
  size_t to_give_back_ = 0;  // up to here they shall have none
  size_t allocated_ = 0;
  size_t out_ = 0;
  size_t chunks_ = 0;
  uint64_t returns_ = 0;
};

}  // namespace sluice::reactor
