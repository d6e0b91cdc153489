#include "rules/policy/result_header.h"

#include <string>

#include <gtest/gtest.h>

namespace sluice::policy {
namespace {

using evidence::Client;
using evidence::Identity;
using evidence::Sender;
using evidence::SpfOutcome;
using evidence::SpfResult;

Client client_of(std::string_view helo = "mail.example.org", std::string_view address = "203.0.113.1") {
  Client client;
  client.address = *IpAddress::parse(address);
  client.helo = helo;
  return client;
}

SpfOutcome outcome_of(SpfResult result, Identity identity = Identity::MailFrom) {
  SpfOutcome outcome;
  outcome.result = result;
  outcome.identity = identity;
  outcome.domain = "example.com";
  return outcome;
}

std::string value_of(const SpfOutcome& outcome, const Client& client, const Sender& sender) {
  return spf_result_field("X-TM-Received-SPF", outcome, client, sender).value;
}

struct GoldenCase {
  SpfResult result;
  const char* value;
};

constexpr GoldenCase kGolden[] = {
    {SpfResult::Pass,
     "Pass (domain of user@example.com designates 203.0.113.1 as permitted sender) client-ip=203.0.113.1; "
     "envelope-from=user@example.com; helo=mail.example.org"},
    {SpfResult::Fail,
     "Fail (domain of user@example.com does not designates 203.0.113.1 as permitted sender) "
     "client-ip=203.0.113.1; "
     "envelope-from=user@example.com; helo=mail.example.org"},
    {SpfResult::SoftFail,
     "SoftFail (domain of transitioning user@example.com discourages use of 203.0.113.1 as permitted sender) "
     "client-ip=203.0.113.1; envelope-from=user@example.com; helo=mail.example.org"},
    {SpfResult::Neutral,
     "Neutral (203.0.113.1 is neither permitted nor denied by domain of user@example.com) "
     "client-ip=203.0.113.1; "
     "envelope-from=user@example.com; helo=mail.example.org"},
    {SpfResult::None,
     "None (domain of user@example.com does not designate permitted sender hosts) client-ip=203.0.113.1; "
     "envelope-from=user@example.com; helo=mail.example.org"},
    {SpfResult::PermError,
     "PermError (domain of user@example.com uses mechanism not recognized by this client) "
     "client-ip=203.0.113.1; "
     "envelope-from=user@example.com; helo=mail.example.org"},
    {SpfResult::TempError,
     "TempError (error in processing during lookup of user@example.com) client-ip=203.0.113.1; "
     "envelope-from=user@example.com; helo=mail.example.org"},
};

// Shows: RUL-06, SPF-13, D-6
TEST(ResultHeader, HasTheExactWordingForAllSevenResults) {
  for (const GoldenCase& golden : kGolden) {
    const HeaderField field = spf_result_field("X-TM-Received-SPF", outcome_of(golden.result), client_of(),
                                               {"user", "example.com"});
    EXPECT_EQ(field.name, "X-TM-Received-SPF");
    EXPECT_EQ(field.value, golden.value);
    EXPECT_EQ(field.to_line(), std::string("X-TM-Received-SPF: ") + golden.value + "\r\n");
  }
}

// Shows: D-6
TEST(ResultHeader, TakesAnotherName) {
  EXPECT_EQ(
      spf_result_field("X-Our-SPF", outcome_of(SpfResult::Pass), client_of(), {"u", "example.com"}).name,
      "X-Our-SPF");
}

// Shows: W-21, SPF-03
TEST(ResultHeader, NamesPostmasterOfTheHeloForTheNullSender) {
  EXPECT_EQ(
      value_of(outcome_of(SpfResult::Fail, Identity::Helo), client_of(), {}),
      "Fail (domain of postmaster@mail.example.org does not designates 203.0.113.1 as permitted sender) "
      "client-ip=203.0.113.1; envelope-from=<>; helo=mail.example.org");
}

TEST(ResultHeader, WritesIpv6AsText) {
  EXPECT_EQ(
      value_of(outcome_of(SpfResult::Pass), client_of("h.example", "2001:DB8:0::1"), {"u", "example.com"}),
      "Pass (domain of u@example.com designates 2001:db8::1 as permitted sender) client-ip=2001:db8::1; "
      "envelope-from=u@example.com; helo=h.example");
}

// Shows: ESE-15, W-31
TEST(ResultHeader, NamesTheIdentityThatWasActedOn) {
  const std::string helo =
      value_of(outcome_of(SpfResult::Fail, Identity::Helo), client_of(), {"u", "example.com"});
  EXPECT_TRUE(helo.starts_with("Fail (domain of postmaster@mail.example.org does not")) << helo;
  EXPECT_TRUE(helo.contains("envelope-from=u@example.com;")) << helo;
  const std::string from = value_of(outcome_of(SpfResult::Pass, Identity::From), client_of(), {});
  EXPECT_TRUE(from.starts_with("Pass (domain of example.com designates")) << from;
}

TEST(ResultHeader, SaysUnknownWhereThereIsNoHelo) {
  const std::string value = value_of(outcome_of(SpfResult::None, Identity::Helo), client_of(""), {});
  EXPECT_TRUE(value.ends_with("envelope-from=<>; helo=unknown")) << value;
  EXPECT_TRUE(value.contains("postmaster@unknown")) << value;
}

struct EscapeCase {
  const char* identity;
  const char* in_comment;
  const char* as_value;
};

// Shows: W-21
TEST(ResultHeader, MakesForeignTextHarmless) {
  const EscapeCase cases[] = {
      {"a@b.example", "a@b.example", "a@b.example"},
      {"[192.0.2.1]", "[192.0.2.1]", "[192.0.2.1]"},
      {"[IPv6:2001:db8::1]", "[IPv6:2001:db8::1]", "[IPv6:2001:db8::1]"},
      {"x)@b.example", "x\\)@b.example", "\"x)@b.example\""},
      {"x(y@b.example", "x\\(y@b.example", "\"x(y@b.example\""},
      {"\"a b\"@b.example", "\\\"a b\\\"@b.example", "\"\\\"a b\\\"@b.example\""},
      {"a\\@b.example", "a\\\\@b.example", "\"a\\\\@b.example\""},
      {"a; helo=good.example", "a; helo=good.example", "\"a; helo=good.example\""},
      {"a\r\nX-Forged: yes", "a??X-Forged: yes", "\"a??X-Forged: yes\""},
      {"a\tb", "a?b", "a?b"},
      {"u@b\xc3\xbc"
       "cher.example",
       "u@xn--bcher-kva.example", "u@xn--bcher-kva.example"},
      {"b\xc3\xbc"
       "cher.example",
       "xn--bcher-kva.example", "xn--bcher-kva.example"},
      {"\xe5\x90\x8d@b.example", "???@b.example", "???@b.example"},
      {"u@\xff.example", "u@?.example", "u@?.example"},
  };
  for (const EscapeCase& one : cases) {
    EXPECT_EQ(comment_text(one.identity), one.in_comment);
    EXPECT_EQ(key_value_text(one.identity), one.as_value);
  }
}

// Shows: W-21
TEST(ResultHeader, CutsIdentitiesAt255OctetsWithoutHalfAnEscape) {
  EXPECT_EQ(comment_text(std::string(255, 'a')).size(), 255U);
  EXPECT_EQ(comment_text(std::string(256, 'a')).size(), 255U);
  EXPECT_EQ(key_value_text(std::string(256, 'a')).size(), 255U);
  const std::string brackets = comment_text(std::string(200, ')'));
  EXPECT_EQ(brackets.size(), 254U);
  EXPECT_TRUE(brackets.ends_with("\\)"));
  const std::string quotes = key_value_text(std::string(200, '"'));
  EXPECT_EQ(quotes.size(), 254U);
  EXPECT_TRUE(quotes.ends_with("\\\"\""));
}

TEST(ReceivedSpf, FollowsRfc7208) {
  SpfOutcome outcome = outcome_of(SpfResult::Fail);
  outcome.mechanism = "all";
  const HeaderField field =
      received_spf_field("mx.example.net", outcome, client_of(), {"user", "example.com"});
  EXPECT_EQ(field.name, "Received-SPF");
  EXPECT_EQ(
      field.value,
      "fail (mx.example.net: domain of user@example.com does not designates 203.0.113.1 as permitted sender) "
      "receiver=mx.example.net; client-ip=203.0.113.1; envelope-from=\"user@example.com\"; "
      "helo=mail.example.org; identity=mailfrom; mechanism=all");
}

TEST(ReceivedSpf, QuotesWhatIsNoDotAtom) {
  SpfOutcome outcome = outcome_of(SpfResult::TempError, Identity::Helo);
  outcome.mechanism = "ip4:192.0.2.0/24";
  outcome.problem = "no answer for \"x\"";
  const std::string value =
      received_spf_field("mx.example.net", outcome, client_of("[192.0.2.1]", "2001:db8::1"), {}).value;
  EXPECT_TRUE(value.starts_with("temperror (")) << value;
  EXPECT_TRUE(
      value.ends_with("client-ip=\"2001:db8::1\"; envelope-from=\"<>\"; helo=\"[192.0.2.1]\"; identity=helo; "
                      "mechanism=\"ip4:192.0.2.0/24\"; problem=\"no answer for \\\"x\\\"\""))
      << value;
}

TEST(HeaderField, FoldsOnlyLinesThatAreTooLongAndUnfoldsToItself) {
  HeaderField field{"X-A", std::string(400, 'a') + " " + std::string(400, 'b') + " " + std::string(400, 'c')};
  const std::string line = field.to_line();
  const size_t fold = line.find("\r\n ");
  ASSERT_NE(fold, std::string::npos);
  EXPECT_LE(fold, 998U);
  std::string unfolded = line;
  unfolded.erase(fold, 2);
  EXPECT_EQ(unfolded, "X-A: " + field.value + "\r\n");
}

// Shows: W-21
TEST(ResultHeader, StaysOneFieldForTheLongestAndWorstIdentities) {
  const std::string bad = std::string(300, '(') + "\r\n\r\n" + std::string(300, '"');
  for (const GoldenCase& golden : kGolden) {
    SpfOutcome outcome = outcome_of(golden.result);
    outcome.mechanism = bad;
    outcome.problem = bad;
    for (const HeaderField& field :
         {spf_result_field("X-TM-Received-SPF", outcome,
                           client_of(bad, "2001:db8:1111:2222:3333:4444:5555:6666"), {bad, bad}),
          received_spf_field("mx.example.net", outcome, client_of(bad), {bad, bad})}) {
      EXPECT_EQ(field.value.find_first_of("\r\n"), std::string::npos);
      if (field.name == "X-TM-Received-SPF") {
        EXPECT_LE(field.to_line().size(), 1000U);
      }
    }
  }
}

}  // namespace
}  // namespace sluice::policy
