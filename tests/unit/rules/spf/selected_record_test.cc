#include "rules/spf/selected_record.h"

#include "io/base/limits.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace sluice::spf {
namespace {

using Kind = SelectedRecord::Kind;
using Target = SelectedRecord::Target;

SelectedRecordRef select(const std::vector<std::string>& texts) {
  dns::Answer answer;
  answer.status = texts.empty() ? dns::AnswerStatus::NoData : dns::AnswerStatus::Records;
  for (const std::string& text : texts) answer.records.emplace_back(text);
  return SelectedRecord::select(answer);
}

TEST(SpfSelectedRecord, TakesTheOneRecordAmongOtherTexts) {
  const SelectedRecordRef selected = select({"site-verification=1", "v=spf1 mx -all", "v=spf10 all"});
  ASSERT_EQ(selected->kind(), Kind::One);
  EXPECT_EQ(selected->record().text(), "v=spf1 mx -all");
}

TEST(SpfSelectedRecord, TellsNoneFromSeveralFromMalformed) {
  EXPECT_EQ(select({})->kind(), Kind::None);
  EXPECT_EQ(select({"v=spf2 all"})->kind(), Kind::None);
  EXPECT_EQ(select({"v=spf1", "v=spf1 -all"})->kind(), Kind::Several);
  // Two are too many even where one of them cannot be read (4.5 comes before 4.6).
  EXPECT_EQ(select({"v=spf1 nonsense", "v=spf1 -all"})->kind(), Kind::Several);
  const SelectedRecordRef malformed = select({"v=spf1 a nonsense -all"});
  ASSERT_EQ(malformed->kind(), Kind::Malformed);
  EXPECT_EQ(malformed->error().term, "nonsense");
  EXPECT_EQ(malformed->error().offset, 9U);
}

TEST(SpfSelectedRecord, SaysWhereEachTermsDomainComesFrom) {
  const SelectedRecordRef selected =
      select({"v=spf1 a a:Mail.Example.ORG. exists:%{l}.x.example ptr:%{p}.example mx:a..example all "
              "redirect=b.example"});
  ASSERT_EQ(selected->kind(), Kind::One);
  EXPECT_EQ(selected->term(0).target, Target::Current);
  EXPECT_EQ(selected->term(1).target, Target::Fixed);
  EXPECT_EQ(selected->name(selected->term(1)).to_text(), "mail.example.org");
  EXPECT_EQ(selected->term(2).target, Target::Expand);
  EXPECT_TRUE(selected->term(2).takes_local_part);
  EXPECT_FALSE(selected->term(2).takes_validated);
  EXPECT_TRUE(selected->term(3).takes_validated);
  EXPECT_FALSE(selected->term(3).takes_local_part);
  EXPECT_EQ(selected->term(4).target, Target::Unusable);
  EXPECT_EQ(selected->term(5).target, Target::None);
  EXPECT_EQ(selected->term(6).target, Target::Fixed);
  EXPECT_EQ(selected->name(selected->term(6)).to_text(), "b.example");
  EXPECT_EQ(select({"v=spf1 -all"})->term(1).target, Target::None);
}

TEST(SpfSelectedRecord, LeavesPercentSignsAndOverlongNamesToExpansion) {
  std::string long_name;
  while (long_name.size() <= limits::kSpfMacroName) long_name += "label.";
  const SelectedRecordRef selected = select({"v=spf1 a:%%.example a:" + long_name + "example -all"});
  ASSERT_EQ(selected->kind(), Kind::One);
  EXPECT_EQ(selected->term(0).target, Target::Expand);
  EXPECT_EQ(selected->term(1).target, Target::Expand);
}

TEST(SpfSelectedRecord, KeepsNoMoreNamesThanAnEvaluationCanReach) {
  std::string text = "v=spf1";
  for (unsigned i = 0; i < 2 * limits::kSpfTerms; ++i) text += " a:n" + std::to_string(i) + ".example";
  const SelectedRecordRef selected = select({text});
  ASSERT_EQ(selected->kind(), Kind::One);
  EXPECT_EQ(selected->term(limits::kSpfTerms - 1).target, Target::Fixed);
  EXPECT_EQ(selected->term(limits::kSpfTerms).target, Target::Expand);
}

TEST(SpfSelectedRecord, MakesASetOfEachLongRunOfNetworks) {
  const SelectedRecordRef selected = select(
      {"v=spf1 ip4:192.0.2.1 mx ip4:198.51.100.0/24 ip6:2001:db8::/32 ip4:203.0.113.0/25 -ip4:203.0.113.0/24 "
       "a -all"});
  ASSERT_EQ(selected->kind(), Kind::One);
  EXPECT_EQ(selected->run_at(0), nullptr);  // one alone
  EXPECT_EQ(selected->run_at(1), nullptr);
  EXPECT_EQ(selected->run_at(3), nullptr);  // inside
  const SelectedRecord::Run* run = selected->run_at(2);
  ASSERT_NE(run, nullptr);
  EXPECT_EQ(run->end, 6U);
  const auto match = [&](const char* address) { return run->blocks.first_match(*IpAddress::parse(address)); };
  EXPECT_EQ(match("198.51.100.9"), 2U);
  EXPECT_EQ(match("2001:db8::1"), 3U);
  EXPECT_EQ(match("203.0.113.1"), 4U);
  EXPECT_EQ(match("203.0.113.200"), 5U);
  EXPECT_EQ(match("192.0.2.1"), std::nullopt);
}

TEST(SpfSelectedRecord, LivesAsLongAsTheLastReference) {
  SelectedRecordRef first = select({"v=spf1 -all"});
  SelectedRecordRef second = first;
  const SelectedRecord* object = first.get();
  first.reset();
  EXPECT_FALSE(first);
  EXPECT_EQ(second.get(), object);
  EXPECT_EQ(second->record().text(), "v=spf1 -all");
  first = std::move(second);
  EXPECT_EQ(first.get(), object);
  first = SelectedRecordRef(first);  // to itself, through another
  EXPECT_EQ(first->record().directives().size(), 1U);
}

TEST(SpfSelectedRecord, CountsWhatItHolds) {
  std::string text = "v=spf1";
  for (int i = 0; i < 100; ++i) text += " ip4:192.0.2." + std::to_string(i);
  EXPECT_GT(select({text})->bytes(), text.size() + 100 * (sizeof(Directive) + sizeof(uint32_t)));
  EXPECT_LT(select({})->bytes(), 1000U);
}

}  // namespace
}  // namespace sluice::spf
