#include "io/serve/body_collector.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace sluice::serve {
namespace {

Chunk filled(std::string_view text, uint32_t capacity) {
  Chunk chunk = Chunk::of_capacity(capacity);
  chunk.append(text);
  return chunk;
}
std::string joined(std::vector<Chunk> chunks) {
  std::string text;
  for (const Chunk& chunk : chunks) text += chunk.view();
  return text;
}

class BodyCollectorTest : public ::testing::Test {
 protected:
  std::vector<Chunk> ready() {
    std::vector<Chunk> chunks;
    while (body_.has_ready()) chunks.push_back(body_.take_ready());
    return chunks;
  }

  runtime::FramePool pool_;
  BodyCollector body_{pool_};
};

TEST_F(BodyCollectorTest, TakesOverAChunkThatIsHalfFull) {
  Chunk chunk = filled("12345678", 16);
  const char* where = chunk.view().data();
  body_.add(chunk.view(), false);
  body_.end_chunk(chunk, Adopt::Allowed);
  EXPECT_TRUE(chunk.empty());
  const std::vector<Chunk> chunks = ready();
  ASSERT_EQ(chunks.size(), 1U);
  EXPECT_EQ(chunks[0].view().data(), where);
}

TEST_F(BodyCollectorTest, CopiesAChunkThatIsNot) {
  Chunk chunk = filled("1234567", 16);
  body_.add(chunk.view(), false);
  body_.end_chunk(chunk, Adopt::Allowed);
  EXPECT_FALSE(chunk.empty());
  EXPECT_FALSE(body_.has_ready());
  body_.end_message();
  EXPECT_EQ(joined(ready()), "1234567");
}

TEST_F(BodyCollectorTest, CopiesWhereTheChunkMustStay) {
  Chunk chunk = filled("12345678QUIT", 16);
  body_.add(chunk.view().substr(0, 8), false);
  body_.end_chunk(chunk, Adopt::No);
  EXPECT_EQ(chunk.view(), "12345678QUIT");
  body_.end_message();
  EXPECT_EQ(joined(ready()), "12345678");
}

TEST_F(BodyCollectorTest, KeepsTheOrderOfTailAndChunks) {
  Chunk small = filled("small ", 1000);
  body_.add(small.view(), false);
  body_.end_chunk(small, Adopt::Allowed);
  Chunk large = filled("DATA;large", 12);
  body_.add(large.view().substr(5), false);
  body_.end_chunk(large, Adopt::Allowed);  // 5 of 12: copied behind the first
  Chunk full = filled("|full", 6);
  body_.add(full.view(), false);
  body_.end_chunk(full, Adopt::Allowed);
  body_.end_message();
  const std::vector<Chunk> chunks = ready();
  ASSERT_EQ(chunks.size(), 2U);
  EXPECT_EQ(chunks[0].view(), "small large");
  EXPECT_EQ(chunks[1].view(), "|full");
}

TEST_F(BodyCollectorTest, JoinsRangesAndPutsCarriedDotsBetween) {
  Chunk chunk = filled("one.two", 64);
  body_.add(".", true);
  body_.add(chunk.view().substr(0, 3), false);
  body_.add(chunk.view().substr(3, 1), false);
  body_.add(chunk.view().substr(4), false);
  body_.end_chunk(chunk, Adopt::Allowed);
  body_.end_message();
  EXPECT_EQ(joined(ready()), ".one.two");
}

TEST_F(BodyCollectorTest, ClearForgetsEverything) {
  Chunk chunk = filled("gone", 64);
  body_.add(chunk.view(), false);
  body_.end_chunk(chunk, Adopt::Allowed);
  body_.clear();
  body_.end_message();
  EXPECT_FALSE(body_.has_ready());
}

TEST_F(BodyCollectorTest, WhatWasNotTakenIsForgottenToo) {
  for (int i = 0; i < 3; ++i) {
    Chunk chunk = filled("12345678", 8);
    body_.add(chunk.view(), false);
    body_.end_chunk(chunk, Adopt::Allowed);
  }
  EXPECT_EQ(body_.take_ready().view(), "12345678");
  body_.clear();
  EXPECT_FALSE(body_.has_ready());
  Chunk next = filled("next", 4);
  body_.add(next.view(), false);
  body_.end_chunk(next, Adopt::Allowed);
  EXPECT_EQ(joined(ready()), "next");
}

TEST_F(BodyCollectorTest, OctetsOneByOneHoldNoMoreThanThriceWhatCame) {
  uint64_t capacity = 0;
  std::string all;
  for (int i = 0; i < 100'000; ++i) {
    Chunk chunk = filled(std::string(1, static_cast<char>('a' + i % 26)), 64);
    body_.add(chunk.view(), false);
    body_.end_chunk(chunk, Adopt::Allowed);
    while (body_.has_ready()) {
      const Chunk piece = body_.take_ready();
      capacity += piece.capacity();
      all += piece.view();
    }
    // What is handed over, and the tail, which is at most as large as all before it and a KiB.
    ASSERT_LE(capacity, all.size());
    ASSERT_LE(static_cast<size_t>(i) + 1 - all.size(), limits::kBodyChunk);
  }
  body_.end_message();
  all += joined(ready());
  EXPECT_EQ(all.size(), 100'000U);
}

TEST_F(BodyCollectorTest, ATailThatIsHardlyUsedIsCutToItsSize) {
  Chunk small = filled("1", 16);
  body_.add(small.view(), false);
  body_.end_chunk(small, Adopt::Allowed);
  Chunk large = filled("12345678", 16);
  body_.add(large.view(), false);
  body_.end_chunk(large, Adopt::Allowed);
  const std::vector<Chunk> chunks = ready();
  ASSERT_EQ(chunks.size(), 2U);
  EXPECT_EQ(chunks[0].capacity(), 1U);
}

}  // namespace
}  // namespace sluice::serve
