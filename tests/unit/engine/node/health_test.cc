#include "engine/node/health.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace sluice::node {
namespace {

using namespace std::chrono_literals;

class NodeHealth : public ::testing::Test {
 protected:
  NodeHealth() {
    view_.phase = Phase::Running;
    view_.now = MonoTime(1000s);
    view_.stuck_after = 10s;
    for (ShardReport& shard : shards_) shard.at = view_.now - 1s;
    view_.shards = {&shards_[0], &shards_[1]};
  }
  static std::vector<std::string> ids(const Health& health) {
    std::vector<std::string> all;
    for (const HealthReason& reason : health.reasons) all.push_back(reason.id);
    return all;
  }
  using Ids = std::vector<std::string>;

  std::array<ShardReport, 2> shards_;
  NodeView view_;
};

TEST_F(NodeHealth, ARunningNodeIsAliveAndReady) {
  EXPECT_EQ(is_alive(view_).to_json(), "{\"status\":\"ok\"}\n");
  EXPECT_TRUE(is_ready(view_).good());
}

TEST_F(NodeHealth, AShardThatDoesNotTurnIsNamedAndOneThatHasEndedIsNot) {
  shards_[1].at = view_.now - 10s;
  const Health health = is_alive(view_);
  EXPECT_EQ(ids(health), Ids{"shard_stuck"});
  EXPECT_NE(health.reasons[0].text.find("shard 1 "), std::string::npos);
  EXPECT_EQ(ids(is_ready(view_)), Ids{"shard_stuck"});
  shards_[1].at = view_.now - 9s;
  EXPECT_TRUE(is_alive(view_).good());
  shards_[1].at = view_.now - 1h;
  shards_[1].stopped = true;
  EXPECT_TRUE(is_alive(view_).good());
}

TEST_F(NodeHealth, StartingAndDrainingAreAliveAndNotReady) {
  view_.phase = Phase::Starting;
  EXPECT_EQ(ids(is_ready(view_)), Ids{"starting"});
  view_.phase = Phase::Draining;
  EXPECT_EQ(ids(is_ready(view_)), Ids{"draining"});
  EXPECT_TRUE(is_alive(view_).good());
}

TEST_F(NodeHealth, ADnsOutageCountsOnlyWhereItDefersMail) {
  shards_[0].dns_outage = true;
  EXPECT_TRUE(is_ready(view_).good());
  view_.defers_in_dns_outage = true;
  EXPECT_EQ(ids(is_ready(view_)), Ids{"dns_outage"});
}

TEST_F(NodeHealth, AJournalThatRefusesOnOneShardIsNotReady) {
  shards_[1].journal_refuses = true;
  EXPECT_EQ(ids(is_ready(view_)), Ids{"journal_refuses"});
}

TEST_F(NodeHealth, ADomainIsCutOffOnlyWhenNoShardReachesItsNextHops) {
  view_.domains = {{"a.example", "hop:25"}, {"b.example", "hop:25"}, {"c.example", "other:25"}};
  HopReport hop;
  hop.next_hops = "hop:25";
  hop.reachable = false;
  shards_[0].hop_list = {hop};
  EXPECT_EQ(ids(is_ready(view_)), Ids{"next_hops_down"});
  EXPECT_NE(is_ready(view_).to_json().find("a.example, b.example"), std::string::npos);
  hop.reachable = true;
  shards_[1].hop_list = {hop};
  EXPECT_TRUE(is_ready(view_).good());
}

TEST_F(NodeHealth, ReasonsAreJson) {
  view_.phase = Phase::Draining;
  const auto json = nlohmann::json::parse(is_ready(view_).to_json());
  EXPECT_EQ(json["status"], "failing");
  EXPECT_EQ(json["reasons"][0]["id"], "draining");
}

}  // namespace
}  // namespace sluice::node
