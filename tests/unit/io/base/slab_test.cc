#include "io/base/slab.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

TEST(Slab, StaleIdFindsNothingThoughTheSlotIsInUseAgain) {
  Slab<int> slab;
  const auto first = slab.emplace(1);
  slab.erase(first);
  const auto second = slab.emplace(2);
  EXPECT_EQ(second.slot, first.slot);
  EXPECT_EQ(slab.find(first), nullptr);
  EXPECT_EQ(*slab.find(second), 2);
  EXPECT_EQ(slab.find({}), nullptr);
  EXPECT_EQ(slab.size(), 1U);
}

}  // namespace
}  // namespace sluice
