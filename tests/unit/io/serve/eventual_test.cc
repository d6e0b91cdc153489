#include "io/serve/eventual.h"

#include "tests/unit/io/net/sim_pair.h"

#include <memory>

namespace sluice::serve {
namespace {

using namespace std::chrono_literals;
using test::Shard;
using test::SimPair;
using test::Task;

using Boxed = std::unique_ptr<int>;

Eventual<Boxed> at_once(int value) { return std::make_unique<int>(value); }
Task<Boxed> after_a_while(Shard& shard, int value) {
  co_await test::sleep(shard, 1s);
  co_return std::make_unique<int>(value);
}
Eventual<Boxed> later(Shard& shard, int value) { return after_a_while(shard, value); }

Task<void> take_both(Shard& shard, int& sum) {
  Eventual<Boxed> first = at_once(1);
  EXPECT_TRUE(first.ready());
  Boxed a = co_await std::move(first);
  Eventual<Boxed> second = later(shard, 2);
  EXPECT_FALSE(second.ready());
  Boxed b = co_await std::move(second);
  sum = *a + *b;
}

TEST(Eventual, IsAwaitedWhetherReadyOrNot) {
  SimPair sim;
  int sum = 0;
  sim.start(sim.mx, take_both(sim.mx, sum));
  ASSERT_TRUE(sim.finish());
  EXPECT_EQ(sum, 3);
}

TEST(Eventual, ATaskThatIsNeverAwaitedIsDropped) {
  SimPair sim;
  const Eventual<Boxed> dropped = later(sim.mx, 1);
  EXPECT_FALSE(dropped.ready());
}

}  // namespace
}  // namespace sluice::serve
