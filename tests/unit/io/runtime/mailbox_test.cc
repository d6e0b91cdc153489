#include "io/runtime/mailbox.h"

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <variant>
#include <vector>

#include <gtest/gtest.h>

namespace sluice::runtime {
namespace {

struct Letter {
  uint64_t number = 0;
  std::string text;
  std::unique_ptr<const std::string> enclosure;
};
struct Nested {
  std::vector<Letter> letters;
  std::variant<int, std::optional<std::chrono::milliseconds>> choice;
};
struct WithView {
  int number;
  std::string_view text;
};
struct WithReference {
  const std::string& text;
};
struct WithPointerInside {
  std::optional<std::pair<int, char*>> where;
};
struct WithSpan {
  int number;
  std::span<const char> octets;
};
class Closed {
 public:
  int value() const { return value_; }

 private:
  int value_ = 0;
};
class Promised {
 public:
  int value() const { return value_; }

 private:
  int value_ = 0;
};

}  // namespace

template <>
inline constexpr bool kSendableByPromise<Promised> = true;

namespace {

static_assert(Sendable<int> && Sendable<std::string> && Sendable<Letter> && Sendable<Nested>);
static_assert(Sendable<Promised> && Sendable<std::vector<Promised>>);
static_assert(Sendable<std::unique_ptr<const Nested>>);
static_assert(!Sendable<WithView> && !Sendable<WithReference> && !Sendable<WithPointerInside>);
static_assert(!Sendable<WithSpan> && !Sendable<Closed> && !Sendable<std::vector<Closed>>);
static_assert(!Sendable<int*> && !Sendable<int&> && !Sendable<const char*> &&
              !Sendable<std::shared_ptr<int>>);
static_assert(!Sendable<std::string_view> && !Sendable<std::span<int>> && !Sendable<std::unique_ptr<Closed>>);

std::vector<uint64_t> receive_all(Mailbox<Letter>& mailbox) {
  std::vector<uint64_t> numbers;
  while (mailbox.receive([&numbers](Letter&& letter) { numbers.push_back(letter.number); })) {
  }
  return numbers;
}

TEST(Mailbox, KeepsTheOrder) {
  Mailbox<Letter> mailbox(4);
  for (uint64_t i = 0; i < 3; ++i) ASSERT_TRUE(mailbox.send({i, "text", nullptr}));
  EXPECT_EQ(receive_all(mailbox), (std::vector<uint64_t>{0, 1, 2}));
  EXPECT_TRUE(receive_all(mailbox).empty());
}

TEST(Mailbox, RefusesWhenFullAndLeavesTheMessage) {
  Mailbox<Letter> mailbox(2);
  ASSERT_TRUE(mailbox.send({1, {}, nullptr}));
  ASSERT_TRUE(mailbox.send({2, {}, nullptr}));
  Letter third{3, "kept", std::make_unique<const std::string>("enclosed")};
  EXPECT_FALSE(mailbox.send(std::move(third)));
  EXPECT_EQ(third.text, "kept");
  ASSERT_NE(third.enclosure, nullptr);
  EXPECT_TRUE(mailbox.receive([](Letter&&) {}));
  EXPECT_TRUE(mailbox.send(std::move(third)));
  EXPECT_EQ(receive_all(mailbox), (std::vector<uint64_t>{2, 3}));
}

TEST(Mailbox, RoundsItsCapacityUp) {
  const Mailbox<int> mailbox(5);
  EXPECT_EQ(mailbox.capacity(), 8U);
}

TEST(Mailbox, DropsWhatIsLeft) {
  auto mailbox = std::make_unique<Mailbox<Letter>>(4);
  ASSERT_TRUE(mailbox->send({1, std::string(100, 'x'), std::make_unique<const std::string>("leaks?")}));
  mailbox.reset();
}

TEST(Mailbox, TwoThreadsLoseAndReorderNothing) {
  constexpr uint64_t kLetters = 50'000;
  Mailbox<Letter> mailbox(64);
  std::thread sender([&mailbox] {
    for (uint64_t i = 0; i < kLetters; ++i) {
      Letter letter{i, std::to_string(i), nullptr};
      while (!mailbox.send(std::move(letter))) std::this_thread::yield();
    }
  });
  uint64_t expected = 0;
  bool right = true;
  while (expected < kLetters) {
    const bool got = mailbox.receive([&](Letter&& letter) {
      right = right && letter.number == expected && letter.text == std::to_string(expected);
      ++expected;
    });
    if (!got) std::this_thread::yield();
  }
  sender.join();
  EXPECT_TRUE(right);
}

}  // namespace
}  // namespace sluice::runtime
