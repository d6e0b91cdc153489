#include "dnscache/client/home_crossings.h"

#include <chrono>
#include <vector>

#include <gtest/gtest.h>

namespace sluice::dns {
namespace {

using namespace std::chrono_literals;

constexpr ShardId kHome{1};
constexpr ShardId kOtherHome{2};

MonoTime at(std::chrono::nanoseconds time) { return MonoTime(time); }
Question question(std::string_view name) { return {DnsName::from_text(name).value(), RecordType::A}; }
Answer no_data() { return {AnswerStatus::NoData, {}, 60, false}; }

class HomeCrossingsTest : public ::testing::Test {
 protected:
  HomeCrossings crossings_{1};
};

TEST_F(HomeCrossingsTest, OneAnswerIsForAllWhoJoined) {
  EXPECT_FALSE(crossings_.join(question("a.example"), {AskerId{1}, kNever}));
  const uint64_t token = crossings_.open(question("a.example"), kHome, {AskerId{1}, kNever}, at(5s));
  EXPECT_TRUE(crossings_.join(question("A.example"), {AskerId{2}, kNever}));
  EXPECT_FALSE(crossings_.join(question("b.example"), {AskerId{3}, kNever}));
  crossings_.on_answer(token, no_data(), true);
  const auto completion = crossings_.next_completion();
  ASSERT_TRUE(completion.has_value());
  EXPECT_EQ(completion->question, question("a.example"));
  EXPECT_EQ(completion->answer.status, AnswerStatus::NoData);
  EXPECT_TRUE(completion->for_cache);
  EXPECT_EQ(completion->askers, (std::vector{AskerId{1}, AskerId{2}}));
  EXPECT_FALSE(crossings_.next_completion().has_value());
}

TEST_F(HomeCrossingsTest, ASecondAnswerIsNothing) {
  const uint64_t token = crossings_.open(question("a.example"), kHome, {AskerId{1}, kNever}, at(5s));
  crossings_.on_answer(token, no_data(), true);
  EXPECT_TRUE(crossings_.next_completion().has_value());
  crossings_.on_answer(token, no_data(), true);
  crossings_.on_answer(0, no_data(), true);
  EXPECT_FALSE(crossings_.next_completion().has_value());
}

TEST_F(HomeCrossingsTest, EachAskerHasItsOwnDeadline) {
  const uint64_t token = crossings_.open(question("a.example"), kHome, {AskerId{1}, at(3s)}, at(5s));
  EXPECT_EQ(crossings_.next_wakeup(), at(3s));
  EXPECT_TRUE(crossings_.join(question("a.example"), {AskerId{2}, at(1s)}));
  EXPECT_EQ(crossings_.next_wakeup(), at(1s));
  crossings_.on_tick(at(1s));
  const auto completion = crossings_.next_completion();
  ASSERT_TRUE(completion.has_value());
  EXPECT_EQ(completion->answer.status, AnswerStatus::Timeout);
  EXPECT_FALSE(completion->for_cache);
  EXPECT_EQ(completion->askers, std::vector{AskerId{2}});
  EXPECT_EQ(crossings_.next_wakeup(), at(3s));
  crossings_.on_answer(token, no_data(), true);
  EXPECT_EQ(crossings_.next_completion()->askers, std::vector{AskerId{1}});
}

TEST_F(HomeCrossingsTest, TheEndIsTheEndOfAll) {
  const uint64_t token = crossings_.open(question("a.example"), kHome, {AskerId{1}, kNever}, at(5s));
  EXPECT_TRUE(crossings_.join(question("a.example"), {AskerId{2}, at(9s)}));
  crossings_.on_tick(at(5s) - 1ns);
  EXPECT_FALSE(crossings_.next_completion().has_value());
  EXPECT_EQ(crossings_.under_way(kHome), 1U);
  crossings_.on_tick(at(5s));
  const auto completion = crossings_.next_completion();
  ASSERT_TRUE(completion.has_value());
  EXPECT_EQ(completion->askers.size(), 2U);
  EXPECT_EQ(completion->answer.status, AnswerStatus::Timeout);
  EXPECT_EQ(crossings_.under_way(kHome), 0U);
  crossings_.on_answer(token, no_data(), true);
  EXPECT_FALSE(crossings_.next_completion().has_value());
  EXPECT_EQ(crossings_.next_wakeup(), kNever);
}

TEST_F(HomeCrossingsTest, WhoWasForgottenIsNotNamed) {
  const uint64_t token = crossings_.open(question("a.example"), kHome, {AskerId{1}, at(1s)}, at(5s));
  crossings_.forget(question("a.example"), AskerId{1});
  crossings_.forget(question("b.example"), AskerId{1});
  crossings_.on_tick(at(1s));
  EXPECT_FALSE(crossings_.next_completion().has_value());
  crossings_.on_answer(token, no_data(), true);  // for the cache alone
  EXPECT_TRUE(crossings_.next_completion()->askers.empty());
}

TEST_F(HomeCrossingsTest, WhatWasNotSentIsForgotten) {
  const uint64_t token = crossings_.open(question("a.example"), kHome, {AskerId{1}, kNever}, at(5s));
  crossings_.drop(token);
  EXPECT_EQ(crossings_.under_way(kHome), 0U);
  EXPECT_FALSE(crossings_.join(question("a.example"), {AskerId{2}, kNever}));
  crossings_.on_tick(at(5s));
  EXPECT_FALSE(crossings_.next_completion().has_value());
}

TEST_F(HomeCrossingsTest, OneHomesQuestionsAreTakenBack) {
  static_cast<void>(crossings_.open(question("a.example"), kHome, {AskerId{1}, kNever}, at(5s)));
  static_cast<void>(crossings_.open(question("b.example"), kOtherHome, {AskerId{2}, kNever}, at(5s)));
  EXPECT_TRUE(crossings_.join(question("a.example"), {AskerId{3}, at(2s)}));
  const auto returned = crossings_.take_back(kHome);
  ASSERT_EQ(returned.size(), 1U);
  EXPECT_EQ(returned[0].question, question("a.example"));
  ASSERT_EQ(returned[0].askers.size(), 2U);
  EXPECT_EQ(returned[0].askers[0].deadline, at(5s));  // not later than the crossing's end
  EXPECT_EQ(returned[0].askers[1].deadline, at(2s));
  EXPECT_EQ(crossings_.under_way(kHome), 0U);
  EXPECT_EQ(crossings_.under_way(kOtherHome), 1U);
  EXPECT_TRUE(crossings_.take_back(kHome).empty());
}

TEST_F(HomeCrossingsTest, ClearedItKnowsNothing) {
  const uint64_t token = crossings_.open(question("a.example"), kHome, {AskerId{1}, kNever}, at(5s));
  crossings_.clear();
  crossings_.on_answer(token, no_data(), true);
  EXPECT_FALSE(crossings_.next_completion().has_value());
  EXPECT_EQ(crossings_.next_wakeup(), kNever);
  EXPECT_EQ(crossings_.under_way(kHome), 0U);
}

}  // namespace
}  // namespace sluice::dns
