// DnsOrder: what an operator has every shard's DNS cache do, and what came of it there: `sluicectl dns
// lookup` and `dns flush`. Orders go down with the control thread's others, results come up in the shards'
// reports. Nothing is ever asked of a server. Plain values.
#pragma once

#include "dnscache/cache/answer_cache.h"

#include <chrono>
#include <cstdint>
#include <vector>

namespace sluice::node {

struct DnsOrder {
  enum class Kind : uint8_t { None, Lookup, Flush, FlushAll };
  uint64_t number = 0;  // counts up; a shard carries each out once
  Kind kind = Kind::None;
  std::vector<dns::Question> questions;  // Lookup, Flush
};

struct DnsOrderResult {
  struct Kept {
    dns::Question question;
    dns::Answer answer;
    std::chrono::seconds left{0};
    bool stale = false;
  };
  uint64_t number = 0;     // of the order
  std::vector<Kept> kept;  // Lookup
  uint64_t removed = 0;    // Flush
};

DnsOrderResult carry_out(const DnsOrder& order, dns::AnswerCache& cache, MonoTime now);

}  // namespace sluice::node
