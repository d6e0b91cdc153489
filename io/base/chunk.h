// Chunk: received octets together with the right to give their buffer back.
//
//   buffer  |......capacity......|
//   view       |..size..|            trimmed from either end without touching the buffer
//
// Move-only. The owner (a reactor's buffer ring, a shard's pool, the heap) is told exactly once, when the
// Chunk is destroyed or reset; the owner must outlive its Chunks. A Chunk stays on the shard that received
// it.
#pragma once

#include "io/base/check.h"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <utility>

namespace sluice {

class ChunkOwner {
 public:
  // The buffer that was handed out under this token is free again.
  virtual void release_chunk(char* buffer, uint32_t capacity, uint32_t token) noexcept = 0;

 protected:
  ~ChunkOwner() = default;
};

class Chunk {
 public:
  Chunk() = default;
  // A view of [data, data + size) inside the owner's buffer of `capacity` octets that starts at `buffer`.
  Chunk(ChunkOwner& owner, char* buffer, uint32_t capacity, uint32_t size, uint32_t token)
      : owner_(&owner), buffer_(buffer), capacity_(capacity), size_(size), token_(token) {
    SLUICE_CHECK(size <= capacity);
  }
  static Chunk copy_of(std::string_view octets);  // on the heap
  static Chunk of_capacity(uint32_t capacity);    // on the heap, empty; fill it with append()

  Chunk(Chunk&& other) noexcept
      : owner_(std::exchange(other.owner_, nullptr)),
        buffer_(std::exchange(other.buffer_, nullptr)),
        capacity_(std::exchange(other.capacity_, 0)),
        offset_(std::exchange(other.offset_, 0)),
        size_(std::exchange(other.size_, 0)),
        token_(other.token_) {}
  Chunk& operator=(Chunk&& other) noexcept {
    if (this == &other) return *this;
    reset();
    owner_ = std::exchange(other.owner_, nullptr);
    buffer_ = std::exchange(other.buffer_, nullptr);
    capacity_ = std::exchange(other.capacity_, 0);
    offset_ = std::exchange(other.offset_, 0);
    size_ = std::exchange(other.size_, 0);
    token_ = other.token_;
    return *this;
  }
  Chunk(const Chunk&) = delete;
  Chunk& operator=(const Chunk&) = delete;
  ~Chunk() { reset(); }

  void reset() noexcept {
    if (owner_ != nullptr) owner_->release_chunk(buffer_, capacity_, token_);
    owner_ = nullptr;
    buffer_ = nullptr;
    capacity_ = offset_ = size_ = 0;
  }

  bool empty() const { return size_ == 0; }
  uint32_t size() const { return size_; }
  uint32_t capacity() const { return capacity_; }  // what budgets count
  // Valid until the Chunk is trimmed, appended to, moved from or destroyed.
  std::string_view view() const { return {buffer_ + offset_, size_}; }

  void remove_prefix(uint32_t octets) {
    SLUICE_CHECK(octets <= size_);
    offset_ += octets;
    size_ -= octets;
  }
  void truncate(uint32_t size) {
    SLUICE_CHECK(size <= size_);
    size_ = size;
  }
  uint32_t room() const { return capacity_ - offset_ - size_; }
  // Copies as much as there is room for; returns how much that was.
  uint32_t append(std::string_view octets) {
    const auto count = static_cast<uint32_t>(octets.size() < room() ? octets.size() : room());
    if (count != 0) std::memcpy(buffer_ + offset_ + size_, octets.data(), count);
    size_ += count;
    return count;
  }

 private:
  ChunkOwner* owner_ = nullptr;
  char* buffer_ = nullptr;
  uint32_t capacity_ = 0;
  uint32_t offset_ = 0;
  uint32_t size_ = 0;
  uint32_t token_ = 0;
};

}  // namespace sluice
