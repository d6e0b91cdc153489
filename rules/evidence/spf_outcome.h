// What an SPF evaluation found, as evidence. The answers that it used may have been served after their time
// (RFC 8767); whoever asked them knows, and says so in `stale`. Pure.
#pragma once

#include "rules/evidence/evidence.h"
#include "rules/spf/evaluator.h"

namespace sluice::evidence {

SpfOutcome to_evidence(const spf::Outcome& outcome, bool stale = false);

}  // namespace sluice::evidence
