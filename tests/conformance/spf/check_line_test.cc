#include "tools/sluicectl/check_line.h"

#include "dnscache/zone/zone_file.h"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace sluice::ctl {
namespace {

using nlohmann::json;
using testing::HasSubstr;

constexpr std::string_view kZone =
    R"({"a.example":[{"SPF":"v=spf1 include:b.example ~all"}],)"
    R"("b.example":[{"SPF":"v=spf1 ip4:192.0.2.0/24 -all"}],)"
    R"("f.example":[{"SPF":"v=spf1 -all exp=e.example"}],"e.example":[{"TXT":"no %{c} at %{t}"}],)"
    R"("crlf.example":[{"SPF":"v=spf1 -all exp=c.example"}],"c.example":[{"TXT":"no\r\n250 ok"}],)"
    R"("t.example":["TIMEOUT"],"bad.example":[{"SPF":"v=spf1 all:x"}]})";

class CheckLinesTest : public testing::Test {
 protected:
  CheckLinesTest() : zone_(*dns::zone_from_json(kZone)), source_(zone_), lines_(source_) {}

  std::string answer(const std::string& line) { return lines_.answer(line); }
  json spf(const std::string& members) {
    return json::parse(answer("{\"id\":\"1\"," + members + "}"))["spf"];
  }

  dns::Zone zone_;
  ZoneSource source_;
  CheckLines lines_;
};

TEST_F(CheckLinesTest, GivesTheTwoExamplesOfTheContract) {
  EXPECT_EQ(
      answer(
          R"({"id":"1","ip":"192.0.2.7","helo":"h.a.example","mail_from":"x@a.example","checks":["spf"]})"),
      R"({"id":"1","spf":{"result":"pass","identity":"mailfrom","domain":"a.example",)"
      R"("mechanism":"include:b.example","explanation":null,"lookups":1,"void_lookups":0}})"
      "\n");
  const json other =
      spf(R"("ip":"198.51.100.1","helo":"h.a.example","mail_from":"x@a.example","checks":["spf"])");
  EXPECT_EQ(other["result"], "softfail");
  EXPECT_EQ(other["mechanism"], "all");
}

TEST_F(CheckLinesTest, TakesAnEmptyOrAbsentSenderForTheNullSender) {
  for (const char* sender : {R"("mail_from":"",)", R"("mail_from":null,)", R"("mail_from":"<>",)", ""}) {
    const json result = spf(std::string(sender) + R"("ip":"192.0.2.7","helo":"a.example")");
    EXPECT_EQ(result["identity"], "helo") << sender;
    EXPECT_EQ(result["domain"], "a.example");
    EXPECT_EQ(result["result"], "pass");
  }
}

TEST_F(CheckLinesTest, GivesNullWhereThereIsNothingToSay) {
  const json none = spf(R"("ip":"192.0.2.7","helo":"h","mail_from":"x@nothing.example")");
  EXPECT_EQ(none["result"], "none");
  EXPECT_TRUE(none["mechanism"].is_null());
  EXPECT_TRUE(none["explanation"].is_null());
  const json timeout = spf(R"("ip":"192.0.2.7","helo":"h","mail_from":"x@t.example")");
  EXPECT_EQ(timeout["result"], "temperror");
  EXPECT_TRUE(timeout["mechanism"].is_null());
  EXPECT_EQ(spf(R"("ip":"192.0.2.7","mail_from":"x@bad.example")")["result"], "permerror");
}

TEST_F(CheckLinesTest, ExplainsWithTheClockOfTheLine) {
  EXPECT_EQ(spf(R"("ip":"192.0.2.7","mail_from":"x@f.example","now":1700000000)")["explanation"],
            "no 192.0.2.7 at 1700000000");
  EXPECT_TRUE(spf(R"("ip":"192.0.2.7","mail_from":"x@crlf.example")")["explanation"].is_null());
}

TEST_F(CheckLinesTest, UsesTheZoneOfTheLineForThatLineOnly) {
  const std::string check = R"("ip":"192.0.2.7","mail_from":"x@a.example")";
  EXPECT_EQ(spf(check + R"(,"zone":{"a.example":[{"SPF":"v=spf1 ?all"}]})")["result"], "neutral");
  EXPECT_EQ(spf(check + R"(,"zone":{"a.example":[{"SPF":"v=spf1 ?all"}]})")["result"], "neutral");
  EXPECT_EQ(spf(check + R"(,"zone":{"a.example":[{"SPF":"v=spf1 -all"}]})")["result"], "fail");
  EXPECT_EQ(spf(check + R"(,"zone":{})")["result"], "none");
  EXPECT_EQ(spf(check)["result"], "pass");
}

TEST_F(CheckLinesTest, AnswersOnlyWhatWasAsked) {
  const json all = json::parse(answer(R"({"id":"1","ip":"192.0.2.7","checks":["dkim","dmarc","nonsense"]})"));
  EXPECT_FALSE(all.contains("spf"));
  EXPECT_EQ(all["dkim"]["error"], "needs \"message_file\"");
  EXPECT_EQ(all["dmarc"]["error"], "needs \"message_file\"");
  EXPECT_FALSE(all.contains("nonsense"));
  EXPECT_EQ(answer(R"({"id":"1","ip":"192.0.2.7","checks":[]})"), "{\"id\":\"1\"}\n");
  const json twice = json::parse(answer(R"({"id":"1","ip":"192.0.2.7","checks":["spf","spf"]})"));
  EXPECT_EQ(twice.size(), 2U);
}

TEST_F(CheckLinesTest, AnswersEveryUnreadableLineWithAnError) {
  for (const char* line : {"", " ", "x", "[]", "1", "null", "{", R"({"id":"1")", "\xff\xfe",
                           R"({"id":["x"],"ip":"192.0.2.1"})", R"({"id":{},"ip":"192.0.2.1"})"}) {
    const json result = json::parse(answer(line));
    EXPECT_TRUE(result["id"].is_null()) << line;
    EXPECT_TRUE(result["error"].is_string()) << line;
  }
  for (const char* members :
       {R"("x":1)", R"("ip":null)", R"("ip":1)", R"("ip":"192.0.2.256")", R"("ip":"192.0.2.1","helo":[])",
        R"("ip":"192.0.2.1","mail_from":{})", R"("ip":"192.0.2.1","checks":"spf")",
        R"("ip":"192.0.2.1","checks":[1])", R"("ip":"192.0.2.1","now":"x")", R"("ip":"192.0.2.1","now":-1)",
        R"("ip":"192.0.2.1","now":1e300)", R"("ip":"192.0.2.1","zone":7)",
        R"("ip":"192.0.2.1","zone":{"a..b":[{"A":"1.2.3.4"}]})",
        R"("ip":"192.0.2.1","zone":{"a.b":[{"A":"x"}]})"}) {
    const json result = json::parse(answer(std::string("{\"id\":\"17\",") + members + "}"));
    EXPECT_EQ(result["id"], "17") << members;
    EXPECT_TRUE(result["error"].is_string()) << members;
    EXPECT_FALSE(result.contains("spf")) << members;
  }
  EXPECT_EQ(spf(R"("ip":"192.0.2.7","mail_from":"x@a.example")")["result"], "pass");  // and goes on
}

TEST_F(CheckLinesTest, EchoesIdsAsTheyWere) {
  EXPECT_THAT(answer(R"({"id":42,"ip":"192.0.2.7"})"), HasSubstr(R"({"id":42,)"));
  EXPECT_THAT(answer(R"({"id":"a\"\n\u00e9","ip":"192.0.2.7"})"), HasSubstr("{\"id\":\"a\\\"\\n\xC3\xA9\","));
  EXPECT_THAT(answer(R"({"ip":"192.0.2.7"})"), HasSubstr(R"({"id":null,)"));
}

TEST_F(CheckLinesTest, TakesNestingThatIsVeryDeep) {
  const std::string deep(100000, '[');
  EXPECT_THAT(answer(deep), HasSubstr("error"));
  EXPECT_THAT(answer("{\"id\":\"1\",\"ip\":\"192.0.2.1\",\"x\":" + deep + std::string(100000, ']') + "}"),
              HasSubstr("spf"));
}

}  // namespace
}  // namespace sluice::ctl
