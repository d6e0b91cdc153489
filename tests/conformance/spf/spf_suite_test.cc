// The published SPF suites, each scenario and test of them, results and explanations; the `skip:` lines in
// the files are another package's own and are not looked at.
#include "tests/conformance/spf/suite.h"

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
};

Score score(const std::string& file) {
  Score score;
  for (const Case& test : load(kFolder + file)) {
    const std::string wrong = complaint(test, run(test));
    ++score.all;
    if (wrong.empty()) continue;
    score.wrong.push_back(test.name);
    std::printf("%s: %s: %s\n", file.c_str(), test.name.c_str(), wrong.c_str());
  }
  std::printf("%s: %zu of %zu\n", file.c_str(), score.all - score.wrong.size(), score.all);
  return score;
}

// Shows: SPF-04
TEST(SpfSuite, AgreesWithAllOfRfc7208) {
  const Score result = score("rfc7208-tests.yml");
  EXPECT_EQ(result.all, 203U);
  EXPECT_THAT(result.wrong, IsEmpty());
}

TEST(SpfSuite, AgreesWithAllOfRfc4408) {
  const Score result = score("rfc4408-tests.yml");
  EXPECT_EQ(result.all, 191U);
  EXPECT_THAT(result.wrong, IsEmpty());
}

// The rest want what RFC 7208 does not have: a "default=" modifier and a result "ambiguous".
TEST(SpfSuite, AgreesWithPyspfWhereItKeepsToTheStandard) {
  const Score result = score("pyspf-tests.yml");
  EXPECT_EQ(result.all, 16U);
  EXPECT_THAT(result.wrong, ElementsAre(" / default-modifier", " / default-modifier-harsh"));
}

// The rest use names of a single label, as senders (none by RFC 7208 4.3) or in terms (permerror by 7.1).
TEST(SpfSuite, AgreesWithBlitiriWhereItKeepsToTheStandard) {
  const Score result = score("blitirispf-tests.yml");
  EXPECT_EQ(result.all, 21U);
  EXPECT_THAT(result.wrong,
              ElementsAre("Resolution limits / resolution-with-10-lookups",
                          "MX resolution limits / mx-resolution-10-terms",
                          "MX resolution limits / mx-resolution-11-terms",
                          "NXDOMAIN tests / one-mx-not-found", "NXDOMAIN tests / all-mx-not-found",
                          "NXDOMAIN tests / include-not-found", "NXDOMAIN tests / redirect-not-found"));
}

}  // namespace
}  // namespace sluice::spf::suite
