// pause_for: a coroutine of a peer does nothing for a time of the simulated world.
#pragma once

#include "io/reactor/shard.h"
#include "io/runtime/signal.h"
#include "io/runtime/task.h"

#include <chrono>

namespace sluice::faults {

inline runtime::Task<void> pause_for(reactor::Shard& shard, std::chrono::nanoseconds time) {
  runtime::Signal nobody;
  const MonoTime until = shard.now() + time;
  (void)co_await nobody.wait_until(shard, until);
}

}  // namespace sluice::faults
