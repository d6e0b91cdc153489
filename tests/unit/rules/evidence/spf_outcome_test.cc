#include "rules/evidence/spf_outcome.h"

#include <gtest/gtest.h>

namespace sluice::evidence {
namespace {

TEST(SpfOutcome, HoldsAllThatAnEvaluationFound) {
  spf::Outcome outcome;
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
  SpfOutcome wanted;
  wanted.result = SpfResult::PermError;
  wanted.identity = Identity::Helo;
  wanted.domain = "a.example";
  wanted.mechanism = "include:b.example";
  wanted.explanation = "no";
  wanted.lookups = 3;
  wanted.void_lookups = 1;
  wanted.problem = "two records";
  wanted.problem_domain = "b.example";
  wanted.problem_term = "mx";
  wanted.problem_offset = 7;
  EXPECT_EQ(to_evidence(outcome), wanted);
  wanted.stale = true;
  EXPECT_EQ(to_evidence(outcome, true), wanted);
}

}  // namespace
}  // namespace sluice::evidence
