#include "rules/dmarc/record.h"

#include "io/base/limits.h"

#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

namespace sluice::dmarc {
namespace {

Record parsed(std::string_view text) {
  auto record = parse_record(text);
  EXPECT_TRUE(record) << text;
  return record.value_or(Record{});
}

// Shows: P-15
TEST(DmarcRecord, HasAllTagsOfRfc9989) {
  const Record record = parsed(
      "v=DMARC1; p=quarantine; sp=reject; np=none; adkim=s; aspf=s; psd=n; t=y; fo=1; "
      "rua=mailto:a@example.com,mailto:b@example.net!10m; ruf=mailto:c@example.com");
  ASSERT_TRUE(record.policies);
  EXPECT_EQ(*record.policies, (Policies{Policy::Quarantine, Policy::Reject, Policy::None}));
  EXPECT_EQ(*record.policies_7489, (Policies{Policy::Quarantine, Policy::Reject, Policy::Reject}));
  EXPECT_EQ(record.adkim, AlignmentMode::Strict);
  EXPECT_EQ(record.aspf, AlignmentMode::Strict);
  EXPECT_EQ(record.psd, Psd::No);
  EXPECT_TRUE(record.testing);
  EXPECT_EQ(record.fo, "1");
  ASSERT_EQ(record.rua.size(), 2U);
  EXPECT_EQ(record.rua[0].address, "a@example.com");
  EXPECT_EQ(record.rua[1].octets_max, uint64_t{10} << 20);
  ASSERT_EQ(record.ruf.size(), 1U);
  EXPECT_EQ(record.problems, 0);
}

TEST(DmarcRecord, FillsInWhatIsAbsent) {
  const Record record = parsed("v=DMARC1; p=reject");
  EXPECT_EQ(*record.policies, (Policies{Policy::Reject, Policy::Reject, Policy::Reject}));
  EXPECT_EQ(record.adkim, AlignmentMode::Relaxed);
  EXPECT_EQ(record.psd, Psd::Unknown);
  EXPECT_FALSE(record.testing || record.has_sp || record.has_np);
  // np falls back to sp, sp to p.
  EXPECT_EQ(*parsed("v=DMARC1;p=reject;sp=none").policies,
            (Policies{Policy::Reject, Policy::None, Policy::None}));
}

TEST(DmarcRecord, StartsWithExactlyItsVersion) {
  for (const std::string_view text :
       {"v=DMARC1", "v=DMARC1;", "v = DMARC1 ; p=none", "v\t=\tDMARC1\t;", "V=DMARC1; p=none"}) {
    EXPECT_TRUE(is_record(text)) << text;
  }
  for (const std::string_view text :
       {"", "v", "v=", "v=dmarc1; p=none", "v=DMARC2; p=none", "v=DMARC1 p=none", " v=DMARC1; p=none",
        "p=none; v=DMARC1", "v=DMARC10;", "vv=DMARC1;", "v=spf1 -all", "\"v=DMARC1\";", ";v=DMARC1"}) {
    EXPECT_FALSE(is_record(text)) << text;
    EXPECT_FALSE(parse_record(text)) << text;
  }
}

// Shows: P-15
TEST(DmarcRecord, IgnoresWhatItDoesNotKnow) {
  const Record record = parsed("v=DMARC1; p=reject; pct=0; rf=afrf; ri=3600; x=y; future=1:2");
  EXPECT_EQ(record.policies->p, Policy::Reject);
  EXPECT_EQ(record.problems, 0);
}

TEST(DmarcRecord, GoesOnBehindSyntaxErrors) {
  const Record record =
      parsed("v=DMARC1; junk; =x; p=; p = REJECT ;; adkim=x; aspf=S; t=maybe; psd=z; fo=2;");
  EXPECT_EQ(record.policies->p, Policy::Reject);
  EXPECT_EQ(record.adkim, AlignmentMode::Relaxed);
  EXPECT_EQ(record.aspf, AlignmentMode::Strict);
  EXPECT_FALSE(record.testing);
  EXPECT_TRUE(record.has(RecordProblem::BadTag) && record.has(RecordProblem::BadValue));
  EXPECT_EQ(record.fo, "");
}

TEST(DmarcRecord, TakesTheFirstOfDoubledTags) {
  const Record record = parsed("v=DMARC1; p=reject; p=none; v=DMARC2");
  EXPECT_EQ(record.policies->p, Policy::Reject);
  EXPECT_TRUE(record.has(RecordProblem::DoubledTag));
}

TEST(DmarcRecord, IsMonitoringWhereThePolicyIsFaultyAndSomebodyWatches) {
  for (const std::string_view fault : {"", "p=foo;", "p=reject; sp=foo;", "p=reject; np=foo;"}) {
    const std::string start = "v=DMARC1; " + std::string(fault);
    EXPECT_FALSE(parsed(start).policies) << fault;
    EXPECT_FALSE(parsed(start + "rua=nonsense").policies) << fault;
    const Record watched = parsed(start + "rua=mailto:a@example.com");
    ASSERT_TRUE(watched.policies) << fault;
    EXPECT_EQ(*watched.policies, Policies{}) << fault;
  }
  // RFC 7489 knows no np.
  EXPECT_EQ(parsed("v=DMARC1; p=reject; np=foo").policies_7489->p, Policy::Reject);
}

TEST(DmarcRecord, ReadsFailureOptionsOfBothStandards) {
  for (const std::string_view value : {"0", "1", "d", "s", "d:s", "s:d", "0:d", "1:d:s"}) {
    EXPECT_EQ(parsed("v=DMARC1;p=none;fo=" + std::string(value)).fo, value);
  }
  for (const std::string_view value : {"2", "0:", ":d", "ds", "d::s"}) {
    EXPECT_EQ(parsed("v=DMARC1;p=none;fo=" + std::string(value)).fo, "") << value;
  }
}

TEST(DmarcUris, AreReadWithTheirSizes) {
  struct Case {
    std::string_view uri, address;
    std::optional<uint64_t> size;
  };
  for (const Case& wanted : std::vector<Case>{
           {"mailto:a@b.example", "a@b.example", std::nullopt},
           {"MAILTO:a@b.example!5k", "a@b.example", 5U << 10},
           {"mailto:a@b.example!7", "a@b.example", 7U},
           {"mailto:a@b.example!1G", "a@b.example", 1U << 30},
           {"mailto:a@b.example!99999999999999999999t", "a@b.example", std::numeric_limits<uint64_t>::max()},
           {"mailto:a%2Bb@b.example?subject=x", "a+b@b.example", std::nullopt},
           {"mailto:a%21b@b.example", "a!b@b.example", std::nullopt},
           {"https://b.example/report", "", std::nullopt}}) {
    SCOPED_TRACE(wanted.uri);
    uint16_t problems = 0;
    const auto uris = parse_uris(wanted.uri, problems);
    ASSERT_EQ(uris.size(), 1U);
    EXPECT_EQ(uris.front().address, wanted.address);
    EXPECT_EQ(uris.front().octets_max, wanted.size);
    EXPECT_EQ(problems, 0);
  }
}

TEST(DmarcUris, AreDroppedWhereTheyAreNone) {
  for (const std::string_view uri :
       {"mailto:", "mailto:a", "mailto:a@", "mailto:@b.example", "mailto:a@[192.0.2.1]", "a@b.example", ":x",
        "1x:y", "mailto:a@b.example!", "mailto:a@b.example!10x", "mailto:a b@b.example",
        "mailto:a%4@b.example", "mailto:a%0Db@b.example", "mailto:a%00@b.example", "mailto:<a@b.example>",
        "mailto:a@b..example"}) {
    uint16_t problems = 0;
    EXPECT_TRUE(parse_uris(uri, problems).empty()) << uri;
    EXPECT_EQ(problems, static_cast<uint16_t>(RecordProblem::BadUri)) << uri;
  }
}

TEST(DmarcUris, AreBounded) {
  std::string value = "v=DMARC1; p=none; rua=";
  for (int i = 0; i < 1000; ++i) value += "mailto:a" + std::to_string(i) + "@b.example, ";
  const Record record = parsed(value);
  EXPECT_EQ(record.rua.size(), limits::kDmarcReportUris);
  EXPECT_TRUE(record.has(RecordProblem::TooManyUris));
}

dns::Answer txt(std::vector<std::string> texts) {
  dns::Answer answer;
  answer.status = dns::AnswerStatus::Records;
  for (std::string& text : texts) answer.records.emplace_back(std::move(text));
  return answer;
}

TEST(DmarcSelectedRecord, DropsSeveralAndTooLongOnes) {
  using Kind = SelectedRecord::Kind;
  EXPECT_EQ(SelectedRecord::select(txt({"x", "v=spf1 -all"}))->kind(), Kind::None);
  EXPECT_EQ(SelectedRecord::select(txt({"x", "v=DMARC1; p=none"}))->kind(), Kind::One);
  EXPECT_EQ(SelectedRecord::select(txt({"v=DMARC1; p=none", "v=DMARC1; p=none"}))->kind(), Kind::Several);
  const std::string start = "v=DMARC1; p=reject; x=";
  const std::string fits = start + std::string(limits::kDmarcRecord - start.size(), 'y');
  EXPECT_EQ(SelectedRecord::select(txt({fits}))->kind(), Kind::One);
  EXPECT_EQ(SelectedRecord::select(txt({fits + "y"}))->kind(), Kind::TooLong);
  EXPECT_EQ(SelectedRecord::select(txt({start + std::string(60000, 'y')}))->kind(), Kind::TooLong);
}

}  // namespace
}  // namespace sluice::dmarc
