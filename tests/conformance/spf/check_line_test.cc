#include "tools/sluicectl/check_line.h"

#include "dnscache/zone/zone_file.h"
#include "rules/auth/authentication_results.h"
#include "rules/dkim/signer.h"

#include <fstream>
#include <string>
#include <vector>

#include <fmt/format.h>
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
  CheckLinesTest() : zone_(*dns::zone_from_json(kZone)), source_(zone_), lines_(source_, settings_) {}

  std::string answer(const std::string& line) { return lines_.answer(line); }
  json spf(const std::string& members) {
    return json::parse(answer("{\"id\":\"1\"," + members + "}"))["spf"];
  }

  dns::Zone zone_;
  ZoneSource source_;
  MessageSettings settings_;
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

// --- of messages ---

class CheckMessagesTest : public testing::Test {
 protected:
  static constexpr int64_t kNow = 1'700'000'000;

  CheckMessagesTest()
      : key_(*dkim::SigningKey::generate(dkim::Algorithm::Ed25519Sha256)), lines_(none_, settings_) {}

  static std::string path_of(std::string_view name) { return testing::TempDir() + std::string(name); }
  static void write(const std::string& path, std::string_view octets) {
    std::ofstream(path, std::ios::binary) << octets;
  }
  std::string signature_of(std::string_view fields, std::string_view body) const {
    dkim::BodyHashes hashes;
    const auto id = hashes.want(dkim::Canonicalization::Relaxed);
    hashes.feed(body);
    hashes.finish();
    dkim::SignSpec spec;
    spec.domain = "a.example";
    spec.selector = "s";
    const std::vector<std::string_view> each{fields};
    return *dkim::sign(each, hashes.digest(*id), spec, key_, WallTime(std::chrono::seconds(kNow)));
  }
  json check(std::string_view octets, std::string_view members) {
    const std::string path = path_of("check_message.eml");
    write(path, octets);
    return check_file(path, members);
  }
  json check_file(const std::string& path, std::string_view members) {
    json line = json::parse(fmt::format("{{{}}}", members));
    line["id"] = "1";
    line["now"] = kNow + 60;
    line["message_file"] = path;
    line["zone"] = {{"a.example", {{{"SPF", "v=spf1 ip4:192.0.2.0/24 -all"}}}},
                    {"_dmarc.a.example", {{{"TXT", "v=DMARC1; p=quarantine"}}}},
                    {"s._domainkey.a.example", {{{"TXT", key_.public_record()}}}}};
    return json::parse(lines_.answer(line.dump()));
  }

  dkim::SigningKey key_;
  dns::Zone empty_;
  ZoneSource none_{empty_};
  MessageSettings settings_;
  CheckLines lines_;
};

constexpr std::string_view kFrom = "From: x@a.example\r\n";

TEST_F(CheckMessagesTest, AnswersForSpfDkimArcAndDmarcOfAMessage) {
  const json found = check(signature_of(kFrom, "hello\r\n") + std::string(kFrom) + "\r\nhello\r\n",
                           R"("ip":"203.0.113.9","helo":"h.example","mail_from":"x@a.example",)"
                           R"("checks":["spf","dkim","arc","dmarc"])");
  EXPECT_EQ(found["spf"]["result"], "fail");
  ASSERT_EQ(found["dkim"].size(), 1U);
  EXPECT_EQ(found["dkim"][0]["result"], "pass");
  EXPECT_EQ(found["dkim"][0]["selector"], "s");
  EXPECT_EQ(found["dkim"][0]["reason"], "verified");
  EXPECT_EQ(found["arc"]["result"], "none");
  EXPECT_EQ(found["arc"]["oldest_pass"], 0);
  EXPECT_EQ(found["dmarc"]["result"], "pass");
  EXPECT_EQ(found["dmarc"]["policy"], "quarantine");
  EXPECT_EQ(found["dmarc"]["disposition"], "none");
  EXPECT_EQ(found["dmarc"]["alignment"]["dkim"], true);
  EXPECT_EQ(found["dmarc"]["alignment"]["spf"], false);
}

TEST_F(CheckMessagesTest, AMutatedMessageFailsByThePublishedPolicy) {
  const json found = check(signature_of(kFrom, "hello\r\n") + std::string(kFrom) + "\r\nhallo\r\n",
                           R"("ip":"203.0.113.9","mail_from":"x@a.example","checks":["dkim","dmarc"])");
  EXPECT_FALSE(found.contains("spf"));
  EXPECT_EQ(found["dkim"][0]["result"], "fail");
  EXPECT_EQ(found["dkim"][0]["reason"], "body-hash-mismatch");
  EXPECT_EQ(found["dmarc"]["result"], "fail");
  EXPECT_EQ(found["dmarc"]["disposition"], "quarantine");
}

TEST_F(CheckMessagesTest, FilesWithBareLineFeedsAreTakenAsTextFiles) {
  std::string octets = signature_of(kFrom, "hello\r\n") + std::string(kFrom) + "\r\nhello\r\n";
  std::erase(octets, '\r');
  EXPECT_EQ(check(octets, R"("ip":"192.0.2.1","checks":["dkim"])")["dkim"][0]["result"], "pass");
}

TEST_F(CheckMessagesTest, EverySignatureFieldHasAnEntry) {
  std::string octets;
  for (int i = 0; i < 40; ++i) octets += "DKIM-Signature: v=1\r\n";
  const json found = check(octets + std::string(kFrom) + "\r\n", R"("ip":"192.0.2.1","checks":["dkim"])");
  ASSERT_EQ(found["dkim"].size(), 40U);
  EXPECT_EQ(found["dkim"][0]["result"], "permerror");
  EXPECT_EQ(found["dkim"][39]["reason"], "missing-tag");
}

TEST_F(CheckMessagesTest, EntriesOfFieldsThatAreNotVerifiedNameTheirSignature) {
  std::string octets;
  for (int i = 0; i < 150; ++i) {
    octets += "DKIM-Signature: v=1; a=rsa-sha256; d=d" + std::to_string(i) + ".example; s=s" +
              std::to_string(i) + "; h=from; bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=; b=AAAA\r\n";
  }
  const json found = check(octets + std::string(kFrom) + "\r\n", R"("ip":"192.0.2.1","checks":["dkim"])");
  ASSERT_EQ(found["dkim"].size(), 150U);
  EXPECT_EQ(found["dkim"][9]["reason"], "key-not-found");
  for (const size_t i : {10U, 99U, 100U, 149U}) {
    EXPECT_EQ(found["dkim"][i]["reason"], "too-many-signatures") << i;
    EXPECT_EQ(found["dkim"][i]["domain"], "d" + std::to_string(i) + ".example");
    EXPECT_EQ(found["dkim"][i]["selector"], "s" + std::to_string(i));
  }
}

TEST_F(CheckMessagesTest, WithAnAuthservIdTheFieldThatANodeWouldWriteIsThere) {
  const std::string octets = signature_of(kFrom, "hello\r\n") + std::string(kFrom) + "\r\nhello\r\n";
  const std::string line =
      R"("ip":"203.0.113.9","helo":"h.a.example","mail_from":"x@a.example","authserv_id":"mx.example.com")";
  const json found = check(octets, line);
  const auth::AuthenticationResults read =
      auth::read_authentication_results(found["authentication_results"].get<std::string>());
  EXPECT_TRUE(read.complete);
  EXPECT_EQ(read.authserv_id, "mx.example.com");
  std::vector<std::string> results;
  for (const auth::MethodResult& one : read.results) results.push_back(one.method + "=" + one.result);
  const auto word = [&found](const char* check) { return found[check]["result"].get<std::string>(); };
  EXPECT_THAT(results, testing::ElementsAre("spf=" + word("spf"), "dkim=pass", "dmarc=" + word("dmarc"),
                                            "arc=" + word("arc")));
  EXPECT_EQ(*read.results[0].find("smtp", "mailfrom"), "x@a.example");

  // Of what was evaluated only; and nothing of all that where nobody asks.
  EXPECT_EQ(
      check(octets, line + R"(,"checks":["dkim"])")["authentication_results"].get<std::string>().find("spf="),
      std::string::npos);
  EXPECT_FALSE(check(octets, R"("ip":"192.0.2.1")").contains("authentication_results"));
}

TEST_F(CheckMessagesTest, AnAuthservIdThatIsNoNameIsQuoted) {
  const json found = check_file("", R"("ip":"192.0.2.1","helo":"h.a.example","mail_from":"x@a.example",)"
                                    R"("checks":["spf"],"authserv_id":"a;\r\nX: b \"c")");
  const std::string value = found["authentication_results"];
  EXPECT_EQ(value.find_first_of("\r\n"), std::string::npos);
  EXPECT_TRUE(value.starts_with('"')) << value;
  EXPECT_TRUE(auth::read_authentication_results(value).complete) << value;
  EXPECT_EQ(check_file("", R"("ip":"192.0.2.1","authserv_id":7)")["error"],
            "\"authserv_id\" is not a string");
}

TEST_F(CheckMessagesTest, AMessageThatCannotBeReadIsTheLinesError) {
  const json found = check_file(path_of("nowhere.eml"), R"("ip":"192.0.2.1","checks":["spf","dkim"])");
  EXPECT_THAT(found["error"].get<std::string>(), HasSubstr("nowhere.eml"));
  EXPECT_FALSE(found.contains("spf"));
}

}  // namespace
}  // namespace sluice::ctl
