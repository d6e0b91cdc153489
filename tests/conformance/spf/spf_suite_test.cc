// The published SPF suites, each scenario and test of them, results and explanations; the `skip:` lines in
// the files are another package's own and are not looked at.
#include "tests/conformance/spf/suite.h"

#include <cstdio>
#include <string>

#include <gtest/gtest.h>

namespace sluice::spf::suite {
namespace {

const std::string kFolder = SLUICE_SPF_SUITE_FOLDER "/";

struct Score {
  size_t right = 0;
  size_t all = 0;
};

Score score(const std::string& file) {
  Score score;
  for (const Case& test : load(kFolder + file)) {
    const std::string wrong = complaint(test, run(test));
    ++score.all;
    if (wrong.empty()) {
      ++score.right;
    } else {
      std::printf("%s: %s: %s\n", file.c_str(), test.name.c_str(), wrong.c_str());
    }
  }
  std::printf("%s: %zu of %zu\n", file.c_str(), score.right, score.all);
  return score;
}

// Shows: SPF-04
TEST(SpfSuite, AgreesWithAllOfRfc7208) {
  const Score result = score("rfc7208-tests.yml");
  EXPECT_EQ(result.all, 203U);
  EXPECT_EQ(result.right, result.all);
}

TEST(SpfSuite, OtherSuites) {
  score("rfc4408-tests.yml");
  score("pyspf-tests.yml");
  score("blitirispf-tests.yml");
}

}  // namespace
}  // namespace sluice::spf::suite
