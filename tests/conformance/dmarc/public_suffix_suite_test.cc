// The checks that the public suffix list's authors publish with it, over both forms of the list as the
// distribution installs them. A check is  checkPublicSuffix('input', 'registrable domain or null');
// Names are given in lower case and as A-labels, as they come to us; "null" as the input has no counterpart.
#include "io/mail/domain.h"
#include "rules/dmarc/suffixes.h"

#include <fstream>
#include <iterator>
#include <optional>
#include <regex>
#include <string>

#include <gtest/gtest.h>

namespace sluice::dmarc {
namespace {

std::string read(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  EXPECT_TRUE(file) << path;
  return {std::istreambuf_iterator<char>(file), {}};
}

void run_checks(const PublicSuffixes& suffixes) {
  const std::string checks = read(SLUICE_PSL_CHECKS);
  const std::regex form(R"re(^checkPublicSuffix\((null|'([^']*)'), (null|'([^']*)')\);)re",
                        std::regex::ECMAScript | std::regex::multiline);
  size_t seen = 0;
  for (std::sregex_iterator at(checks.begin(), checks.end(), form), end; at != end; ++at) {
    ++seen;
    if (!(*at)[2].matched) continue;
    SCOPED_TRACE(at->str());
    const std::string input = mail::to_a_labels((*at)[2].str()).value();
    const std::string found(suffixes.organizational_domain(input));
    // What has no registrable domain is its own organization here.
    const std::string wanted = (*at)[4].matched ? mail::to_a_labels((*at)[4].str()).value() : input;
    EXPECT_EQ(found, wanted);
  }
  // 82 stand in the file, 4 of them as comments: about names that the list dropped.
  EXPECT_EQ(seen, 78U);
}

TEST(PublicSuffixSuite, HoldsForTheList) {
  const auto list = PublicSuffixes::from_octets(read(SLUICE_PSL_FOLDER "/public_suffix_list.dat"));
  ASSERT_TRUE(list);
  run_checks(*list);
}

TEST(PublicSuffixSuite, HoldsForItsCompiledForm) {
  const auto list = PublicSuffixes::from_octets(read(SLUICE_PSL_FOLDER "/public_suffix_list.dafsa"));
  ASSERT_TRUE(list);
  run_checks(*list);
}

}  // namespace
}  // namespace sluice::dmarc
