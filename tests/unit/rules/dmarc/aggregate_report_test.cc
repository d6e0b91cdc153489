#include "rules/dmarc/aggregate_report.h"

#include "tests/unit/rules/dmarc/report_world.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace sluice::dmarc {
namespace {

bool is_report(std::string_view fields) {
  mail::HeaderReader reader;
  reader.feed(fields);
  reader.feed("\r\n");
  reader.finish();
  return is_report_mail(reader.block());
}

// Shows: P-17
TEST(ReportMail, IsKnownByItsSubjectOrType) {
  EXPECT_TRUE(
      is_report("Subject: Report Domain: example.com Submitter: mx.example.org Report-ID: <1@x>\r\n"));
  EXPECT_TRUE(
      is_report("Subject: Report Domain: example.com\r\n Submitter: mx.example.org\r\n Report-ID: <1>\r\n"));
  EXPECT_TRUE(is_report("Subject:\r\n report domain: example.com submitter: mx.example.org\r\n"));
  EXPECT_TRUE(is_report("Content-Type: multipart/report;\r\n report-type=feedback-report; boundary=x\r\n"));
  EXPECT_FALSE(is_report("Subject: Report of the domain\r\nContent-Type: text/plain\r\n"));
  EXPECT_FALSE(is_report("Subject: Re: Report Domain: example.com Submitter: mx.example.org\r\n"));
  EXPECT_FALSE(is_report("Content-Type: multipart/report; report-type=delivery-status\r\n"));
  EXPECT_FALSE(is_report("From: a@example.com\r\n"));
}

// Shows: P-19
TEST(ReportCollection, KeepsOneReportForEachPolicyDomain) {
  ReportCollection collection(kStart);
  ReportedFake one;
  ReportedFake sub;
  sub.outcome.author_domain = "foo.example.com";
  ReportedFake other("v=DMARC1; p=none; rua=mailto:x@example.net", "bar.example.com");
  for (const ReportedFake* fake : {&one, &one, &sub, &other})
    EXPECT_TRUE(collection.add(fake->message(), kStart));
  ASSERT_EQ(collection.domains().size(), 2U);
  const DomainReport& report = collection.domains().at("example.com");
  EXPECT_EQ(report.rows.size(), 2U);
  EXPECT_EQ(report.messages, 3U);
  EXPECT_EQ(collection.domains().at("bar.example.com").published.rua.front().address, "x@example.net");
}

TEST(ReportCollection, TakesOnlyWhatHasAPolicyThatAsksForReports) {
  ReportCollection collection(kStart);
  for (const Result result : {Result::None, Result::TempError, Result::PermError}) {
    ReportedFake fake;
    fake.outcome.result = result;
    EXPECT_FALSE(collection.add(fake.message(), kStart));
  }
  EXPECT_FALSE(collection.add(ReportedFake("v=DMARC1; p=reject").message(), kStart));
  EXPECT_FALSE(collection.add(ReportedFake("v=DMARC1; p=none; rua=https://example.com/r").message(), kStart));
  EXPECT_TRUE(collection.empty());
  EXPECT_EQ(collection.octets(), 0U);
}

TEST(ReportCollection, ReportsTheNewestRecord) {
  ReportCollection collection(kStart);
  EXPECT_TRUE(collection.add(ReportedFake().message(), kStart));
  EXPECT_TRUE(collection.add(ReportedFake("v=DMARC1; p=none; rua=mailto:new@example.com").message(), kStart));
  EXPECT_EQ(collection.domains().at("example.com").published.policies.p, Policy::None);
  EXPECT_EQ(collection.domains().at("example.com").published.rua.front().address, "new@example.com");
}

TEST(ReportCollection, IsBoundedAndCountsWhatHasNoRoom) {
  ReportCollection collection(kStart, {.domains = 2, .rows = 3, .octets = 1 << 20});
  for (uint32_t i = 0; i < 10; ++i) {
    ReportedFake fake;
    fake.client = IpAddress::v4(i);
    EXPECT_TRUE(collection.add(fake.message(), kStart));
  }
  EXPECT_EQ(collection.domains().at("example.com").rows.size(), 3U);
  EXPECT_EQ(collection.domains().at("example.com").unlisted, 7U);
  for (int i = 0; i < 10; ++i) {
    const std::string domain = "d" + std::to_string(i) + ".example";
    EXPECT_TRUE(
        collection.add(ReportedFake("v=DMARC1; p=none; rua=mailto:a@b.example", domain).message(), kStart));
  }
  EXPECT_EQ(collection.domains().size(), 2U);
  EXPECT_EQ(collection.unlisted(), 16U);

  ReportCollection small(kStart, {.domains = 1000, .rows = 1000, .octets = 10000});
  for (uint32_t i = 0; i < 1000; ++i) {
    ReportedFake fake;
    fake.client = IpAddress::v4(i);
    EXPECT_TRUE(small.add(fake.message(), kStart));
  }
  EXPECT_LE(small.octets(), 10000U);
  EXPECT_EQ(small.domains().at("example.com").messages + small.domains().at("example.com").unlisted, 1000U);
  EXPECT_NE(document(small).find("messages are not listed"), std::string::npos);
}

TEST(ReportCollection, MergesWhatShardsHave) {
  ReportCollection one(kStart);
  ReportCollection two(kStart - std::chrono::hours(1));
  ReportedFake fake;
  EXPECT_TRUE(one.add(fake.message(), kStart));
  EXPECT_TRUE(two.add(fake.message(), kStart + std::chrono::hours(1)));
  fake.client = IpAddress::v4(7);
  EXPECT_TRUE(two.add(fake.message(), kStart));
  const size_t octets = two.octets();
  one.merge(std::move(two));
  const DomainReport& report = one.domains().at("example.com");
  EXPECT_EQ(report.messages, 3U);
  EXPECT_EQ(report.rows.size(), 2U);
  EXPECT_EQ(report.since, kStart - std::chrono::hours(1));
  EXPECT_EQ(one.octets(), octets);
}

TEST(ReportCollection, MergesWithinItsBounds) {
  ReportCollection one(kStart, {.domains = 1, .rows = 1, .octets = 1 << 20});
  ReportCollection two(kStart);
  ReportedFake fake;
  EXPECT_TRUE(one.add(fake.message(), kStart));
  fake.client = IpAddress::v4(7);
  EXPECT_TRUE(two.add(fake.message(), kStart));
  EXPECT_TRUE(
      two.add(ReportedFake("v=DMARC1; p=none; rua=mailto:a@b.example", "b.example").message(), kStart));
  one.merge(std::move(two));
  EXPECT_EQ(one.domains().size(), 1U);
  EXPECT_EQ(one.domains().at("example.com").unlisted, 1U);
  EXPECT_EQ(one.unlisted(), 2U);
}

TEST(ReportCollection, StartsThePeriodAnew) {
  ReportCollection collection(kStart);
  EXPECT_TRUE(collection.add(ReportedFake().message(), kStart));
  const WallTime later = kStart + std::chrono::hours(24);
  const ReportCollection taken = collection.take(later);
  EXPECT_EQ(taken.domains().size(), 1U);
  EXPECT_TRUE(collection.empty());
  EXPECT_EQ(collection.octets(), 0U);
  EXPECT_EQ(collection.since(), later);
}

}  // namespace
}  // namespace sluice::dmarc
