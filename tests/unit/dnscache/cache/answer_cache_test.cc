#include "dnscache/cache/answer_cache.h"

#include "io/base/random.h"

#include <array>
#include <map>
#include <memory>
#include <string>

#include <gtest/gtest.h>

namespace sluice::dns {
namespace {

using namespace std::chrono_literals;

Question question(std::string_view name, RecordType type = RecordType::Txt) {
  return {DnsName::from_text(name).value(), type};
}

Answer text(std::string value, uint32_t ttl) {
  return {.status = AnswerStatus::Records, .records = {RecordData(std::move(value))}, .ttl = ttl};
}

Answer absent(AnswerStatus status, uint32_t ttl) { return {.status = status, .records = {}, .ttl = ttl}; }

std::string first_text(const Answer& answer) { return std::get<std::string>(answer.records.at(0)); }

MonoTime at(std::chrono::nanoseconds time) { return MonoTime(time); }

class AnswerCacheTest : public ::testing::Test {
 protected:
  AnswerCache cache_{CacheSettings{}, 42};
};
using AnswerCacheKeeps = AnswerCacheTest;

TEST_F(AnswerCacheKeeps, FindsWhatWasPutUntilItsTimeIsOver) {
  ASSERT_TRUE(cache_.put(question("a.example"), text("x", 60), at(100s)));
  const auto last = cache_.find(question("a.example"), at(160s) - 1ns);
  ASSERT_TRUE(last);
  EXPECT_EQ(first_text(*last->answer), "x");
  EXPECT_EQ(last->left, 0s);
  EXPECT_FALSE(last->stale);
  EXPECT_EQ(cache_.find(question("a.example"), at(101s))->left, 59s);
  EXPECT_FALSE(cache_.find(question("a.example"), at(160s)));
}

TEST_F(AnswerCacheKeeps, TypesAndNamesAreToldApart) {
  cache_.put(question("a.example", RecordType::A), text("x", 60), at(0s));
  EXPECT_FALSE(cache_.find(question("a.example", RecordType::Aaaa), at(1s)));
  EXPECT_FALSE(cache_.find(question("b.example", RecordType::A), at(1s)));
  EXPECT_TRUE(cache_.find(question("A.Example", RecordType::A), at(1s)));
}

TEST_F(AnswerCacheKeeps, ReplacesUnderANewGeneration) {
  const auto first = cache_.put(question("a.example"), text("x", 60), at(0s))->id;
  const auto second = cache_.put(question("a.example"), text("y", 60), at(1s))->id;
  EXPECT_NE(first, second);
  EXPECT_EQ(cache_.find(first), nullptr);
  EXPECT_EQ(first_text(*cache_.find(second)), "y");
  EXPECT_EQ(cache_.statistics().entries, 1U);
}

TEST_F(AnswerCacheKeeps, NegativeAnswersForTheirCappedTime) {
  cache_.put(question("a.example"), absent(AnswerStatus::NxDomain, 100000), at(0s));
  EXPECT_EQ(cache_.find(question("a.example"), at(3599s))->answer->status, AnswerStatus::NxDomain);
  EXPECT_FALSE(cache_.find(question("a.example"), at(3600s)));
  EXPECT_EQ(cache_.statistics().negative_hits, 1U);
}

TEST_F(AnswerCacheKeeps, RecordsForAtMostTheCeiling) {
  const auto kept = cache_.put(question("a.example"), text("x", UINT32_MAX), at(0s));
  EXPECT_EQ(kept->answer->ttl, 86400U);
  EXPECT_FALSE(cache_.find(question("a.example"), at(86400s)));
}

TEST_F(AnswerCacheKeeps, NothingWithoutTime) {
  EXPECT_FALSE(cache_.put(question("a.example"), text("x", 0), at(0s)));
  EXPECT_FALSE(cache_.put(question("a.example"), absent(AnswerStatus::NoData, 0), at(0s)));
  EXPECT_FALSE(cache_.find(question("a.example"), at(0s)));
}

TEST_F(AnswerCacheKeeps, NothingOverBudgetOrStale) {
  EXPECT_FALSE(cache_.put(question("a.example"), absent(AnswerStatus::OverBudget, 60), at(0s)));
  Answer stale = text("x", 60);
  stale.stale = true;
  EXPECT_FALSE(cache_.put(question("a.example"), std::move(stale), at(0s)));
}

TEST(AnswerCacheFloor, LiftsShortTimes) {
  AnswerCache cache({.ttl_min = 30s}, 1);
  EXPECT_EQ(cache.put(question("a.example"), text("x", 0), at(0s))->answer->ttl, 30U);
  EXPECT_EQ(cache.put(question("b.example"), text("x", 31), at(0s))->answer->ttl, 31U);
}

// Shows: W-35
TEST_F(AnswerCacheKeeps, ServesStaleForAtMostAnHourAndMarksIt) {
  cache_.put(question("a.example"), text("x", 60), at(0s));
  EXPECT_FALSE(cache_.find_or_stale(question("a.example"), at(59s))->answer->stale);
  const auto stale = cache_.find_or_stale(question("a.example"), at(60s));
  ASSERT_TRUE(stale);
  EXPECT_TRUE(stale->stale);
  EXPECT_TRUE(stale->answer->stale);
  EXPECT_TRUE(cache_.find_or_stale(question("a.example"), at(3660s) - 1ns));
  EXPECT_FALSE(cache_.find_or_stale(question("a.example"), at(3660s)));
  EXPECT_EQ(cache_.statistics().stale_hits, 2U);
}

TEST_F(AnswerCacheKeeps, FailuresShortlyAndNeverStale) {
  cache_.put(question("a.example"), absent(AnswerStatus::ServFail, 0), at(0s));
  EXPECT_EQ(cache_.find(question("a.example"), at(4s))->answer->status, AnswerStatus::ServFail);
  EXPECT_FALSE(cache_.find(question("a.example"), at(5s)));
  EXPECT_FALSE(cache_.find_or_stale(question("a.example"), at(5s)));
}

TEST_F(AnswerCacheKeeps, FailureLeavesWhatCanBeServedStale) {
  cache_.put(question("a.example"), text("x", 60), at(0s));
  EXPECT_FALSE(cache_.find(question("a.example"), at(70s)));
  EXPECT_FALSE(cache_.put(question("a.example"), absent(AnswerStatus::Timeout, 0), at(70s)));
  // For a while nobody needs to wait for another failure.
  const auto hit = cache_.find(question("a.example"), at(74s));
  ASSERT_TRUE(hit);
  EXPECT_TRUE(hit->stale);
  EXPECT_FALSE(cache_.find(question("a.example"), at(75s)));
  EXPECT_TRUE(cache_.find_or_stale(question("a.example"), at(75s)));
}

TEST_F(AnswerCacheKeeps, FailureReplacesWhatIsTooOldToServe) {
  cache_.put(question("a.example"), text("x", 60), at(0s));
  EXPECT_TRUE(cache_.put(question("a.example"), absent(AnswerStatus::Timeout, 0), at(3660s)));
  EXPECT_EQ(cache_.find(question("a.example"), at(3661s))->answer->status, AnswerStatus::Timeout);
}

TEST_F(AnswerCacheKeeps, AnswerReplacesFailure) {
  cache_.put(question("a.example"), absent(AnswerStatus::ServFail, 0), at(0s));
  cache_.put(question("a.example"), text("x", 60), at(1s));
  EXPECT_EQ(first_text(*cache_.find(question("a.example"), at(2s))->answer), "x");
}

TEST_F(AnswerCacheKeeps, EraseAndClear) {
  const auto id = cache_.put(question("a.example"), text("x", 60), at(0s))->id;
  EXPECT_TRUE(cache_.erase(question("a.example")));
  EXPECT_FALSE(cache_.erase(question("a.example")));
  EXPECT_EQ(cache_.find(id), nullptr);
  const auto again = cache_.put(question("a.example"), text("x", 60), at(0s))->id;
  cache_.clear();
  EXPECT_EQ(cache_.find(again), nullptr);
  EXPECT_EQ(cache_.statistics().bytes, 0U);
  EXPECT_FALSE(cache_.find(question("a.example"), at(0s)));
}

struct Counted {
  explicit Counted(int& living) : count(living) { ++count; }
  Counted(const Counted&) = delete;
  Counted& operator=(const Counted&) = delete;
  ~Counted() { --count; }
  int& count;
};

TEST_F(AnswerCacheKeeps, AttachmentLivesAsLongAsItsAnswer) {
  int living = 0;
  const auto id = cache_.put(question("a.example"), text("x", 60), at(0s))->id;
  ASSERT_TRUE(cache_.attach(id, std::make_unique<Counted>(living), 100));
  EXPECT_NE(cache_.attached<Counted>(id, at(1s)), nullptr);
  EXPECT_EQ(cache_.attached<std::string>(id, at(1s)), nullptr);
  ASSERT_TRUE(cache_.attach(id, std::make_unique<Counted>(living), 50));
  EXPECT_EQ(living, 1);
  cache_.put(question("a.example"), text("y", 60), at(1s));
  EXPECT_EQ(living, 0);
  EXPECT_EQ(cache_.attached<Counted>(id, at(1s)), nullptr);
  EXPECT_FALSE(cache_.attach(id, std::make_unique<Counted>(living), 100));
  EXPECT_EQ(living, 0);
}

TEST_F(AnswerCacheKeeps, OneAttachmentOfEachType) {
  const auto id = cache_.put(question("a.example"), text("x", 60), at(0s))->id;
  ASSERT_TRUE(cache_.attach(id, std::make_unique<int>(1), 10));
  ASSERT_TRUE(cache_.attach(id, std::make_unique<std::string>("two"), 10));
  EXPECT_EQ(*cache_.attached<int>(id, at(1s)), 1);
  EXPECT_EQ(*cache_.attached<std::string>(id, at(1s)), "two");
  EXPECT_EQ(cache_.attached<int>(id, at(60s)), nullptr);
}

class AnswerCacheUses : public AnswerCacheTest {
 protected:
  AnswerCache::EntryId put(std::string_view name, uint32_t ttl, MonoTime now = at(0s)) {
    return cache_.put(question(name), text(std::string(name) + std::to_string(ttl), ttl), now)->id;
  }
  bool has(AnswerCache::EntryId id, MonoTime now) { return cache_.attached<int>(id, now) != nullptr; }
};

TEST_F(AnswerCacheUses, EndWithTheShortestTime) {
  const auto id = put("a.example", 60);
  const std::array uses{put("b.example", 30), put("c.example", 20)};
  ASSERT_TRUE(cache_.attach(id, std::make_unique<int>(1), 10, uses));
  EXPECT_TRUE(has(id, at(20s) - 1ns));
  EXPECT_FALSE(has(id, at(20s)));
}

TEST_F(AnswerCacheUses, EndWhenOneIsReplacedOrErased) {
  const auto id = put("a.example", 60);
  const std::array uses{put("b.example", 60), put("c.example", 60)};
  ASSERT_TRUE(cache_.attach(id, std::make_unique<int>(1), 10, uses));
  put("d.example", 60);
  cache_.erase(question("d.example"));
  EXPECT_TRUE(has(id, at(1s)));
  const auto again = put("b.example", 61);
  EXPECT_FALSE(has(id, at(1s)));
  const std::array renewed{again, uses[1]};
  EXPECT_FALSE(cache_.attach(id, std::make_unique<int>(1), 10, uses));
  ASSERT_TRUE(cache_.attach(id, std::make_unique<int>(1), 10, renewed));
  EXPECT_TRUE(has(id, at(1s)));
  cache_.erase(question("c.example"));
  EXPECT_FALSE(has(id, at(1s)));
}

TEST(AnswerCacheBudget, AttachmentsCount) {
  AnswerCache cache({.bytes_max = 100000}, 1);
  const auto id = cache.put(question("a.example"), text("x", 60), at(0s))->id;
  const size_t before = cache.statistics().bytes;
  ASSERT_TRUE(cache.attach(id, std::make_unique<int>(1), 10));
  const size_t with_ten = cache.statistics().bytes;
  EXPECT_GE(with_ten, before + 10);
  ASSERT_TRUE(cache.attach(id, std::make_unique<int>(1), 1000));
  EXPECT_EQ(cache.statistics().bytes, with_ten + 990);
  EXPECT_FALSE(cache.attach(id, std::make_unique<int>(1), 25001));
  cache.erase(question("a.example"));
  EXPECT_EQ(cache.statistics().bytes, 0U);
}

TEST(AnswerCacheBudget, IsNeverExceeded) {
  AnswerCache cache({.bytes_max = 200000}, 1);
  for (int i = 0; i < 3000; ++i) {
    cache.put(question("n" + std::to_string(i) + ".example"), text(std::string(i % 500U, 'x'), 60), at(0s));
    ASSERT_LE(cache.statistics().bytes, 200000U);
  }
  EXPECT_GT(cache.statistics().evictions, 2000U);
  EXPECT_GT(cache.statistics().entries, 50U);
  EXPECT_TRUE(cache.find(question("n2999.example"), at(1s)));
}

TEST(AnswerCacheBudget, WhatIsUsedStays) {
  AnswerCache cache({.bytes_max = 200000}, 1);
  cache.put(question("used.example"), text("x", 60), at(0s));
  for (int i = 0; i < 3000; ++i) {
    ASSERT_TRUE(cache.find(question("used.example"), at(1s))) << i;
    cache.put(question("n" + std::to_string(i) + ".example"), text("x", 60), at(0s));
  }
}

TEST(AnswerCacheBudget, OneAnswerCannotFillIt) {
  AnswerCache cache({.bytes_max = 100000}, 1);
  EXPECT_FALSE(cache.put(question("a.example"), text(std::string(30000, 'x'), 60), at(0s)));
  EXPECT_TRUE(cache.put(question("a.example"), text(std::string(20000, 'x'), 60), at(0s)));
  // What it replaced is gone: it is no longer the answer.
  EXPECT_FALSE(cache.put(question("a.example"), text(std::string(30000, 'x'), 60), at(0s)));
  EXPECT_FALSE(cache.find(question("a.example"), at(0s)));
}

// Against a plain map, with times, erasures and growth mixed.
TEST(AnswerCacheModel, AgreesWithAMap) {
  struct Kept {
    std::string value;
    MonoTime expires;
  };
  Random random(7);
  AnswerCache cache(CacheSettings{}, random());
  std::map<std::string, Kept> model;
  MonoTime now = at(0s);
  for (int i = 0; i < 30000; ++i) {
    const std::string name = "n" + std::to_string(random.below(400)) + ".example";
    now += std::chrono::milliseconds(random.below(200));
    switch (random.below(4)) {
      case 0: {
        const uint32_t ttl = 1 + random.below(60);
        cache.put(question(name), text(std::to_string(i), ttl), now);
        model[name] = {std::to_string(i), now + std::chrono::seconds(ttl)};
        break;
      }
      case 1:
        ASSERT_EQ(cache.erase(question(name)), model.erase(name) == 1);
        break;
      default: {
        const auto hit = cache.find(question(name), now);
        const auto kept = model.find(name);
        ASSERT_EQ(hit.has_value(), kept != model.end() && now < kept->second.expires);
        if (hit) {
          ASSERT_EQ(first_text(*hit->answer), kept->second.value);
        }
      }
    }
  }
  EXPECT_EQ(cache.statistics().entries, model.size());
}

}  // namespace
}  // namespace sluice::dns
