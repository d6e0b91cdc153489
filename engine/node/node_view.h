// NodeView: what an operator may know of the running node at one moment, gathered by the control thread for
// the metrics page, the health checks and `sluicectl stats`. Plain values; the reports are borrowed for the
// moment.
#pragma once

#include "engine/node/shard_report.h"
#include "io/base/clock.h"
#include "io/runtime/metric_cells.h"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace sluice::node {

enum class Phase : uint8_t { Starting, Running, Draining };

// Reloads since the start.
struct ReloadCounts {
  uint64_t done = 0;
  uint64_t failed = 0;
  bool last_failed = false;
  std::vector<std::string> restart_needed;  // settings whose new values wait for a restart
};

// Of the process, as the kernel says.
struct ProcessFigures {
  uint64_t resident_octets = 0;
  uint64_t virtual_octets = 0;
  double cpu_seconds = 0;
  uint64_t open_files = 0;
  uint64_t open_files_max = 0;
};

// Of the allocator: what the node asked for, the pages that hold it, and all that it has of the kernel.
struct AllocatorFigures {
  uint64_t allocated_octets = 0;
  uint64_t active_octets = 0;
  uint64_t resident_octets = 0;
};

struct NodeView {
  Phase phase = Phase::Starting;
  MonoTime now{};
  std::chrono::seconds stuck_after{10};
  std::vector<const ShardReport*> shards;  // null: has not spoken yet
  std::string backend;
  std::string policy_version;  // hash and serial
  WallTime policy_loaded{};
  size_t policy_versions_alive = 1;
  bool defers_in_dns_outage = false;  // dns.on_outage
  ReloadCounts reloads;
  WallTime started{};
  uint64_t log_dropped = 0;
  uint64_t log_suppressed = 0;
  ProcessFigures process;
  std::optional<AllocatorFigures> allocator;
  std::vector<runtime::MetricSample> hop_metrics;  // of each next hop (io/serve/hop_meter.h)
  // The next hops of each managed domain, as HopReport::next_hops names them.
  struct Domain {
    std::string name;
    std::string next_hops;
  };
  std::vector<Domain> domains;

  ShardReport sum() const {
    ShardReport all;
    for (const ShardReport* shard : shards) {
      if (shard != nullptr) all.add(*shard);
    }
    return all;
  }
};

}  // namespace sluice::node
