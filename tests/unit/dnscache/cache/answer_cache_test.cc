#include "dnscache/cache/answer_cache.h"

#include "io/base/random.h"

#include <array>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

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

TEST_F(AnswerCacheKeeps, NothingOfOldOnceANewerAnswerHasNoTime) {
  for (const Answer& newer :
       {text("y", 0), absent(AnswerStatus::NoData, 0), absent(AnswerStatus::NxDomain, 0)}) {
    cache_.put(question("a.example"), text("x", 60), at(0s));
    EXPECT_FALSE(cache_.put(question("a.example"), newer, at(61s)));
    EXPECT_FALSE(cache_.find_or_stale(question("a.example"), at(62s)));
  }
}

TEST_F(AnswerCacheKeeps, WhatWasKnownWhenNothingNewerIsKnown) {
  cache_.put(question("a.example"), text("x", 60), at(0s));
  Answer stale = text("y", 0);
  stale.stale = true;
  EXPECT_FALSE(cache_.put(question("a.example"), std::move(stale), at(61s)));
  EXPECT_FALSE(cache_.put(question("a.example"), absent(AnswerStatus::OverBudget, 0), at(61s)));
  EXPECT_FALSE(cache_.put(question("a.example"), absent(AnswerStatus::Timeout, 0), at(61s)));
  EXPECT_TRUE(cache_.find_or_stale(question("a.example"), at(62s)));
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

// A type of which most users need a part.
template <int kFamily>
struct WithView {
  using View = int;
  const View* view() const { return &part; }
  int part = 0;
};

TEST_F(AnswerCacheKeeps, FindsAViewAsLongAsItsObject) {
  const auto below = cache_.put(question("b.example"), text("b", 40), at(0s));
  const auto hit = cache_.put(question("a.example"), text("a", 60), at(0s));
  const std::array uses{below->id};
  EXPECT_EQ(cache_.attached_view<WithView<4>>(*hit, at(1s)), nullptr);
  ASSERT_TRUE(cache_.attach(hit->id, std::make_unique<WithView<4>>(4), 10, uses));
  ASSERT_TRUE(cache_.attach(hit->id, std::make_unique<WithView<6>>(6), 10));
  // Turn about, so that each is found where the other was last.
  for (int round = 0; round < 3; ++round) {
    EXPECT_EQ(*cache_.attached_view<WithView<4>>(*hit, at(1s)), 4);
    EXPECT_EQ(*cache_.attached_view<WithView<4>>(*hit, at(1s)), 4);
    EXPECT_EQ(*cache_.attached_view<WithView<6>>(*hit, at(1s)), 6);
  }
  ASSERT_TRUE(cache_.attach(hit->id, std::make_unique<WithView<6>>(7), 10));
  EXPECT_EQ(*cache_.attached_view<WithView<6>>(*hit, at(1s)), 7);
  EXPECT_EQ(*cache_.attached_view<WithView<4>>(*hit, at(40s) - 1ns), 4);
  EXPECT_EQ(cache_.attached_view<WithView<4>>(*hit, at(40s)), nullptr);
  EXPECT_EQ(*cache_.attached_view<WithView<6>>(*hit, at(60s) - 1ns), 7);
  EXPECT_EQ(cache_.attached_view<WithView<6>>(*hit, at(60s)), nullptr);
}

TEST_F(AnswerCacheKeeps, FindsNoViewOfWhatWasMadeFromAChangedAnswer) {
  const auto below = cache_.put(question("b.example"), text("b", 60), at(0s));
  const auto hit = cache_.put(question("a.example"), text("a", 60), at(0s));
  const std::array uses{below->id};
  ASSERT_TRUE(cache_.attach(hit->id, std::make_unique<WithView<4>>(4), 10, uses));
  EXPECT_NE(cache_.attached_view<WithView<4>>(*hit, at(1s)), nullptr);
  cache_.put(question("b.example"), text("changed", 60), at(1s));
  const auto again = cache_.find(question("a.example"), at(2s));
  EXPECT_EQ(cache_.attached_view<WithView<4>>(*again, at(2s)), nullptr);
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

TEST_F(AnswerCacheUses, LastOverAPutOfTheSameAnswer) {
  const auto id = cache_.put(question("a.example"), text("x", 60), at(0s))->id;
  const std::array uses{cache_.put(question("b.example"), text("y", 30), at(0s))->id};
  ASSERT_TRUE(cache_.attach(id, std::make_unique<int>(1), 10, uses));
  EXPECT_EQ(cache_.put(question("b.example"), text("y", 30), at(27s))->id, uses[0]);
  EXPECT_EQ(cache_.put(question("a.example"), text("x", 60), at(27s))->id, id);
  EXPECT_TRUE(has(id, at(57s) - 1ns));
  EXPECT_FALSE(has(id, at(57s)));
  EXPECT_EQ(cache_.statistics().renewals, 2U);
  EXPECT_EQ(cache_.find(question("a.example"), at(28s))->left, 59s);
}

TEST_F(AnswerCacheUses, EndEarlierWhenOnesTimeWasCut) {
  const auto id = cache_.put(question("a.example"), text("x", 60), at(0s))->id;
  const std::array uses{cache_.put(question("b.example"), text("y", 60), at(0s))->id};
  ASSERT_TRUE(cache_.attach(id, std::make_unique<int>(1), 10, uses));
  EXPECT_TRUE(has(id, at(10s)));
  cache_.put(question("b.example"), text("y", 5), at(10s));
  EXPECT_TRUE(has(id, at(15s) - 1ns));
  EXPECT_FALSE(has(id, at(15s)));
}

TEST_F(AnswerCacheUses, EndWithClear) {
  const auto id = put("a.example", 60);
  ASSERT_TRUE(cache_.attach(id, std::make_unique<int>(1), 10));
  cache_.clear();
  EXPECT_FALSE(has(id, at(1s)));
  EXPECT_FALSE(has(put("a.example", 60), at(1s)));
}

using AnswerCacheRefresh = AnswerCacheTest;

TEST_F(AnswerCacheRefresh, IsDueOnceInTheLastTenthOfWhatIsInUse) {
  cache_.put(question("a.example"), text("x", 100), at(0s));
  EXPECT_FALSE(cache_.find(question("a.example"), at(89s))->refresh_due);
  EXPECT_FALSE(cache_.find(question("a.example"), at(90s))->refresh_due);
  EXPECT_TRUE(cache_.find(question("a.example"), at(91s))->refresh_due);
  EXPECT_FALSE(cache_.find(question("a.example"), at(92s))->refresh_due);
  EXPECT_EQ(cache_.statistics().refreshes, 1U);
  cache_.put(question("a.example"), text("x", 100), at(95s));
  EXPECT_FALSE(cache_.find(question("a.example"), at(186s))->refresh_due);
  EXPECT_TRUE(cache_.find(question("a.example"), at(187s))->refresh_due);
}

TEST_F(AnswerCacheRefresh, IsNotDueForWhatWasNotUsedBefore) {
  cache_.put(question("a.example"), text("x", 100), at(0s));
  EXPECT_FALSE(cache_.find(question("a.example"), at(99s))->refresh_due);
}

TEST(AnswerCacheRefreshAlways, IsNeverDueForShortTimesStaleAnswersAndFailures) {
  AnswerCache cache({.refresh_percent = 100}, 1);
  for (const Answer& answer : {text("x", 9), absent(AnswerStatus::ServFail, 0)}) {
    cache.put(question("a.example"), answer, at(0s));
    for (int i = 0; i < 5; ++i) EXPECT_FALSE(cache.find(question("a.example"), at(4s))->refresh_due);
    cache.clear();
  }
  cache.put(question("a.example"), text("x", 100), at(0s));
  for (int i = 0; i < 3; ++i) EXPECT_FALSE(cache.find_or_stale(question("a.example"), at(101s))->refresh_due);
}

TEST(AnswerCacheRefreshOff, IsNeverDue) {
  AnswerCache cache({.refresh_percent = 0}, 1);
  cache.put(question("a.example"), text("x", 100), at(0s));
  for (int i = 0; i < 3; ++i) EXPECT_FALSE(cache.find(question("a.example"), at(99s))->refresh_due);
}

// What is due of that which an object was made from, by name.
class AnswerCacheDue : public AnswerCacheUses {
 protected:
  std::vector<std::string> due() {
    std::vector<std::string> names;
    for (const Question& each : cache_.take_due()) names.push_back(each.name.to_text());
    return names;
  }
  using Names = std::vector<std::string>;
};

TEST_F(AnswerCacheDue, IsToldOnceWhenTheObjectIsFound) {
  const auto id = put("a.example", 1000);
  const std::array uses{put("b.example", 100), put("c.example", 105)};
  ASSERT_TRUE(cache_.attach(id, std::make_unique<int>(1), 10, uses));
  EXPECT_TRUE(has(id, at(89s)));
  EXPECT_FALSE(cache_.has_due());
  EXPECT_TRUE(has(id, at(91s)));
  EXPECT_TRUE(has(id, at(92s)));
  EXPECT_EQ(due(), Names{"b.example"});
  EXPECT_TRUE(has(id, at(93s)));
  EXPECT_FALSE(cache_.has_due());
  EXPECT_TRUE(has(id, at(96s)));
  EXPECT_EQ(due(), Names{"c.example"});
  EXPECT_EQ(cache_.statistics().refreshes, 2U);
}

TEST_F(AnswerCacheDue, IsToldAnewForEachTimeThatBegan) {
  const auto id = cache_.put(question("a.example"), text("x", 1000), at(0s))->id;
  const std::array uses{cache_.put(question("b.example"), text("y", 100), at(0s))->id,
                        cache_.put(question("c.example"), text("y", 200), at(0s))->id};
  ASSERT_TRUE(cache_.attach(id, std::make_unique<int>(1), 10, uses));
  EXPECT_TRUE(has(id, at(91s)));
  EXPECT_EQ(due(), Names{"b.example"});
  cache_.put(question("b.example"), text("y", 100), at(92s));
  EXPECT_TRUE(has(id, at(179s)));
  EXPECT_FALSE(cache_.has_due());
  EXPECT_TRUE(has(id, at(185s)));
  EXPECT_EQ(due(), (Names{"b.example", "c.example"}));
}

TEST_F(AnswerCacheDue, EndsWithItsTime) {
  const auto id = put("a.example", 1000);
  const std::array uses{put("b.example", 100)};
  ASSERT_TRUE(cache_.attach(id, std::make_unique<int>(1), 10, uses));
  EXPECT_FALSE(has(id, at(100s)));
  EXPECT_FALSE(cache_.has_due());
}

class AnswerCacheFlood : public ::testing::Test {
 protected:
  AnswerCacheFlood() {
    for (int i = 0; i < kWorking; ++i) {
      put(working(i));
      EXPECT_TRUE(cache_.find(question(working(i)), at(1s)));
    }
  }
  static std::string working(int i) { return "working" + std::to_string(i) + ".example"; }
  AnswerCache::EntryId put(const std::string& name) {
    return cache_.put(question(name), text("x", 3600), at(0s))->id;
  }
  void flood(int names) {
    for (int i = 0; i < names; ++i) {
      const auto kept = cache_.put(question("random" + std::to_string(flooded_++) + ".example"),
                                   absent(AnswerStatus::NxDomain, 3600), at(1s));
      EXPECT_TRUE(kept);
      EXPECT_LE(cache_.statistics().bytes, kBytes);
    }
  }
  int working_left() {
    int left = 0;
    for (int i = 0; i < kWorking; ++i) left += cache_.find(question(working(i)), at(2s)) ? 1 : 0;
    return left;
  }

  static constexpr int kWorking = 500;
  static constexpr size_t kBytes = 500000;  // the working set takes half of it
  AnswerCache cache_{{.bytes_max = kBytes}, 1};
  int flooded_ = 0;
};

// However long it lasts, and though nobody asks for the working set meanwhile.
TEST_F(AnswerCacheFlood, OfNewNamesLeavesTheWorkingSet) {
  flood(100000);
  EXPECT_EQ(working_left(), kWorking);
  EXPECT_GT(cache_.statistics().evictions, 90000U);
}

TEST_F(AnswerCacheFlood, LeavesRoomForNewNamesThatAreUsed) {
  for (int i = 0; i < 100; ++i) {
    const std::string name = "late" + std::to_string(i) + ".example";
    put(name);
    flood(20);
    EXPECT_TRUE(cache_.find(question(name), at(1s)));
  }
  flood(10000);
  EXPECT_TRUE(cache_.find(question("late99.example"), at(1s)));
  EXPECT_EQ(working_left(), kWorking);
}

TEST_F(AnswerCacheFlood, LeavesWhatAUsedObjectWasMadeFrom) {
  std::vector<AnswerCache::EntryId> below;
  for (int i = 0; i < 20; ++i) below.push_back(put("below" + std::to_string(i) + ".example"));
  const auto top = put("top.example");
  ASSERT_TRUE(cache_.attach(top, std::make_unique<int>(1), 100, below));
  for (int round = 0; round < 200; ++round) {
    const auto found = cache_.find(question("top.example"), at(1s));
    ASSERT_TRUE(found);
    ASSERT_NE(cache_.attached<int>(found->id, at(1s)), nullptr) << round;
    // New names that are used, so that all of the budget goes round.
    for (int i = 0; i < 50; ++i) {
      const std::string name = "used" + std::to_string(round * 50 + i) + ".example";
      put(name);
      EXPECT_TRUE(cache_.find(question(name), at(1s)));
    }
  }
  EXPECT_LT(working_left(), kWorking);
}

// Names that are asked for twice, so that something large is made for each.
TEST_F(AnswerCacheFlood, OfLargeObjectsLeavesTheWorkingSet) {
  for (int i = 0; i < 1000; ++i) {
    const std::string name = "large" + std::to_string(i) + ".example";
    const std::array below{put("below-" + name)};
    const auto id = put(name);
    EXPECT_TRUE(cache_.attach(id, std::make_unique<int>(1), kBytes / 20, below));
    EXPECT_LE(cache_.statistics().bytes, kBytes);
    EXPECT_LE(cache_.statistics().object_bytes, kBytes / 4);
  }
  EXPECT_EQ(working_left(), kWorking);
  EXPECT_GT(cache_.statistics().object_evictions, 300U);
}

TEST_F(AnswerCacheFlood, OfObjectsLeavesThoseThatAreFound) {
  std::vector<AnswerCache::EntryId> used;
  for (int i = 0; i < 20; ++i) {
    used.push_back(cache_.find(question(working(i)), at(1s))->id);
    ASSERT_TRUE(cache_.attach(used.back(), std::make_unique<int>(i), 1000));
    EXPECT_NE(cache_.attached<int>(used.back(), at(1s)), nullptr);
  }
  for (int i = 0; i < 1000; ++i) {
    const auto id = put("large" + std::to_string(i) + ".example");
    EXPECT_TRUE(cache_.attach(id, std::make_unique<int>(1), kBytes / 20));
  }
  for (const auto id : used) EXPECT_NE(cache_.attached<int>(id, at(1s)), nullptr);
}

// Finding a view counts as finding its object, also after that was passed over.
TEST(AnswerCacheObjects, StayAsLongWhenTheirViewIsFound) {
  const CacheSettings settings{.bytes_max = 100000};
  std::array<AnswerCache, 2> caches{AnswerCache{settings, 1}, AnswerCache{settings, 1}};
  uint64_t found = 0;
  Random random(5);
  for (int round = 0; round < 5000; ++round) {
    std::array<bool, 2> has{};
    const uint32_t number = random.below(1 + random.below(100));  // low ones often
    for (size_t way = 0; way < 2; ++way) {
      AnswerCache& cache = caches[way];
      const std::string name = "n" + std::to_string(number) + ".example";
      const auto hit = cache.put(question(name), text("x", 60), at(0s));
      const bool known = way == 0 ? cache.attached<WithView<4>>(*hit, at(1s)) != nullptr
                                  : cache.attached_view<WithView<4>>(*hit, at(1s)) != nullptr;
      if (!known) {
        EXPECT_TRUE(cache.attach(hit->id, std::make_unique<WithView<4>>(round), 1000));
      }
      has[way] = known;
    }
    ASSERT_EQ(has[0], has[1]) << round;
    found += has[0] ? 1 : 0;
  }
  EXPECT_GT(found, 100U);
  EXPECT_EQ(caches[0].statistics().passed_over, caches[1].statistics().passed_over);
  EXPECT_GT(caches[0].statistics().passed_over, 100U);
}

TEST_F(AnswerCacheFlood, ObjectsThatAreNotFoundKeepNothing) {
  std::vector<AnswerCache::EntryId> below;
  for (int i = 0; i < 20; ++i) below.push_back(put("below" + std::to_string(i) + ".example"));
  const auto top = put("top.example");
  ASSERT_TRUE(cache_.attach(top, std::make_unique<int>(1), 100, below));
  flood(5000);
  EXPECT_EQ(cache_.find(top), nullptr);
  for (const auto id : below) EXPECT_EQ(cache_.find(id), nullptr);
}

// All are in use, so that none offers itself.
TEST_F(AnswerCacheFlood, TakesFewStepsForEachEviction) {
  for (int used = 0; used < 5; ++used) EXPECT_EQ(working_left(), kWorking);
  uint64_t evicted = 0;
  for (int i = 0; i < 2000; ++i) {
    const CacheStatistics before = cache_.statistics();
    const std::string name = "used" + std::to_string(i) + ".example";
    put(name);
    for (int used = 0; used < 5; ++used) EXPECT_TRUE(cache_.find(question(name), at(1s)));
    const CacheStatistics after = cache_.statistics();
    evicted += after.evictions - before.evictions;
    ASSERT_LE(after.passed_over - before.passed_over, 32 * (after.evictions - before.evictions));
  }
  EXPECT_GT(evicted, 1000U);
}

TEST_F(AnswerCacheFlood, ObjectsThatHoldEachOtherGoAllTheSame) {
  const std::array circle{put("a.example"), put("b.example")};
  ASSERT_TRUE(cache_.attach(circle[0], std::make_unique<int>(1), 100, circle));
  ASSERT_TRUE(cache_.attach(circle[1], std::make_unique<int>(1), 100, circle));
  for (const auto id : circle) EXPECT_NE(cache_.attached<int>(id, at(1s)), nullptr);
  EXPECT_TRUE(cache_.find(question("a.example"), at(1s)));
  for (int i = 0; i < 20000; ++i) {
    const std::string name = "used" + std::to_string(i) + ".example";
    put(name);
    EXPECT_TRUE(cache_.find(question(name), at(1s)));
  }
  EXPECT_EQ(cache_.find(circle[0]), nullptr);
  EXPECT_EQ(cache_.find(circle[1]), nullptr);
}

TEST(AnswerCacheBudget, WhatIsTooOldGoesBeforeWhatIsInUse) {
  AnswerCache cache({.bytes_max = 140000, .serve_stale = 10s}, 1);
  for (int i = 0; i < 200; ++i) {
    const std::string name = "old" + std::to_string(i) + ".example";
    cache.put(question(name), text("x", 10), at(0s));
    EXPECT_TRUE(cache.find(question(name), at(1s)));
  }
  for (int i = 0; i < 100; ++i)
    cache.put(question("n" + std::to_string(i) + ".example"), text("x", 60), at(20s));
  EXPECT_EQ(cache.statistics().evictions, 0U);
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
  EXPECT_EQ(cache.statistics().object_bytes, cache.statistics().bytes - before);
  EXPECT_FALSE(cache.attach(id, std::make_unique<int>(1), 100000 / 4 / 4 + 1));
  cache.erase(question("a.example"));
  EXPECT_EQ(cache.statistics().bytes, 0U);
}

TEST(AnswerCacheBudget, OfObjectsIsTheirOwn) {
  AnswerCache cache({.bytes_max = 200000}, 1);
  std::vector<AnswerCache::EntryId> kept;
  while (cache.statistics().evictions == 0) {
    const Question asked = question("n" + std::to_string(kept.size()) + ".example");
    kept.push_back(cache.put(asked, text("x", 60), at(0s))->id);
    EXPECT_TRUE(cache.find(asked, at(1s)));
  }
  EXPECT_GT(cache.statistics().bytes, 149000U);
  for (size_t i = kept.size() - 30; i < kept.size(); ++i)
    EXPECT_TRUE(cache.attach(kept[i], std::make_unique<int>(1), 3000));
  EXPECT_GT(cache.statistics().object_evictions, 10U);
  EXPECT_GT(cache.statistics().object_bytes, 45000U);
  cache.put(question("one-more.example"), text("x", 60), at(1s));
  EXPECT_LE(cache.statistics().evictions, 3U);
}

TEST(AnswerCacheBudget, TheLeastUsedOfThoseThatWereLookedAtGoes) {
  AnswerCache cache({.bytes_max = 200000}, 1);
  const Question much = question("much.example");
  cache.put(much, text("x", 60), at(0s));
  for (int used = 0; used < 3; ++used) EXPECT_TRUE(cache.find(much, at(1s)));
  for (int i = 0; cache.statistics().evictions == 0; ++i) {
    const Question asked = question("n" + std::to_string(i) + ".example");
    cache.put(asked, text("x", 60), at(0s));
    EXPECT_TRUE(cache.find(asked, at(1s)));
  }
  EXPECT_EQ(cache.statistics().passed_over, 32U);
  EXPECT_TRUE(cache.find(much, at(1s)));
  EXPECT_FALSE(cache.find(question("n0.example"), at(1s)));
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

// Against a plain map, with times, names of all lengths, types, erasures, objects and growth mixed.
TEST(AnswerCacheModel, AgreesWithAMap) {
  struct Kept {
    std::string value;
    MonoTime expires;
    AnswerCache::EntryId id;
    std::optional<std::pair<int, std::string>> object;  // and the name that it was made from
  };
  Random random(7);
  AnswerCache cache(CacheSettings{.serve_stale = 0s}, random());
  std::map<std::string, Kept> model;
  MonoTime now = at(0s);
  const auto is_there = [&](const std::string& name) {
    const auto kept = model.find(name);
    return kept != model.end() && now < kept->second.expires;
  };
  const auto drop_made_from = [&](const std::string& name) {
    for (auto& [other, kept] : model) {
      if (kept.object && kept.object->second == name) kept.object.reset();
    }
  };
  for (int i = 0; i < 60000; ++i) {
    const uint32_t number = random.below(400);
    const std::string name = "n" + std::to_string(number) + std::string(number % 50, 'x') + ".example";
    const std::string other =
        "n" + std::to_string((number + 50) % 400) + std::string(number % 50, 'x') + ".example";
    now += std::chrono::milliseconds(random.below(200));
    switch (random.below(6)) {
      case 0: {
        const uint32_t ttl = 1 + random.below(60);
        const std::string value = std::to_string(random.below(3));
        const auto put = cache.put(question(name), text(value, ttl), now);
        const bool same = is_there(name) && model[name].value == value;
        if (same) {
          ASSERT_EQ(put->id, model[name].id);
          model[name].expires = now + std::chrono::seconds(ttl);
        } else {
          drop_made_from(name);
          model[name] = {value, now + std::chrono::seconds(ttl), put->id, std::nullopt};
        }
        break;
      }
      case 1:
        drop_made_from(name);
        ASSERT_EQ(cache.erase(question(name)), model.erase(name) == 1);
        break;
      case 2: {
        if (!is_there(name) || !is_there(other)) break;
        const std::array uses{model[other].id};
        ASSERT_TRUE(cache.attach(model[name].id, std::make_unique<int>(i), 8, uses));
        model[name].object = {i, other};
        break;
      }
      default: {
        const auto hit = cache.find(question(name), now);
        const auto kept = model.find(name);
        ASSERT_EQ(hit.has_value(), is_there(name));
        if (!hit) break;
        ASSERT_EQ(first_text(*hit->answer), kept->second.value);
        const int* object = cache.attached<int>(hit->id, now);
        const bool expected = kept->second.object && is_there(kept->second.object->second);
        ASSERT_EQ(object != nullptr, expected);
        if (object != nullptr) {
          ASSERT_EQ(*object, kept->second.object->first);
        } else {
          kept->second.object.reset();
        }
      }
    }
  }
  EXPECT_EQ(cache.statistics().entries, model.size());
  EXPECT_GT(cache.statistics().renewals, 100U);
}

}  // namespace
}  // namespace sluice::dns
