// The IP addresses of this machine's interfaces, as they are at start: what a listener on all addresses is
// reached by (protocol decision W-11). Control thread, before the shards run. An empty list where the kernel
// does not say.
#pragma once

#include "io/base/ip.h"

#include <vector>

namespace sluice::node {

std::vector<IpAddress> machine_addresses();

}  // namespace sluice::node
