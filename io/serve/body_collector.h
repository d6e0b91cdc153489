// BodyCollector: turns the ranges of received Chunks that belong to a message into Chunks of the message
// (design: a body is not copied, but a client that sends single octets must not pin a buffer for each).
//
//   received chunk  |..range..|......unused......|   range < capacity / 2: copied into the tail
//   received chunk  |.......range.........|......|   else: the tail, then this chunk itself, go on
//
// Tails begin small and double while nothing else comes in between, and one that goes on before it is half
// full is cut to its size. So of all capacity, at least a third is octets of the message (but for the first
// KiB), of which a half may be line ends that we made (bare_line_ends). One per connection.
#pragma once

#include "io/base/chunk.h"
#include "io/base/limits.h"
#include "io/runtime/frame_pool.h"

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace sluice::serve {

enum class Adopt : uint8_t { Allowed, No };

class BodyCollector {
 public:
  // Tails come from the pool, which outlives them.
  explicit BodyCollector(runtime::FramePool& pool) : pool_(pool) {}

  // `octets` is the next part of the body: a range of the chunk that is being read, or (carried) of
  // elsewhere.
  void add(std::string_view octets, bool carried);
  // The chunk of the last add()s has been read: its range is copied, or the chunk is taken over if Allowed
  // (then it is left empty). Call it before the chunk goes.
  void end_chunk(Chunk& chunk, Adopt adopt);
  // The message is over: the tail goes on as well.
  void end_message();
  void clear();

  bool has_ready() const { return !ready_.empty(); }
  // The next that is ready to go on. Only when has_ready().
  Chunk take_ready();

 private:
  void copy(std::string_view octets);
  void pass_tail();
  void end_tails();

  runtime::FramePool& pool_;
  std::string_view range_;
  Chunk tail_;
  uint32_t next_tail_ = limits::kBodyChunkLeast;
  std::vector<Chunk> ready_;  // those from ready_taken_ on; keeps its memory
  size_t ready_taken_ = 0;
};

}  // namespace sluice::serve
