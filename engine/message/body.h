// Body: the octets of one message as they came over the wire, dot-stuffing included. They are kept in the
// Chunks that the reactor delivered, uncopied; a large message, or any when memory is short, is written out:
//
//   | in the spill file: [0, spilled) | in memory: Chunks [spilled, wire_octets) |
//
// so what is on the disk is always a whole beginning, and memory is bounded by a setting however large the
// message is. Reading back goes by read(), one bounded piece at a time. Nothing is ever changed.
//
// append() never waits; when crowded() says so afterwards, make_room() is awaited before more is taken. Fails
// by make_room() and read(); then the message is refused with 452 4.3.1. One transaction, one coroutine at a
// time; not destroyed while one of its tasks runs.
#pragma once

#include "engine/message/body_store.h"
#include "io/base/chunk.h"
#include "io/serve/smtp_client.h"

#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory_resource>
#include <string_view>
#include <vector>

namespace sluice::message {

enum class Room : uint8_t {
  Made,
  NoMemory,  // none came free in time, or the wait was canceled
  NoDisk,    // the spill file cannot be made or written
};

class Body final : public serve::StoredOctets {
 public:
  // `memory`: where the list of Chunks is kept; outlives the body.
  explicit Body(BodyStore& store, std::pmr::memory_resource* memory = std::pmr::get_default_resource())
      : store_(store), chunks_(memory), spill_above_(store.message_memory()) {}
  Body(const Body&) = delete;
  Body& operator=(const Body&) = delete;
  ~Body() { clear(); }

  void append(Chunk chunk) {
    wire_octets_ += chunk.size();
    held_octets_ += chunk.capacity();
    store_.budget().take_memory(chunk.capacity());
    chunks_.push_back(std::move(chunk));
  }
  bool crowded() const { return held_octets_ > spill_above_ || store_.budget().over_memory(); }
  // Writes out what is in memory, if that helps, and waits until the shard has memory again.
  [[nodiscard]] runtime::Task<Room> make_room(Shard& shard);
  // Ends a wait for memory, and those to come, with NoMemory.
  void cancel_wait() { waiter_.cancel(); }
  void clear();

  uint64_t wire_octets() const { return wire_octets_; }
  uint64_t spilled_octets() const { return spilled_octets_; }
  uint64_t held_octets() const { return held_octets_; }  // capacity in memory
  // Appends views of the octets in memory from `offset` of the wire form on, which is not in the spilled
  // part. They live until more room is made or the body is cleared.
  void views_from(uint64_t offset, std::pmr::vector<std::string_view>& out) const;
  // Octets of the spilled part.
  [[nodiscard]] runtime::Task<std::expected<Chunk, int>> read(Shard& shard, uint64_t offset) override;

 private:
  enum class WrittenOut : uint8_t { Yes, NotNow, Failed };
  [[nodiscard]] runtime::Task<WrittenOut> write_out(Shard& shard);
  void release_chunks();

  BodyStore& store_;
  std::pmr::vector<Chunk> chunks_;
  reactor::FileId file_;
  uint64_t wire_octets_ = 0;
  uint64_t spilled_octets_ = 0;
  uint64_t held_octets_ = 0;  // of chunks_
  uint64_t spill_above_;      // more in memory than this is written out
  ShardBudget::Waiter waiter_;
};

}  // namespace sluice::message
