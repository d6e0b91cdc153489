#include "io/runtime/frame_pool.h"

#include <cstdint>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace sluice::runtime {
namespace {

TEST(FramePool, CountsWhatIsInUse) {
  FramePool pool;
  void* small = pool.allocate(40);
  void* large = pool.allocate(100'000);
  EXPECT_EQ(pool.frames_in_use(), 2U);
  FramePool::deallocate(small);
  FramePool::deallocate(large);
  EXPECT_EQ(pool.frames_in_use(), 0U);
}

TEST(FramePool, FramesAreAlignedAndWholeForEverySize) {
  FramePool pool;
  std::vector<void*> frames;
  for (size_t size = 1; size < 5000; size += 61) {
    frames.push_back(pool.allocate(size));
    EXPECT_EQ(reinterpret_cast<uintptr_t>(frames.back()) % alignof(std::max_align_t), 0U);
    std::memset(frames.back(), 0xAB, size);
  }
  for (void* frame : frames) FramePool::deallocate(frame);
  EXPECT_EQ(pool.frames_in_use(), 0U);
}

TEST(FramePool, AChunkIsInUseUntilItGoes) {
  FramePool pool;
  Chunk chunk = pool.chunk(1000);
  EXPECT_EQ(chunk.append(std::string(1200, 'x')), 1000U);
  Chunk moved = std::move(chunk);
  EXPECT_EQ(pool.frames_in_use(), 1U);
  EXPECT_EQ(moved.view(), std::string(1000, 'x'));
  moved.reset();
  EXPECT_EQ(pool.frames_in_use(), 0U);
}

#ifndef SLUICE_SANITIZED
TEST(FramePool, ReusesFramesOfTheSameClass) {
  FramePool pool;
  void* first = pool.allocate(200);
  FramePool::deallocate(first);
  void* second = pool.allocate(210);
  EXPECT_EQ(first, second);
  FramePool::deallocate(second);
}

void trim(FramePool& pool) {
  pool.begin_trim();
  while (pool.trim_some()) {
  }
}

TEST(FramePool, GivesBackWhatABurstLeftAndKeepsALittle) {
  FramePool pool;
  std::vector<void*> burst;
  for (size_t i = 0; i < 2000; ++i) burst.push_back(pool.allocate(i % 2 == 0 ? 300 : 3000));
  for (void* frame : burst) FramePool::deallocate(frame);
  EXPECT_FALSE(pool.worth_trimming());  // the burst was in this interval
  trim(pool);
  EXPECT_TRUE(pool.worth_trimming());
  pool.begin_trim();
  EXPECT_TRUE(pool.trim_some());  // not all at once
  int rounds = 0;
  for (; pool.worth_trimming() && rounds < 20; ++rounds) trim(pool);
  EXPECT_LT(rounds, 20);
  void* again = pool.allocate(300);
  FramePool::deallocate(again);
}

TEST(FramePool, TrimmingComesToAnEndWithManySizesAndALittleWork) {
  FramePool pool;
  std::vector<void*> burst;
  for (size_t i = 0; i < 4000; ++i) burst.push_back(pool.allocate(100 + i % 100 * 64));
  for (void* frame : burst) FramePool::deallocate(frame);
  int rounds = 0;
  for (; rounds < 30; ++rounds) {
    void* work = pool.allocate(500);
    FramePool::deallocate(work);
    trim(pool);
    if (!pool.worth_trimming()) break;
  }
  EXPECT_LT(rounds, 30);
}

TEST(FramePool, WhatIsUsedAgainMeanwhileStays) {
  FramePool pool;
  std::vector<void*> frames;
  for (int i = 0; i < 1000; ++i) frames.push_back(pool.allocate(300));
  for (void* frame : frames) FramePool::deallocate(frame);
  trim(pool);
  pool.begin_trim();
  for (void*& frame : frames) frame = pool.allocate(300);
  while (pool.trim_some()) {
  }
  for (void* frame : frames) {
    std::memset(frame, 1, 300);
    FramePool::deallocate(frame);
  }
}
#endif

TEST(FramePoolDeathTest, ChecksThatNoFrameOutlivesIt) {
  EXPECT_DEATH(
      {
        FramePool pool;
        static_cast<void>(pool.allocate(10));
      },
      "in_use_ == 0");
}

}  // namespace
}  // namespace sluice::runtime
