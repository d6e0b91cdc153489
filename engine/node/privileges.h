// Giving up what a node does not need, in two steps: before the first thread is made what no part of it ever
// needs, and root itself once the ports are bound and the journal is open. Start-up only; nothing comes back
// later.
#pragma once

#include "io/base/result.h"

#include <span>
#include <string>

namespace sluice::node {

// Before any other thread exists, since these are a thread's own and inherited: no new privileges by
// executing a file; an empty bounding set of capabilities; no memory for debuggers or in core files. Without
// root also no capability but CAP_NET_BIND_SERVICE, where a service manager left us that one.
[[nodiscard]] Result<void> give_up_at_start();

// Changes to the account, its groups included, in every thread; the capabilities of root go with that.
// `files` are given to the account before.
[[nodiscard]] Result<void> become_user(const std::string& user, std::span<const std::string> files);

}  // namespace sluice::node
