#include "rules/spf/macro.h"

#include "io/base/limits.h"

#include <string>

#include <gtest/gtest.h>

namespace sluice::spf {
namespace {

// The values of RFC 7208 section 7.4.
MacroValues rfc_values() {
  MacroValues values;
  values.local_part = "strong-bad";
  values.sender_domain = "email.example.com";
  values.domain = "email.example.com";
  values.helo = "mx.example.org";
  values.receiver = "mx.example.net";
  values.client = *IpAddress::parse("192.0.2.3");
  values.now = WallTime(std::chrono::seconds(1700000000));
  return values;
}

struct Row {
  const char* text;
  const char* expected;
};

TEST(SpfMacro, ExpandsTheExamplesOfTheStandard) {
  const Row rows[] = {
      {"%{s}", "strong-bad@email.example.com"},
      {"%{o}", "email.example.com"},
      {"%{d}", "email.example.com"},
      {"%{d4}", "email.example.com"},
      {"%{d3}", "email.example.com"},
      {"%{d2}", "example.com"},
      {"%{d1}", "com"},
      {"%{dr}", "com.example.email"},
      {"%{d2r}", "example.email"},
      {"%{l}", "strong-bad"},
      {"%{l-}", "strong.bad"},
      {"%{lr}", "strong-bad"},
      {"%{lr-}", "bad.strong"},
      {"%{l1r-}", "strong"},
      {"%{ir}.%{v}._spf.%{d2}", "3.2.0.192.in-addr._spf.example.com"},
      {"%{lr-}.lp._spf.%{d2}", "bad.strong.lp._spf.example.com"},
      {"%{lr-}.lp.%{ir}.%{v}._spf.%{d2}", "bad.strong.lp.3.2.0.192.in-addr._spf.example.com"},
      {"%{ir}.%{v}.%{l1r-}.lp._spf.%{d2}", "3.2.0.192.in-addr.strong.lp._spf.example.com"},
      {"%{d2}.trusted-domains.example.net", "example.com.trusted-domains.example.net"},
  };
  for (const Row& row : rows) {
    EXPECT_FALSE(check_domain_spec(row.text)) << row.text;
    EXPECT_EQ(expand_domain(row.text, rfc_values()), row.expected) << row.text;
  }
}

TEST(SpfMacro, WritesIpv6ClientsAsNibbles) {
  MacroValues values = rfc_values();
  values.client = *IpAddress::parse("2001:db8::cb01");
  EXPECT_EQ(expand_domain("%{ir}.%{v}._spf.%{d2}", values),
            "1.0.B.C.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.B.D.0.1.0.0.2.ip6._spf.example.com");
  EXPECT_EQ(expand_explanation("%{c}", values), "2001:db8::cb01");
  EXPECT_EQ(expand_explanation("%{v}", values), "ip6");
}

TEST(SpfMacro, ExpandsTheLettersOfExplanations) {
  EXPECT_EQ(expand_explanation("%{c} of %{r} at %{t}", rfc_values()),
            "192.0.2.3 of mx.example.net at 1700000000");
  EXPECT_EQ(expand_explanation("%{h} %{p}", rfc_values()), "mx.example.org unknown");
  MacroValues values = rfc_values();
  values.receiver = {};
  values.validated = "mail.example.com";
  EXPECT_EQ(expand_explanation("%{r} %{p2}", values), "unknown example.com");
}

TEST(SpfMacro, AllowsTheLettersOfExplanationsOnlyThere) {
  for (const char* text : {"%{c}", "%{r}", "%{t}", "%{C}", "%{T2}"}) {
    EXPECT_TRUE(check_macro_string(text, MacroUse::Domain)) << text;
    EXPECT_FALSE(check_macro_string(text, MacroUse::Explanation)) << text;
  }
}

TEST(SpfMacro, EscapesUpperCaseLettersForUrls) {
  MacroValues values = rfc_values();
  values.local_part = "~jack&jill=up-a_b3.c";
  EXPECT_EQ(expand_explanation("%{L}", values), "~jack%26jill%3Dup-a_b3.c");
  values.local_part = "\xC3\xA4 %";
  EXPECT_EQ(expand_explanation("%{L}", values), "%C3%A4%20%25");
  EXPECT_EQ(expand_explanation("%{LR}", values), "%C3%A4%20%25");
  EXPECT_EQ(expand_explanation("%{S}", values), "%C3%A4%20%25%40email.example.com");
}

TEST(SpfMacro, ExpandsPercentSpaceAndEscapedSpace) {
  EXPECT_EQ(expand_explanation("%%|%_|%-", rfc_values()), "%| |%20");
}

TEST(SpfMacro, SplitsOnAnyOfTheDelimiters) {
  MacroValues values = rfc_values();
  values.local_part = "foo-bar+zip+quux";
  EXPECT_EQ(expand_domain("%{l2r+-}", values), "bar.foo");
  EXPECT_EQ(expand_domain("%{l+-}", values), "foo.bar.zip.quux");
  values.local_part = "a.b-c+d,e/f_g=h";
  EXPECT_EQ(expand_domain("%{lr.-+,/_=}", values), "h.g.f.e.d.c.b.a");
  EXPECT_EQ(expand_domain("%{l1/}", values), "f_g=h");
}

// A value without transformers and delimiters is not split: its dots and hyphens stay.
TEST(SpfMacro, LeavesPlainValuesAlone) {
  MacroValues values = rfc_values();
  values.local_part = "a-b+c";
  EXPECT_EQ(expand_domain("%{l}", values), "a-b+c");
  EXPECT_EQ(expand_domain("%{lr}", values), "a-b+c");
}

// Shows: conformance 5, SPF macros with huge digits
TEST(SpfMacro, ReadsDigitsOfAnyLength) {
  EXPECT_EQ(expand_domain("%{d128}", rfc_values()), "email.example.com");
  EXPECT_EQ(expand_domain("%{d4294967297}", rfc_values()), "email.example.com");
  EXPECT_EQ(expand_domain("%{d" + std::string(5000, '9') + "r}", rfc_values()), "com.example.email");
  EXPECT_EQ(expand_domain("%{d0002}", rfc_values()), "example.com");
  EXPECT_TRUE(check_macro_string("%{d0}", MacroUse::Domain));
  EXPECT_TRUE(check_macro_string("%{d000}", MacroUse::Domain));
}

TEST(SpfMacro, RefusesWhatIsNotAMacro) {
  for (const char* text : {"%", "a%", "%{", "%{}", "%{d", "%{dd}", "%{d.r}", "%{dr1}", "%{1d}", "%{d-2}",
                           "%{d }", "%(d)", "%d", "%{q}", "%{\x80}", "\x80", "\r", "%{d*}"}) {
    EXPECT_TRUE(check_macro_string(text, MacroUse::Explanation)) << text;
  }
  EXPECT_TRUE(check_macro_string(std::string_view("\0", 1), MacroUse::Explanation));
  EXPECT_FALSE(check_macro_string("a space", MacroUse::Explanation));
  EXPECT_TRUE(check_macro_string("a space", MacroUse::Domain));
  EXPECT_FALSE(check_macro_string("", MacroUse::Domain));
}

TEST(SpfMacro, SaysWhereTheErrorIs) {
  const auto error = check_macro_string("abc%{d}.%{z}", MacroUse::Domain);
  ASSERT_TRUE(error);
  EXPECT_EQ(error->offset, 8U);
}

TEST(SpfMacro, CutsLongNamesFromTheLeftAtALabel) {
  MacroValues values = rfc_values();
  const std::string label(62, 'x');
  const std::string domain = label + "." + label + "." + label + "." + label;  // 251
  values.domain = domain;
  EXPECT_EQ(expand_domain("a.%{d}", values), "a." + domain);  // 253 fits
  EXPECT_EQ(expand_domain("ab.%{d}", values), domain);
  EXPECT_EQ(expand_domain("%{d}.%{d}", values), domain);
  EXPECT_LE(expand_domain("%{d}.%{d}.example.com", values).size(), limits::kSpfMacroName);
}

TEST(SpfMacro, LeavesNothingOfALabelThatCannotFit) {
  MacroValues values = rfc_values();
  const std::string label(300, 'x');
  values.local_part = label;
  EXPECT_EQ(expand_domain("%{l}", values), "");
  EXPECT_EQ(expand_domain("%{l}.example.com", values), "example.com");
}

// Shows: conformance 5, SPF macros: bounded
TEST(SpfMacro, KeepsExpansionBounded) {
  MacroValues values = rfc_values();
  const std::string local(60000, '.');
  values.local_part = local;
  std::string text;
  for (int i = 0; i < 1000; ++i) text += "%{Lr}.";
  text += "example.com";
  EXPECT_LE(expand_domain(text, values).size(), limits::kSpfMacroName);
  EXPECT_LE(expand_explanation(text, values).size(), limits::kSpfExplanation);
}

TEST(SpfMacro, FindsTheLettersThatNeedPreparation) {
  EXPECT_TRUE(has_macro("a.%{p}.b", 'p'));
  EXPECT_TRUE(has_macro("a.%{P2r}", 'p'));
  EXPECT_FALSE(has_macro("p.%{d}", 'p'));
  EXPECT_FALSE(has_macro("", 'p'));
}

TEST(SpfMacro, DropsTheFinalDotOfADomain) { EXPECT_EQ(expand_domain("%{d2}.", rfc_values()), "example.com"); }

}  // namespace
}  // namespace sluice::spf
