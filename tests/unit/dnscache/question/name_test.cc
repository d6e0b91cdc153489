#include "dnscache/question/name.h"

#include <gtest/gtest.h>

namespace sluice::dns {
namespace {

TEST(DnsName, FoldsCaseAndDropsTheFinalDot) {
  EXPECT_EQ(*DnsName::from_text("Mail.Example.COM."), *DnsName::from_text("mail.example.com"));
  EXPECT_EQ(DnsName::from_text("Mail.Example")->wire(), std::string_view("\4mail\7example\0", 14));
  EXPECT_TRUE(DnsName::from_text("")->is_root());
  EXPECT_TRUE(DnsName::from_text(".")->is_root());
}

TEST(DnsName, KeepsTheLimitsFromBothSides) {
  const std::string label(63, 'a');
  EXPECT_TRUE(DnsName::from_text(label));
  EXPECT_FALSE(DnsName::from_text(label + "a"));
  const std::string longest = label + '.' + label + '.' + label + '.' + std::string(61, 'b');
  EXPECT_EQ(DnsName::from_text(longest)->wire_size(), 255U);
  EXPECT_FALSE(DnsName::from_text(longest + "b"));
  for (const char* text : {"a..b", ".a", "..", "a.."}) EXPECT_FALSE(DnsName::from_text(text)) << text;
}

TEST(DnsName, EscapesWhatIsNotPrintable) {
  EXPECT_EQ(DnsName::from_wire(std::string_view("\4a.\\\1\1b\0", 8))->to_text(), "a\\.\\\\\\001.b");
  EXPECT_EQ(DnsName().to_text(), ".");
}

TEST(DnsName, RefusesBrokenWireForm) {
  EXPECT_FALSE(DnsName::from_wire(std::string_view("\4abc\0", 5)));
  EXPECT_FALSE(DnsName::from_wire(std::string_view("\3abc", 4)));
  EXPECT_FALSE(DnsName::from_wire(std::string_view("\3abc\0x", 6)));
  EXPECT_FALSE(DnsName::from_wire(std::string_view("\xc0\x0c", 2)));
}

TEST(DnsName, KnowsItsAncestors) {
  const DnsName name = *DnsName::from_text("a.b.example");
  EXPECT_TRUE(name.is_at_or_below(*DnsName::from_text("b.example")));
  EXPECT_TRUE(name.is_at_or_below(name));
  EXPECT_TRUE(name.is_at_or_below(DnsName()));
  EXPECT_FALSE(name.is_at_or_below(*DnsName::from_text("xb.example")));
  EXPECT_FALSE(DnsName::from_text("example")->is_at_or_below(name));
  EXPECT_EQ(name.parent(), *DnsName::from_text("b.example"));
  EXPECT_EQ(name.label_count(), 3U);
}

TEST(DnsName, HashDependsOnSeedAndName) {
  const DnsName name = *DnsName::from_text("mail.example.com");
  EXPECT_EQ(name.hash(1), DnsName::from_text("MAIL.example.com")->hash(1));
  EXPECT_NE(name.hash(1), name.hash(2));
  EXPECT_NE(name.hash(1), DnsName::from_text("mail.example.con")->hash(1));
}

}  // namespace
}  // namespace sluice::dns
