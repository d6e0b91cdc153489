#include "io/reactor/buffer_pool.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <vector>

#include <gtest/gtest.h>
#include <sys/mman.h>

namespace sluice::reactor {
namespace {

void trim(BufferPool& pool) {
  pool.begin_trim();
  while (pool.trim_some()) {
  }
}

constexpr BufferPoolOptions kSmall{.buffer_size = 1024, .max_octets = 16 * 1024};

TEST(BufferPool, GrowsToItsCapAndRefusesAboveIt) {
  BufferPool pool(kSmall);
  std::vector<char*> buffers;
  for (int i = 0; i < 16; ++i) {
    buffers.push_back(pool.take());
    ASSERT_NE(buffers.back(), nullptr);
    std::memset(buffers.back(), i, pool.buffer_size());
  }
  EXPECT_TRUE(pool.exhausted());
  EXPECT_EQ(pool.take(), nullptr);
  for (char* buffer : buffers) pool.put_back(buffer);
  EXPECT_EQ(pool.buffers_out(), 0U);
}

TEST(BufferPool, ChunkGivesItsBufferBack) {
  BufferPool pool(kSmall);
  char* buffer = pool.take();
  std::memcpy(buffer, "MAIL FROM", 9);
  {
    const Chunk chunk = pool.fill(buffer, 9);
    EXPECT_EQ(chunk.view(), "MAIL FROM");
    EXPECT_EQ(chunk.capacity(), 1024U);
    EXPECT_EQ(pool.chunks_alive(), 1U);
  }
  EXPECT_EQ(pool.chunks_alive(), 0U);
  EXPECT_EQ(pool.returns(), 1U);
  // The one that came back last goes out first.
  EXPECT_EQ(pool.take(), buffer);
  pool.put_back(buffer);
}

TEST(BufferPool, AllowsSixteenBuffersAtLeast) {
  const BufferPool pool({.buffer_size = 4096, .max_octets = 1});
  EXPECT_EQ(pool.buffers_max(), 16U);
}

// How many pages of a buffer the kernel holds.
size_t resident(const char* buffer, size_t size) {
  std::vector<unsigned char> pages(size / 4096);
  EXPECT_EQ(mincore(const_cast<char*>(buffer), size, pages.data()), 0);
  return static_cast<size_t>(
      std::ranges::count_if(pages, [](unsigned char page) { return (page & 1) != 0; }));
}

TEST(BufferPool, GivesThePagesOfABurstBackAndKeepsWhatIsInUse) {
  constexpr uint32_t kSize = 32 * 1024;
  BufferPool pool({.buffer_size = kSize, .max_octets = 256 * kSize});
  std::vector<char*> burst;
  for (int i = 0; i < 128; ++i) {
    burst.push_back(pool.take());
    std::memset(burst.back(), 1, kSize);
  }
  char* const used = burst.back();
  burst.pop_back();
  EXPECT_FALSE(pool.worth_trimming());
  for (char* buffer : burst) pool.put_back(buffer);
  EXPECT_TRUE(pool.worth_trimming());
  int rounds = 0;
  for (; pool.worth_trimming() && rounds < 20; ++rounds) trim(pool);
  EXPECT_LT(rounds, 20);
  size_t pages = 0;
  for (const char* buffer : burst) pages += resident(buffer, kSize);
  EXPECT_LE(pages, 16U * 8);
  EXPECT_EQ(resident(used, kSize), 8U);
  EXPECT_EQ(used[kSize - 1], 1);
  pool.put_back(used);
}

TEST(BufferPool, TrimsInSmallSteps) {
  constexpr uint32_t kSize = 4096;
  BufferPool pool({.buffer_size = kSize, .max_octets = 1024 * kSize});
  std::vector<char*> burst;
  for (int i = 0; i < 1024; ++i) {
    burst.push_back(pool.take());
    burst.back()[0] = 1;
  }
  for (char* buffer : burst) pool.put_back(buffer);
  trim(pool);  // the burst was in this interval
  pool.begin_trim();
  EXPECT_TRUE(pool.trim_some());
  size_t pages = 0;
  for (const char* buffer : burst) pages += resident(buffer, kSize);
  EXPECT_GE(pages, 1024U - 32);
  EXPECT_LT(pages, 1024U);
}

TEST(BufferPool, KeepsWhatIsTakenAgainAndAgain) {
  constexpr uint32_t kSize = 4096;
  BufferPool pool({.buffer_size = kSize, .max_octets = 64 * kSize});
  for (int round = 0; round < 5; ++round) {
    std::vector<char*> taken;
    for (int i = 0; i < 64; ++i) {
      taken.push_back(pool.take());
      taken.back()[0] = 1;
    }
    for (char* buffer : taken) pool.put_back(buffer);
    trim(pool);
  }
  char* any = pool.take();
  EXPECT_EQ(any[0], 1);
  pool.put_back(any);
}

TEST(BufferPool, NeverTrimsBuffersThatShareAPage) {
  BufferPool pool({.buffer_size = 1024, .max_octets = 128 * 1024});
  std::vector<char*> buffers;
  for (int i = 0; i < 128; ++i) {
    buffers.push_back(pool.take());
    buffers.back()[0] = static_cast<char>(i);
  }
  for (size_t i = 0; i < 120; ++i) pool.put_back(buffers[i]);
  for (int i = 0; i < 10; ++i) trim(pool);
  EXPECT_FALSE(pool.worth_trimming());
  for (size_t i = 120; i < 128; ++i) {
    EXPECT_EQ(buffers[i][0], static_cast<char>(i));
    pool.put_back(buffers[i]);
  }
}

TEST(BufferPoolDeathTest, ChecksThatNoChunkOutlivesIt) {
  EXPECT_DEATH(
      {
        Chunk chunk;
        BufferPool pool(kSmall);
        chunk = pool.fill(pool.take(), 1);
      },
      "chunks_ == 0");
}

}  // namespace
}  // namespace sluice::reactor
