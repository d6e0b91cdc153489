#include "io/base/chunk.h"

namespace sluice {
namespace {

class HeapOwner final : public ChunkOwner {
 public:
  void release_chunk(char* buffer, uint32_t /*capacity*/, uint32_t /*token*/) noexcept override {
    delete[] buffer;
  }
};

// Stateless: the one object whose address every heap chunk carries.
constinit HeapOwner heap_owner;

}  // namespace

Chunk Chunk::of_capacity(uint32_t capacity) { return {heap_owner, new char[capacity], capacity, 0, 0}; }

Chunk Chunk::copy_of(std::string_view octets) {
  Chunk chunk = of_capacity(static_cast<uint32_t>(octets.size()));
  chunk.append(octets);
  return chunk;
}

}  // namespace sluice
