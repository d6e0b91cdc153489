// Allocator: what the process's allocator (jemalloc) holds, and having it give back what nobody needs. A
// thread's arena gives back by itself only while the thread allocates, so after a burst an idle node would
// keep its peak. By the control thread.
#pragma once

#include "engine/node/node_view.h"

namespace sluice::node {

// Null where another allocator serves (builds with sanitizers).
std::optional<AllocatorFigures> read_allocator_figures();

// Pages that have been unused for the allocator's own time (ten seconds) go back to the kernel.
void return_unused_memory();

}  // namespace sluice::node
