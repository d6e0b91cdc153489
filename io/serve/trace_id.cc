#include "io/serve/trace_id.h"

#include <algorithm>
#include <cstddef>

namespace sluice::serve {
namespace {

constexpr std::string_view kAlphabet = "0123456789abcdefghjkmnpqrstvwxyz";

void put(std::array<char, 16>& out, size_t end, size_t digits, uint64_t value) {
  for (size_t i = 0; i < digits; ++i) {
    out[end - 1 - i] = kAlphabet[value & 31];
    value >>= 5;
  }
}

}  // namespace

TraceId TraceIdSource::next(WallTime now) {
  const auto since_1970 = now.time_since_epoch().count();
  const uint64_t clock = since_1970 < 0 ? 0 : static_cast<uint64_t>(since_1970);
  last_ = std::max(last_ + 1, clock);
  TraceId id;
  put(id.characters, 11, 11, last_);
  put(id.characters, 13, 2, shard_);
  put(id.characters, 16, 3, random_);
  return id;
}

}  // namespace sluice::serve
