// ServerHealth: what is known of each upstream server: how fast it answers, and whether it does at all. Times
// follow RFC 6298 section 2 with bounds of ours. A plain value with the time passed in; per shard.
#pragma once

#include "io/base/clock.h"
#include "io/base/limits.h"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace sluice::dns {

struct HealthSettings {
  std::chrono::nanoseconds wait_first = std::chrono::milliseconds(600);  // before anything was measured
  std::chrono::nanoseconds wait_min = std::chrono::milliseconds(150);
  std::chrono::nanoseconds wait_max = std::chrono::milliseconds(2500);  // half of a question's time
  unsigned demote_after = 3;                                            // time-outs in a row
  std::chrono::nanoseconds trial_after = std::chrono::seconds(2);       // doubled at each failed trial
  std::chrono::nanoseconds trial_after_max = std::chrono::seconds(30);
};

class ServerHealth {
 public:
  ServerHealth(size_t count, const HealthSettings& settings);

  size_t count() const { return servers_.size(); }
  bool is_demoted(size_t server) const { return servers_[server].demoted; }
  // The first server in the given order that is not demoted and not in `except` (a bit each); then the first
  // demoted one that is not in it; null when all are.
  std::optional<size_t> first_good(uint32_t except) const;
  // A demoted server whose trial is due; calling it books the trial.
  std::optional<size_t> take_trial(MonoTime now);

  // One more time-out would leave no server that is not demoted.
  bool is_last_chance(size_t server) const;

  // How long to wait for an answer to the nth (from 0) sending of a question.
  std::chrono::nanoseconds wait(size_t server, unsigned attempt) const;
  std::optional<std::chrono::nanoseconds> round_trip(size_t server) const;  // smoothed

  // True when this changed whether the server is demoted.
  bool on_answer(size_t server, std::optional<std::chrono::nanoseconds> round_trip);
  bool on_time_out(size_t server, MonoTime now);

 private:
  struct Server {
    std::chrono::nanoseconds smoothed{0};
    std::chrono::nanoseconds variation{0};
    bool measured = false;
    bool demoted = false;
    unsigned silent = 0;  // time-outs in a row
    std::chrono::nanoseconds trial_pause{0};
    MonoTime trial_at = kNever;
  };
  HealthSettings settings_;
  std::vector<Server> servers_;
};

}  // namespace sluice::dns
