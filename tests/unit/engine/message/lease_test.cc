#include "engine/message/lease.h"

#include "io/base/random.h"

#include <vector>

#include <gtest/gtest.h>

namespace sluice::message {
namespace {

constexpr uint64_t kQuantum = 100;

TEST(Lease, AsksBeforeItRunsOutAndInWholeQuanta) {
  Lease lease(200, 1000, kQuantum);
  lease.take(150);
  EXPECT_EQ(lease.to_ask(0), 0U);
  lease.take(1);
  EXPECT_EQ(lease.to_ask(0), kQuantum);
  EXPECT_EQ(lease.to_ask(500), 600U);
  lease.asked();
  EXPECT_EQ(lease.to_ask(500), 0U) << "one question at a time";
  lease.answered(kQuantum);
  EXPECT_EQ(lease.spare(), 149U);
}

TEST(Lease, NeverGrowsAboveItsCeiling) {
  Lease lease(200, 250, kQuantum);
  lease.take(400);
  EXPECT_TRUE(lease.over());
  EXPECT_EQ(lease.to_ask(0), 50U);
  lease.answered(50);
  EXPECT_EQ(lease.to_ask(0), 0U);
  EXPECT_TRUE(lease.over());
}

TEST(Lease, GivesBackAllButOneSpareQuantum) {
  Lease lease(1000, 1000, kQuantum);
  lease.take(800);
  EXPECT_EQ(lease.to_return(), 0U);
  lease.give(750);
  EXPECT_EQ(lease.to_return(), 800U);
  lease.returned(800);
  EXPECT_EQ(lease.spare(), 150U);
}

// Goal: whatever shards take, give, ask and return, no octet of the total is lost or invented. Method: random
// steps against a plain sum.
TEST(Lease, TheSumOfAllLeasesAndTheTreasuryIsTheTotal) {
  constexpr uint64_t kTotal = 10'000;
  for (uint64_t seed = 0; seed < 50; ++seed) {
    Random random(seed);
    Treasury treasury(kTotal);
    std::vector<Lease> leases(4, Lease(0, 5'000, kQuantum));
    for (int step = 0; step < 1000; ++step) {
      Lease& lease = leases[random.below(4)];
      if (random.one_in(2)) {
        lease.take(random.below(400));
      } else {
        lease.give(random.below(static_cast<uint32_t>(lease.used()) + 1));
      }
      if (const uint64_t wanted = lease.to_ask(0); wanted != 0) lease.answered(treasury.grant(wanted));
      if (const uint64_t surplus = lease.to_return(); surplus != 0) {
        lease.returned(surplus);
        treasury.take_back(surplus);
      }
      uint64_t sum = treasury.rest();
      for (const Lease& each : leases) {
        sum += each.granted();
        ASSERT_LE(each.granted(), 5'000U);
      }
      ASSERT_EQ(sum, kTotal);
    }
  }
}

}  // namespace
}  // namespace sluice::message
