#include "dnscache/wire/query.h"

#include <string>

#include <gtest/gtest.h>

namespace sluice::dns {
namespace {

using namespace std::string_literals;

Question question(std::string_view name, RecordType type = RecordType::Txt) {
  return {DnsName::from_text(name).value(), type};
}

// The message of RFC 1035 section 4.1 octet by octet.
TEST(QueryMessage, IsWrittenAsTheRfcDrawsIt) {
  EXPECT_EQ(encode_query(question("a.example", RecordType::Mx), 0xABCD, false).view(),
            "\xAB\xCD\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x01\x61\x07\x65xample\x00\x00\x0F\x00\x01"s);
}

TEST(QueryMessage, CarriesEdns) {
  const QueryMessage message = encode_query(question("a"), 1);
  EXPECT_EQ(message.view().substr(12 + 3 + 4), "\x00\x00\x29\x04\xD0\x00\x00\x00\x00\x00\x00"s);
  EXPECT_EQ(message.view()[11], 1);
}

TEST(QueryMessage, ReadsWhatItWrote) {
  std::string longest;
  for (int i = 0; i < 4; ++i) longest += std::string(i == 3 ? 61 : 63, 'x') + ".";
  for (const auto& name : {"."s, "a.example"s, longest}) {
    for (const bool edns : {false, true}) {
      const auto query = decode_query(encode_query(question(name), 77, edns).view());
      ASSERT_TRUE(query);
      EXPECT_EQ(query->id, 77);
      EXPECT_EQ(query->question, question(name));
      EXPECT_TRUE(query->recursion_desired);
      EXPECT_EQ(query->edns_payload.has_value(), edns);
      EXPECT_FALSE(query->edns_version_bad);
    }
  }
}

std::string plain() { return std::string(encode_query(question("a.example"), 1, false).view()); }
std::string with_edns() { return std::string(encode_query(question("a.example"), 1, true).view()); }

TEST(QueryMessage, EveryPrefixIsRefused) {
  const std::string whole = with_edns();
  for (size_t size = 0; size < whole.size(); ++size) {
    const auto query = decode_query(whole.substr(0, size));
    ASSERT_FALSE(query);
    EXPECT_EQ(query.error(), size < kDnsHeader ? QueryError::Unanswerable : QueryError::Malformed);
  }
}

TEST(QueryMessage, ResponsesAreNotAnswered) {
  std::string message = plain();
  message[2] = static_cast<char>(message[2] | 0x80);
  EXPECT_EQ(decode_query(message).error(), QueryError::Unanswerable);
}

TEST(QueryMessage, OtherOpcodesAndClassesAreNotImplemented) {
  std::string message = plain();
  message[2] = 0x28;  // UPDATE
  EXPECT_EQ(decode_query(message).error(), QueryError::NotImplemented);
  message = plain();
  message.back() = 3;  // CH
  EXPECT_EQ(decode_query(message).error(), QueryError::NotImplemented);
}

TEST(QueryMessage, WantsExactlyOneQuestionAndNoAnswers) {
  for (const size_t at : {5U, 7U, 9U}) {
    std::string message = plain();
    message[at] = static_cast<char>(message[at] + 1);
    EXPECT_EQ(decode_query(message).error(), QueryError::Malformed) << at;
  }
  std::string none = plain();
  none[5] = 0;
  EXPECT_EQ(decode_query(none).error(), QueryError::Malformed);
}

TEST(QueryMessage, SmallEdnsSizesCountAs512) {
  std::string message = with_edns();
  message[message.size() - 8] = 0;
  message[message.size() - 7] = 100;
  EXPECT_EQ(decode_query(message)->edns_payload, 512);
}

TEST(QueryMessage, OtherEdnsVersionIsNoticed) {
  std::string message = with_edns();
  message[message.size() - 5] = 1;
  EXPECT_TRUE(decode_query(message)->edns_version_bad);
}

TEST(QueryMessage, TwoOptRecordsAreRefused) {
  std::string message = with_edns();
  message += message.substr(message.size() - kOptRecord);
  message[11] = 2;
  EXPECT_EQ(decode_query(message).error(), QueryError::Malformed);
}

TEST(QueryMessage, OtherAdditionalRecordsAreSteppedOver) {
  std::string message = plain();
  message += "\x00\x00\xFA\x00\xFF\x00\x00\x00\x00\x00\x02hi"s;  // a TSIG, say
  message[11] = 1;
  ASSERT_TRUE(decode_query(message));
  EXPECT_FALSE(decode_query(message)->edns_payload);
}

}  // namespace
}  // namespace sluice::dns
