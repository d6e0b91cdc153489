#include "io/serve/trace_id.h"

#include <gtest/gtest.h>

namespace sluice::serve {
namespace {

using namespace std::chrono_literals;

TEST(TraceId, GrowsWithTimeAndNeverRepeats) {
  TraceIdSource ids(ShardId{3}, 12345);
  const WallTime now{1'790'000'000s};
  TraceId last = ids.next(now);
  for (int i = 0; i < 1000; ++i) {
    const TraceId next = ids.next(now - std::chrono::seconds(i % 7));  // a clock that goes back
    EXPECT_LT(last.text(), next.text());
    last = next;
  }
  EXPECT_LT(last.text(), ids.next(now + 1s).text());
}

TEST(TraceId, DiffersBetweenShardsAndProcesses) {
  const WallTime now{1'790'000'000s};
  EXPECT_NE(TraceIdSource(ShardId{0}, 1).next(now), TraceIdSource(ShardId{1}, 1).next(now));
  EXPECT_NE(TraceIdSource(ShardId{0}, 1).next(now), TraceIdSource(ShardId{0}, 2).next(now));
}

TEST(TraceId, IsLowerCaseBase32) {
  const TraceId id = TraceIdSource(ShardId{1023}, 32767).next(WallTime{1s});
  EXPECT_EQ(id.text(), "0000000ygj0zzzzz");
}

}  // namespace
}  // namespace sluice::serve
