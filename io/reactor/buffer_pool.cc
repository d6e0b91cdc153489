#include "io/reactor/buffer_pool.h"

#include "io/base/check.h"
#include "io/base/sanitizers.h"

#include <algorithm>
#include <new>

#include <sys/mman.h>
#include <unistd.h>

#ifdef SLUICE_ADDRESS_SANITIZER
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(address, size) (static_cast<void>(address), static_cast<void>(size))
#define ASAN_UNPOISON_MEMORY_REGION(address, size) (static_cast<void>(address), static_cast<void>(size))
#endif

namespace sluice::reactor {
namespace {

constexpr size_t kBuffersMin = 16;
constexpr size_t kSlabOctets = 1024UL * 1024;
constexpr std::align_val_t kPage{4096};

size_t buffers_allowed(const BufferPoolOptions& options) {
  return std::max(kBuffersMin, options.max_octets / options.buffer_size);
}

}  // namespace

void BufferPool::SlabDelete::operator()(char* slab) const noexcept { ::operator delete(slab, kPage); }

BufferPool::BufferPool(const BufferPoolOptions& options)
    : buffer_size_(options.buffer_size),
      buffers_max_(buffers_allowed(options)),
      can_trim_(buffer_size_ % static_cast<size_t>(sysconf(_SC_PAGESIZE)) == 0) {}

BufferPool::~BufferPool() {
  SLUICE_CHECK(chunks_ == 0);
  SLUICE_CHECK(out_ == 0);
  for (char* buffer : free_) ASAN_UNPOISON_MEMORY_REGION(buffer, buffer_size_);
}

void BufferPool::grow() {
  const size_t count = std::min(buffers_max_ - allocated_, std::max<size_t>(1, kSlabOctets / buffer_size_));
  auto* slab = static_cast<char*>(::operator new(count * buffer_size_, kPage));
  slabs_.emplace_back(slab);
  allocated_ += count;
  free_.reserve(std::max(allocated_, free_.capacity()));
  for (size_t i = count; i-- > 0;) {
    free_.push_back(slab + i * buffer_size_);
    ASAN_POISON_MEMORY_REGION(free_.back(), buffer_size_);
  }
}

char* BufferPool::take() {
  if (free_.empty()) {
    if (allocated_ == buffers_max_) return nullptr;
    grow();
  }
  char* buffer = free_.back();
  free_.pop_back();
  lowest_free_ = std::min(lowest_free_, free_.size());
  given_back_ = std::min(given_back_, free_.size());
  to_give_back_ = std::min(to_give_back_, free_.size());
  ++out_;
  ASAN_UNPOISON_MEMORY_REGION(buffer, buffer_size_);
  return buffer;
}

void BufferPool::put_back(char* buffer) noexcept {
  SLUICE_CHECK(out_ > 0);
  --out_;
  ASAN_POISON_MEMORY_REGION(buffer, buffer_size_);
  free_.push_back(buffer);
}

void BufferPool::begin_trim() {
  if (!can_trim_) return;
  const size_t unused = lowest_free_ > given_back_ ? lowest_free_ - given_back_ : 0;
  // Half, so that a need that comes and goes costs little.
  to_give_back_ = given_back_ + (unused + 1) / 2;
  lowest_free_ = free_.size();
}

bool BufferPool::trim_some() {
  for (size_t steps = kStep; given_back_ < to_give_back_ && steps != 0; --steps) {
    // A refusal by the kernel only means no gain.
    (void)madvise(free_[given_back_++], buffer_size_, MADV_DONTNEED);
  }
  return given_back_ < to_give_back_;
}

Chunk BufferPool::fill(char* buffer, uint32_t size) {
  ++chunks_;
  return Chunk(*this, buffer, buffer_size_, size, 0);
}

void BufferPool::release_chunk(char* buffer, uint32_t /*capacity*/, uint32_t /*token*/) noexcept {
  --chunks_;
  ++returns_;
  put_back(buffer);
}

}  // namespace sluice::reactor
