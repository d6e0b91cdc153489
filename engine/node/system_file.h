// Small files read whole at start-up by the control thread: the policy, /etc/resolv.conf, /etc/hosts.
#pragma once

#include "io/base/result.h"

#include <string>

namespace sluice::node {

// At most limits::kPolicyDocument octets; an error names the path.
[[nodiscard]] Result<std::string> read_system_file(const std::string& path);

}  // namespace sluice::node
