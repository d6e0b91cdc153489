// BodyCollector: turns the ranges of received Chunks that belong to a message into Chunks of the message
// (design: a body is not copied, but a client that sends single octets must not pin a buffer for each).
//
//   received chunk  |..range..|......unused......|   range < capacity / 2: copied into the tail
//   received chunk  |.......range.........|......|   else: the tail, then this chunk itself, go on
//
// Tails begin small and double while nothing else comes in between, and one that goes on before it is half
// full is cut to its size. So of all capacity, at least a third is octets that the client sent (but for the
// first KiB). Pure; one per connection.
#pragma once

#include "io/base/chunk.h"
#include "io/base/limits.h"

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

namespace sluice::serve {

enum class Adopt : uint8_t { Allowed, No };

class BodyCollector {
 public:
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
  // What is ready to go on, in order.
  std::vector<Chunk> take_ready() { return std::exchange(ready_, {}); }

 private:
  void copy(std::string_view octets);
  void pass_tail();
  void end_tails();

  std::string_view range_;
  Chunk tail_;
  uint32_t next_tail_ = limits::kBodyChunkLeast;
  std::vector<Chunk> ready_;
};

}  // namespace sluice::serve
