#include "engine/delivery/hop_pools.h"

#include <algorithm>
#include <set>
#include <tuple>
#include <utility>

namespace sluice::delivery {

using reactor::Shard;
using runtime::Task;
using serve::HopPool;

namespace {

HopPool* usable(HopPool* pool) { return pool != nullptr && pool->any_address() ? pool : nullptr; }

template <class Look>
void for_each_list(const policy::Policy& policy, Look look) {
  for (const policy::ManagedDomain& domain : policy.domains()) look(std::span(domain.next_hops));
  if (const auto& outbound = policy.outbound_next_hop()) look(std::span(&*outbound, 1));
}

}  // namespace

std::string hops_text(std::span<const policy::NextHop> hops) {
  std::string text;
  for (const policy::NextHop& hop : hops) {
    if (!text.empty()) text += ", ";
    text += hop.to_string();
  }
  return text;
}

std::vector<std::string> hop_names(const policy::Policy& policy) {
  std::set<std::string> names;
  for_each_list(policy, [&names](std::span<const policy::NextHop> hops) {
    for (const policy::NextHop& hop : hops) names.insert(hop.to_string());
  });
  return {names.begin(), names.end()};
}

// What tells two lists apart: rows do not show how a list is divided.
bool HopPools::Less::operator()(Hops one, Hops other) const {
  const auto parts = [](const policy::NextHop& hop) {
    return std::tie(hop.host, hop.address, hop.port, hop.priority, hop.weight, hop.send_xclient);
  };
  return std::ranges::lexicographical_compare(one, other, {}, parts, parts);
}

Task<HopPool*> HopPools::find(Shard& shard, std::span<const policy::NextHop> hops) {
  auto at = lists_.find(hops);
  if (at == lists_.end()) at = lists_.try_emplace(OwnHops(hops.begin(), hops.end())).first;
  List& list = at->second;
  list.retired = false;
  if (list.pool != nullptr) {
    const MonoTime now = shard.now();
    if (now < list.refresh_at) co_return usable(list.pool.get());
    if (now < list.old_until) {
      // A group that is closed leaves things as they are: the node is stopping.
      if (!list.refreshing) list.refreshing = group_.spawn(shard_, refresh(shard_, at->first));
      co_return usable(list.pool.get());
    }
  }
  OwnHops asked = at->first;
  ++list.finding;  // it stays while we wait
  ResolvedHops resolved = co_await directory_.resolve(shard, std::move(asked));
  --list.finding;
  co_return take(list, std::move(resolved));
}

Task<void> HopPools::refresh(Shard& shard, OwnHops hops) {
  List& list = lists_.find(hops)->second;  // it stays while it is refreshed
  OwnHops asked = std::move(hops);
  ResolvedHops resolved = co_await directory_.resolve(shard, std::move(asked));
  list.refreshing = false;
  take(list, std::move(resolved));
}

// Null: there is no address, and the next question is due at refresh_at.
HopPool* HopPools::take(List& list, ResolvedHops resolved) {
  list.ourselves = std::move(resolved.ourselves);
  const MonoTime now = shard_.now();
  list.refresh_at = resolved.ttl ? now + *resolved.ttl : kNever;
  list.old_until = resolved.ttl ? list.refresh_at + *resolved.ttl : kNever;
  // Where there was no answer the directory gave the old addresses. Without a pool the next one asks again.
  if (list.pool == nullptr && !resolved.any_address()) return nullptr;
  if (list.pool == nullptr) {
    list.pool = std::make_unique<HopPool>(destinations_, std::move(resolved.hosts));
  } else {
    list.pool->set_hosts(std::move(resolved.hosts));
  }
  return usable(list.pool.get());
}

std::string HopPools::why_none(const std::string& next_hops) const {
  for (const auto& [hops, list] : lists_) {
    if (hops_text(hops) == next_hops && !list.ourselves.empty())
      return list.ourselves.front() + " leads back to this node";
  }
  return "no address for " + next_hops;
}

void HopPools::adopt(const policy::Policy& policy, serve::HopOptions options) {
  destinations_.set_options(std::move(options));
  std::set<Hops, Less> named;
  for_each_list(policy, [&named](std::span<const policy::NextHop> hops) { named.insert(hops); });
  for (auto& [hops, list] : lists_) {
    list.retired = !named.contains(hops);
    list.refresh_at = {};  // what is our own listener may have changed
  }
  sweep();
}

void HopPools::sweep() {
  std::erase_if(lists_, [this](const auto& entry) {
    const List& list = entry.second;
    if (!list.retired || list.refreshing || list.finding != 0) return false;
    if (list.pool == nullptr) return true;
    if (list.pool->transactions() != 0) return false;
    of_the_past_.add(list.pool->counters());
    return true;
  });
}

Task<void> HopPools::stop(Shard& shard, MonoTime deadline) {
  group_.close();
  while (group_.size() != 0) (void)co_await group_.wait_empty(shard, kNever);
  co_await destinations_.stop(shard, deadline);
}

serve::HopCounters HopPools::counters() const {
  serve::HopCounters sum = of_the_past_;
  for_each([&sum](const std::string&, const HopPool& pool) { sum.add(pool.counters()); });
  return sum;
}

}  // namespace sluice::delivery
