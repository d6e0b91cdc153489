#include "rules/policy/diagnostics.h"

#include "io/base/limits.h"

#include <gtest/gtest.h>

namespace sluice::policy {
namespace {

TEST(Diagnostics, PrintsFilePlaceKindAndPath) {
  const Diagnostic error{Severity::Error, {12, 5}, "spf.rule[2].preset", "no"};
  EXPECT_EQ(error.to_string("p.toml"), "p.toml:12:5: error: spf.rule[2].preset: no");
  const Diagnostic whole{Severity::Warning, {}, "", "hm"};
  EXPECT_EQ(whole.to_string("p.toml"), "p.toml: warning: hm");
}

TEST(Diagnostics, StayOneLineWhateverTheDocumentHolds) {
  Diagnostics findings;
  findings.error({1, 1}, "a\nb", "saw 'tru\x01'\x1b[2J");
  findings.warning({2, 1}, "", "x\x7f");
  EXPECT_EQ(findings.sorted()[0].to_string("p"), "p:1:1: error: a\\x0Ab: saw 'tru\\x01'\\x1B[2J");
  EXPECT_EQ(findings.sorted()[1].message, "x\\x7F");
}

TEST(Diagnostics, AreSortedByPlace) {
  Diagnostics diagnostics;
  diagnostics.error({3, 1}, "c", "");
  diagnostics.warning({1, 9}, "b", "");
  diagnostics.error({1, 2}, "a", "");
  std::string paths;
  for (const Diagnostic& found : diagnostics.sorted()) paths += found.path;
  EXPECT_EQ(paths, "abc");
}

TEST(Diagnostics, KeepTheFirstErrorsAndCountTheRest) {
  Diagnostics diagnostics;
  for (size_t i = 0; i < limits::kPolicyErrors + 5; ++i) diagnostics.error({1, 1}, "", "e");
  diagnostics.warning({1, 1}, "", "w");
  EXPECT_EQ(diagnostics.error_count(), limits::kPolicyErrors + 5);
  EXPECT_EQ(diagnostics.sorted().size(), limits::kPolicyErrors + 1);
}

TEST(Nearest, FindsSlipsAndLeavesOtherWordsAlone) {
  EXPECT_EQ(nearest("enabeld", {"enabled", "preset"}), "enabled");
  EXPECT_EQ(nearest("presets", {"enabled", "preset"}), "preset");
  EXPECT_EQ(nearest("nmae", {"name", "path"}), "name");
  EXPECT_EQ(nearest("colour", {"enabled", "preset"}), "");
  EXPECT_EQ(nearest("x", {"name"}), "");
  EXPECT_EQ(nearest("", {"name"}), "");
  EXPECT_EQ(nearest(std::string(100, 'a'), {"name"}), "");
}

}  // namespace
}  // namespace sluice::policy
