// Two owners of one coroutine frame would destroy it twice.
#include "io/runtime/scheduler.h"
#include "io/runtime/task.h"

using sluice::runtime::Task;

Task<int> take(Task<int>& task) {
#ifdef SLUICE_MISUSE
  return Task<int>(task);
#else
  return Task<int>(std::move(task));
#endif
}
