#include "tools/sluicectl/recording_line.h"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sluice::ctl {
namespace {

using testing::HasSubstr;

RecordedAnswer all_kinds() {
  RecordedAnswer recorded;
  // A dot, a backslash and octets inside a label.
  recorded.question = {*dns::DnsName::from_wire(std::string("\x06"
                                                            "a.\\\x01\xff\""
                                                            "\x07"
                                                            "example\0",
                                                            16)),
                       dns::RecordType::Txt};
  recorded.answer.status = dns::AnswerStatus::Records;
  recorded.answer.ttl = 4294967295U;
  recorded.answer.stale = true;
  recorded.answer.records = {*IpAddress::parse("192.0.2.1"),
                             *IpAddress::parse("2001:db8::1"),
                             *dns::DnsName::from_text("mx.example"),
                             dns::DnsName(),
                             dns::MailExchange{65535, *dns::DnsName::from_text("mx.example")},
                             std::string("v=spf1 \"\\\n\0\xff", 12),
                             std::string()};
  return recorded;
}

std::string without_line_end(std::string line) {
  line.pop_back();
  return line;
}

TEST(RecordingLine, GivesAnAnswerBackExactly) {
  const RecordedAnswer written = all_kinds();
  const std::string line = write_recorded(written);
  EXPECT_EQ(line.find('\n'), line.size() - 1);
  const Result<RecordedLine> read = read_recorded(without_line_end(line));
  ASSERT_TRUE(read.has_value()) << read.error().message;
  const auto& answer = std::get<RecordedAnswer>(*read);
  EXPECT_EQ(answer.question, written.question);
  EXPECT_EQ(answer.answer.status, written.answer.status);
  EXPECT_EQ(answer.answer.ttl, written.answer.ttl);
  EXPECT_EQ(answer.answer.stale, written.answer.stale);
  EXPECT_EQ(answer.answer.records, written.answer.records);
}

TEST(RecordingLine, GivesEveryStatusAndTypeBack) {
  using enum dns::AnswerStatus;
  for (const dns::AnswerStatus status : {NoData, NxDomain, ServFail, Timeout, OverBudget}) {
    for (const uint16_t type : {1, 2, 5, 6, 12, 15, 16, 28, 99, 65535}) {
      RecordedAnswer recorded;
      recorded.question = {*dns::DnsName::from_text("a.example"), static_cast<dns::RecordType>(type)};
      recorded.answer.status = status;
      const Result<RecordedLine> read = read_recorded(without_line_end(write_recorded(recorded)));
      ASSERT_TRUE(read.has_value()) << type;
      EXPECT_EQ(std::get<RecordedAnswer>(*read).question, recorded.question);
      EXPECT_EQ(std::get<RecordedAnswer>(*read).answer.status, status);
    }
  }
}

TEST(RecordingLine, GivesTheClockAndVerdictsBack) {
  const WallTime now{std::chrono::microseconds(1763769600123456)};
  const auto start = read_recorded(without_line_end(write_recorded(RecordedStart{now})));
  ASSERT_TRUE(start.has_value());
  EXPECT_EQ(std::get<RecordedStart>(*start).now, now);
  const std::string text = "{\"id\":\"\xc3\xa9\"}";
  const auto verdict = read_recorded(without_line_end(write_recorded(RecordedVerdict{text})));
  ASSERT_TRUE(verdict.has_value());
  EXPECT_EQ(std::get<RecordedVerdict>(*verdict).text, text);
}

TEST(RecordingLine, NamesWhatIsWrong) {
  const auto problem = [](std::string_view line) {
    const Result<RecordedLine> read = read_recorded(line);
    return read ? std::string("read") : read.error().message;
  };
  EXPECT_THAT(problem(""), HasSubstr("not a JSON object"));
  EXPECT_THAT(problem("[]"), HasSubstr("not a JSON object"));
  EXPECT_THAT(problem("{}"), HasSubstr("none of"));
  EXPECT_THAT(problem(R"({"recording":2,"now_us":1})"), HasSubstr("another version"));
  EXPECT_THAT(problem(R"({"recording":1})"), HasSubstr("now_us"));
  EXPECT_THAT(problem(R"({"name":"a..b","type":"A","status":"no_data","ttl":0,"records":[]})"),
              HasSubstr("name"));
  EXPECT_THAT(problem(R"({"name":"a","type":"TYPE1","status":"no_data","ttl":0,"records":[]})"),
              HasSubstr("type"));
  EXPECT_THAT(problem(R"({"name":"a","type":"A","status":"x","ttl":0,"records":[]})"), HasSubstr("status"));
  EXPECT_THAT(problem(R"({"name":"a","type":"A","status":"no_data","ttl":-1,"records":[]})"),
              HasSubstr("ttl"));
  EXPECT_THAT(problem(R"({"name":"a","type":"A","status":"no_data","ttl":0})"), HasSubstr("records"));
  EXPECT_THAT(problem(R"({"name":"a","type":"A","status":"records","ttl":0,"records":[{"address":"x"}]})"),
              HasSubstr("records"));
  EXPECT_THAT(problem(R"({"verdict":"\\999"})"), HasSubstr("verdict"));
  EXPECT_THAT(problem(std::string(kRecordingLineMax + 1, ' ')), HasSubstr("too long"));
}

}  // namespace
}  // namespace sluice::ctl
