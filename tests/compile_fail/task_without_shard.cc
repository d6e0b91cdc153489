// A coroutine's frame comes from its shard's pool, so it has to be handed a shard.
#include "io/runtime/scheduler.h"
#include "io/runtime/task.h"

using sluice::runtime::Scheduler;
using sluice::runtime::Task;

#ifdef SLUICE_MISUSE
Task<int> answer(int value) { co_return value; }
#else
Task<int> answer(Scheduler& /*shard*/, int value) { co_return value; }
#endif
