#include "rules/evidence/spf_outcome.h"

namespace sluice::evidence {

SpfOutcome to_evidence(const spf::Outcome& outcome, bool stale) {
  SpfOutcome found;
  found.result = outcome.result;
  found.identity = outcome.identity;
  found.domain = outcome.domain;
  found.mechanism = outcome.mechanism;
  found.explanation = outcome.explanation;
  found.lookups = outcome.lookups;
  found.void_lookups = outcome.void_lookups;
  found.problem = outcome.problem;
  found.problem_domain = outcome.problem_domain;
  found.problem_term = outcome.problem_term;
  found.problem_offset = outcome.problem_offset;
  found.stale = stale;
  return found;
}

}  // namespace sluice::evidence
