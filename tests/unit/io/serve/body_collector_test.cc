#include "io/serve/body_collector.h"

#include <string>

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

TEST(BodyCollector, TakesOverAChunkThatIsHalfFull) {
  BodyCollector body;
  Chunk chunk = filled("12345678", 16);
  const char* where = chunk.view().data();
  body.add(chunk.view(), false);
  body.end_chunk(chunk, Adopt::Allowed);
  EXPECT_TRUE(chunk.empty());
  const std::vector<Chunk> ready = body.take_ready();
  ASSERT_EQ(ready.size(), 1U);
  EXPECT_EQ(ready[0].view().data(), where);
}

TEST(BodyCollector, CopiesAChunkThatIsNot) {
  BodyCollector body;
  Chunk chunk = filled("1234567", 16);
  body.add(chunk.view(), false);
  body.end_chunk(chunk, Adopt::Allowed);
  EXPECT_FALSE(chunk.empty());
  EXPECT_FALSE(body.has_ready());
  body.end_message();
  EXPECT_EQ(joined(body.take_ready()), "1234567");
}

TEST(BodyCollector, CopiesWhereTheChunkMustStay) {
  BodyCollector body;
  Chunk chunk = filled("12345678QUIT", 16);
  body.add(chunk.view().substr(0, 8), false);
  body.end_chunk(chunk, Adopt::No);
  EXPECT_EQ(chunk.view(), "12345678QUIT");
  body.end_message();
  EXPECT_EQ(joined(body.take_ready()), "12345678");
}

TEST(BodyCollector, KeepsTheOrderOfTailAndChunks) {
  BodyCollector body;
  Chunk small = filled("small ", 1000);
  body.add(small.view(), false);
  body.end_chunk(small, Adopt::Allowed);
  Chunk large = filled("DATA;large", 12);
  body.add(large.view().substr(5), false);
  body.end_chunk(large, Adopt::Allowed);  // 5 of 12: copied behind the first
  Chunk full = filled("|full", 6);
  body.add(full.view(), false);
  body.end_chunk(full, Adopt::Allowed);
  body.end_message();
  const std::vector<Chunk> ready = body.take_ready();
  ASSERT_EQ(ready.size(), 2U);
  EXPECT_EQ(ready[0].view(), "small large");
  EXPECT_EQ(ready[1].view(), "|full");
}

TEST(BodyCollector, JoinsRangesAndPutsCarriedDotsBetween) {
  BodyCollector body;
  Chunk chunk = filled("one.two", 64);
  body.add(".", true);
  body.add(chunk.view().substr(0, 3), false);
  body.add(chunk.view().substr(3, 1), false);
  body.add(chunk.view().substr(4), false);
  body.end_chunk(chunk, Adopt::Allowed);
  body.end_message();
  EXPECT_EQ(joined(body.take_ready()), ".one.two");
}

TEST(BodyCollector, ClearForgetsEverything) {
  BodyCollector body;
  Chunk chunk = filled("gone", 64);
  body.add(chunk.view(), false);
  body.end_chunk(chunk, Adopt::Allowed);
  body.clear();
  body.end_message();
  EXPECT_FALSE(body.has_ready());
}

TEST(BodyCollector, OctetsOneByOneHoldNoMoreThanThriceWhatCame) {
  BodyCollector collector;
  uint64_t capacity = 0;
  std::string all;
  for (int i = 0; i < 100'000; ++i) {
    Chunk chunk = filled(std::string(1, static_cast<char>('a' + i % 26)), 64);
    collector.add(chunk.view(), false);
    collector.end_chunk(chunk, Adopt::Allowed);
    for (const Chunk& piece : collector.take_ready()) {
      capacity += piece.capacity();
      all += piece.view();
    }
    // What is handed over, and the tail, which is at most as large as all before it and a KiB.
    ASSERT_LE(capacity, all.size());
    ASSERT_LE(static_cast<size_t>(i) + 1 - all.size(), limits::kBodyChunk);
  }
  collector.end_message();
  for (const Chunk& piece : collector.take_ready()) all += piece.view();
  EXPECT_EQ(all.size(), 100'000U);
}

TEST(BodyCollector, ATailThatIsHardlyUsedIsCutToItsSize) {
  BodyCollector collector;
  Chunk small = filled("1", 16);
  collector.add(small.view(), false);
  collector.end_chunk(small, Adopt::Allowed);
  Chunk large = filled("12345678", 16);
  collector.add(large.view(), false);
  collector.end_chunk(large, Adopt::Allowed);
  const std::vector<Chunk> ready = collector.take_ready();
  ASSERT_EQ(ready.size(), 2U);
  EXPECT_EQ(ready[0].capacity(), 1U);
}

}  // namespace
}  // namespace sluice::serve
