// What is counted for one next hop, as named in the policy, in metric cells: handles that are declared once
// (HopMetrics), and the cells of one shard to count in (HopMeter). A meter without cells counts nothing.
//
// The names are listed in docs/operations.md. Per shard; anyone may read the registry.
#pragma once

#include "io/base/clock.h"
#include "io/runtime/metric_cells.h"
#include "io/serve/smtp_client.h"

#include <array>
#include <chrono>
#include <map>
#include <span>
#include <string>
#include <string_view>

namespace sluice::serve {

struct HopMetrics {
  static constexpr size_t kFaultKinds = 6;  // those of ClientFault that are the hop's
  runtime::Gauge open;
  runtime::Gauge idle;
  runtime::Gauge failing;  // addresses
  runtime::Gauge waiting;  // transactions, for a session of a list that this hop begins
  runtime::Counter connects;
  std::array<runtime::Counter, kFaultKinds> faults;
  runtime::Counter recipients_accepted;
  runtime::Counter recipients_refused;
  runtime::Counter delivered;
  runtime::Counter refused;
  runtime::Counter unknown;
  runtime::Counter congested;
  runtime::HistogramCell connect_time;
  runtime::HistogramCell delivery_time;

  static HopMetrics declare(runtime::MetricRegistry& registry, std::string_view hop);
};

// For every next hop that may be met; one that was not declared counts under "other", and so do those behind
// the first kHopsMax. Shared immutable; lives as long as the pools.
class HopMetricTable {
 public:
  static constexpr size_t kHopsMax = 100;  // ours: each has about 60 lines on the metrics page
  // Before the registry is frozen.
  HopMetricTable(runtime::MetricRegistry& registry, std::span<const std::string> hops);
  const HopMetrics& of(const std::string& hop) const;

 private:
  std::map<std::string, HopMetrics> by_hop_;
  HopMetrics other_;
};

class HopMeter {
 public:
  HopMeter() = default;
  HopMeter(runtime::MetricCells* cells, const HopMetrics* metrics) : cells_(cells), metrics_(metrics) {}

  void add(runtime::Counter HopMetrics::* counter) {
    if (cells_ != nullptr) cells_->add(metrics_->*counter);
  }
  void change(runtime::Gauge HopMetrics::* gauge, int64_t change) {
    if (cells_ != nullptr) cells_->add(metrics_->*gauge, change);
  }
  void fault(ClientFault::Kind kind) {
    const auto index = static_cast<size_t>(kind);
    if (cells_ != nullptr && index < metrics_->faults.size()) cells_->add(metrics_->faults[index]);
  }
  void took(runtime::HistogramCell HopMetrics::* histogram, MonoClock::duration time) {
    if (cells_ == nullptr) return;
    const auto us = std::chrono::duration_cast<std::chrono::microseconds>(time).count();
    cells_->record(metrics_->*histogram, static_cast<uint64_t>(us < 0 ? 0 : us));
  }

 private:
  runtime::MetricCells* cells_ = nullptr;
  const HopMetrics* metrics_ = nullptr;
};

}  // namespace sluice::serve
