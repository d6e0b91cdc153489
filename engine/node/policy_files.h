// The files that a policy names, read when it is loaded: keys for DKIM signatures and ARC seals, the public
// suffix list. By the control thread, at the start and at every reload: a key that was replaced signs from
// then on, and a fault keeps what was there (P-11).
//
// A key file that others than its owner and its group may read, or others than its owner may write, is
// refused: who can read the key can sign mail in the domain's name.
#pragma once

#include "engine/pipeline/live_policy.h"
#include "io/base/result.h"
#include "rules/policy/policy.h"

#include <string>

namespace sluice::node {

// An error holds all faults at once, each with its file.
[[nodiscard]] Result<pipeline::PolicyFiles> read_policy_files(const policy::Policy& policy);

[[nodiscard]] Result<dkim::SigningKey> read_key_file(const std::string& path);

}  // namespace sluice::node
