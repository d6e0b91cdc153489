// TraceId: the name of a session or a transaction in rows, logs and Received fields: 16 characters of
// Crockford's base 32 in lower case, in the order of time when compared as text.
//
//   |.... 11: microseconds since 1970 ....|.. 2: shard ..|.. 3: random, of the process ..|
//
// A TraceIdSource never gives the same id twice: when the clock stands still or goes back, it counts on from
// the last one. Per shard. Not secret, and no proof of anything.
#pragma once

#include "io/base/clock.h"
#include "io/base/ids.h"

#include <array>
#include <compare>
#include <cstdint>
#include <string_view>

namespace sluice::serve {

struct TraceId {
  std::array<char, 16> characters{};
  // Valid as long as this object.
  std::string_view text() const { return {characters.data(), characters.size()}; }
  friend auto operator<=>(const TraceId&, const TraceId&) = default;
};

class TraceIdSource {
 public:
  // `random` tells processes apart: 15 bits of it are used.
  TraceIdSource(ShardId shard, uint64_t random) : shard_(shard.value), random_(random) {}
  TraceId next(WallTime now);

 private:
  uint64_t shard_;
  uint64_t random_;
  uint64_t last_ = 0;
};

}  // namespace sluice::serve
