// Body: the octets of one message as they came over the wire, dot-stuffing included, in the Chunks that the
// reactor delivered. Nothing is copied here and nothing is changed; what goes to the next hop points into it.
// One transaction.
#pragma once

#include "io/base/chunk.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace sluice::message {

class Body {
 public:
  // `held_by_shard`: the capacity of all bodies of the shard, which this one adds to. Outlives the body.
  explicit Body(uint64_t& held_by_shard) : held_by_shard_(held_by_shard) {}
  Body(const Body&) = delete;
  Body& operator=(const Body&) = delete;
  ~Body() { clear(); }

  void append(Chunk chunk) {
    wire_octets_ += chunk.size();
    held_octets_ += chunk.capacity();
    held_by_shard_ += chunk.capacity();
    chunks_.push_back(std::move(chunk));
  }
  void clear() {
    chunks_.clear();
    held_by_shard_ -= held_octets_;
    wire_octets_ = held_octets_ = 0;
  }
  std::span<const Chunk> chunks() const { return chunks_; }
  uint64_t wire_octets() const { return wire_octets_; }

  // Appends views of the wire octets from `offset` on. They live until the body is cleared.
  void views_from(uint64_t offset, std::vector<std::string_view>& out) const {
    for (const Chunk& chunk : chunks_) {
      if (offset < chunk.size()) {
        out.push_back(chunk.view().substr(static_cast<size_t>(offset)));
        offset = 0;
      } else {
        offset -= chunk.size();
      }
    }
  }

 private:
  std::vector<Chunk> chunks_;
  uint64_t wire_octets_ = 0;
  uint64_t held_octets_ = 0;  // of buffers: what budgets count
  uint64_t& held_by_shard_;
};

}  // namespace sluice::message
