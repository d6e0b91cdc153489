// HopWatch: looks at the next hops of one shard every ten seconds and tells the log what an operator must
// know (protocol decision W-6): a hop that cannot be talked to, one that has refused every recipient for a
// minute, one that leads back to this node (W-11), and the end of each. One line for each change, none for
// what stays as it is. It also takes away the pools that a reload left without a domain. One shard.
#pragma once

#include "engine/delivery/hop_pools.h"
#include "io/reactor/shard.h"
#include "io/runtime/log.h"
#include "io/runtime/timer_wheel.h"

#include <chrono>
#include <map>
#include <string>

namespace sluice::node {

class HopWatch final : private runtime::Timer {
 public:
  static constexpr std::chrono::seconds kPeriod{10};
  static constexpr std::chrono::seconds kRefusesAll{60};

  // All outlive the watch.
  HopWatch(reactor::Shard& shard, delivery::HopPools& hops, runtime::Log& log)
      : shard_(shard), hops_(hops), log_(log) {}

  void start() { shard_.timers().arm(*this, shard_.now() + kPeriod); }
  void stop() { disarm(); }

 private:
  struct Told {
    bool unreachable = false;
    bool refuses_all = false;
    bool leads_to_us = false;
  };
  void on_timer() override;
  void look_at(const std::string& next_hops, const serve::HopPool& pool);
  void tell_change(bool now, bool& told, const char* began, const char* ended, const std::string& next_hops);

  reactor::Shard& shard_;
  delivery::HopPools& hops_;
  runtime::Log& log_;
  std::map<std::string, Told> told_;
};

}  // namespace sluice::node
