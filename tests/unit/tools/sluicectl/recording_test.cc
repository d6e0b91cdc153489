#include "tools/sluicectl/recording.h"

#include "dnscache/zone/zone_file.h"
#include "tools/sluicectl/check_line.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sluice::ctl {
namespace {

using testing::HasSubstr;

// A DNS whose answers change from one question to the next.
class RestlessSource final : public AnswerSource {
 public:
  dns::Answer ask(const dns::Question& question) override {
    ++asked;
    dns::Answer answer;
    answer.status = dns::AnswerStatus::Records;
    answer.ttl = asked;
    if (question.type == dns::RecordType::Txt) {
      answer.records.push_back(std::string("v=spf1 a -all"));
    } else {
      answer.records.push_back(IpAddress::v4(asked));
    }
    return answer;
  }
  WallTime now() override { return WallTime(std::chrono::microseconds(1763769600000000)); }
  uint32_t asked = 0;
};

class RecordingTest : public testing::Test {
 protected:
  RecordingTest() {
    std::string folder = (std::filesystem::temp_directory_path() / "recording_XXXXXX").string();
    folder_ = ::mkdtemp(folder.data());
  }
  ~RecordingTest() override { std::filesystem::remove_all(folder_); }

  std::string path() const { return (folder_ / "answers").string(); }
  std::string text() const {
    std::ifstream file(path(), std::ios::binary);
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  }
  static std::vector<std::string> answers(AnswerSource& source, const std::vector<std::string>& lines) {
    const MessageSettings settings;
    CheckLines checks(source, settings);
    std::vector<std::string> out;
    for (const std::string& line : lines) out.push_back(checks.answer(line));
    return out;
  }

  std::filesystem::path folder_;
  const std::vector<std::string> lines_ = {
      R"({"id":1,"ip":"0.0.0.2","mail_from":"x@a.example"})",
      R"({"id":2,"ip":"0.0.0.2","mail_from":"x@a.example"})", R"({"id":3,"ip":"x"})",
      R"({"id":4,"ip":"0.0.0.6","mail_from":"x@a.example"})",
      R"({"id":5,"ip":"0.0.0.8","mail_from":"x@b.example","zone":{"b.example":[{"TXT":"v=spf1 +all"}]}})"};
};

TEST_F(RecordingTest, GivesTheSameVerdictsThoughAnswersChanged) {
  RestlessSource dns;
  const auto recording = RecordingSource::open(path(), dns);
  ASSERT_TRUE(recording.has_value());
  const std::vector<std::string> recorded = answers(**recording, lines_);
  EXPECT_THAT(recorded[0], HasSubstr("pass"));
  EXPECT_THAT(recorded[1], HasSubstr("fail"));  // its A record is another by then
  EXPECT_THAT(recorded[3], HasSubstr("pass"));
  const auto replay = ReplaySource::open(path());
  ASSERT_TRUE(replay.has_value());
  EXPECT_EQ(answers(**replay, lines_), recorded);
  EXPECT_EQ((*replay)->differences(), 0U);
  EXPECT_EQ((*replay)->checks(), lines_.size());
  EXPECT_EQ((*replay)->now(), dns.now());
}

TEST_F(RecordingTest, NamesAQuestionThatItDoesNotHold) {
  RestlessSource dns;
  const auto recording = RecordingSource::open(path(), dns);
  answers(**recording, {lines_[0]});
  const auto replay = ReplaySource::open(path());
  const std::vector<std::string> found =
      answers(**replay, {R"({"id":9,"ip":"0.0.0.2","mail_from":"x@other.example"})", lines_[0]});
  EXPECT_EQ(found[0], "{\"id\":9,\"error\":\"the recording has no answer to other.example TXT\"}\n");
  EXPECT_THAT(found[1], HasSubstr("pass"));
  EXPECT_EQ((*replay)->differences(), 2U);
}

TEST_F(RecordingTest, AsksEachQuestionOnceInACheckAndWritesOnlyWhatChanged) {
  RestlessSource dns;
  const auto recording = RecordingSource::open(path(), dns);
  const dns::Question question{*dns::DnsName::from_text("a.example"), dns::RecordType::A};
  (*recording)->begin_check();
  const dns::Answer first = (*recording)->ask(question);
  EXPECT_EQ((*recording)->ask(question).records, first.records);
  EXPECT_EQ(dns.asked, 1U);
  (*recording)->end_check("{}");
  (*recording)->begin_check();
  (void)(*recording)->refuse(question);
  (*recording)->end_check("{}");
  (*recording)->begin_check();
  (void)(*recording)->refuse(question);
  (*recording)->end_check("{}");
  const std::string written = text();
  EXPECT_EQ(std::ranges::count(written, '\n'), 1 + 2 + 3);  // start, two different answers, three verdicts
  EXPECT_THAT(written, HasSubstr("over_budget"));
}

TEST_F(RecordingTest, SaysWhereItIsDamaged) {
  RestlessSource dns;
  {
    const auto recording = RecordingSource::open(path(), dns);
    answers(**recording, {lines_[0]});
  }
  std::string damaged = text();
  damaged.insert(damaged.find("{\"name\""), "{\"name\":1}\n");
  std::ofstream(path(), std::ios::binary) << damaged;
  const auto replay = ReplaySource::open(path());
  ASSERT_TRUE(replay.has_value());
  EXPECT_THAT(answers(**replay, {lines_[0]})[0], HasSubstr("line 2: "));
}

TEST_F(RecordingTest, WhatIsAskedAsideMayBeMissingButNotBehindDamage) {
  const dns::Question question{*dns::DnsName::from_text("not.there.example"), dns::RecordType::A};
  const std::string whole = "{\"recording\":1,\"now_us\":1763769600000000}\n";
  for (const bool damaged : {false, true}) {
    std::ofstream(path(), std::ios::binary) << whole << (damaged ? "{\"name\":1}\n" : "");
    const auto replay = ReplaySource::open(path());
    ASSERT_TRUE(replay);
    (*replay)->begin_check();
    EXPECT_EQ((*replay)->ask_aside(question), std::nullopt);
    EXPECT_EQ((*replay)->check_problem().contains("line 2: "), damaged);
  }
}

TEST_F(RecordingTest, IsRefusedWhenItIsNone) {
  EXPECT_FALSE(ReplaySource::open(path()).has_value());
  for (const char* text : {"", "{}\n", "x\n", "{\"verdict\":\"x\"}\n"}) {
    std::ofstream(path(), std::ios::binary | std::ios::trunc) << text;
    const auto replay = ReplaySource::open(path());
    ASSERT_FALSE(replay.has_value()) << text;
    EXPECT_THAT(replay.error().message, HasSubstr("is not a recording"));
  }
  RestlessSource dns;
  EXPECT_FALSE(RecordingSource::open(folder_.string(), dns).has_value());
}

TEST_F(RecordingTest, SaysWhenTheDiskIsFull) {
  if (!std::filesystem::exists("/dev/full")) GTEST_SKIP() << "no /dev/full here";
  RestlessSource dns;
  const auto recording = RecordingSource::open("/dev/full", dns);
  if (!recording) return;  // noticed at once
  std::vector<std::string> found = answers(**recording, {lines_[0], lines_[0]});
  EXPECT_EQ(found[1], "{\"id\":1,\"error\":\"cannot write /dev/full\"}\n");
}

}  // namespace
}  // namespace sluice::ctl
