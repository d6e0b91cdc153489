// The openspf form (zone_file.h) from JSON that is parsed already, for batches whose lines carry zones. Only
// for callers that use nlohmann's JSON themselves.
#pragma once

#include "dnscache/zone/zone.h"
#include "io/base/result.h"

#include <nlohmann/json_fwd.hpp>

namespace sluice::dns {

[[nodiscard]] Result<Zone> zone_from_json_value(const nlohmann::json& zonedata);

}  // namespace sluice::dns
