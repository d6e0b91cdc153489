// The published SPF suites, each scenario and test of them, results and explanations, from the evaluator and
// from the compiled form; the `skip:` lines in
// the files are another package's own and are not looked at.
#include "rules/spf/domain.h"
#include "tests/conformance/spf/suite.h"
#include "tests/differential/spf_compare.h"

#include <cstdio>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sluice::spf::suite {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

const std::string kFolder = SLUICE_SPF_SUITE_FOLDER "/";

// Names of tests ("scenario / test") whose outcome is not what the file wants, and how many there were in
// all.
struct Score {
  size_t all = 0;
  std::vector<std::string> wrong;
  // The same tests from the compiled form: how many it answers (each as the evaluator, in every field), how
  // many it leaves to the evaluator for what reason, and how many have no domain to compile.
  size_t compiled = 0;
  size_t macros = 0;     // of the sender, in a term or in an explanation
  size_t names = 0;      // ptr
  size_t temporary = 0;  // time-outs, SERVFAIL
  size_t no_domain = 0;
};

void score_compiled(const Case& test, const Outcome& outcome, Score& score) {
  if (!checked_domain(outcome.domain)) {
    ++score.no_domain;
    return;
  }
  const Compiled compiled = run_compiled(test, outcome.domain);
  if (compiled.outcome) {
    ++score.compiled;
    EXPECT_EQ(differential::difference(*compiled.outcome, outcome), "") << test.name;
    return;
  }
  EXPECT_FALSE(compiled.gaps.missing || compiled.gaps.limits) << test.name;
  if (compiled.gaps.macros) {
    ++score.macros;
  } else if (compiled.gaps.names) {
    ++score.names;
  } else {
    EXPECT_TRUE(compiled.gaps.temporary) << test.name;
    ++score.temporary;
  }
}

Score score(const std::string& file) {
  Score score;
  for (const Case& test : load(kFolder + file)) {
    const Outcome outcome = run(test);
    const std::string wrong = complaint(test, outcome);
    score_compiled(test, outcome, score);
    ++score.all;
    if (wrong.empty()) continue;
    score.wrong.push_back(test.name);
    std::printf("%s: %s: %s\n", file.c_str(), test.name.c_str(), wrong.c_str());
  }
  std::printf("%s: %zu of %zu\n", file.c_str(), score.all - score.wrong.size(), score.all);
  std::printf("  compiled %zu; left to the evaluator: macros %zu, ptr %zu, faults %zu; no domain %zu\n",
              score.compiled, score.macros, score.names, score.temporary, score.no_domain);
  return score;
}

// Shows: SPF-04
TEST(SpfSuite, AgreesWithAllOfRfc7208) {
  const Score result = score("rfc7208-tests.yml");
  EXPECT_EQ(result.all, 203U);
  EXPECT_EQ(result.compiled, 165U);
  EXPECT_THAT(result.wrong, IsEmpty());
}

TEST(SpfSuite, AgreesWithAllOfRfc4408) {
  const Score result = score("rfc4408-tests.yml");
  EXPECT_EQ(result.all, 191U);
  EXPECT_EQ(result.compiled, 156U);
  EXPECT_THAT(result.wrong, IsEmpty());
}

// The rest want what RFC 7208 does not have: a "default=" modifier and a result "ambiguous".
TEST(SpfSuite, AgreesWithPyspfWhereItKeepsToTheStandard) {
  const Score result = score("pyspf-tests.yml");
  EXPECT_EQ(result.all, 16U);
  EXPECT_EQ(result.compiled, 14U);
  EXPECT_THAT(result.wrong, ElementsAre(" / default-modifier", " / default-modifier-harsh"));
}

// The rest use names of a single label, as senders (none by RFC 7208 4.3) or in terms (permerror by 7.1).
TEST(SpfSuite, AgreesWithBlitiriWhereItKeepsToTheStandard) {
  const Score result = score("blitirispf-tests.yml");
  EXPECT_EQ(result.all, 21U);
  EXPECT_EQ(result.compiled, 10U);
  EXPECT_THAT(result.wrong,
              ElementsAre("Resolution limits / resolution-with-10-lookups",
                          "MX resolution limits / mx-resolution-10-terms",
                          "MX resolution limits / mx-resolution-11-terms",
                          "NXDOMAIN tests / one-mx-not-found", "NXDOMAIN tests / all-mx-not-found",
                          "NXDOMAIN tests / include-not-found", "NXDOMAIN tests / redirect-not-found"));
}

}  // namespace
}  // namespace sluice::spf::suite
