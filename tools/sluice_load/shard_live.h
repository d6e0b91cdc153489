// ShardLive: what one shard's sender tells the control thread while it runs. Two threads: the shard adds, the
// control thread takes.
#pragma once

#include "tools/sluice_load/live_view.h"
#include "tools/sluice_load/sender.h"

#include <algorithm>
#include <cstdint>
#include <mutex>

namespace sluice::load {

class ShardLive final : public SendObserver {
 public:
  void begun(uint64_t late_micros) override {
    const std::lock_guard lock(mutex_);
    ++begun_;
    late_lately_ = std::max(late_lately_, late_micros);
  }
  void ended(End how, uint64_t micros) override {
    const std::lock_guard lock(mutex_);
    ++(how == End::Accepted ? accepted_ : how == End::Refused ? refused_ : errors_);
    ++ended_lately_;
    if (how != End::Error) latency_lately_.record(micros);
  }
  // Adds to the sample; what is "lately" begins anew.
  void take(LiveSample& sample) {
    const std::lock_guard lock(mutex_);
    sample.begun += begun_;
    sample.accepted += accepted_;
    sample.refused += refused_;
    sample.errors += errors_;
    sample.ended_lately += ended_lately_;
    sample.latency_lately.merge(latency_lately_);
    sample.late_lately = std::max(sample.late_lately, late_lately_);
    ended_lately_ = late_lately_ = 0;
    latency_lately_ = Histogram();
  }

 private:
  std::mutex mutex_;
  uint64_t begun_ = 0;
  uint64_t accepted_ = 0;
  uint64_t refused_ = 0;
  uint64_t errors_ = 0;
  uint64_t ended_lately_ = 0;
  uint64_t late_lately_ = 0;
  Histogram latency_lately_;
};

}  // namespace sluice::load
