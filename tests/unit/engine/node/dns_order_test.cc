#include "engine/node/dns_order.h"

#include <string>

#include <gtest/gtest.h>

namespace sluice::node {
namespace {

using namespace std::chrono_literals;

dns::Question question(std::string_view name, dns::RecordType type = dns::RecordType::Txt) {
  return {*dns::DnsName::from_text(name), type};
}

class DnsOrderTest : public testing::Test {
 protected:
  DnsOrderTest() {
    cache_.put(question("a.example"), answer("v=spf1 -all"), at(0s));
    cache_.put(question("b.example"), answer("other"), at(0s));
  }
  static dns::Answer answer(std::string text) {
    return {.status = dns::AnswerStatus::Records, .records = {dns::RecordData(std::move(text))}, .ttl = 300};
  }
  static MonoTime at(std::chrono::seconds time) { return MonoTime(1000s + time); }
  static DnsOrder order(DnsOrder::Kind kind) {
    return {7, kind, {question("a.example", dns::RecordType::A), question("a.example")}};
  }

  dns::AnswerCache cache_{dns::CacheSettings{}, 42};
};

TEST_F(DnsOrderTest, ALookupTellsWhatIsKeptAndHowLong) {
  const DnsOrderResult found = carry_out(order(DnsOrder::Kind::Lookup), cache_, at(100s));
  EXPECT_EQ(found.number, 7U);
  ASSERT_EQ(found.kept.size(), 1U);
  EXPECT_EQ(found.kept[0].question, question("a.example"));
  EXPECT_EQ(found.kept[0].left, 200s);
  EXPECT_FALSE(found.kept[0].stale);
  const DnsOrderResult late = carry_out(order(DnsOrder::Kind::Lookup), cache_, at(301s));
  ASSERT_EQ(late.kept.size(), 1U);
  EXPECT_TRUE(late.kept[0].stale);
  EXPECT_EQ(late.kept[0].left, 0s);
}

TEST_F(DnsOrderTest, ALookupIsNoUse) {
  ASSERT_TRUE(cache_.find(question("a.example"), at(1s)));
  const dns::CacheStatistics before = cache_.statistics();
  (void)carry_out(order(DnsOrder::Kind::Lookup), cache_, at(299s));
  EXPECT_EQ(cache_.statistics().hits, before.hits);
  EXPECT_EQ(cache_.statistics().misses, before.misses);
  EXPECT_TRUE(cache_.find(question("a.example"), at(299s))->refresh_due);  // it was not told to the operator
}

TEST_F(DnsOrderTest, AFlushForgetsTheNameAndNothingElse) {
  EXPECT_EQ(carry_out(order(DnsOrder::Kind::Flush), cache_, at(1s)).removed, 1U);
  EXPECT_FALSE(cache_.find(question("a.example"), at(1s)));
  EXPECT_TRUE(cache_.find(question("b.example"), at(1s)));
}

TEST_F(DnsOrderTest, AFlushOfAllForgetsEverything) {
  EXPECT_EQ(carry_out({1, DnsOrder::Kind::FlushAll, {}}, cache_, at(1s)).removed, 2U);
  EXPECT_EQ(cache_.statistics().entries, 0U);
}

}  // namespace
}  // namespace sluice::node
