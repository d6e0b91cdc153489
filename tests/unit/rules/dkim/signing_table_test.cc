#include "rules/dkim/signing_table.h"

#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace sluice::dkim {
namespace {

SigningIdentity identity(std::string domain, std::string selector,
                         Algorithm algorithm = Algorithm::Ed25519Sha256) {
  SigningIdentity made{{}, *SigningKey::generate(algorithm)};
  made.spec.domain = std::move(domain);
  made.spec.selector = std::move(selector);
  return made;
}

SigningTable table_of(const std::vector<std::pair<std::string, std::string>>& patterns_and_selectors) {
  SigningTable table;
  for (const auto& [pattern, selector] : patterns_and_selectors) {
    EXPECT_TRUE(table.add(pattern, {identity("example.com", selector)}).has_value()) << pattern;
  }
  return table;
}

std::string selector_for(const SigningTable& table, std::string_view domain) {
  const auto found = table.find(domain);
  return found.empty() ? "-" : found.front().spec.selector;
}

TEST(SigningTable, PrefersTheExactNameThenTheLongestWildcard) {
  const SigningTable table = table_of({{"*", "any"},
                                       {"*.example.com", "below"},
                                       {"*.a.example.com", "deeper"},
                                       {"b.a.example.com", "exact"}});
  EXPECT_EQ(selector_for(table, "b.a.example.com"), "exact");
  EXPECT_EQ(selector_for(table, "c.a.example.com"), "deeper");
  EXPECT_EQ(selector_for(table, "d.c.a.example.com"), "deeper");
  EXPECT_EQ(selector_for(table, "a.example.com"), "below");
  EXPECT_EQ(selector_for(table, "example.com"), "any");
  EXPECT_EQ(selector_for(table, "example.net"), "any");
  EXPECT_EQ(table.pattern_for("d.c.a.example.com"), "*.a.example.com");
}

TEST(SigningTable, AWildcardDoesNotCoverItsOwnNameNorOneThatOnlyEndsLikeIt) {
  const SigningTable table = table_of({{"*.example.com", "below"}});
  EXPECT_EQ(selector_for(table, "a.example.com"), "below");
  EXPECT_EQ(selector_for(table, "example.com"), "-");
  EXPECT_EQ(selector_for(table, "badexample.com"), "-");
  EXPECT_EQ(selector_for(table, "a.example.com.net"), "-");
}

TEST(SigningTable, ComparesNamesWithoutCase) {
  const SigningTable table = table_of({{"Example.COM", "one"}, {"*.Example.NET", "two"}});
  EXPECT_EQ(selector_for(table, "eXAMPLE.com"), "one");
  EXPECT_EQ(selector_for(table, "A.EXAMPLE.net"), "two");
}

TEST(SigningTable, SignsNothingForWhatIsNotAName) {
  const SigningTable table = table_of({{"*", "any"}});
  for (const char* name : {"", ".", "a..b", ".example.com", "a b", "*", "[192.0.2.1]"}) {
    EXPECT_EQ(selector_for(table, name), "-") << name;
  }
}

// Shows: P-09
TEST(SigningTable, HoldsSeveralKeysForOneDomainSideBySide) {
  SigningTable table;
  std::vector<SigningIdentity> both{identity("example.com", "rsa", Algorithm::RsaSha256),
                                    identity("example.com", "ed")};
  ASSERT_TRUE(table.add("example.com", std::move(both)).has_value());
  const auto found = table.find("example.com");
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found[0].key.algorithm(), Algorithm::RsaSha256);
  EXPECT_EQ(found[1].key.algorithm(), Algorithm::Ed25519Sha256);
}

TEST(SigningTable, AnEntryWithoutIdentitiesExemptsFromAWildcard) {
  SigningTable table = table_of({{"*.example.com", "below"}});
  ASSERT_TRUE(table.add("quiet.example.com", {}).has_value());
  EXPECT_EQ(selector_for(table, "quiet.example.com"), "-");
  EXPECT_EQ(table.pattern_for("quiet.example.com"), "quiet.example.com");
  EXPECT_EQ(selector_for(table, "loud.example.com"), "below");
}

TEST(SigningTable, RefusesPatternsOfOtherFormsAndDoubledOnes) {
  SigningTable table;
  for (const char* pattern : {"", "*example.com", "a.*.com", "**", "*.", ".example.com", "a b"}) {
    EXPECT_FALSE(table.add(pattern, {}).has_value()) << pattern;
  }
  ASSERT_TRUE(table.add("*.example.com", {}).has_value());
  EXPECT_FALSE(table.add("*.EXAMPLE.com", {}).has_value());
  EXPECT_EQ(table.size(), 1U);
}

TEST(SigningTable, RefusesAnIdentityThatCannotSign) {
  SigningTable table;
  EXPECT_FALSE(table.add("example.com", {identity("example.com", "")}).has_value());
  EXPECT_FALSE(table.add("example.com", {identity("exa;mple.com", "s")}).has_value());
  EXPECT_TRUE(table.empty());
}

}  // namespace
}  // namespace sluice::dkim
