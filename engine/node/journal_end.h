// The end of the journal that an earlier run left behind. A node that is killed, or a machine that loses its
// power, in the middle of a write leaves half a row; without a line end behind it the first row of this run
// would be read as a part of it. Start-up only, by the control thread, before a shard opens the journal.
#pragma once

#include "io/base/result.h"

#include <string>

namespace sluice::node {

// Puts a line end behind half a row. A file that is not there, or that ends well, stays as it is.
[[nodiscard]] Result<void> end_last_row(const std::string& path);

}  // namespace sluice::node
