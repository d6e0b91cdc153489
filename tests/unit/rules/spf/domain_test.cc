#include "rules/spf/domain.h"

#include <string>

#include <gtest/gtest.h>

namespace sluice::spf {
namespace {

const std::string kLabel63(63, 'a');

TEST(SpfDomain, TakesMultiLabelNames) {
  EXPECT_EQ(checked_domain("example.com"), "example.com");
  EXPECT_EQ(checked_domain("example.com."), "example.com");
  EXPECT_EQ(checked_domain("_spf.Example.COM"), "_spf.Example.COM");
  EXPECT_EQ(checked_domain("1.2"), "1.2");
  EXPECT_EQ(checked_domain(kLabel63 + ".com"), kLabel63 + ".com");
}

// Shows: W-31, conformance 5 (odd senders)
TEST(SpfDomain, RefusesWhatHasNoRecord) {
  for (const char* text :
       {"", ".", "..", "localhost", "localhost.", "[192.0.2.1]", "[IPv6:2001:db8::1]", "a..b.com",
        ".example.com", "example.com..", "a b.example.com", "(x.example.com", "\"x\".example.com",
        "@a,@b:c.example.com", "a@b.example.com", "x.example.com\r\n"}) {
    EXPECT_FALSE(checked_domain(text)) << text;
  }
  EXPECT_FALSE(checked_domain(std::string_view("a\0.example.com", 14)));
  EXPECT_FALSE(checked_domain(kLabel63 + "a.com"));
}

TEST(SpfDomain, TakesNamesUpTo253Octets) {
  const std::string head = kLabel63 + "." + kLabel63 + "." + kLabel63 + ".";  // 192
  EXPECT_TRUE(checked_domain(head + std::string(61, 'a')));
  EXPECT_FALSE(checked_domain(head + std::string(62, 'a')));
}

TEST(SpfDomain, TurnsULabelsIntoALabels) {
  EXPECT_EQ(checked_domain("b\xC3\xBC"
                           "cher.example"),
            "xn--bcher-kva.example");
  EXPECT_EQ(checked_domain("\xE4\xBE\x8B\xE3\x81\x88.\xE3\x83\x86\xE3\x82\xB9\xE3\x83\x88"),
            "xn--r8jz45g.xn--zckzah");
}

TEST(SpfDomain, RefusesBrokenULabels) {
  EXPECT_FALSE(checked_domain("b\xC3.example"));
  EXPECT_FALSE(checked_domain("\xFF\xFE.example"));
  std::string endless;
  for (int i = 0; i < 2000; ++i) endless += "\xC3\xBC";
  EXPECT_FALSE(checked_domain(endless + ".example"));
}

TEST(SpfDomain, TakesAnyOctetsInNamesThatRecordsMake) {
  EXPECT_EQ(target_domain("macro%percent  space%20url.example.com."),
            "macro%percent  space%20url.example.com");
  EXPECT_EQ(target_domain("single"), "single");
  EXPECT_FALSE(target_domain(""));
  EXPECT_FALSE(target_domain("."));
  EXPECT_FALSE(target_domain("a..b"));
  EXPECT_FALSE(target_domain(kLabel63 + "a.example"));
}

}  // namespace
}  // namespace sluice::spf
