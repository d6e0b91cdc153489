// What a reload cannot change: the settings that config_schema.h declares with Reload::Restart, compared
// between the policy that runs and the next one. Listeners are not among them: they are opened and closed
// while the node runs. Pure.
#pragma once

#include "rules/policy/policy.h"

#include <string>
#include <vector>

namespace sluice::policy {

// The paths of the settings that differ, in the order of the manual: "node.shards". Their old values stay in
// force.
std::vector<std::string> settings_that_need_restart(const Policy& running, const Policy& next);

}  // namespace sluice::policy
