// What the kernel says of this process: memory, processor time, descriptors. Read when the metrics page is
// made; by the control thread.
#pragma once

#include "engine/node/node_view.h"

namespace sluice::node {

// What cannot be read is zero.
ProcessFigures read_process_figures();

}  // namespace sluice::node
