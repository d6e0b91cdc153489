// Small files read whole by the control thread: the policy and what it names, /etc/resolv.conf, /etc/hosts.
#pragma once

#include "io/base/result.h"

#include <string>

namespace sluice::node {

// At most limits::kPolicyDocument octets; an error names the path.
[[nodiscard]] Result<std::string> read_system_file(const std::string& path);
// A private key: refused where others than its owner and its group may read the file, or others than its
// owner may write it, and where it is no regular file (a symbolic link to one is). What is read is nowhere
// but in the result, which the caller wipes.
[[nodiscard]] Result<std::string> read_secret_file(const std::string& path);

}  // namespace sluice::node
