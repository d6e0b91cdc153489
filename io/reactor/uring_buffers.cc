#include "io/reactor/uring_buffers.h"

#include "io/base/check.h"

#include <bit>
#include <new>
#include <utility>

namespace sluice::reactor {
namespace {

constexpr std::align_val_t kPage{4096};

}  // namespace

void UringBuffers::RingDelete::operator()(io_uring_buf_ring* ring) const noexcept {
  ::operator delete(static_cast<void*>(ring), kPage);
}

UringBuffers::UringBuffers(const BufferPoolOptions& pool, uint16_t group, uint16_t entries)
    : pool_(pool),
      group_(group),
      entries_(std::bit_ceil(entries)),
      buffers_(entries_, nullptr),
      order_(size_t{2} * entries_, 0),
      position_(entries_, 0) {
  for (uint16_t place = entries_; place-- > 0;) empty_places_.push_back(place);
}

UringBuffers::~UringBuffers() { close(); }

Result<void> UringBuffers::open(io_uring& ring) {
  const size_t octets = entries_ * sizeof(io_uring_buf);
  ring_.reset(static_cast<io_uring_buf_ring*>(::operator new(octets, kPage)));
  io_uring_buf_ring_init(ring_.get());
  io_uring_buf_reg registration{};
  registration.ring_addr = reinterpret_cast<uint64_t>(ring_.get());
  registration.ring_entries = entries_;
  registration.bgid = group_;
  const int result = io_uring_register_buf_ring(&ring, &registration, 0);
  if (result != 0) return fail_system(-result, "cannot register a buffer ring with io_uring");
  kernel_ = &ring;
  refill();
  return {};
}

void UringBuffers::close() {
  if (kernel_ != nullptr) io_uring_unregister_buf_ring(std::exchange(kernel_, nullptr), group_);
  for (char*& buffer : buffers_)
    if (buffer != nullptr) pool_.put_back(std::exchange(buffer, nullptr));
}

void UringBuffers::refill() {
  while (!empty_places_.empty()) {
    char* buffer = pool_.take();
    if (buffer == nullptr) break;
    const uint16_t place = empty_places_.back();
    empty_places_.pop_back();
    buffers_[place] = buffer;
    put_into_ring(place);
  }
  publish();
}

void UringBuffers::put_into_ring(uint16_t place) {
  io_uring_buf_ring_add(ring_.get(), buffers_[place], pool_.buffer_size(), place,
                        io_uring_buf_ring_mask(entries_), unpublished_++);
  order_[tail_ & order_mask()] = place;
  position_[place] = tail_++;
}

void UringBuffers::publish() {
  if (unpublished_ != 0) io_uring_buf_ring_advance(ring_.get(), std::exchange(unpublished_, 0));
}

Chunk UringBuffers::take(uint16_t place, uint32_t size) {
  SLUICE_CHECK(place < entries_ && buffers_[place] != nullptr);
  Chunk chunk = pool_.fill(std::exchange(buffers_[place], pool_.take()), size);
  if (buffers_[place] != nullptr) {
    put_into_ring(place);
  } else {
    empty_places_.push_back(place);
  }
  return chunk;
}

uint16_t UringBuffers::place_after(uint16_t place) const {
  return order_[(position_[place] + 1) & order_mask()];
}

}  // namespace sluice::reactor
