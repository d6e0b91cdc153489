// UringBuffers: the ring of empty buffers from which the kernel takes one for each receive. A filled buffer
// goes up as a Chunk and its place gets a fresh one from the pool at once; when the pool is at its cap the
// place stays empty until refill() finds a buffer again. Private to the uring back end. One thread.
#pragma once

#include "io/base/chunk.h"
#include "io/base/result.h"
#include "io/reactor/buffer_pool.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include <liburing.h>

namespace sluice::reactor {

class UringBuffers {
 public:
  UringBuffers(const BufferPoolOptions& pool, uint16_t group, uint16_t entries);
  ~UringBuffers();
  UringBuffers(const UringBuffers&) = delete;
  UringBuffers& operator=(const UringBuffers&) = delete;

  Result<void> open(io_uring& ring);
  // Takes every buffer back from the kernel. Nothing may be receiving any more.
  void close();

  uint16_t group() const { return group_; }
  uint32_t buffer_size() const { return pool_.buffer_size(); }
  // How many receives the kernel can serve now.
  size_t available() const { return entries_ - empty_places_.size(); }
  // Gives buffers to empty places, as far as the pool has any.
  void refill();

  bool worth_trimming() const { return pool_.worth_trimming(); }
  void begin_trim() { pool_.begin_trim(); }
  bool trim_some() { return pool_.trim_some(); }

  // The filled buffer of a completion.
  Chunk take(uint16_t place, uint32_t size);
  // The place behind the given one in the kernel's order: where a bundle goes on. Ask before take().
  uint16_t place_after(uint16_t place) const;
  // A buffer that the kernel picked and did not fill.
  void give_back(uint16_t place) { put_into_ring(place); }
  // Makes what was given visible to the kernel. Once per batch of completions.
  void publish();

 private:
  struct RingDelete {
    void operator()(io_uring_buf_ring* ring) const noexcept;
  };
  void put_into_ring(uint16_t place);
  size_t order_mask() const { return order_.size() - 1; }

  BufferPool pool_;
  const uint16_t group_;
  const uint16_t entries_;
  io_uring* kernel_ = nullptr;
  std::unique_ptr<io_uring_buf_ring, RingDelete> ring_;
  std::vector<char*> buffers_;          // by place; null where empty
  std::vector<uint16_t> empty_places_;  // could not be refilled
  std::vector<uint16_t> order_;   // places in the order in which the kernel will take them, twice the ring's
                                  // length so that what is not yet looked at is not overwritten
  std::vector<size_t> position_;  // by place: where in that order
  size_t tail_ = 0;
  int unpublished_ = 0;
};

}  // namespace sluice::reactor
