#include "engine/message/arena.h"

#include "io/reactor/sim_world.h"

#include <cstring>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace sluice::message {
namespace {

class ArenaTest : public ::testing::Test {
 protected:
  ArenaTest() : shard_(ShardId{0}, world_.make_reactor("node")), budget_(shard_, BudgetTotals{}) {}
  ~ArenaTest() override {
    EXPECT_EQ(budget_.memory().used(), 0U);
    EXPECT_EQ(shard_.frame_pool().frames_in_use(), 0U);
  }

  reactor::SimWorld world_{1};
  reactor::Shard shard_;
  ShardBudget budget_;
};

TEST_F(ArenaTest, HoldsWhatContainersPutIntoIt) {
  Arena arena(shard_.frame_pool(), budget_);
  std::pmr::vector<std::pmr::string> texts(&arena);
  for (size_t i = 0; i < 300; ++i) texts.emplace_back(std::string(i * 7, static_cast<char>('a' + i % 26)));
  for (size_t i = 0; i < 300; ++i) {
    EXPECT_EQ(std::string_view(texts[i]), std::string(i * 7, static_cast<char>('a' + i % 26)));
    EXPECT_EQ(texts[i].get_allocator().resource(), &arena);
  }
}

TEST_F(ArenaTest, EverythingGoesWithIt) {
  {
    Arena arena(shard_.frame_pool(), budget_);
    for (const size_t octets : {1, 17, 1000, 5000, 100'000}) std::memset(arena.allocate(octets), 1, octets);
    EXPECT_NE(shard_.frame_pool().frames_in_use(), 0U);
  }
  EXPECT_EQ(shard_.frame_pool().frames_in_use(), 0U);
}

TEST_F(ArenaTest, ItsBlocksAreTheShardsMemory) {
  Arena arena(shard_.frame_pool(), budget_);
  void* const large = arena.allocate(100'000);
  void* const small = arena.allocate(100);
  EXPECT_EQ(budget_.memory().used(), arena.octets());
  EXPECT_GE(arena.octets(), 100'100U);
  arena.deallocate(large, 100'000);
  EXPECT_EQ(budget_.memory().used(), arena.octets());
  EXPECT_LT(arena.octets(), 10'000U);
  arena.deallocate(small, 100);
}

TEST_F(ArenaTest, ATextThatGrowsLeavesLittleBehind) {
  Arena arena(shard_.frame_pool(), budget_);
  std::pmr::string text(&arena);
  while (text.size() < 200'000) text += "some more text\r\n";
  EXPECT_LE(arena.octets(), text.capacity() + 8192);
}

TEST_F(ArenaTest, LargeOnesGoInAnyOrder) {
  Arena arena(shard_.frame_pool(), budget_);
  std::vector<void*> blocks;
  for (int i = 0; i < 6; ++i) blocks.push_back(arena.allocate(5000));
  for (const size_t i : {2, 5, 0, 3}) arena.deallocate(blocks[i], 5000);
  EXPECT_LT(arena.octets(), 3 * 5000U);
  blocks[0] = arena.allocate(5000);
  arena.deallocate(blocks[4], 5000);
}

TEST_F(ArenaTest, IsAligned) {
  Arena arena(shard_.frame_pool(), budget_);
  for (size_t octets = 1; octets < 3000; octets += 37) {
    EXPECT_EQ(reinterpret_cast<uintptr_t>(arena.allocate(octets)) % alignof(std::max_align_t), 0U);
  }
}

#ifndef SLUICE_SANITIZED
TEST_F(ArenaTest, TheNextOneGetsTheSameMemory) {
  const void* first = nullptr;
  for (int i = 0; i < 3; ++i) {
    Arena arena(shard_.frame_pool(), budget_);
    const void* const here = arena.allocate(100);
    if (i == 0) first = here;
    EXPECT_EQ(here, first);
  }
}
#endif

}  // namespace
}  // namespace sluice::message
