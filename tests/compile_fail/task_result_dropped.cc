// What an awaited operation says must be looked at. Only clang sees it through a co_await.
#include "io/base/result.h"
#include "io/runtime/scheduler.h"
#include "io/runtime/task.h"

using sluice::Result;
using sluice::runtime::Scheduler;
using sluice::runtime::Task;

Task<Result<int>> answer(Scheduler& /*shard*/) { co_return 1; }

Task<void> ask(Scheduler& shard) {
#ifdef SLUICE_MISUSE
  co_await answer(shard);
#else
  static_cast<void>(co_await answer(shard));
#endif
}
