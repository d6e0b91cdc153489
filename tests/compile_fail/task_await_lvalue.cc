// Awaiting a Task uses it up, so the await has to say so.
#include "io/runtime/scheduler.h"
#include "io/runtime/task.h"

using sluice::runtime::Scheduler;
using sluice::runtime::Task;

Task<int> twice(Scheduler& /*shard*/, Task<int> task) {
#ifdef SLUICE_MISUSE
  const int value = co_await task;
#else
  const int value = co_await std::move(task);
#endif
  co_return 2 * value;
}
