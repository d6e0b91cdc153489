#include "rules/auth/authentication_results.h"

#include "io/base/limits.h"

#include <string>

#include <gtest/gtest.h>

namespace sluice::auth {
namespace {

// "spf=pass smtp.mailfrom=a@b | dkim=fail ..."
std::string flat(const AuthenticationResults& found) {
  std::string text;
  for (const MethodResult& result : found.results) {
    if (!text.empty()) text += " | ";
    text += result.method + '=' + result.result;
    if (!result.reason.empty()) text += " reason=" + result.reason;
    for (const ResultProperty& property : result.properties) {
      text += ' ' + (property.type.empty() ? "" : property.type + '.') + property.name + '=' + property.value;
    }
  }
  return text;
}

std::string read(std::string_view value) { return flat(read_authentication_results(value)); }

// RFC 8601 appendix B.2 to B.6.
TEST(AuthenticationResultsReader, ReadsTheExamplesOfTheStandard) {
  const AuthenticationResults none = read_authentication_results(" example.org 1; none");
  EXPECT_EQ(none.authserv_id, "example.org");
  EXPECT_TRUE(none.complete);
  EXPECT_TRUE(none.results.empty());
  EXPECT_EQ(read(" example.com;\r\n          spf=pass smtp.mailfrom=example.net"),
            "spf=pass smtp.mailfrom=example.net");
  EXPECT_EQ(read(" example.com;\r\n auth=pass (cram-md5) smtp.auth=sender@example.net;\r\n"
                 " spf=pass smtp.mailfrom=example.net"),
            "auth=pass smtp.auth=sender@example.net | spf=pass smtp.mailfrom=example.net");
  EXPECT_EQ(
      read("example.com;\r\n dkim=pass reason=\"good signature\"\r\n  header.i=@mail-router.example.net;\r\n"
           " dkim=fail reason=\"bad signature\"\r\n  header.i=@newyork.example.com"),
      "dkim=pass reason=good signature header.i=@mail-router.example.net | "
      "dkim=fail reason=bad signature header.i=@newyork.example.com");
}

// RFC 8601 appendix B.7.
TEST(AuthenticationResultsReader, SkipsCommentsWhereverTheyStand) {
  const AuthenticationResults found = read_authentication_results(
      " foo.example.net (foobar) 1 (baz);\r\n dkim (Because I like it) / 1 (One yay) = (wait for it) fail\r\n"
      "  policy (A dot can go here) . (like that) expired\r\n  (this surprised me) = (as I wasn't expecting "
      "it) "
      "1362471462");
  EXPECT_EQ(found.authserv_id, "foo.example.net");
  EXPECT_EQ(found.version, 1U);
  EXPECT_TRUE(found.complete);
  EXPECT_EQ(flat(found), "dkim=fail policy.expired=1362471462");
}

TEST(AuthenticationResultsReader, ReadsWhatLargeSystemsWrite) {
  const AuthenticationResults one = read_authentication_results(
      " i=1; mx.microsoft.example 1; spf=pass smtp.mailfrom=contoso.example; dmarc=pass (p=none sp=none\r\n "
      "pct=100)"
      " action=none header.from=contoso.example; dkim=pass (signature was verified)\r\n "
      "header.d=contoso.example; "
      "arc=none(0)");
  EXPECT_EQ(one.instance, 1U);
  EXPECT_EQ(one.authserv_id, "mx.microsoft.example");
  EXPECT_TRUE(one.complete);
  EXPECT_EQ(flat(one),
            "spf=pass smtp.mailfrom=contoso.example | dmarc=pass action=none header.from=contoso.example | "
            "dkim=pass header.d=contoso.example | arc=none");
  EXPECT_EQ(
      read("mx.google.example;\r\n       dkim=pass header.i=@a.example header.s=s1 header.b=\"AbC/+=x\";\r\n"
           "       dkim=pass header.b=AbC/+=x;\r\n       spf=pass (google.example: domain of x@y.example "
           "designates 1.2.3.4 as permitted sender) smtp.mailfrom=\"x=1@y.example\""),
      "dkim=pass header.i=@a.example header.s=s1 header.b=AbC/+=x | dkim=pass header.b=AbC/+=x | "
      "spf=pass smtp.mailfrom=x=1@y.example");
}

TEST(AuthenticationResultsReader, FindsPropertiesByTypeAndName) {
  const AuthenticationResults found = read_authentication_results(
      "a; DKIM=Pass Header.D=Example.com header.d=second; dmarc=pass action=none");
  ASSERT_EQ(found.results.size(), 2U);
  ASSERT_NE(found.results[0].find("header", "d"), nullptr);
  EXPECT_EQ(*found.results[0].find("header", "d"), "Example.com");
  EXPECT_EQ(found.results[0].find("header", "i"), nullptr);
  EXPECT_EQ(found.results[0].find("smtp", "d"), nullptr);
  EXPECT_NE(found.results[1].find("", "action"), nullptr);
}

// CVE-2020-12272: what a peer may choose stands in comments and quoted strings, and is never a result.
TEST(AuthenticationResultsReader, TakesNoResultOutOfCommentsAndQuotedStrings) {
  EXPECT_EQ(read("a; spf=fail (x; dmarc=pass header.from=bank.example) smtp.mailfrom=x"),
            "spf=fail smtp.mailfrom=x");
  EXPECT_EQ(read("a; spf=fail smtp.mailfrom=\"x; dmarc=pass header.from=bank.example\""),
            "spf=fail smtp.mailfrom=x; dmarc=pass header.from=bank.example");
  EXPECT_EQ(read("a; spf=fail (a \\) ; dmarc=pass) smtp.mailfrom=x"), "spf=fail smtp.mailfrom=x");
  for (const std::string_view text : {"a; spf=fail (open; dmarc=pass header.from=bank.example",
                                      "a; spf=fail \"open; dmarc=pass header.from=b",
                                      "a; spf=fail smtp.mailfrom=\"open; dmarc=pass header.from=b",
                                      "a (open; dmarc=pass", "\"a; dmarc=pass"}) {
    const AuthenticationResults found = read_authentication_results(text);
    EXPECT_FALSE(found.complete) << text;
    EXPECT_EQ(flat(found), "") << text;
  }
}

TEST(AuthenticationResultsReader, LeavesOutWhatItCannotReadAndGoesOn) {
  const AuthenticationResults found = read_authentication_results(
      "a; =pass; dkim; dkim=; spf=pass junk; dkim=pass header.d; dkim=pass.header.d=x; dkim=pass "
      "header..d=x; dkim=pass header.=x; iprev=pass policy.iprev=192.0.2.1; ; "
      "x/y=pass");
  EXPECT_FALSE(found.complete);
  EXPECT_EQ(flat(found), "iprev=pass policy.iprev=192.0.2.1");
}

TEST(AuthenticationResultsReader, ReadsResultsWhereTheIdIsMissing) {
  const AuthenticationResults found = read_authentication_results("spf=pass smtp.mailfrom=a; dkim=fail");
  EXPECT_EQ(found.authserv_id, "");
  EXPECT_FALSE(found.complete);
  EXPECT_EQ(flat(found), "spf=pass smtp.mailfrom=a | dkim=fail");
  EXPECT_EQ(read_authentication_results("").authserv_id, "");
  EXPECT_EQ(read_authentication_results("i=x; a; spf=pass").instance, std::nullopt);
  EXPECT_EQ(read_authentication_results("\"quoted id\"; none").authserv_id, "quoted id");
}

TEST(AuthenticationResultsReader, IsBounded) {
  std::string many = "a";
  for (int i = 0; i < 1000; ++i) many += ";x=y";
  const AuthenticationResults results = read_authentication_results(many);
  EXPECT_EQ(results.results.size(), limits::kAuthResults);
  EXPECT_FALSE(results.complete);

  std::string properties = "a; x=y";
  for (int i = 0; i < 1000; ++i) properties += " p.q=r";
  EXPECT_TRUE(read_authentication_results(properties + "; z=w").results.front().method == "z");

  // Cut inside a word: "pass" might have been "passed-nothing".
  std::string cut = "a; spf=fail; x=" + std::string(limits::kArcResults, 'y');
  cut.replace(limits::kArcResults - 11, 11, "; dmarc=pas");
  cut += "s";
  const AuthenticationResults before = read_authentication_results(cut);
  EXPECT_FALSE(before.complete);
  EXPECT_EQ(before.results.back().method, "x");

  const std::string deep(limits::kArcResults, '(');
  EXPECT_FALSE(read_authentication_results("a; " + deep).complete);
}

}  // namespace
}  // namespace sluice::auth
