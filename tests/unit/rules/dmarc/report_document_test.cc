#include "rules/dmarc/report_document.h"

#include "tests/unit/rules/dmarc/report_world.h"
#include "tests/unit/rules/dmarc/unzipped.h"

#include <string>
#include <string_view>

#include <gtest/gtest.h>

namespace sluice::dmarc {
namespace {

std::string escaped(std::string_view text) {
  std::string out;
  append_xml_text(out, text);
  return out;
}

TEST(ReportXml, EscapesAndReplaces) {
  EXPECT_EQ(escaped("a<b>&c\"'"), "a&lt;b&gt;&amp;c\"'");
  EXPECT_EQ(escaped("]]>"), "]]&gt;");
  EXPECT_EQ(escaped("Bücher 利用者 😀"), "Bücher 利用者 😀");
  EXPECT_EQ(escaped(std::string_view("a\0b\x1f\x7f\r\n\t", 8)), "a?b?????");
  EXPECT_EQ(escaped("\xff\xc0\xaf"), "???");
  EXPECT_EQ(escaped("\xed\xa0\x80"), "???");       // a surrogate
  EXPECT_EQ(escaped("\xef\xbf\xbe"), "???");       // U+FFFE
  EXPECT_EQ(escaped("\xf4\x90\x80\x80"), "????");  // beyond Unicode
  EXPECT_EQ(escaped("\xe5\x88"), "??");            // cut off
  EXPECT_EQ(escaped("\xc2\x85"), "??");
}

TEST(ReportXml, CutsLongValuesBetweenCharacters) {
  EXPECT_EQ(escaped(std::string(100000, 'x')).size(), limits::kDmarcReportText);
  EXPECT_EQ(escaped(std::string(limits::kDmarcReportText - 1, 'x') + "ü").size(),
            limits::kDmarcReportText - 1);
}

TEST(ReportXml, HasTheElementsInOrder) {
  ReportCollection collection(kStart);
  ReportedFake fake("v=DMARC1; p=reject; sp=quarantine; adkim=s; t=y; fo=1; rua=mailto:reports@example.com");
  fake.signatures = {{"other.example", "s1", "fail", "body-hash-mismatch"},
                     {"other.example", "s2", "pass"},
                     {"sub.example.com", "s3", "pass"},
                     {"", "nameless", "fail"},
                     {"example.com", "s4", "pass"}};
  fake.reasons = {{OverrideType::LocalPolicy, "arc=pass"}, {OverrideType::PolicyTestMode, ""}};
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(collection.add(fake.message(), kStart));
  EXPECT_EQ(document(collection), R"(<?xml version="1.0" encoding="UTF-8"?>
<feedback xmlns="urn:ietf:params:xml:ns:dmarc-2.0">
  <version>1.0</version>
  <report_metadata>
    <org_name>Example Organization</org_name>
    <email>postmaster@mx.example.org</email>
    <extra_contact_info>https://mx.example.org/dmarc</extra_contact_info>
    <report_id>u1@mx.example.org</report_id>
    <date_range>
      <begin>1780000000</begin>
      <end>1780086400</end>
    </date_range>
    <generator>Sluice</generator>
  </report_metadata>
  <policy_published>
    <domain>example.com</domain>
    <discovery_method>treewalk</discovery_method>
    <p>reject</p>
    <sp>quarantine</sp>
    <np>quarantine</np>
    <fo>1</fo>
    <adkim>s</adkim>
    <aspf>r</aspf>
    <testing>y</testing>
  </policy_published>
  <record>
    <row>
      <source_ip>192.0.2.1</source_ip>
      <count>3</count>
      <policy_evaluated>
        <disposition>reject</disposition>
        <dkim>fail</dkim>
        <spf>fail</spf>
        <reason>
          <type>local_policy</type>
          <comment>arc=pass</comment>
        </reason>
        <reason>
          <type>policy_test_mode</type>
        </reason>
      </policy_evaluated>
    </row>
    <identifiers>
      <header_from>example.com</header_from>
      <envelope_from>mail.example.net</envelope_from>
    </identifiers>
    <auth_results>
      <dkim>
        <domain>example.com</domain>
        <selector>s4</selector>
        <result>pass</result>
      </dkim>
      <dkim>
        <domain>sub.example.com</domain>
        <selector>s3</selector>
        <result>pass</result>
      </dkim>
      <dkim>
        <domain>other.example</domain>
        <selector>s2</selector>
        <result>pass</result>
      </dkim>
      <dkim>
        <domain>other.example</domain>
        <selector>s1</selector>
        <result>fail</result>
        <human_result>body-hash-mismatch</human_result>
      </dkim>
      <spf>
        <domain>mail.example.net</domain>
        <scope>mfrom</scope>
        <result>softfail</result>
      </spf>
    </auth_results>
  </record>
</feedback>
)");
}

TEST(ReportXml, SaysWhatWasWrongWithTheRecordAndHowItWasFound) {
  ReportCollection collection(kStart);
  ReportedFake fake("v=DMARC1; p=reject; sp=bad; rua=mailto:reports@example.com");
  ReportedMessage message = fake.message();
  message.mode = Mode::Rfc7489;
  EXPECT_TRUE(collection.add(message, kStart));
  const std::string xml = document(collection);
  EXPECT_NE(xml.find("<error>sp is not valid</error>"), std::string::npos);
  EXPECT_NE(xml.find("<discovery_method>psl</discovery_method>\n    <p>none</p>"), std::string::npos);
  EXPECT_EQ(xml.find("<np>"), std::string::npos);
  EXPECT_EQ(xml.find("<testing>"), std::string::npos);
}

TEST(ReportXml, ListsNoMoreSignaturesThanTheRfcSays) {
  ReportedFake fake;
  fake.signatures.assign(1000, {"evil.example", "s", "fail"});
  fake.signatures.push_back({"example.com", "good", "pass"});
  const std::string row = report_row(fake.message());
  size_t count = 0;
  for (size_t at = row.find("<dkim>\n"); at != std::string::npos; at = row.find("<dkim>\n", at + 1)) ++count;
  EXPECT_EQ(count, limits::kDmarcReportSignatures);
  EXPECT_NE(row.find("<selector>good<"), std::string::npos);
}

// CVE-2020-12460: a report that ran over its buffer and was cut at a NUL.
TEST(ReportXml, HoldsWhatASenderCannotBreak) {
  ReportCollection collection(kStart);
  ReportedFake fake;
  const std::string wild = std::string("</record>\0<count>9</count>&amp;\xff", 32) + std::string(100000, '<');
  fake.envelope_from = wild;
  fake.spf = ReportedSpf{wild, auth::SpfResult::PermError, auth::Identity::Helo, wild};
  fake.signatures = {{wild, wild, "fail", wild}};
  EXPECT_TRUE(collection.add(fake.message(), kStart));
  const std::string xml = document(collection);
  EXPECT_LT(xml.size(), 8 * 4 * limits::kDmarcReportText);
  EXPECT_EQ(xml.find('\0'), std::string::npos);
  EXPECT_NE(xml.find("<count>1</count>"), std::string::npos);
  EXPECT_EQ(xml.find("<count>9"), std::string::npos);
  EXPECT_EQ(xml.find("<scope>"), std::string::npos);
}

TEST(ReportFile, IsNamedAsTheRfcSays) {
  const ReportName name{"example.com", kStart, kStart + std::chrono::hours(24), "3f2a"};
  EXPECT_EQ(report_file_name(identity(), name),
            "mx.example.org!example.com!1780000000!1780086400!3f2a.xml.gz");
  EXPECT_EQ(report_id(identity(), name), "3f2a@mx.example.org");
  EXPECT_EQ(report_subject(identity(), name),
            "Report Domain: example.com Submitter: mx.example.org Report-ID: <3f2a@mx.example.org>");
}

TEST(ReportFile, IsGzip) {
  for (const std::string& text : {std::string(), std::string("x"), std::string(500000, 'y')}) {
    EXPECT_EQ(testing::unzipped(gzip(text)), text);
  }
  EXPECT_EQ(gzip("same"), gzip("same"));
}

}  // namespace
}  // namespace sluice::dmarc
