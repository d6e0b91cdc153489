#include "io/runtime/frame_pool.h"

#include <cstdint>
#include <cstring>
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

#ifndef SLUICE_SANITIZED
TEST(FramePool, ReusesFramesOfTheSameClass) {
  FramePool pool;
  void* first = pool.allocate(200);
  FramePool::deallocate(first);
  void* second = pool.allocate(210);
  EXPECT_EQ(first, second);
  FramePool::deallocate(second);
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
