#include "io/runtime/timer_wheel.h"

#include "io/base/random.h"
#include "tests/unit/io/runtime/run_task.h"

#include <algorithm>
#include <map>
#include <memory>
#include <vector>

namespace sluice::runtime {
namespace {

using test::at;
using test::kStart;

class Recorder final : public Timer {
 public:
  explicit Recorder(std::vector<int>& fired, int name = 0) : fired_(fired), name_(name) {}

 private:
  void on_timer() override { fired_.push_back(name_); }
  std::vector<int>& fired_;
  int name_;
};

TEST(TimerWheel, FiresAtTheDeadlineAndNotBefore) {
  TimerWheel wheel(kStart);
  std::vector<int> fired;
  Recorder timer(fired);
  wheel.arm(timer, at(100));
  wheel.advance(at(99));
  EXPECT_TRUE(fired.empty());
  EXPECT_TRUE(timer.armed());
  wheel.advance(at(100));
  EXPECT_EQ(fired.size(), 1U);
  EXPECT_FALSE(timer.armed());
}

TEST(TimerWheel, RoundsADeadlineUpToItsTick) {
  TimerWheel wheel(kStart);
  std::vector<int> fired;
  Recorder timer(fired);
  wheel.arm(timer, at(5) + std::chrono::nanoseconds(1));
  wheel.advance(at(5) + std::chrono::microseconds(999));
  EXPECT_TRUE(fired.empty());
  wheel.advance(at(6));
  EXPECT_EQ(fired.size(), 1U);
}

TEST(TimerWheel, ArmingAgainMovesAndDisarmingForgets) {
  TimerWheel wheel(kStart);
  std::vector<int> fired;
  Recorder moved(fired, 1);
  Recorder dropped(fired, 2);
  wheel.arm(moved, at(10));
  wheel.arm(moved, at(200));
  wheel.arm(dropped, at(10));
  dropped.disarm();
  dropped.disarm();
  wheel.advance(at(199));
  EXPECT_TRUE(fired.empty());
  EXPECT_EQ(wheel.armed_count(), 1U);
  wheel.arm(moved, kNever);
  EXPECT_EQ(wheel.armed_count(), 0U);
  EXPECT_EQ(wheel.next_wakeup(), kNever);
}

class Rearming final : public Timer {
 public:
  Rearming(TimerWheel& wheel, MonoTime& now) : wheel_(wheel), now_(now) {}
  int count = 0;

 private:
  void on_timer() override {
    ++count;
    wheel_.arm(*this, now_);  // already due: must not fire within the same advance for ever
  }
  TimerWheel& wheel_;
  MonoTime& now_;
};

TEST(TimerWheel, TimerThatRearmsForNowFiresOncePerTick) {
  TimerWheel wheel(kStart);
  MonoTime now = at(1);
  Rearming timer(wheel, now);
  wheel.arm(timer, at(1));
  wheel.advance(at(1));
  EXPECT_EQ(timer.count, 1);
  now = at(2);
  wheel.advance(at(2));
  EXPECT_EQ(timer.count, 2);
}

class Killer final : public Timer {
 public:
  std::unique_ptr<Recorder> victim;

 private:
  void on_timer() override { victim.reset(); }
};

TEST(TimerWheel, TimerMayDestroyAnotherOfTheSameTick) {
  TimerWheel wheel(kStart);
  std::vector<int> fired;
  Killer first;
  Killer second;
  first.victim = std::make_unique<Recorder>(fired);
  wheel.arm(first, at(7));
  wheel.arm(*first.victim, at(7));
  second.victim = std::make_unique<Recorder>(fired);
  wheel.arm(*second.victim, at(7));
  wheel.arm(second, at(7));
  wheel.advance(at(7));
  EXPECT_EQ(wheel.armed_count(), 0U);
  EXPECT_LE(fired.size(), 2U);
}

TEST(TimerWheel, DestroyedWheelDisarmsItsTimers) {
  std::vector<int> fired;
  Recorder timer(fired);
  {
    TimerWheel wheel(kStart);
    wheel.arm(timer, at(7));
  }
  EXPECT_FALSE(timer.armed());
}

// A wheel against a multimap: random arms, moves, cancels and steps, near and very far. What fires and when
// is the same; next_wakeup() is never later than the earliest deadline and always ahead of the present.
class Model {
 public:
  explicit Model(uint64_t seed) : random_(seed) {
    for (int i = 0; i < kTimers; ++i) timers_.push_back(std::make_unique<Entry>(*this, i));
  }

  void step() {
    const uint32_t choice = random_.below(10);
    const auto which = static_cast<int>(random_.below(kTimers));
    if (choice < 5) {
      arm(which);
    } else if (choice < 7) {
      timers_[static_cast<size_t>(which)]->disarm();
      forget(which);
    } else {
      advance();
    }
    ASSERT_EQ(wheel_.armed_count(), expected_.size());
    check_wakeup();
  }
  // Sleeps as a shard does: from wake-up to wake-up, until all have fired.
  void run_out() {
    for (int turns = 0; !expected_.empty(); ++turns) {
      // At most one idle wake-up per level and timer.
      ASSERT_LT(turns, 64 * kTimers);
      advance_to((wheel_.next_wakeup() - kStart) / std::chrono::milliseconds(1));
      check_wakeup();
    }
  }

 private:
  static constexpr int kTimers = 60;
  class Entry final : public Timer {
   public:
    Entry(Model& model, int name) : model_(model), name_(name) {}

   private:
    void on_timer() override { model_.fired(name_); }
    Model& model_;
    int name_;
  };

  void arm(int which) {
    static constexpr int64_t kReach[] = {
        1, 3, 64, 65, 4096, 5000, 300'000, 20'000'000, 2'000'000'000, 90'000'000'000};
    const int64_t reach = kReach[random_.below(std::size(kReach))];
    const auto delay = static_cast<int64_t>(random_() % static_cast<uint64_t>(reach));
    forget(which);
    // What is due already fires at the next tick.
    expected_.emplace(std::max(now_ + delay, now_ + 1), which);
    wheel_.arm(*timers_[static_cast<size_t>(which)], at(now_ + delay));
  }
  void forget(int which) {
    std::erase_if(expected_, [which](const auto& entry) { return entry.second == which; });
  }
  void fired(int which) {
    const auto entry =
        std::ranges::find_if(expected_, [which](const auto& item) { return item.second == which; });
    ASSERT_NE(entry, expected_.end()) << which;
    ASSERT_LE(entry->first, now_);
    ASSERT_GE(entry->first, last_fired_);  // in the order of ticks
    last_fired_ = entry->first;
    expected_.erase(entry);
  }
  void advance() {
    static constexpr uint32_t kStep[] = {1, 2, 63, 64, 100, 5000, 400'000};
    advance_to(now_ + random_.below(kStep[random_.below(std::size(kStep))] + 1));
  }
  void advance_to(int64_t when) {
    now_ = when;
    last_fired_ = 0;
    wheel_.advance(at(now_));
    ASSERT_TRUE(expected_.empty() || expected_.begin()->first > now_);
  }
  void check_wakeup() {
    const MonoTime wakeup = wheel_.next_wakeup();
    if (expected_.empty()) {
      ASSERT_EQ(wakeup, kNever);
      return;
    }
    ASSERT_LE(wakeup, at(expected_.begin()->first));
    ASSERT_GT(wakeup, at(now_));
  }

  Random random_;
  TimerWheel wheel_{kStart};
  std::vector<std::unique_ptr<Entry>> timers_;
  std::multimap<int64_t, int> expected_;
  int64_t now_ = 0;
  int64_t last_fired_ = 0;
};

TEST(TimerWheel, AgreesWithAMultimap) {
  for (uint64_t seed = 1; seed <= 30; ++seed) {
    SCOPED_TRACE(seed);
    Model model(seed);
    for (int i = 0; i < 2000; ++i) {
      model.step();
      if (testing::Test::HasFatalFailure()) return;
    }
    model.run_out();
    if (testing::Test::HasFatalFailure()) return;
  }
}

}  // namespace
}  // namespace sluice::runtime
