#include "engine/node/admin_desk.h"

#include <thread>

#include <gtest/gtest.h>

namespace sluice::node {
namespace {

using namespace std::chrono_literals;

std::unique_ptr<AdminRequest> wait_for_request(AdminDesk& desk) {
  std::unique_ptr<AdminRequest> request;
  while (request == nullptr) request = desk.take();
  return request;
}

TEST(AdminDesk, BringsTheAnswerToWhoAsked) {
  auto desk = std::move(*AdminDesk::open());
  AdminAnswer got;
  std::thread asker([&] { got = desk->ask(AdminQuestion::Stats, 10s); });
  std::unique_ptr<AdminRequest> request = wait_for_request(*desk);
  EXPECT_EQ(request->question(), AdminQuestion::Stats);
  request->answer({200, "text/plain", "hello"});
  asker.join();
  EXPECT_EQ(got.status, 200);
  EXPECT_EQ(got.body, "hello");
}

TEST(AdminDesk, WhoIsNotAnsweredIsToldSoInTime) {
  auto desk = std::move(*AdminDesk::open());
  EXPECT_EQ(desk->ask(AdminQuestion::Alive, 0s).status, 504);
  const std::unique_ptr<AdminRequest> late = desk->take();  // nobody waits for it any more
  ASSERT_NE(late, nullptr);
  late->answer({});
}

TEST(AdminDesk, ARequestThatIsDroppedSaysThatTheNodeEnds) {
  auto desk = std::move(*AdminDesk::open());
  AdminAnswer got;
  std::thread asker([&] { got = desk->ask(AdminQuestion::Reload, 10s); });
  wait_for_request(*desk).reset();
  asker.join();
  EXPECT_EQ(got.status, 503);
}

}  // namespace
}  // namespace sluice::node
