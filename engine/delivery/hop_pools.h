// HopPools: all next hops of one shard: a pool of sessions (io/serve) for each list that the policy names,
// made when the first recipient needs it, over addresses that are shared by all lists.
//
// Names are looked up anew when their time to live is over. Mail does not wait for that: for as long again
// the old addresses serve while the question is under way; and they stay when there is no answer (W-35). An
// answer that there is none ends them.
//
// A reload (adopt) takes pools away that no domain names any more: their messages end first, their idle
// sessions are closed. One shard; bounded by the policy.
#pragma once

#include "engine/delivery/next_hops.h"
#include "io/runtime/task_group.h"
#include "io/serve/hop_pool.h"
#include "rules/policy/policy.h"
#include "rules/policy/settings.h"

#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace sluice::delivery {

// "mail.example.com:25, [2001:db8::1]:25": the list as rows name it.
std::string hops_text(std::span<const policy::NextHop> hops);

class HopPools {
 public:
  // The directory must outlive the pools.
  HopPools(reactor::Shard& shard, NextHopDirectory& directory, serve::HopOptions options)
      : shard_(shard), directory_(directory), destinations_(shard, std::move(options)) {}

  // Null when no next hop has an address now (a fault between us and the hop, W-6; why_none() says it in
  // words). The pool lives while it has a transaction; `hops` for the call.
  runtime::Task<serve::HopPool*> find(reactor::Shard& shard, std::span<const policy::NextHop> hops);
  std::string why_none(const std::string& next_hops) const;
  // Another policy is in force.
  void adopt(const policy::Policy& policy, serve::HopOptions options);
  // Takes away what has ended since adopt(). Now and then.
  void sweep();
  runtime::Task<void> stop(reactor::Shard& shard, MonoTime deadline);

  serve::HopCounters counters() const;  // summed
  const serve::HopDestinations& destinations() const { return destinations_; }
  // look(next hops in words, pool)
  template <class Look>
  void for_each(Look look) const {
    for (const auto& [hops, list] : lists_) {
      if (list.pool != nullptr) look(hops_text(hops), *list.pool);
    }
  }
  // look(next hops in words, whether one of them leads to this node): also where there is no pool.
  template <class Look>
  void for_each_loop(Look look) const {
    for (const auto& [hops, list] : lists_) look(hops_text(hops), !list.ourselves.empty());
  }

 private:
  struct List {
    std::unique_ptr<serve::HopPool> pool;
    std::vector<std::string> ourselves;  // hops that lead to this node
    MonoTime refresh_at{};               // kNever: addresses only, nothing to resolve
    MonoTime old_until{};                // until then mail goes on while the question is under way
    size_t finding = 0;                  // calls of find() that wait for addresses
    bool refreshing = false;
    bool retired = false;
  };

  using Hops = std::span<const policy::NextHop>;
  using OwnHops = std::vector<policy::NextHop>;
  struct Less {
    using is_transparent = void;
    bool operator()(Hops one, Hops other) const;
  };

  runtime::Task<void> refresh(reactor::Shard& shard, OwnHops hops);
  serve::HopPool* take(List& list, ResolvedHops resolved);

  reactor::Shard& shard_;
  NextHopDirectory& directory_;
  serve::HopDestinations destinations_;
  std::map<OwnHops, List, Less> lists_;
  serve::HopCounters of_the_past_;  // pools that are gone
  runtime::TaskGroup group_;
};

// Each next hop of a policy once, in words: what metrics are declared for.
std::vector<std::string> hop_names(const policy::Policy& policy);

}  // namespace sluice::delivery
