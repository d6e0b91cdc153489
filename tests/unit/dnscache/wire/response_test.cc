#include "dnscache/wire/response.h"

#include "dnscache/wire/rdata.h"

#include <string>

#include <gtest/gtest.h>

namespace sluice::dns {
namespace {

using namespace std::string_literals;

DnsName name(std::string_view text) { return DnsName::from_text(text).value(); }

std::string soa_rdata(uint32_t minimum) {
  std::string rdata(18, '\0');
  for (int shift = 24; shift >= 0; shift -= 8) rdata += static_cast<char>(minimum >> shift & 0xFFU);
  return rdata;
}

// A response to a question for the texts of a.example, unless said otherwise.
class Message {
 public:
  explicit Message(ResponseWriter::Options options = {.authoritative = false},
                   Question question = {name("a.example"), RecordType::Txt})
      : writer_(options) {
    writer_.question(question);
  }
  Message& text(std::string_view owner, std::string value, uint32_t ttl = 60) {
    writer_.record(Section::Answer, name(owner), RecordType::Txt, ttl, encode_text({std::move(value)}));
    return *this;
  }
  Message& alias(std::string_view owner, std::string_view target, uint32_t ttl = 60) {
    writer_.record(Section::Answer, name(owner), RecordType::Cname, ttl, encode_rdata(name(target)));
    return *this;
  }
  Message& soa(std::string_view owner, uint32_t ttl, uint32_t minimum) {
    writer_.record(Section::Authority, name(owner), RecordType::Soa, ttl, soa_rdata(minimum));
    return *this;
  }
  Message& record(Section section, std::string_view owner, RecordType type, std::string_view rdata) {
    writer_.record(section, name(owner), type, 60, rdata);
    return *this;
  }
  std::string octets() { return writer_.finish(); }
  DecodedResponse decode() {
    auto decoded = decode_response(octets());
    if (!decoded) ADD_FAILURE() << to_string(decoded.error());
    return decoded ? std::move(*decoded) : DecodedResponse{};
  }
  WireError error() {
    const auto decoded = decode_response(octets());
    EXPECT_FALSE(decoded);
    return decoded ? WireError::TooShort : decoded.error();
  }

 private:
  ResponseWriter writer_;
};

std::string text_at(const DecodedResponse& response, size_t i) {
  return std::get<std::string>(response.answer.records.at(i));
}

TEST(ResponseDecoder, ReadsRecordsInTheirOrder) {
  const auto response = Message({.id = 0x1234, .authoritative = true})
                            .text("a.example", "one", 90)
                            .text("A.Example", "two", 30)
                            .decode();
  EXPECT_EQ(response.id, 0x1234);
  EXPECT_EQ(response.code, ResponseCode::NoError);
  EXPECT_TRUE(response.authoritative);
  EXPECT_FALSE(response.truncated);
  EXPECT_EQ(response.question, (Question{name("a.example"), RecordType::Txt}));
  EXPECT_EQ(response.answer.status, AnswerStatus::Records);
  EXPECT_EQ(text_at(response, 0), "one");
  EXPECT_EQ(text_at(response, 1), "two");
  EXPECT_EQ(response.answer.ttl, 30U);
}

TEST(ResponseDecoder, IgnoresRecordsThatNobodyAskedFor) {
  const auto response = Message()
                            .text("evil.example", "v=spf1 +all")
                            .record(Section::Answer, "a.example", RecordType::A, "abcd")
                            .text("a.example", "one")
                            .record(Section::Authority, "a.example", RecordType::Txt, "\x01x")
                            .decode();
  ASSERT_EQ(response.answer.records.size(), 1U);
  EXPECT_EQ(text_at(response, 0), "one");
}

TEST(ResponseDecoder, FollowsTheChainInsideTheMessage) {
  const auto response = Message()
                            .alias("a.example", "b.example", 50)
                            .alias("b.example", "c.example", 40)
                            .text("c.example", "end", 45)
                            .decode();
  EXPECT_EQ(response.answer.status, AnswerStatus::Records);
  EXPECT_EQ(text_at(response, 0), "end");
  EXPECT_EQ(response.answer.ttl, 40U);
  EXPECT_EQ(response.chain_length, 2U);
  EXPECT_EQ(response.chain_end, name("c.example"));
  EXPECT_FALSE(response.chain_open);
}

TEST(ResponseDecoder, ChainMayStandInAnyOrder) {
  const auto response = Message()
                            .text("c.example", "one")
                            .alias("b.example", "c.example")
                            .alias("a.example", "b.example")
                            .text("c.example", "two")
                            .decode();
  EXPECT_EQ(response.answer.records.size(), 2U);
  EXPECT_EQ(response.chain_length, 2U);
}

TEST(ResponseDecoder, ChainThatLeavesTheMessageIsOpen) {
  const auto response = Message().alias("a.example", "b.example", 50).decode();
  EXPECT_TRUE(response.chain_open);
  EXPECT_EQ(response.chain_end, name("b.example"));
  EXPECT_EQ(response.answer.status, AnswerStatus::NoData);
  EXPECT_EQ(response.answer.ttl, 50U);
}

TEST(ResponseDecoder, SoaOfTheTargetsZoneClosesTheChain) {
  const auto response = Message().alias("a.example", "b.other", 50).soa("other", 100, 20).decode();
  EXPECT_FALSE(response.chain_open);
  EXPECT_EQ(response.answer.status, AnswerStatus::NoData);
  EXPECT_EQ(response.answer.ttl, 20U);
  EXPECT_TRUE(Message().alias("a.example", "b.other", 50).soa("example", 100, 20).decode().chain_open);
}

TEST(ResponseDecoder, AskedForAliasesAreRecords) {
  const auto response = Message({.authoritative = false}, {name("a.example"), RecordType::Cname})
                            .alias("a.example", "b.example")
                            .decode();
  EXPECT_EQ(response.answer.records, (std::vector<RecordData>{name("b.example")}));
  EXPECT_EQ(response.chain_length, 0U);
}

TEST(ResponseDecoder, ChainHasABound) {
  Message fits;
  Message over({.authoritative = false, .size_max = 4096});
  for (size_t i = 0; i < limits::kDnsCnameChain; ++i) {
    const std::string owner = i == 0 ? "a.example" : "n" + std::to_string(i);
    fits.alias(owner, "n" + std::to_string(i + 1));
    over.alias(owner, "n" + std::to_string(i + 1));
  }
  EXPECT_EQ(fits.text("n10", "x").decode().answer.records.size(), 1U);
  EXPECT_EQ(over.alias("n10", "n11").text("n11", "x").error(), WireError::CnameLoop);
}

TEST(ResponseDecoder, LoopsAreErrors) {
  EXPECT_EQ(Message().alias("a.example", "a.example").error(), WireError::CnameLoop);
  EXPECT_EQ(Message().alias("a.example", "b.example").alias("b.example", "a.example").error(),
            WireError::CnameLoop);
}

// RFC 2308 section 5.
TEST(ResponseDecoder, AbsenceHoldsForTheSmallerOfTtlAndMinimum) {
  EXPECT_EQ(Message().soa("example", 100, 200).decode().answer.ttl, 100U);
  EXPECT_EQ(Message().soa("example", 200, 100).decode().answer.ttl, 100U);
  const auto absent = Message({.code = ResponseCode::NameError}).soa("example", 30, 60).decode();
  EXPECT_EQ(absent.answer.status, AnswerStatus::NxDomain);
  EXPECT_EQ(absent.answer.ttl, 30U);
}

TEST(ResponseDecoder, AbsenceWithoutSoaIsNotKept) {
  EXPECT_EQ(Message().decode().answer.status, AnswerStatus::NoData);
  EXPECT_EQ(Message().decode().answer.ttl, 0U);
  EXPECT_EQ(Message().soa("other", 30, 60).decode().answer.ttl, 0U);
  EXPECT_EQ(Message({.code = ResponseCode::NameError}).decode().answer.ttl, 0U);
}

TEST(ResponseDecoder, AliasToAnAbsentNameIsAbsent) {
  const auto response = Message({.code = ResponseCode::NameError})
                            .alias("a.example", "b.example")
                            .soa("example", 30, 60)
                            .decode();
  EXPECT_EQ(response.answer.status, AnswerStatus::NxDomain);
  EXPECT_FALSE(response.chain_open);
}

TEST(ResponseDecoder, ReferralIsNoAnswer) {
  const std::string ns = encode_rdata(name("ns.example"));
  EXPECT_EQ(Message().record(Section::Authority, "example", RecordType::Ns, ns).decode().answer.status,
            AnswerStatus::ServFail);
  EXPECT_EQ(Message()
                .record(Section::Authority, "example", RecordType::Ns, ns)
                .soa("example", 1, 1)
                .decode()
                .answer.status,
            AnswerStatus::NoData);
  EXPECT_EQ(Message({.authoritative = true})
                .record(Section::Authority, "example", RecordType::Ns, ns)
                .decode()
                .answer.status,
            AnswerStatus::NoData);
}

TEST(ResponseDecoder, OtherCodesAreFailures) {
  for (const ResponseCode code : {ResponseCode::FormatError, ResponseCode::ServerFailure,
                                  ResponseCode::NotImplemented, ResponseCode::Refused}) {
    const auto response = Message({.code = code}).text("a.example", "x").decode();
    EXPECT_EQ(response.code, code);
    EXPECT_EQ(response.answer.status, AnswerStatus::ServFail);
    EXPECT_TRUE(response.answer.records.empty());
  }
}

TEST(ResponseDecoder, UpperBitsOfTheCodeCount) {
  const auto response =
      Message({.code = ResponseCode::BadVersion, .with_edns = true}).text("a.example", "x").decode();
  EXPECT_EQ(response.code, ResponseCode::BadVersion);
  EXPECT_EQ(response.answer.status, AnswerStatus::ServFail);
}

TEST(ResponseDecoder, FailureWithoutQuestionIsReadable) {
  ResponseWriter writer({.id = 9, .code = ResponseCode::FormatError});
  const auto response = decode_response(writer.finish());
  ASSERT_TRUE(response);
  EXPECT_FALSE(response->question);
  EXPECT_EQ(response->code, ResponseCode::FormatError);
  ResponseWriter success({.id = 9});
  EXPECT_EQ(decode_response(success.finish()).error(), WireError::BadQuestion);
}

TEST(ResponseDecoder, TruncatedSaysNothing) {
  std::string octets = Message().text("a.example", "x").octets();
  octets[2] = static_cast<char>(octets[2] | 0x02);
  octets.resize(octets.size() - 3);
  const auto response = decode_response(octets);
  ASSERT_TRUE(response);
  EXPECT_TRUE(response->truncated);
  EXPECT_TRUE(response->answer.records.empty());
}

TEST(ResponseDecoder, EveryPrefixIsRefused) {
  const std::string whole = Message({.authoritative = false, .with_edns = true})
                                .alias("a.example", "b.example")
                                .text("b.example", "x")
                                .soa("example", 1, 1)
                                .octets();
  ASSERT_TRUE(decode_response(whole));
  for (size_t size = 0; size < whole.size(); ++size)
    ASSERT_FALSE(decode_response(whole.substr(0, size))) << size;
}

TEST(ResponseDecoder, QueriesAndOtherOpcodesAreNoAnswers) {
  EXPECT_EQ(decode_response(encode_query({name("a"), RecordType::A}, 1).view()).error(),
            WireError::NotAnAnswer);
  std::string octets = Message().octets();
  octets[2] = static_cast<char>(octets[2] | 0x28);
  EXPECT_EQ(decode_response(octets).error(), WireError::NotAnAnswer);
}

TEST(ResponseDecoder, OtherClassesAreRefused) {
  std::string octets = Message().octets();
  octets.back() = 3;
  EXPECT_EQ(decode_response(octets).error(), WireError::BadQuestion);
}

TEST(ResponseDecoder, BrokenDataOfTheAnswerIsAnError) {
  EXPECT_EQ(Message().record(Section::Answer, "a.example", RecordType::Txt, "\x05x").error(),
            WireError::BadRecord);
  EXPECT_EQ(Message().record(Section::Answer, "a.example", RecordType::Cname, "\x05x").error(),
            WireError::BadRecord);
  EXPECT_EQ(Message().record(Section::Authority, "example", RecordType::Soa, "x").error(),
            WireError::BadRecord);
}

TEST(ResponseDecoder, TooManyRecordsAreAnError) {
  Message fits({.authoritative = false, .size_max = 65535});
  Message over({.authoritative = false, .size_max = 65535});
  for (size_t i = 0; i < limits::kDnsAnswerRecords; ++i) {
    fits.text("a.example", "x");
    over.text("a.example", "x");
  }
  EXPECT_EQ(fits.decode().answer.records.size(), limits::kDnsAnswerRecords);
  EXPECT_EQ(over.text("a.example", "x").error(), WireError::TooMany);
}

// RFC 2181 section 8.
TEST(ResponseDecoder, NegativeTimesAreZero) {
  EXPECT_EQ(Message().text("a.example", "x", 0x80000000).decode().answer.ttl, 0U);
  EXPECT_EQ(Message().text("a.example", "x", 0x7FFFFFFF).decode().answer.ttl, 0x7FFFFFFFU);
}

TEST(ResponseHead, IsReadBeforeTheRest) {
  const auto head =
      peek_head(Message({.id = 5, .code = ResponseCode::Refused, .authoritative = true}).octets());
  ASSERT_TRUE(head);
  EXPECT_EQ(head->id, 5);
  EXPECT_EQ(head->code, ResponseCode::Refused);
  EXPECT_TRUE(head->is_response);
  EXPECT_TRUE(head->authoritative);
  EXPECT_FALSE(peek_head("12345678901"));
}

TEST(ResponseWriter, PointsToNamesWrittenBefore) {
  const std::string octets = Message().text("a.example", "x").text("b.example", "y").octets();
  // The first owner is the question's name, the second shares its parent.
  EXPECT_NE(octets.find("\xC0\x0C\x00\x10"s), std::string::npos);
  EXPECT_NE(octets.find("\x01"
                        "b\xC0\x0E\x00\x10"s),
            std::string::npos);
}

TEST(ResponseWriter, LeavesOutWhatDoesNotFitAndSaysSo) {
  const std::string whole = Message().text("a.example", std::string(200, 'x')).octets();
  ASSERT_LT(whole.size(), 512U);
  ResponseWriter writer({.size_max = 512});
  writer.question({name("a.example"), RecordType::Txt});
  EXPECT_TRUE(writer.record(Section::Answer, name("a.example"), RecordType::Txt, 1,
                            encode_text({std::string(200, 'x')})));
  EXPECT_TRUE(writer.record(Section::Answer, name("a.example"), RecordType::Txt, 1,
                            encode_text({std::string(200, 'x')})));
  EXPECT_FALSE(writer.record(Section::Answer, name("a.example"), RecordType::Txt, 1,
                             encode_text({std::string(200, 'x')})));
  const std::string octets = writer.finish();
  EXPECT_LE(octets.size(), 512U);
  EXPECT_TRUE(decode_response(octets)->truncated);
}

TEST(ResponseWriter, FillsItsSizeToTheOctet) {
  for (const size_t extra : {0U, 1U}) {
    ResponseWriter writer({.with_edns = true, .size_max = 512});
    writer.question({name("a"), RecordType::Txt});
    // Header 12, question 7, OPT 11, owner to length 12.
    const std::string rdata(512 - 12 - 7 - 11 - 12 + extra, 'x');
    EXPECT_EQ(writer.record(Section::Answer, name("a"), RecordType::Txt, 1, rdata), extra == 0);
    if (extra == 0) {
      EXPECT_EQ(writer.finish().size(), 512U);
    }
  }
}

TEST(ResponseWriter, TruncationLeavesTheQuestion) {
  ResponseWriter writer({.with_edns = true});
  writer.question({name("a"), RecordType::Txt});
  writer.record(Section::Answer, name("b"), RecordType::Txt, 1, "\x01x");
  writer.truncate();
  const auto response = decode_response(writer.finish());
  ASSERT_TRUE(response);
  EXPECT_TRUE(response->truncated);
  EXPECT_TRUE(response->question);
}

}  // namespace
}  // namespace sluice::dns
