// What became of one recipient of one message, and the sum that proves that none was lost (protocol decision
// W-7).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace sluice::message {

// Every recipient that a client named ends in exactly one of these, with one tracking row.
enum class Disposition : uint8_t {
  Refused,    // 5xx at RCPT, DATA or end of data
  Deferred,   // 4xx there
  Abandoned,  // accepted at RCPT, but the client went on or away before the end of data
  Unknown,    // the next hop was lost after our final dot; the client got 451 4.4.2
  Relayed,    // accepted by the next hop
  Deleted,    // by a rule; the row is on the disk
};
inline constexpr size_t kDispositions = 6;
std::string_view to_word(Disposition disposition);  // "refused", "deferred", ...

// Counts of recipients. Per shard; summed by whoever reports.
struct Balance {
  uint64_t named = 0;
  std::array<uint64_t, kDispositions> ended{};
  uint64_t not_told = 0;  // of the relayed: the client had gone before our 250

  uint64_t& of(Disposition disposition) { return ended[static_cast<size_t>(disposition)]; }
  uint64_t of(Disposition disposition) const { return ended[static_cast<size_t>(disposition)]; }
  uint64_t sum() const;
  // Recipients named in transactions that are still open are the difference; none once a node has stopped.
  bool balanced() const { return named == sum(); }
  void add(const Balance& other);
};

}  // namespace sluice::message
