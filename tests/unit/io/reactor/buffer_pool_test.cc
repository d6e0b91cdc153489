#include "io/reactor/buffer_pool.h"

#include <cstring>
#include <optional>
#include <vector>

#include <gtest/gtest.h>

namespace sluice::reactor {
namespace {

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
