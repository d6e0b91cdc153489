#include "rules/evidence/spf_outcome.h"

#include <gtest/gtest.h>

namespace sluice::evidence {
namespace {

// Every field that both kinds of outcome have, each with a value of its own.
template <typename Outcome>
Outcome filled() {
  Outcome outcome;
  outcome.result = SpfResult::PermError;
  outcome.identity = Identity::Helo;
  outcome.domain = "a.example";
  outcome.mechanism = "include:b.example";
  outcome.explanation = "no";
  outcome.lookups = 3;
  outcome.void_lookups = 1;
  outcome.problem = "two records";
  outcome.problem_domain = "b.example";
  outcome.problem_term = "mx";
  outcome.problem_offset = 7;
  return outcome;
}

TEST(SpfOutcome, HoldsAllThatAnEvaluationFound) {
  SpfOutcome wanted = filled<SpfOutcome>();
  EXPECT_EQ(to_evidence(filled<spf::Outcome>()), wanted);
  wanted.stale = true;
  EXPECT_EQ(to_evidence(filled<spf::Outcome>(), true), wanted);
}

}  // namespace
}  // namespace sluice::evidence
