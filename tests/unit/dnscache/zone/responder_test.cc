#include "dnscache/zone/responder.h"

#include "dnscache/wire/query.h"
#include "dnscache/wire/response.h"
#include "dnscache/zone/zone_file.h"

#include <string>

#include <gtest/gtest.h>

namespace sluice::dns {
namespace {

Question question(std::string_view name, RecordType type = RecordType::Txt) {
  return {DnsName::from_text(name).value(), type};
}

class ResponderTest : public ::testing::Test {
 protected:
  ResponderTest() {
    const std::string big(250, 'x');
    zone_ = zone_from_json(R"({"a.example":[{"SPF":"v=spf1 -all"}],"c.example":[{"CNAME":"a.example"}],
      "loop.example":[{"CNAME":"loop.example"}],"dead.example":["TIMEOUT"],"fail.example":["SERVFAIL"],
      "big.example":[{"TXT":")" +
                           big + R"("},{"TXT":")" + big + R"("},{"TXT":"z"}],
      "d.example":[{"CNAME":"dead.example"}]})")
                .value();
  }
  Response respond_to(const Question& q, const RespondOptions& options = {}, bool edns = true) {
    return respond(zone_, encode_query(q, 99, edns).view(), options);
  }
  DecodedResponse decoded(const Question& q, const RespondOptions& options = {}, bool edns = true) {
    const auto response = decode_response(respond_to(q, options, edns).message);
    EXPECT_TRUE(response);
    return response ? *response : DecodedResponse{};
  }

  Zone zone_;
};
using Responder = ResponderTest;

TEST_F(Responder, AnswersWithRecords) {
  const Response response = respond_to(question("A.example"));
  EXPECT_EQ(response.outcome, RespondOutcome::Records);
  EXPECT_EQ(response.question, question("a.example"));
  const DecodedResponse answer = decoded(question("a.example"));
  EXPECT_EQ(answer.id, 99);
  EXPECT_TRUE(answer.authoritative);
  EXPECT_EQ(answer.question, question("a.example"));
  EXPECT_EQ(answer.answer.records, zone_.lookup(question("a.example")).records);
}

TEST_F(Responder, SendsTheWholeChain) {
  const DecodedResponse answer = decoded(question("c.example"));
  EXPECT_EQ(answer.chain_length, 1U);
  EXPECT_EQ(answer.answer.status, AnswerStatus::Records);
}

TEST_F(Responder, AbsenceCarriesAnSoaThatLetsItBeKept) {
  EXPECT_EQ(decoded(question("gone.example")).answer.status, AnswerStatus::NxDomain);
  EXPECT_EQ(decoded(question("gone.example")).answer.ttl, 60U);
  EXPECT_EQ(decoded(question("c.example", RecordType::A)).answer.status, AnswerStatus::NoData);
  EXPECT_EQ(decoded(question("c.example", RecordType::A)).answer.ttl, 60U);
  EXPECT_FALSE(decoded(question("c.example", RecordType::A)).chain_open);
  EXPECT_EQ(respond_to(question("gone.example")).outcome, RespondOutcome::NxDomain);
  EXPECT_EQ(respond_to(question("a.example", RecordType::A)).outcome, RespondOutcome::NoData);
}

TEST_F(Responder, UsesTheZonesOwnSoa) {
  const auto zone = zone_from_master("e. 60 IN SOA ns.e. h.e. 1 2 3 4 7\na.e. 60 IN A 192.0.2.1\n");
  ASSERT_TRUE(zone);
  const auto answer = decode_response(respond(*zone, encode_query(question("b.e"), 1).view(), {}).message);
  EXPECT_EQ(answer->answer.ttl, 7U);
}

TEST_F(Responder, FaultsOfTheZoneComeOut) {
  EXPECT_EQ(respond_to(question("dead.example")).outcome, RespondOutcome::Timeout);
  EXPECT_TRUE(respond_to(question("dead.example")).message.empty());
  EXPECT_TRUE(respond_to(question("d.example")).message.empty());
  EXPECT_EQ(decoded(question("fail.example")).code, ResponseCode::ServerFailure);
  EXPECT_EQ(decoded(question("loop.example")).code, ResponseCode::ServerFailure);
}

TEST_F(Responder, ForcedFaultsComeOut) {
  EXPECT_EQ(decoded(question("a.example"), {.force_servfail = true}).code, ResponseCode::ServerFailure);
  EXPECT_TRUE(decoded(question("a.example"), {.force_truncate = true}).truncated);
  EXPECT_FALSE(decoded(question("a.example"), {.by_tcp = true, .force_truncate = true}).truncated);
}

TEST_F(Responder, TruncatesWhatDoesNotFit) {
  EXPECT_TRUE(decoded(question("big.example"), {}, false).truncated);
  EXPECT_EQ(respond_to(question("big.example"), {}, false).outcome, RespondOutcome::Truncated);
  EXPECT_FALSE(decoded(question("big.example")).truncated);
  EXPECT_FALSE(decoded(question("big.example"), {.by_tcp = true}, false).truncated);
  EXPECT_EQ(decoded(question("big.example")).answer.records.size(), 3U);
}

TEST_F(Responder, EdnsIsAnsweredWithEdns) {
  EXPECT_EQ(respond_to(question("a.example")).message[11], 1);
  EXPECT_EQ(respond_to(question("a.example"), {}, false).message[11], 0);
}

TEST_F(Responder, OtherEdnsVersionsAreRefused) {
  std::string query(encode_query(question("a.example"), 1).view());
  query[query.size() - 5] = 1;
  const Response response = respond(zone_, query, {});
  EXPECT_EQ(response.outcome, RespondOutcome::Malformed);
  EXPECT_EQ(decode_response(response.message)->code, ResponseCode::BadVersion);
}

TEST_F(Responder, MalformedQueriesGetFormatErrorOrNothing) {
  std::string query(encode_query(question("a.example"), 0x4142).view());
  query.pop_back();
  const Response response = respond(zone_, query, {});
  EXPECT_EQ(response.outcome, RespondOutcome::Malformed);
  EXPECT_EQ(decode_response(response.message)->code, ResponseCode::FormatError);
  EXPECT_EQ(decode_response(response.message)->id, 0x4142);
  EXPECT_TRUE(respond(zone_, query.substr(0, 11), {}).message.empty());
  EXPECT_TRUE(respond(zone_, respond_to(question("a.example")).message, {}).message.empty());
  query[2] = 0x28;
  EXPECT_EQ(decode_response(respond(zone_, query, {}).message)->code, ResponseCode::NotImplemented);
}

TEST_F(Responder, OutcomesHaveWords) {
  for (const RespondOutcome outcome :
       {RespondOutcome::Records, RespondOutcome::NoData, RespondOutcome::NxDomain, RespondOutcome::ServFail,
        RespondOutcome::Timeout, RespondOutcome::Truncated, RespondOutcome::Malformed}) {
    EXPECT_NE(to_string(outcome), "unknown");
  }
}

}  // namespace
}  // namespace sluice::dns
