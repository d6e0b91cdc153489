// Goal: the shapes of co_await that the project uses work on both compilers.
// Method: a task of a dozen lines, and objects that count their lives and notice a use after the end. Each
// test awaits one shape with a suspension inside, and then looks at the counts.

#include "io/base/check.h"

#include <coroutine>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace sluice {
namespace {

// Lives are counted in here; a test starts at zero and must end there.
struct Lives {
  int alive = 0;
  int made = 0;
};

// Owns a little memory too, so that the address sanitizer sees what the counts miss.
class Counted {
 public:
  Counted(Lives& lives, int value) : lives_(&lives), value_(std::make_unique<int>(value)) { begin(); }
  Counted(Counted&& other) noexcept : lives_(other.lives_), value_(std::move(other.value_)) { begin(); }
  Counted(const Counted& other) : lives_(other.lives_), value_(std::make_unique<int>(*other.value_)) {
    begin();
  }
  Counted& operator=(const Counted&) = delete;
  Counted& operator=(Counted&&) = delete;
  ~Counted() {
    SLUICE_CHECK(mark_ == kAlive);
    mark_ = kDead;
    --lives_->alive;
  }
  int value() const {
    SLUICE_CHECK(mark_ == kAlive && value_ != nullptr);
    return *value_;
  }

 private:
  static constexpr unsigned kAlive = 0xA11FE;
  static constexpr unsigned kDead = 0xDEAD;

  void begin() {
    ++lives_->alive;
    ++lives_->made;
  }

  Lives* lives_;
  std::unique_ptr<int> value_;
  volatile unsigned mark_ = kAlive;
};

struct Pair {  // an aggregate, as options often are
  Counted first;
  Counted second;
};

std::vector<std::coroutine_handle<>>& suspended() {
  static std::vector<std::coroutine_handle<>> handles;
  return handles;
}

struct Suspend {  // ends when the test resumes what is suspended
  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> handle) { suspended().push_back(handle); }
  void await_resume() const noexcept {}
};

class Task {
 public:
  struct promise_type {
    Task get_return_object() { return Task(std::coroutine_handle<promise_type>::from_promise(*this)); }
    std::suspend_always initial_suspend() noexcept { return {}; }
    auto final_suspend() noexcept {
      struct Continue {
        bool await_ready() noexcept { return false; }
        std::coroutine_handle<> await_suspend(std::coroutine_handle<promise_type> ended) noexcept {
          return ended.promise().continuation;
        }
        void await_resume() noexcept {}
      };
      return Continue();
    }
    void return_value(int result) { value = result; }
    void unhandled_exception() { std::terminate(); }

    std::coroutine_handle<> continuation = std::noop_coroutine();
    std::optional<int> value;
  };

  explicit Task(std::coroutine_handle<promise_type> handle) : handle_(handle) {}
  Task(Task&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  Task& operator=(Task&&) = delete;
  ~Task() {
    if (handle_) handle_.destroy();
  }

  bool await_ready() const noexcept { return false; }
  std::coroutine_handle<> await_suspend(std::coroutine_handle<> awaiting) noexcept {
    handle_.promise().continuation = awaiting;
    return handle_;
  }
  int await_resume() { return handle_.promise().value.value(); }

  // Runs to the end, resuming what suspends; only for the outermost task.
  int run() {
    handle_.resume();
    while (!suspended().empty()) {
      const auto next = suspended().back();
      suspended().pop_back();
      next.resume();
    }
    return handle_.promise().value.value();
  }

 private:
  std::coroutine_handle<promise_type> handle_;
};

// What is awaited: they take their arguments by value and use them after a suspension.
Task value_of(Counted counted) {
  co_await Suspend();
  co_return counted.value();
}
Task sum_of(Pair pair) {
  co_await Suspend();
  co_return pair.first.value() * 10 + pair.second.value();
}
Task sum_of_all(std::vector<Counted> all) {
  co_await Suspend();
  int sum = 0;
  for (const Counted& counted : all) sum += counted.value();
  co_return sum;
}
template <class Call>
Task result_of(Call call) {
  co_await Suspend();
  co_return call();
}
Counted make(Lives& lives, int value) { return Counted(lives, value); }

class CoroutineShapes : public ::testing::Test {
 protected:
  void TearDown() override { EXPECT_EQ(lives_.alive, 0); }
  Lives lives_;
};

Task with_named_lambda(Lives& lives) {
  Counted captured(lives, 7);
  auto call = [captured = std::move(captured)] { return captured.value(); };
  co_return co_await result_of(std::move(call));
}
TEST_F(CoroutineShapes, NamedLambdaIsMovedIn) { EXPECT_EQ(with_named_lambda(lives_).run(), 7); }

Task with_plain_lambda() {
  co_return co_await result_of([] { return 5; });
}
TEST_F(CoroutineShapes, LambdaWithoutCapturesMayBeWrittenInPlace) { EXPECT_EQ(with_plain_lambda().run(), 5); }

Task with_named_aggregate(Lives& lives) {
  Pair pair{Counted(lives, 1), Counted(lives, 2)};
  co_return co_await sum_of(std::move(pair));
}
TEST_F(CoroutineShapes, NamedAggregateIsMovedIn) { EXPECT_EQ(with_named_aggregate(lives_).run(), 12); }

Task with_constructor(Lives& lives) { co_return co_await value_of(Counted(lives, 3)); }
TEST_F(CoroutineShapes, ConstructorCallMayBeWrittenInPlace) { EXPECT_EQ(with_constructor(lives_).run(), 3); }

Task with_factory(Lives& lives) { co_return co_await value_of(make(lives, 4)); }
TEST_F(CoroutineShapes, FactoryCallMayBeWrittenInPlace) { EXPECT_EQ(with_factory(lives_).run(), 4); }

Task with_named_vector(Lives& lives) {
  std::vector<Counted> all;
  for (int value = 1; value <= 3; ++value) all.emplace_back(lives, value);
  co_return co_await sum_of_all(std::move(all));
}
TEST_F(CoroutineShapes, NamedVectorIsMovedIn) { EXPECT_EQ(with_named_vector(lives_).run(), 6); }

Task with_chosen_task(Lives& lives, bool first) {
  Task chosen = first ? value_of(make(lives, 8)) : value_of(make(lives, 9));
  co_return co_await std::move(chosen);
}
TEST_F(CoroutineShapes, TaskIsChosenOnTheLineBefore) {
  EXPECT_EQ(with_chosen_task(lives_, true).run(), 8);
  EXPECT_EQ(with_chosen_task(lives_, false).run(), 9);
}

Task with_early_return(Lives& lives, bool stop) {
  Counted held(lives, 2);
  if (stop) co_return -1;
  co_return co_await value_of(std::move(held));
}
TEST_F(CoroutineShapes, EarlyReturnDestroysWhatIsHeld) {
  EXPECT_EQ(with_early_return(lives_, true).run(), -1);
  EXPECT_EQ(with_early_return(lives_, false).run(), 2);
}

Task with_two_awaits_in_one_expression(Lives& lives) {
  co_return co_await value_of(make(lives, 40)) + co_await value_of(make(lives, 2));
}
TEST_F(CoroutineShapes, TwoAwaitsStandInOneExpression) {
  EXPECT_EQ(with_two_awaits_in_one_expression(lives_).run(), 42);
}

Task with_condition(Lives& lives) {
  const int result = co_await value_of(make(lives, 1)) == 1 ? 10 : 20;
  co_return result;
}
TEST_F(CoroutineShapes, AnAwaitMayBeTheCondition) { EXPECT_EQ(with_condition(lives_).run(), 10); }

Task with_string(std::string text) {
  co_await Suspend();
  co_return static_cast<int>(text.size());
}
Task with_named_string() {
  std::string text(100, 'x');
  co_return co_await with_string(std::move(text));
}
TEST_F(CoroutineShapes, StringSurvivesTheSuspension) { EXPECT_EQ(with_named_string().run(), 100); }

TEST_F(CoroutineShapes, TaskThatIsNeverRunReleasesItsArguments) {
  {
    const Task unused = value_of(make(lives_, 1));
  }
  EXPECT_EQ(lives_.alive, 0);
  EXPECT_GT(lives_.made, 0);
}

}  // namespace
}  // namespace sluice
