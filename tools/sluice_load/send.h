// The sending half: spreads the load over shards, shows progress, prints the result.
#pragma once

#include "io/base/ip.h"
#include "io/reactor/backend.h"
#include "tools/sluice_load/messages.h"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

namespace sluice::load {

struct SendOptions {
  Endpoint server;
  std::string helo = "load.invalid";
  uint64_t connections = 10;
  uint64_t messages = 1000;
  uint64_t messages_per_connection = 1;
  std::chrono::seconds time_limit{0};  // 0: none
  bool show_progress = true;
  size_t shards = 1;
  reactor::BackendOptions backend;
};

// The exit status: 0 every message had an answer, 1 not, 2 could not start.
int run_send(const SendOptions& options, const MessageSet& set);

}  // namespace sluice::load
