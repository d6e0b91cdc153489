#include "dnscache/zone/zone_file.h"

#include "dnscache/zone/zone_json.h"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace sluice::dns {
namespace {

using ::testing::HasSubstr;

DnsName name(std::string_view text) { return DnsName::from_text(text).value(); }

Answer ask(const Zone& zone, std::string_view owner, RecordType type) {
  return zone.lookup({name(owner), type});
}

std::vector<std::string> texts(const Zone& zone, std::string_view owner) {
  std::vector<std::string> result;
  for (const RecordData& data : ask(zone, owner, RecordType::Txt).records) {
    result.push_back(std::get<std::string>(data));
  }
  return result;
}

Zone json(std::string_view text) {
  auto zone = zone_from_json(text);
  if (!zone) ADD_FAILURE() << zone.error().to_string();
  return zone ? std::move(*zone) : Zone();
}

Zone yaml(std::string_view text) {
  auto zone = zone_from_yaml(text);
  if (!zone) ADD_FAILURE() << zone.error().to_string();
  return zone ? std::move(*zone) : Zone();
}

TEST(OpenspfZone, ServesEachType) {
  const Zone zone = yaml(R"(
example.com:
  - A: 192.0.2.1
  - AAAA: 2001:DB8::1
  - MX: [10, mail.example.com]
  - MX: [0, '']
  - NS: ns.example.com.
1.2.0.192.in-addr.arpa:
  - PTR: Example.COM
)");
  EXPECT_EQ(ask(zone, "example.com", RecordType::A).records,
            (std::vector<RecordData>{IpAddress::v4(0xC0000201)}));
  EXPECT_EQ(ask(zone, "EXAMPLE.com", RecordType::Aaaa).records,
            (std::vector<RecordData>{IpAddress::parse("2001:db8::1").value()}));
  EXPECT_EQ(
      ask(zone, "example.com", RecordType::Mx).records,
      (std::vector<RecordData>{MailExchange{10, name("mail.example.com")}, MailExchange{0, DnsName()}}));
  EXPECT_EQ(ask(zone, "example.com", RecordType::Ns).records,
            (std::vector<RecordData>{name("ns.example.com")}));
  EXPECT_EQ(ask(zone, "1.2.0.192.in-addr.arpa", RecordType::Ptr).records,
            (std::vector<RecordData>{name("example.com")}));
}

TEST(OpenspfZone, ServesSpfEntriesAsText) {
  const Zone zone = json(R"({"a.example":[{"SPF":"v=spf1 -all"},{"SPF":"two"}]})");
  EXPECT_EQ(texts(zone, "a.example"), (std::vector<std::string>{"v=spf1 -all", "two"}));
  EXPECT_EQ(ask(zone, "a.example", kRecordTypeSpf).records.size(), 2U);
}

TEST(OpenspfZone, TextEntriesSuppressTheCopyOfSpfEntries) {
  const Zone zone = json(R"({"a.example":[{"SPF":"v=spf1 -all"},{"TXT":"other"}]})");
  EXPECT_EQ(texts(zone, "a.example"), (std::vector<std::string>{"other"}));
}

TEST(OpenspfZone, NoneOnlySuppressesTheCopy) {
  const Zone zone =
      json(R"({"a.example":[{"SPF":"v=spf1 -all"},{"TXT":"NONE"}], "b.example":[{"TXT":"NONE"}]})");
  EXPECT_EQ(ask(zone, "a.example", RecordType::Txt).status, AnswerStatus::NoData);
  EXPECT_EQ(ask(zone, "a.example", kRecordTypeSpf).status, AnswerStatus::Records);
  EXPECT_EQ(ask(zone, "b.example", RecordType::Txt).status, AnswerStatus::NoData);
}

TEST(OpenspfZone, BareTimeoutConcernsTypesWithoutRecords) {
  for (const std::string_view form :
       {R"({"a.example":[{"TXT":"x"},"TIMEOUT"]})", R"({"a.example":["TIMEOUT",{"TXT":"x"}]})",
        R"({"a.example":[{"TIMEOUT":true},{"TXT":"x"}]})"}) {
    const Zone zone = json(form);
    EXPECT_EQ(ask(zone, "a.example", RecordType::Txt).status, AnswerStatus::Records);
    EXPECT_EQ(ask(zone, "a.example", RecordType::A).status, AnswerStatus::Timeout);
  }
}

TEST(OpenspfZone, BareTimeoutHitsTextWhenTheCopyIsSuppressed) {
  const Zone zone = yaml("t.example:\n  - SPF: v=spf1 -all\n  - TXT: NONE\n  - TIMEOUT: true\n");
  EXPECT_EQ(ask(zone, "t.example", RecordType::Txt).status, AnswerStatus::Timeout);
  EXPECT_EQ(ask(zone, "t.example", kRecordTypeSpf).status, AnswerStatus::Records);
}

TEST(OpenspfZone, TypedFaultConcernsOneType) {
  const Zone zone = json(R"({"a.example":[{"TXT":"TIMEOUT"},{"MX":"SERVFAIL"},{"A":"192.0.2.1"}],
                             "b.example":["SERVFAIL"]})");
  EXPECT_EQ(ask(zone, "a.example", RecordType::Txt).status, AnswerStatus::Timeout);
  EXPECT_EQ(ask(zone, "a.example", RecordType::Mx).status, AnswerStatus::ServFail);
  EXPECT_EQ(ask(zone, "a.example", RecordType::A).status, AnswerStatus::Records);
  EXPECT_EQ(ask(zone, "a.example", RecordType::Aaaa).status, AnswerStatus::NoData);
  EXPECT_EQ(ask(zone, "b.example", RecordType::Aaaa).status, AnswerStatus::ServFail);
}

TEST(OpenspfZone, TypedFaultHidesRecordsOfItsTypeInEitherOrder) {
  for (const std::string_view form : {R"({"a.example":[{"TXT":"x"},{"TXT":"TIMEOUT"}]})",
                                      R"({"a.example":[{"TXT":"TIMEOUT"},{"TXT":"x"}]})"}) {
    EXPECT_EQ(ask(json(form), "a.example", RecordType::Txt).status, AnswerStatus::Timeout);
  }
}

TEST(OpenspfZone, SpfFaultStandsForText) {
  EXPECT_EQ(ask(json(R"({"a.example":[{"SPF":"TIMEOUT"}]})"), "a.example", RecordType::Txt).status,
            AnswerStatus::Timeout);
}

TEST(OpenspfZone, AbsentNameIsNoDataWhenANameBelowExists) {
  const Zone zone = json(R"({"a.b.example":[{"A":"192.0.2.1"}],"empty.example":[]})");
  EXPECT_EQ(ask(zone, "b.example", RecordType::A).status, AnswerStatus::NoData);
  EXPECT_EQ(ask(zone, "example", RecordType::A).status, AnswerStatus::NoData);
  EXPECT_EQ(ask(zone, "x.a.b.example", RecordType::A).status, AnswerStatus::NxDomain);
  EXPECT_EQ(ask(zone, "c.example", RecordType::A).status, AnswerStatus::NxDomain);
  EXPECT_EQ(ask(zone, "empty.example", RecordType::A).status, AnswerStatus::NoData);
}

TEST(OpenspfZone, EmptyZoneKnowsNothing) {
  EXPECT_EQ(ask(json("{}"), "a.example", RecordType::A).status, AnswerStatus::NxDomain);
  EXPECT_EQ(ask(yaml(""), "a.example", RecordType::A).status, AnswerStatus::NxDomain);
}

TEST(OpenspfZone, CharactersStandForOctets) {
  EXPECT_EQ(texts(json(R"({"a.example":[{"TXT":"\u0000\u007f\u0080\u00ff"}]})"), "a.example"),
            (std::vector<std::string>{std::string("\0\x7f\x80\xff", 4)}));
  EXPECT_EQ(texts(yaml("a.example:\n  - TXT: \"\\x96\\xEF\"\n"), "a.example"),
            (std::vector<std::string>{"\x96\xEF"}));
}

TEST(OpenspfZone, CharactersAboveOneOctetAreRefused) {
  const auto zone = zone_from_json(R"({"a.example":[{"TXT":"\u0100"}]})");
  ASSERT_FALSE(zone);
  EXPECT_THAT(zone.error().message, HasSubstr("U+00FF"));
}

TEST(OpenspfZone, ListIsOneRecordOfSeveralStrings) {
  const Zone zone = json(R"({"a.example":[{"TXT":["v=spf1 ip4:192.0.2.1"," -all"]},{"TXT":"second"}]})");
  EXPECT_EQ(texts(zone, "a.example"), (std::vector<std::string>{"v=spf1 ip4:192.0.2.1 -all", "second"}));
  const Zone::Step step = zone.step(name("a.example"), RecordType::Txt);
  EXPECT_EQ(step.set->records[0].rdata, "\x14v=spf1 ip4:192.0.2.1\x05 -all");
}

TEST(OpenspfZone, LongStringsAreCutOnTheWireOnly) {
  const std::string longer(600, 'x');
  const Zone zone = json(R"({"a.example":[{"TXT":")" + longer + R"("}]})");
  EXPECT_EQ(texts(zone, "a.example"), (std::vector<std::string>{longer}));
  EXPECT_EQ(zone.step(name("a.example"), RecordType::Txt).set->records[0].rdata.size(), 603U);
}

TEST(OpenspfZone, FollowsAliases) {
  const Zone zone = json(R"({"a.example":[{"CNAME":"b.example."}],"b.example":[{"CNAME":"c.example"}],
                             "c.example":[{"SPF":"v=spf1 -all"}],"d.example":[{"CNAME":"gone.example"}],
                             "e.example":[{"CNAME":""}]})");
  EXPECT_EQ(texts(zone, "a.example"), (std::vector<std::string>{"v=spf1 -all"}));
  EXPECT_EQ(ask(zone, "a.example", RecordType::A).status, AnswerStatus::NoData);
  EXPECT_EQ(ask(zone, "d.example", RecordType::A).status, AnswerStatus::NxDomain);
  EXPECT_EQ(ask(zone, "e.example", RecordType::A).status, AnswerStatus::NoData);
  EXPECT_EQ(ask(zone, "a.example", RecordType::Cname).records, (std::vector<RecordData>{name("b.example")}));
}

TEST(OpenspfZone, AliasLoopsFail) {
  const Zone zone = json(R"({"a.example":[{"CNAME":"b.example"}],"b.example":[{"CNAME":"a.example"}],
                             "c.example":[{"CNAMELOOP":true}]})");
  EXPECT_EQ(ask(zone, "a.example", RecordType::A).status, AnswerStatus::ServFail);
  EXPECT_EQ(ask(zone, "c.example", RecordType::A).status, AnswerStatus::ServFail);
}

TEST(OpenspfZone, AliasChainHasABound) {
  ZoneBuilder builder;
  for (size_t i = 0; i <= limits::kDnsCnameChain; ++i) {
    ASSERT_TRUE(builder.add_name(name("n" + std::to_string(i) + ".example"), RecordType::Cname,
                                 name("n" + std::to_string(i + 1) + ".example")));
  }
  ASSERT_TRUE(builder.add_address(name("n11.example"), IpAddress::v4(1)));
  const Zone zone = builder.finish();
  EXPECT_EQ(ask(zone, "n1.example", RecordType::A).status, AnswerStatus::Records);
  EXPECT_EQ(ask(zone, "n0.example", RecordType::A).status, AnswerStatus::ServFail);
}

TEST(OpenspfZone, ErrorsNameTheEntry) {
  const std::vector<std::pair<std::string, std::string>> cases{
      {R"({"a.example":[{"A":"192.0.2.256"}]})", "192.0.2.256"},
      {R"({"a.example":[{"A":"2001:db8::1"}]})", "2001:db8::1"},
      {R"({"a.example":[{"AAAA":"192.0.2.1"}]})", "192.0.2.1"},
      {R"({"a.example":[{"A":1}]})", "address"},
      {R"({"a.example":[{"WHAT":"x"}]})", "WHAT"},
      {R"({"a.example":["NXDOMAIN"]})", "TIMEOUT"},
      {R"({"a.example":[7]})", "TYPE"},
      {R"({"a.example":[{"MX":"mail"}]})", "preference"},
      {R"({"a.example":[{"MX":[70000,"mail"]}]})", "70000"},
      {R"({"a.example":[{"MX":[10,"a..b"]}]})", "a..b"},
      {R"({"a.example":[{"MX":[10,[]]}]})", "name"},
      {R"({"a.example":[{"PTR":"a..b"}]})", "a..b"},
      {R"({"a.example":[{"TXT":null}]})", "text"},
      {R"({"a.example":[{"TXT":[["x"]]}]})", "deep"},
      {R"({"a.example":[{"TXT":[[]]}]})", "text"},
      {R"({"a.example":[{"CNAME":"b"},{"CNAME":"c"}]})", "second"},
      {R"({"a..example":[]})", "a..example"},
      {R"([])", "mapping"},
  };
  for (const auto& [text, part] : cases) {
    const auto zone = zone_from_json(text);
    ASSERT_FALSE(zone) << text;
    EXPECT_EQ(zone.error().message.empty(), false);
    EXPECT_THAT(zone.error().message, HasSubstr(part)) << text;
  }
}

TEST(OpenspfZone, JsonSyntaxErrorsNameTheLine) {
  const auto zone = zone_from_json("{\n\"a\": [\n}");
  ASSERT_FALSE(zone);
  EXPECT_THAT(zone.error().message, HasSubstr("line 3"));
}

TEST(OpenspfZone, YamlErrorsNameTheLine) {
  const auto broken = zone_from_yaml("a.example:\n  - A: [\n");
  ASSERT_FALSE(broken);
  EXPECT_THAT(broken.error().message, HasSubstr("line 3"));
  const auto wrong = zone_from_yaml("a.example:\n  - A: 192.0.2.1\n  - A: nonsense\n");
  ASSERT_FALSE(wrong);
  EXPECT_THAT(wrong.error().message, HasSubstr("line 3"));
  EXPECT_THAT(wrong.error().message, HasSubstr("a.example"));
}

TEST(OpenspfZone, YamlKeysThatAreNoTextAreRefused) {
  EXPECT_FALSE(zone_from_yaml("? [a, b]\n: - A: 192.0.2.1\n"));
  EXPECT_FALSE(zone_from_yaml("&a x: [*a, *a\n"));
}

TEST(OpenspfZone, YamlDocumentMayHoldTheZoneUnderZonedata) {
  const Zone zone = yaml("description: x\ntests: {}\nzonedata:\n  a.example:\n    - A: 192.0.2.1\n");
  EXPECT_EQ(ask(zone, "a.example", RecordType::A).status, AnswerStatus::Records);
}

TEST(OpenspfZone, ParsedJsonIsTheSameAsText) {
  const auto zone = zone_from_json_value(nlohmann::json::parse(R"({"a.example":[{"A":"192.0.2.1"}]})"));
  ASSERT_TRUE(zone);
  EXPECT_EQ(ask(*zone, "a.example", RecordType::A).status, AnswerStatus::Records);
}

constexpr std::string_view kMaster = R"($ORIGIN example.com.
$TTL 600
@       IN SOA ns1 hostmaster 1 7200 900 86400 120
        IN NS  ns1
        IN MX  10 mail
        IN TXT "v=spf1 mx " "-all"
ns1     IN A   192.0.2.53
mail 60 IN A   192.0.2.25
        IN AAAA 2001:db8::25
www     IN CNAME mail
*.wild  IN A   192.0.2.99
a.wild  IN TXT "here"
srv     IN SRV 1 2 3 mail
odd\.dot IN A 192.0.2.77
)";

TEST(MasterZone, ReadsRecords) {
  const auto zone = zone_from_master(kMaster);
  ASSERT_TRUE(zone) << zone.error().message;
  EXPECT_EQ(texts(*zone, "example.com"), (std::vector<std::string>{"v=spf1 mx -all"}));
  EXPECT_EQ(ask(*zone, "example.com", RecordType::Mx).records,
            (std::vector<RecordData>{MailExchange{10, name("mail.example.com")}}));
  EXPECT_EQ(ask(*zone, "mail.example.com", RecordType::Aaaa).records,
            (std::vector<RecordData>{IpAddress::parse("2001:db8::25").value()}));
  EXPECT_EQ(ask(*zone, "mail.example.com", RecordType::A).ttl, 60U);
  EXPECT_EQ(ask(*zone, "ns1.example.com", RecordType::A).ttl, 600U);
  EXPECT_EQ(zone->step(name("srv.example.com"), static_cast<RecordType>(33)).kind, Zone::Step::Kind::Records);
}

TEST(MasterZone, ShortestTtlOfTheChainCounts) {
  const auto zone = zone_from_master(kMaster);
  ASSERT_TRUE(zone);
  EXPECT_EQ(ask(*zone, "www.example.com", RecordType::A).ttl, 60U);
  EXPECT_EQ(ask(*zone, "www.example.com", RecordType::Txt).ttl, 120U);
}

TEST(MasterZone, NegativeTtlIsTheSmallerOfSoaAndMinimum) {
  const auto zone = zone_from_master(kMaster);
  ASSERT_TRUE(zone);
  EXPECT_EQ(ask(*zone, "gone.example.com", RecordType::A).ttl, 120U);
  const auto authority = zone->authority(name("x.y.example.com"));
  ASSERT_TRUE(authority);
  EXPECT_EQ(authority->owner, name("example.com"));
  EXPECT_FALSE(zone->authority(name("example.org")));
}

TEST(MasterZone, WildcardsMatchOnlyBelowTheClosestName) {
  const auto zone = zone_from_master(kMaster);
  ASSERT_TRUE(zone);
  EXPECT_EQ(ask(*zone, "b.wild.example.com", RecordType::A).status, AnswerStatus::Records);
  EXPECT_EQ(ask(*zone, "c.b.wild.example.com", RecordType::A).status, AnswerStatus::Records);
  EXPECT_EQ(ask(*zone, "b.wild.example.com", RecordType::Txt).status, AnswerStatus::NoData);
  EXPECT_EQ(ask(*zone, "a.wild.example.com", RecordType::A).status, AnswerStatus::NoData);
  EXPECT_EQ(ask(*zone, "b.a.wild.example.com", RecordType::A).status, AnswerStatus::NxDomain);
}

TEST(MasterZone, OriginCompletesRelativeNames) {
  const auto zone = zone_from_master("www 60 IN A 192.0.2.1\n", name("example.net"));
  ASSERT_TRUE(zone) << zone.error().message;
  EXPECT_EQ(ask(*zone, "www.example.net", RecordType::A).status, AnswerStatus::Records);
}

TEST(MasterZone, WithoutOriginNamesAreBelowTheRoot) {
  const auto zone = zone_from_master("www 60 IN A 192.0.2.1\n");
  ASSERT_TRUE(zone) << zone.error().message;
  EXPECT_EQ(ask(*zone, "www", RecordType::A).status, AnswerStatus::Records);
}

TEST(MasterZone, ErrorsNameTheLine) {
  for (const auto* text : {"a. 60 IN A 192.0.2.1\nb. 60 IN A 192.0.2.300\n",
                           "a. 60 IN A 192.0.2.1\nb. 60 CH A 192.0.2.3\n", "\n$INCLUDE other\n"}) {
    const auto zone = zone_from_master(text);
    ASSERT_FALSE(zone) << text;
    EXPECT_THAT(zone.error().message, HasSubstr("line 2")) << text;
  }
}

TEST(MasterZone, EmptyTextIsAnEmptyZone) {
  EXPECT_TRUE(zone_from_master(""));
  EXPECT_TRUE(zone_from_master("\n; comment\n"));
}

TEST(ZoneFormatName, EndingDecides) {
  EXPECT_EQ(zone_format_of("a/b.yml"), ZoneFormat::Yaml);
  EXPECT_EQ(zone_format_of("B.YAML"), ZoneFormat::Yaml);
  EXPECT_EQ(zone_format_of("zone.json"), ZoneFormat::Json);
  EXPECT_EQ(zone_format_of("example.com.zone"), ZoneFormat::Master);
  EXPECT_EQ(zone_format_of("db"), ZoneFormat::Master);
  EXPECT_TRUE(zone_from_text(ZoneFormat::Yaml, "a.example: [TIMEOUT]"));
  EXPECT_TRUE(zone_from_text(ZoneFormat::Json, "{}"));
  EXPECT_TRUE(zone_from_text(ZoneFormat::Master, "a. 60 IN A 192.0.2.1\n"));
}

}  // namespace
}  // namespace sluice::dns
