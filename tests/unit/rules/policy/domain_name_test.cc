#include "rules/policy/domain_name.h"

#include <string>

#include <gtest/gtest.h>

namespace sluice::policy {
namespace {

TEST(DomainName, FoldsCaseAndDropsTheFinalDot) {
  EXPECT_EQ(to_domain_name("Example.COM."), "example.com");
  EXPECT_EQ(to_domain_name("localhost"), "localhost");
  EXPECT_EQ(to_domain_name("_spf.example.com"), "_spf.example.com");
}

TEST(DomainName, MakesALabelsOfULabels) {
  EXPECT_EQ(to_domain_name("bücher.example"), "xn--bcher-kva.example");
  EXPECT_EQ(to_domain_name("日本語.jp"), "xn--wgv71a119e.jp");
  EXPECT_EQ(to_domain_name("BÜCHER.example"), "xn--bcher-kva.example");
}

TEST(DomainName, RefusesWhatIsNoName) {
  for (const char* text : {"", ".", "..", "a..b", ".a", "-a.example", "a-.example", "a b", "a/b",
                           "user@example.com", "192.0.2.1", "[192.0.2.1]", "a,b", "\xff.example", "a\"b"}) {
    EXPECT_EQ(to_domain_name(text), std::nullopt) << text;
  }
  EXPECT_EQ(to_domain_name(std::string_view("a\0b.example", 11)), std::nullopt);
  EXPECT_EQ(to_domain_name(std::string_view("\xc3\xbc\0b.example", 12)), std::nullopt);
}

TEST(DomainName, KeepsTheLimitsOfLabelsAndNames) {
  const std::string label63(63, 'a');
  EXPECT_TRUE(to_domain_name(label63 + ".example").has_value());
  EXPECT_FALSE(to_domain_name(label63 + "a.example").has_value());
  const std::string name253 = label63 + "." + label63 + "." + label63 + "." + std::string(61, 'b');
  ASSERT_EQ(name253.size(), 253U);
  EXPECT_TRUE(to_domain_name(name253).has_value());
  EXPECT_FALSE(to_domain_name(name253 + "b").has_value());
  EXPECT_FALSE(to_domain_name("ü" + std::string(5000, 'a')).has_value());
}

TEST(DomainName, KnowsWhatIsBelow) {
  EXPECT_TRUE(is_at_or_below("example.com", "example.com"));
  EXPECT_TRUE(is_at_or_below("a.example.com", "example.com"));
  EXPECT_FALSE(is_at_or_below("badexample.com", "example.com"));
  EXPECT_FALSE(is_at_or_below("com", "example.com"));
  EXPECT_FALSE(is_at_or_below("", "example.com"));
}

}  // namespace
}  // namespace sluice::policy
