// The order in which the addresses of a list of next hops are tried for one transaction. Pure.
//
// - Hosts by priority, the lowest first. Among equals one is drawn by weight, then the next from the rest
//   (RFC 2782's selection); a host of weight 0 stands behind all others of its priority.
// - A host's addresses of one family in a circle from a drawn one; the families alternate, beginning with
// that
//   of the host's first address (RFC 8305 section 4), so that a family without a route costs one attempt.
// - Those that are not usable stand behind all that are, whatever their priority, the one that is due first
// in
//   front: when nothing works, the best is tried all the same.
#pragma once

#include "io/base/clock.h"
#include "io/base/ip.h"
#include "io/base/random.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace sluice::serve {

// One address. Those of one host stand together, and have its priority and weight.
struct HopCandidate {
  size_t host = 0;
  unsigned priority = 0;
  unsigned weight = 1;
  bool v4 = true;
  bool usable = true;
  MonoTime retry_at{};
};

// Indices into `candidates`, each once.
std::vector<size_t> order_of_trial(std::span<const HopCandidate> candidates, Random& random);

}  // namespace sluice::serve
