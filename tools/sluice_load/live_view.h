// LiveView: what a run looks like while it goes on: on a terminal a few lines that are redrawn in place,
// elsewhere a plain line each second. What is drawn is made by render_live(), which does not know where it
// goes.
#pragma once

#include "io/base/histogram.h"

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

namespace sluice::load {

// Sums since the start, and what happened since the last sample.
struct LiveSample {
  double seconds = 0;  // since the start
  double since_last = 0;
  double seconds_meant = 0;  // 0: no end known
  double rate_meant = 0;     // now; closed loop: 0
  uint64_t messages_meant = 0;
  uint64_t begun = 0;
  uint64_t accepted = 0;
  uint64_t refused = 0;
  uint64_t errors = 0;
  uint64_t in_flight() const { return begun - accepted - refused - errors; }
  uint64_t ended_lately = 0;
  Histogram latency_lately;  // microseconds
  uint64_t late_lately = 0;  // microseconds behind the schedule, at most
  double cpu_share = 0;      // of one processor
};

struct LiveHistory {
  static constexpr size_t kSamples = 60;
  std::vector<double> rates;
  std::vector<double> p99_millis;
  void add(const LiveSample& sample);
};

std::string render_line(const LiveSample& sample);
// Several lines, each ending in a line feed, none longer than 79 columns.
std::string render_live(const LiveSample& sample, const LiveHistory& history, const std::string& title);

class LiveView {
 public:
  LiveView(std::FILE* out, bool terminal, std::string title)
      : out_(out), terminal_(terminal), title_(std::move(title)) {}
  void show(const LiveSample& sample);

 private:
  std::FILE* out_;
  bool terminal_;
  std::string title_;
  LiveHistory history_;
  size_t lines_drawn_ = 0;
};

}  // namespace sluice::load
