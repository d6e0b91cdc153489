// Tally: what one shard's senders saw; merged at the end, printed as JSON.
#pragma once

#include "io/base/histogram.h"

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace sluice::load {

struct Tally {
  uint64_t connections = 0;
  uint64_t sent = 0;      // transactions that had an answer
  uint64_t accepted = 0;  // ... 2xx to the final dot
  uint64_t recipients_refused = 0;
  uint64_t errors = 0;                                   // no answer
  uint64_t octets = 0;                                   // of accepted messages, in wire form
  std::map<std::string, uint64_t, std::less<>> refused;  // by "550 5.7.1"
  std::map<std::string, uint64_t, std::less<>> faults;   // by words
  Histogram latency;  // microseconds from MAIL to the answer to the final dot

  void merge(const Tally& other);
  std::string to_json(double seconds) const;
};

}  // namespace sluice::load
