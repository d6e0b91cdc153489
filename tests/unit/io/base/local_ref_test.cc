#include "io/base/local_ref.h"

#include <utility>

#include <gtest/gtest.h>

namespace sluice {
namespace {

// Counts how many of it there are.
struct Counted {
  explicit Counted(int& count, int value) : count_(count), number(value) { ++count_; }
  Counted(const Counted&) = delete;
  Counted& operator=(const Counted&) = delete;
  ~Counted() { --count_; }
  int& count_;
  int number;
};
using Ref = LocalRef<Counted>;

TEST(LocalRef, IsNullAtFirst) {
  const Ref none;
  EXPECT_FALSE(none);
  EXPECT_EQ(none.get(), nullptr);
  EXPECT_EQ(none.references(), 0U);
}

TEST(LocalRef, TheLastOneDestroys) {
  int alive = 0;
  Ref first = Ref::make(alive, 7);
  EXPECT_EQ(first->number, 7);
  {
    const Ref second = first;
    EXPECT_EQ(second.get(), first.get());
    EXPECT_EQ(first.references(), 2U);
    first.reset();
    EXPECT_EQ(alive, 1);
    EXPECT_EQ((*second).number, 7);
  }
  EXPECT_EQ(alive, 0);
}

TEST(LocalRef, MovingTakesTheReferenceAlong) {
  int alive = 0;
  Ref first = Ref::make(alive, 1);
  Ref second = std::move(first);
  EXPECT_FALSE(first);  // NOLINT(bugprone-use-after-move): null is what is promised
  EXPECT_EQ(second.references(), 1U);
  first = std::move(second);
  EXPECT_EQ(first.references(), 1U);
  first = Ref::make(alive, 2);
  EXPECT_EQ(alive, 1);
  EXPECT_EQ(first->number, 2);
}

TEST(LocalRef, AssigningItselfChangesNothing) {
  int alive = 0;
  Ref one = Ref::make(alive, 1);
  const Ref& same = one;
  one = same;
  EXPECT_EQ(one.references(), 1U);
  EXPECT_EQ(alive, 1);
}

}  // namespace
}  // namespace sluice
