// Giving up the rights of root once everything that needs them is open: low ports, the journal, the log.
// Start-up only, on the control thread; the C library carries it out on every thread of the process.
#pragma once

#include "io/base/result.h"

#include <string>

namespace sluice::node {

// Becomes that user with its groups, for good (no-new-privileges), after the journal has been given to it so
// that it can be opened anew. An error, and nothing changed but perhaps the journal's owner, when there is no
// such user or we are not allowed to.
[[nodiscard]] Result<void> become_user(const std::string& user, const std::string& journal_path);

}  // namespace sluice::node
