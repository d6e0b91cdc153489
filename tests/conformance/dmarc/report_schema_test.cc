// Aggregate reports against a schema, by an XML parser that is not ours: usual ones, and ones made of octets
// that a sender chose.
#include "io/base/random.h"
#include "tests/unit/rules/dmarc/report_world.h"

#include <cstdlib>
#include <fstream>
#include <string>

#include <gtest/gtest.h>

namespace sluice::dmarc {
namespace {

bool is_valid(const std::string& xml) {
  const std::string path = SLUICE_SCRATCH "/report.xml";
  std::ofstream(path, std::ios::binary) << xml;
  const std::string command = SLUICE_XMLLINT " --noout --nonet --schema " SLUICE_REPORT_SCHEMA " '" + path +
                              "' >'" + path + ".log' 2>&1";
  return std::system(command.c_str()) == 0;  // NOLINT(cert-env33-c): a fixed program on a file of ours
}

TEST(ReportSchema, HoldsForReportsOfAllKinds) {
  ReportCollection collection(kStart);
  ReportedFake fake(
      "v=DMARC1; p=reject; sp=quarantine; np=none; adkim=s; t=y; fo=1:d; junk; rua=mailto:r@example.com");
  EXPECT_TRUE(collection.add(fake.message(), kStart));
  fake.client = *IpAddress::parse("2001:db8::1");
  fake.signatures = {
      {"example.com", "k", "pass"}, {"", "", "permerror"}, {"list.example", "k", "fail", "why"}};
  fake.reasons = {{OverrideType::LocalPolicy, "arc=pass"}, {OverrideType::PolicyTestMode, ""}};
  fake.disposition = Disposition::Pass;
  EXPECT_TRUE(collection.add(fake.message(), kStart));
  fake.spf.reset();
  fake.envelope_from.clear();
  EXPECT_TRUE(collection.add(fake.message(), kStart));
  EXPECT_TRUE(is_valid(document(collection)));
  ReportedMessage older = fake.message();
  older.mode = Mode::Rfc7489;
  EXPECT_TRUE(collection.add(older, kStart));
  EXPECT_TRUE(is_valid(document(collection)));
}

TEST(ReportSchema, SeesAFault) {
  ReportCollection collection(kStart);
  ReportedFake fake;
  EXPECT_TRUE(collection.add(fake.message(), kStart));
  std::string xml = document(collection);
  xml.replace(xml.find("<count>1"), 8, "<count>0");
  EXPECT_FALSE(is_valid(xml));
}

TEST(ReportSchema, HoldsWhateverASenderWrote) {
  Random random(1);
  const auto wild = [&] {
    std::string text(1 + random.below(60), ' ');
    for (char& c : text)
      c = random.one_in(3) ? "<>&\"']!-"[random.below(8)] : static_cast<char>(random.below(256));
    return text;
  };
  ReportCollection collection(kStart);
  for (int i = 0; i < 300; ++i) {
    ReportedFake fake;
    const std::string a = wild(), b = wild(), c = wild();
    fake.outcome.author_domain = a;
    fake.envelope_from = b;
    fake.spf = ReportedSpf{c, auth::SpfResult::PermError, auth::Identity::MailFrom, a};
    fake.signatures = {{a, b, "fail", c}};
    fake.reasons = {{OverrideType::Other, c}};
    EXPECT_TRUE(collection.add(fake.message(), kStart));
  }
  EXPECT_TRUE(is_valid(document(collection)));
}

}  // namespace
}  // namespace sluice::dmarc
