// Reads and validates a policy document (TOML 1.0) and compiles it.
//
// A document with an error gives no Policy: either its first syntax error, or every semantic error at once,
// each with line and column (at most limits::kPolicyErrors). A setting that is not known is an error and
// names the nearest one. Warnings come beside. Pure: the caller reads the file and shows the findings
// (policy_check.h).
#pragma once

#include "rules/policy/diagnostics.h"
#include "rules/policy/policy.h"

#include <cstdint>
#include <optional>
#include <string_view>

namespace sluice::policy {

struct ReadPolicy {
  std::optional<Policy> policy;  // set if and only if there are no errors
  Diagnostics diagnostics;
};

// `serial` goes into the version. `machine_name` is the host name where the document gives none. The text is
// not kept.
ReadPolicy read_policy(std::string_view text, uint64_t serial, std::string_view machine_name = "localhost");

}  // namespace sluice::policy
