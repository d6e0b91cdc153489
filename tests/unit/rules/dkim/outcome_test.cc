#include "rules/dkim/outcome.h"

#include <set>
#include <string>

#include <gtest/gtest.h>

namespace sluice::dkim {
namespace {

TEST(DkimReason, HasAWordAndAResultEach) {
  std::set<std::string> words;
  for (int i = 0; i <= static_cast<int>(Reason::OutOfTime); ++i) {
    const auto reason = static_cast<Reason>(i);
    EXPECT_TRUE(words.insert(std::string(to_word(reason))).second) << to_word(reason);
    EXPECT_NE(result_of(reason), Result::None);
    EXPECT_EQ(result_of(reason) == Result::Pass, reason == Reason::Verified);
  }
}

TEST(DkimReason, LeadsToTheResultsOfRfc8601) {
  EXPECT_EQ(rfc_word(result_of(Reason::Verified)), "pass");
  EXPECT_EQ(rfc_word(result_of(Reason::SignatureMismatch)), "fail");
  EXPECT_EQ(rfc_word(result_of(Reason::BodyHashMismatch)), "fail");
  EXPECT_EQ(rfc_word(result_of(Reason::KeyLookupFailed)), "temperror");
  EXPECT_EQ(rfc_word(result_of(Reason::OutOfTime)), "temperror");
  EXPECT_EQ(rfc_word(result_of(Reason::BodyNotCovered)), "policy");
  EXPECT_EQ(rfc_word(result_of(Reason::MalformedTags)), "permerror");
  EXPECT_EQ(rfc_word(result_of(Reason::Expired)), "permerror");
  EXPECT_EQ(rfc_word(result_of(Reason::WeakAlgorithm)), "permerror");
}

}  // namespace
}  // namespace sluice::dkim
