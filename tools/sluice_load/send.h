// The sending half: spreads the load over shards, shows what goes on, prints the result.
#pragma once

#include "io/base/ip.h"
#include "io/reactor/backend.h"
#include "tools/sluice_load/messages.h"
#include "tools/sluice_load/schedule.h"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

namespace sluice::load {

struct SendOptions {
  Endpoint server;
  std::string name;  // of the run, in reports
  std::string helo = "load.invalid";
  uint64_t connections = 10;
  uint64_t messages = 1000;
  Distribution messages_per_connection;
  Distribution pause_ms{0};
  Profile profile;  // empty: closed loop
  Arrivals arrivals = Arrivals::Constant;
  uint64_t seed = 1;
  std::chrono::seconds time_limit{0};  // closed loop; 0: none
  std::chrono::seconds grace{30};
  bool show_progress = true;
  std::string html_file;  // empty: none
  size_t shards = 1;
  reactor::BackendOptions backend;
};

// The exit status: 0 every message had an answer, 1 not, 2 could not start.
int run_send(const SendOptions& options, const MessageSet& set);

}  // namespace sluice::load
