// The sink: SMTP servers on all shards that accept everything, until SIGTERM or SIGINT.
#pragma once

#include "io/base/ip.h"
#include "io/reactor/backend.h"

#include <cstddef>
#include <string>

namespace sluice::load {

struct SinkOptions {
  Endpoint listen;          // port 0 with one shard only
  std::string record_file;  // empty: none
  std::string hostname = "sink.invalid";
  size_t shards = 1;
  reactor::BackendOptions backend;
};

// The exit status; says on standard error what went wrong.
int run_sink(const SinkOptions& options);

}  // namespace sluice::load
