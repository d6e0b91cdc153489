#include "engine/delivery/hop_pools.h"

#include <algorithm>

namespace sluice::delivery {

using reactor::Shard;
using runtime::Task;
using serve::HopPool;

std::string hops_text(std::span<const policy::NextHop> hops) {
  std::string text;
  for (const policy::NextHop& hop : hops) {
    if (!text.empty()) text += ", ";
    text += hop.to_string();
  }
  return text;
}

Task<HopPool*> HopPools::find(Shard& shard, std::span<const policy::NextHop> hops) {
  std::string key = hops_text(hops);
  const auto known = pools_.find(key);
  if (known != pools_.end() && shard.now() < known->second.refresh_at) co_return known->second.pool.get();

  std::vector<Endpoint> endpoints = co_await directory_.resolve(shard, hops);
  // Others may have made the entry while we waited. Without an address there is none, and the next one asks
  // again.
  if (endpoints.empty()) {
    const auto kept = pools_.find(key);
    co_return kept == pools_.end() ? nullptr : kept->second.pool.get();
  }
  Entry& entry = pools_[std::move(key)];
  if (entry.pool == nullptr) {
    serve::HopOptions options = defaults_;
    options.endpoints = std::move(endpoints);
    entry.pool = std::make_unique<HopPool>(shard, std::move(options));
  } else {
    entry.pool->set_endpoints(std::move(endpoints));
  }
  const bool fixed =
      std::ranges::all_of(hops, [](const policy::NextHop& hop) { return hop.address.has_value(); });
  entry.refresh_at = fixed ? kNever : shard.now() + kRefresh;
  co_return entry.pool.get();
}

Task<void> HopPools::stop(Shard& shard, MonoTime deadline) {
  for (auto& [key, entry] : pools_) {
    if (entry.pool != nullptr) co_await entry.pool->stop(shard, deadline);
  }
}

serve::HopCounters HopPools::counters() const {
  serve::HopCounters sum;
  for (const auto& [key, entry] : pools_) {
    if (entry.pool == nullptr) continue;
    const serve::HopCounters& each = entry.pool->counters();
    sum.connects += each.connects;
    sum.connect_failures += each.connect_failures;
    sum.sessions_reused += each.sessions_reused;
    sum.sessions_retired += each.sessions_retired;
    sum.retries += each.retries;
    sum.parked += each.parked;
    sum.repeated_envelopes += each.repeated_envelopes;
    sum.recipients_accepted += each.recipients_accepted;
    sum.recipients_refused += each.recipients_refused;
    sum.delivered += each.delivered;
    sum.refused += each.refused;
    sum.faults += each.faults;
    sum.unknown += each.unknown;
    sum.sent_without_8bitmime += each.sent_without_8bitmime;
  }
  return sum;
}

}  // namespace sluice::delivery
