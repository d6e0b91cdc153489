#include "rules/auth/result.h"

#include <array>

#include <gtest/gtest.h>

namespace sluice::auth {
namespace {

struct Row {
  SpfResult result;
  const char* header;
  const char* rfc;
};
constexpr std::array<Row, 7> kRows{{{SpfResult::Pass, "Pass", "pass"},
                                    {SpfResult::Fail, "Fail", "fail"},
                                    {SpfResult::SoftFail, "SoftFail", "softfail"},
                                    {SpfResult::Neutral, "Neutral", "neutral"},
                                    {SpfResult::None, "None", "none"},
                                    {SpfResult::PermError, "PermError", "permerror"},
                                    {SpfResult::TempError, "TempError", "temperror"}}};

// Shows: SPF-13
TEST(SpfResult, HasExactlyTheseSevenSpellings) {
  for (const Row& row : kRows) {
    EXPECT_EQ(header_word(row.result), row.header);
    EXPECT_EQ(rfc_word(row.result), row.rfc);
  }
}

TEST(SpfResult, IsReadFromEitherSpelling) {
  for (const Row& row : kRows) {
    EXPECT_EQ(spf_result_of(row.header), row.result);
    EXPECT_EQ(spf_result_of(row.rfc), row.result);
  }
  EXPECT_EQ(spf_result_of("hardfail"), std::nullopt);
  EXPECT_EQ(spf_result_of(""), std::nullopt);
}

TEST(Identity, HasTheWordsOfTheContract) {
  EXPECT_EQ(identity_word(Identity::MailFrom), "mailfrom");
  EXPECT_EQ(identity_word(Identity::Helo), "helo");
  EXPECT_EQ(identity_word(Identity::From), "from");
}

}  // namespace
}  // namespace sluice::auth
