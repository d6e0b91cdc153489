#include "rules/dmarc/report_destinations.h"

#include "tests/unit/rules/dmarc/report_world.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace sluice::dmarc {
namespace {

std::vector<ReportDestination> destinations(const std::string& rua,
                                            const std::string& organization = "example.com",
                                            const std::string& domain = "example.com") {
  DomainReport report;
  report.organization = organization;
  uint16_t problems = 0;
  report.published.rua = parse_uris(rua, problems);
  return report_destinations(domain, report);
}

dns::Answer txt(std::vector<std::string> texts) {
  dns::Answer answer;
  answer.status = dns::AnswerStatus::Records;
  for (std::string& text : texts) answer.records.emplace_back(std::move(text));
  return answer;
}

// Shows: P-19
TEST(ReportDestinations, AskThoseOutsideTheOrganization) {
  const auto all = destinations(
      "mailto:a@example.com,mailto:b@sub.example.com,mailto:c@red.example.net,mailto:d@notexample.com,"
      "https://example.com/x,mailto:A@example.com");
  ASSERT_EQ(all.size(), 4U);
  EXPECT_FALSE(all[0].authorization);
  EXPECT_FALSE(all[1].authorization);
  EXPECT_EQ(all[2].authorization->to_text(), "example.com._report._dmarc.red.example.net");
  EXPECT_EQ(all[3].authorization->to_text(), "example.com._report._dmarc.notexample.com");
}

TEST(ReportDestinations, OfASubdomainsRecordMayBeInItsOrganization) {
  EXPECT_FALSE(destinations("mailto:a@example.com", "example.com", "blue.example.com")[0].authorization);
  // A public suffix lends its policy: its domains' addresses are not its own.
  const auto suffix = destinations("mailto:a@bank.example,mailto:b@giant.bank.example", "", "bank.example");
  EXPECT_FALSE(suffix[0].authorization);
  EXPECT_TRUE(suffix[1].authorization);
}

TEST(ReportDestinations, NeedAnAnswerThatGrantsIt) {
  std::vector<ReportDestination> replacements;
  auto outside = [] { return destinations("mailto:a@red.example.net")[0]; };
  ReportDestination one = outside();
  const auto answer = [&](const dns::Answer& given) {
    replacements.clear();
    return authorize(one, given, replacements);
  };
  EXPECT_EQ(answer(txt({"v=DMARC1"})), Authorization::Granted);
  EXPECT_EQ(answer(txt({"v=DMARC1;"})), Authorization::Granted);
  EXPECT_EQ(answer(txt({"junk", "v=DMARC1; x=y"})), Authorization::Granted);
  EXPECT_EQ(answer(txt({"v=DMARC2"})), Authorization::Refused);
  EXPECT_EQ(answer(txt({"v=DMARC1" + std::string(60000, ' ')})), Authorization::Refused);
  dns::Answer missing;
  missing.status = dns::AnswerStatus::NxDomain;
  EXPECT_EQ(answer(missing), Authorization::Refused);
  missing.status = dns::AnswerStatus::ServFail;
  EXPECT_EQ(answer(missing), Authorization::Undecided);
}

TEST(ReportDestinations, MayBeReplacedWithinTheirHost) {
  std::vector<ReportDestination> replacements;
  ReportDestination one = destinations("mailto:a@red.example.net")[0];
  EXPECT_EQ(authorize(one, txt({"v=DMARC1; rua=mailto:new@Red.example.net!1m"}), replacements),
            Authorization::Granted);
  ASSERT_EQ(replacements.size(), 1U);
  EXPECT_EQ(replacements[0].address, "new@Red.example.net");
  replacements.clear();
  EXPECT_EQ(authorize(one, txt({"v=DMARC1; rua=mailto:victim@blue.example.net,mailto:x@red.example.net"}),
                      replacements),
            Authorization::Refused);
  EXPECT_TRUE(replacements.empty());
}

TEST(ReportDestinations, AreRefusedWhereTheNameDoesNotFit) {
  const std::string label(60, 'a');
  const std::string domain = label + "." + label + "." + label + ".example";
  auto all = destinations("mailto:a@" + label + ".net", domain, domain);
  ASSERT_EQ(all.size(), 1U);
  EXPECT_TRUE(all[0].unaskable);
  std::vector<ReportDestination> replacements;
  EXPECT_EQ(authorize(all[0], txt({"v=DMARC1"}), replacements), Authorization::Refused);
}

TEST(ReportDestinations, HaveSizes) {
  const ReportDestination small = destinations("mailto:a@example.com!1k")[0];
  EXPECT_TRUE(fits(small, 700));
  EXPECT_FALSE(fits(small, 760));  // 1016 as base64, and line ends
  EXPECT_TRUE(fits(destinations("mailto:a@example.com")[0], uint64_t{1} << 40));
}

}  // namespace
}  // namespace sluice::dmarc
