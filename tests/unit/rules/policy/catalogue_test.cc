#include "rules/policy/catalogue.h"

#include <set>

#include <gtest/gtest.h>

namespace sluice::policy {
namespace {

std::string ja(MessageId id, std::vector<std::string> arguments = {}) {
  return message_text(id, Language::Japanese, arguments);
}
std::string en(MessageId id, std::vector<std::string> arguments = {}) {
  return message_text(id, Language::English, arguments);
}

// Shows: LOG-01
TEST(Catalogue, HasNotMatched) {
  EXPECT_EQ(ja(MessageId::SpfNotMatched), "条件不一致 (SPFルール)");
  EXPECT_EQ(en(MessageId::SpfNotMatched), "Not matched (SPF rule)");
}

// Shows: LOG-02
TEST(Catalogue, HasDeletedWithTheResult) {
  EXPECT_EQ(ja(MessageId::SpfDeleted), "メッセージ削除済み (SPFルール)");
  EXPECT_EQ(ja(MessageId::SpfResultIs, {"Fail"}), "SPFの結果: Fail");
  EXPECT_EQ(en(MessageId::SpfDeleted), "Message deleted (SPF rule)");
  EXPECT_EQ(en(MessageId::SpfResultIs, {"Fail"}), "SPF result: Fail");
}

// Shows: LOG-03
TEST(Catalogue, HasTheDetectionReason) {
  EXPECT_EQ(ja(MessageId::ThreatDomainBasedAuthentication), "ドメインベース認証");
  EXPECT_EQ(en(MessageId::ThreatDomainBasedAuthentication), "Domain-based Authentication");
  EXPECT_EQ(ja(MessageId::ThreatSubtypeSpf), "SPF");
}

// Shows: LOG-04
TEST(Catalogue, HasIgnoredWithTheMatchedEntry) {
  EXPECT_EQ(ja(MessageId::SpfIgnored), "無視 (SPFルール)");
  EXPECT_EQ(ja(MessageId::SpfExcludedPeer, {"192.0.2.0/24"}), "除外するピアに一致: 192.0.2.0/24");
  EXPECT_EQ(en(MessageId::SpfIgnored), "Ignored (SPF rule)");
  EXPECT_EQ(en(MessageId::SpfExcludedPeer, {"192.0.2.0/24"}), "Matched excluded peer: 192.0.2.0/24");
}

// Shows: ESE-18, W-14
TEST(Catalogue, HasTheFailedCheckInBothLanguages) {
  EXPECT_EQ(ja(MessageId::SpfCheckFailed), "SPFチェック失敗");
  EXPECT_EQ(en(MessageId::SpfCheckFailed), "SPF check failed");
}

// Shows: RUL-03, RUL-08
TEST(Catalogue, HasTheNamesOfTheConsole) {
  EXPECT_EQ(ja(MessageId::DefaultRuleName), "初期設定 (ドメインが未指定の場合)");
  EXPECT_EQ(en(MessageId::DefaultRuleName), "Default (when no domain is specified)");
  EXPECT_EQ(ja(MessageId::ActionDelete), "メッセージ全体を削除");
  EXPECT_EQ(ja(MessageId::ActionPass), "メッセージをインターセプトしない");
}

TEST(Catalogue, HasDistinctKeysAndTextsInBothLanguages) {
  std::set<std::string_view> keys;
  for (const CatalogueEntry& entry : catalogue()) {
    EXPECT_TRUE(keys.insert(entry.key).second) << entry.key;
    EXPECT_EQ(message_key(entry.id), entry.key);
    EXPECT_FALSE(entry.japanese.empty());
    EXPECT_FALSE(entry.english.empty());
    EXPECT_EQ(entry.japanese.contains("{0}"), entry.english.contains("{0}")) << entry.key;
  }
}

TEST(Catalogue, LeavesAMissingArgumentEmptyAndDoesNotExpandArguments) {
  EXPECT_EQ(en(MessageId::SpfResultIs), "SPF result: ");
  EXPECT_EQ(en(MessageId::SpfResultIs, {"{0}"}), "SPF result: {0}");
}

}  // namespace
}  // namespace sluice::policy
