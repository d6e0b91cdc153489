// HopPools: the pools of sessions to all next hops of one shard, one for each list of next hops that the
// policy names, made when the first recipient needs it. Host names are resolved anew when their addresses are
// older than kRefresh, so that a next hop may move. One shard; bounded by the policy.
#pragma once

#include "engine/delivery/next_hops.h"
#include "io/serve/hop_pool.h"
#include "rules/policy/settings.h"

#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace sluice::delivery {

class HopPools {
 public:
  // `defaults` gives everything but the endpoints. The directory must outlive the pools.
  HopPools(NextHopDirectory& directory, serve::HopOptions defaults)
      : directory_(directory), defaults_(std::move(defaults)) {}

  // Null when no next hop has an address now (a fault between us and the hop, W-6). The pool lives as
  // long as this object; `hops` as long as the policy.
  runtime::Task<serve::HopPool*> find(reactor::Shard& shard, std::span<const policy::NextHop> hops);
  runtime::Task<void> stop(reactor::Shard& shard, MonoTime deadline);

  serve::HopCounters counters() const;  // summed
  // look(next hops in words, pool)
  template <class Look>
  void for_each(Look look) const {
    for (const auto& [next_hops, entry] : pools_) {
      if (entry.pool != nullptr) look(next_hops, *entry.pool);
    }
  }

 private:
  static constexpr std::chrono::seconds kRefresh{30};
  struct Entry {
    std::unique_ptr<serve::HopPool> pool;
    MonoTime refresh_at = kNever;  // kNever: addresses only, nothing to resolve
  };

  NextHopDirectory& directory_;
  serve::HopOptions defaults_;
  std::map<std::string, Entry> pools_;  // by the text of the list
};

// "mail.example.com:25, [2001:db8::1]:25": the list as rows name it.
std::string hops_text(std::span<const policy::NextHop> hops);

}  // namespace sluice::delivery
