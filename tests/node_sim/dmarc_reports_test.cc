// Aggregate reports of DMARC from messages to files: the whole way through the node.
#include "tests/node_sim/fixtures.h"
#include "tests/node_sim/node_world.h"
#include "tests/unit/rules/dmarc/unzipped.h"

#include <gtest/gtest.h>

namespace sluice::testing {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view kReports = R"(
[dmarc.reports]
enabled = true
directory = "/reports"
organization = "Example"
contact = "postmaster@mx.example.org"
submitter = "mx.example.org"
interval_seconds = 3600
)";

std::string zone_with_policy() {
  return std::string(kZone) +
         "\n_dmarc.author.example: [{TXT: \"v=DMARC1; p=reject; rua=mailto:reports@author.example\"}]\n";
}

// The documents in the folder.
std::vector<std::string> reports(NodeWorld& world) {
  std::vector<std::string> found;
  for (const std::string& name : world.sim().file_names("node")) {
    if (name.ends_with(".xml.gz"))
      found.push_back(unzipped(world.sim().file_content("node", name).value_or("")));
  }
  return found;
}

Mail message(std::string_view subject = "test") {
  Mail mail;
  mail.ip = std::string(kForger);
  mail.octets = "From: a@author.example\r\nSubject: " + std::string(subject) + "\r\n\r\nhello\r\n";
  return mail;
}

// Shows: TM-11, P-17
TEST(NodeDmarcReports, AreAboutMessagesAndNotAboutReports) {
  NodeWorld world(policy_with("observe", "", kReports), zone_with_policy());
  world.send(message());
  world.send(message());
  world.send(
      message("Report Domain: author.example Submitter: mx.example.net Report-ID: <1@mx.example.net>"));
  EXPECT_TRUE(reports(world).empty());
  world.pass(1h + 1min);
  const auto found = reports(world);
  ASSERT_EQ(found.size(), 1U);
  EXPECT_NE(found[0].find("<count>2</count>"), std::string::npos);
  EXPECT_NE(found[0].find("<header_from>author.example</header_from>"), std::string::npos);
  EXPECT_NE(found[0].find("<disposition>none</disposition>"), std::string::npos);
  EXPECT_NE(found[0].find("<type>local_policy</type>"), std::string::npos);
  world.stop();
  EXPECT_EQ(world.report().dmarc_reports.written, 1U);
}

TEST(NodeDmarcReports, OfAPeriodThatHasNotEndedAreWrittenAtTheEnd) {
  NodeWorld world(policy_with("observe", "", kReports), zone_with_policy());
  world.send(message());
  world.stop();
  EXPECT_EQ(reports(world).size(), 1U);
}

// Shows: P-20
TEST(NodeDmarcReports, AreOffByDefault) {
  NodeWorld world(policy_with("observe"), zone_with_policy());
  world.send(message());
  world.pass(25h);
  world.stop();
  EXPECT_TRUE(reports(world).empty());
  EXPECT_EQ(world.report().dmarc_reports.messages, 0U);
}

}  // namespace
}  // namespace sluice::testing
