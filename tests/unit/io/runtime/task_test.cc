#include "io/runtime/task.h"

#include "io/base/result.h"
#include "io/runtime/signal.h"
#include "tests/unit/io/runtime/run_task.h"

#include <memory>
#include <string>
#include <vector>

namespace sluice::runtime {
namespace {

using test::kStart;
using test::run_task;

Task<int> answer(Scheduler& /*shard*/, int value) { co_return value; }

// Counts how many are alive, to see that frames destroy what they hold exactly once.
class Tracked {
 public:
  explicit Tracked(int& alive) : alive_(&alive) { ++*alive_; }
  Tracked(const Tracked& other) : alive_(other.alive_) { ++*alive_; }
  Tracked(Tracked&& other) noexcept : alive_(other.alive_) { ++*alive_; }
  Tracked& operator=(const Tracked&) = default;
  Tracked& operator=(Tracked&&) = default;
  ~Tracked() { --*alive_; }

 private:
  int* alive_;
};

// Out of line: an optimiser that sees a frame made and destroyed in one place may do without it (clang at -O1
// does).
[[gnu::noinline]] Task<void> add_two(Scheduler& shard, int& sum) {
  sum += co_await answer(shard, 2);
  sum += co_await answer(shard, 3);
}

TEST(Task, RunsWhenAwaitedAndGivesItsValue) {
  Scheduler shard(kStart);
  int sum = 0;
  run_task(shard, add_two(shard, sum));
  EXPECT_EQ(sum, 5);
}

TEST(Task, NotAwaitedRunsNothingAndLeavesNothing) {
  Scheduler shard(kStart);
  int sum = 0;
  {
    const Task<void> never = add_two(shard, sum);
    EXPECT_EQ(shard.frame_pool().frames_in_use(), 1U);
  }
  EXPECT_EQ(sum, 0);
  EXPECT_EQ(shard.frame_pool().frames_in_use(), 0U);
}

Task<std::unique_ptr<std::string>> boxed(Scheduler& /*shard*/, std::string text) {
  co_return std::make_unique<std::string>(std::move(text));
}

Task<void> take_box(Scheduler& shard, std::string& into) {
  const std::unique_ptr<std::string> box = co_await boxed(shard, "moved");
  into = *box;
}

TEST(Task, MovesWhatCannotBeCopied) {
  Scheduler shard(kStart);
  std::string text;
  run_task(shard, take_box(shard, text));
  EXPECT_EQ(text, "moved");
}

Task<Result<int>> halve(Scheduler& /*shard*/, int value) {
  if (value % 2 != 0) co_return fail(ErrorKind::Invalid, "odd");
  co_return value / 2;
}

Task<void> halve_both(Scheduler& shard, std::vector<std::string>& outcomes) {
  for (const int value : {8, 7}) {
    const Result<int> half = co_await halve(shard, value);
    outcomes.push_back(half ? std::to_string(*half) : half.error().message);
  }
}

TEST(Task, CarriesResultsAndFailures) {
  Scheduler shard(kStart);
  std::vector<std::string> outcomes;
  run_task(shard, halve_both(shard, outcomes));
  EXPECT_EQ(outcomes, (std::vector<std::string>{"4", "odd"}));
}

Task<void> deep(Scheduler& shard, int depth, int& reached) {
  if (depth == 0) {
    ++reached;
    co_return;
  }
  co_await deep(shard, depth - 1, reached);
}

TEST(Task, CallsNestDeeply) {
  Scheduler shard(kStart);
  int reached = 0;
  run_task(shard, deep(shard, 1000, reached));
  EXPECT_EQ(reached, 1);
  EXPECT_EQ(shard.frame_pool().frames_in_use(), 0U);
}

Task<void> loop_without_waiting(Scheduler& shard, int rounds, int& sum) {
  for (int i = 0; i < rounds; ++i) sum += co_await answer(shard, 1);
}

TEST(Task, AwaitingInALoopDoesNotGrowTheStack) {
  Scheduler shard(kStart);
  int sum = 0;
#if defined(__clang__) || defined(__OPTIMIZE__)
  constexpr int kRounds = 200'000;
#else
  constexpr int kRounds = 1000;  // g++ makes symmetric transfer a tail call only when it optimises
#endif
  run_task(shard, loop_without_waiting(shard, kRounds, sum));
  EXPECT_EQ(sum, kRounds);
}

Task<void> wait_holding(Scheduler& shard, Signal& signal, Tracked tracked) {
  static_cast<void>(co_await signal.wait_until(shard, kNever));
  const Tracked moved = std::move(tracked);
}

TEST(Task, ParametersAndLocalsAreDestroyedOnce) {
  Scheduler shard(kStart);
  int alive = 0;
  Signal signal;
  {
    TaskGroup tasks;
    ASSERT_TRUE(tasks.spawn(shard, wait_holding(shard, signal, Tracked(alive))));
    shard.turn(kStart);
    EXPECT_EQ(alive, 1);
    signal.notify();
    test::turn_until_done(shard, tasks);
  }
  EXPECT_EQ(alive, 0);
}

struct Server {
  Scheduler& shard;
  int served = 0;

  Task<void> serve(Scheduler& on, int count) {
    for (int i = 0; i < count; ++i) served += co_await answer(on, 1);
  }
};

TEST(Task, MemberCoroutinesTakeTheShardAfterThis) {
  Scheduler shard(kStart);
  Server server{shard};
  run_task(shard, server.serve(shard, 4));
  EXPECT_EQ(server.served, 4);
}

// The shapes of an await that are right with both compilers; their look-alikes (see docs on style) are not.
Task<size_t> count_names(Scheduler& /*shard*/, std::vector<std::string> names) { co_return names.size(); }

struct Pair {
  std::string first;
  std::string second;
};
Task<std::string> join(Scheduler& /*shard*/, Pair pair) { co_return pair.first + pair.second; }

template <class Function>
Task<int> call(Scheduler& /*shard*/, Function function) {
  co_return function();
}

Task<void> right_shapes(Scheduler& shard, bool flag, std::string& out) {
  std::vector<std::string> names{"a name that does not fit in place, one",
                                 "a name that does not fit in place, two"};
  out += std::to_string(co_await count_names(shard, std::move(names)));
  Pair pair{.first = "a text that is long enough for the heap;",
            .second = "and another one, also long enough"};
  out += co_await join(shard, std::move(pair));
  const std::string captured = "captured, and long enough not to be kept in place";
  auto function = [captured] { return static_cast<int>(captured.size()); };
  out += std::to_string(co_await call(shard, std::move(function)));
  Task<int> chosen = flag ? answer(shard, 1) : answer(shard, 2);
  out += std::to_string(co_await std::move(chosen));
}

TEST(Task, NamedOperandsSurviveBothCompilers) {
  Scheduler shard(kStart);
  std::string out;
  run_task(shard, right_shapes(shard, false, out));
  EXPECT_EQ(out, "2a text that is long enough for the heap;and another one, also long enough492");
  EXPECT_EQ(shard.frame_pool().frames_in_use(), 0U);
}

TEST(Task, MoveAssignmentDropsTheOldTask) {
  Scheduler shard(kStart);
  Task<int> task = answer(shard, 1);
  task = answer(shard, 2);
  EXPECT_EQ(shard.frame_pool().frames_in_use(), 1U);
}

}  // namespace
}  // namespace sluice::runtime
