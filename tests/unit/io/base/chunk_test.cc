#include "io/base/chunk.h"

#include <vector>

#include <gtest/gtest.h>

namespace sluice {
namespace {

class RecordingOwner final : public ChunkOwner {
 public:
  void release_chunk(char*, uint32_t, uint32_t token) noexcept override { released.push_back(token); }
  std::vector<uint32_t> released;
};

TEST(Chunk, TellsItsOwnerExactlyOnce) {
  RecordingOwner owner;
  char buffer[8] = {};
  {
    Chunk first(owner, buffer, 8, 4, 7);
    Chunk second(std::move(first));
    Chunk third;
    third = std::move(second);
    EXPECT_TRUE(owner.released.empty());
  }
  EXPECT_EQ(owner.released, std::vector<uint32_t>{7});
}

TEST(Chunk, TrimsWithoutTouchingTheBuffer) {
  Chunk chunk = Chunk::copy_of("MAIL FROM");
  chunk.remove_prefix(5);
  chunk.truncate(2);
  EXPECT_EQ(chunk.view(), "FR");
  EXPECT_EQ(chunk.capacity(), 9U);
  EXPECT_EQ(chunk.append("EEZE"), 2U);
  EXPECT_EQ(chunk.view(), "FREE");
}

}  // namespace
}  // namespace sluice
