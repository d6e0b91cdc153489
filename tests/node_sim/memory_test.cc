// Large messages, short memory and full disks: what is written out comes back as it was, what has no room is
// deferred, and nothing is left behind.
#include "tests/node_sim/fixtures.h"
#include "tests/node_sim/node_world.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sluice::testing {
namespace {

using namespace std::chrono_literals;
using ::testing::StartsWith;

// Lines that are all different, so that octets that changed places are found.
std::string large_message(size_t octets) {
  std::string message = "From: user@sender.example\r\nX-TM-Received-SPF: forged\r\nSubject: large\r\n\r\n";
  for (size_t i = 0; message.size() < octets; ++i) {
    message += fmt::format("{}line {} {}\r\n", i % 50 == 0 ? ".." : "", i, std::string(i % 900, 'x'));
  }
  return message;
}

// From the empty line on.
std::string body_of(const std::string& octets) { return octets.substr(octets.find("\r\n\r\n")); }

constexpr std::string_view kSmall = "message = \"64 KiB\"";
constexpr size_t kData = 7;  // which reply of the usual dialogue answers the message

class NodeMemory : public ::testing::Test {
 protected:
  void start(std::string_view memory, const reactor::SimDiskFaults& faults = {}) {
    world_.emplace(fmt::format("{}\n[memory]\n{}\n", kBase, memory), kZone);
    world_->hop().set_capabilities({"PIPELINING"});
    disk(faults);
  }
  // After the node has ended: the journal's descriptor is closed by then, and so must be every other.
  void stop() {
    world_->stop();
    EXPECT_EQ(world_->sim().open_files("node"), 0U);
    EXPECT_EQ(world_->sim().memory_out("node"), 0U);
  }
  // The reply to the message; what was said last where it did not come so far.
  static std::string answer(const Dialogue& dialogue) {
    return dialogue.replies.size() > kData ? dialogue.replies[kData] : "instead: " + dialogue.last();
  }
  NodeWorld& world() { return *world_; }
  void disk(const reactor::SimDiskFaults& faults) { world_->sim().set_disk_faults("node", faults); }

  std::optional<NodeWorld> world_;
};

TEST_F(NodeMemory, ALargeMessageIsWrittenOutAndRelayedAsItCame) {
  start(kSmall);
  const std::string octets = large_message(2'000'000);
  const Dialogue dialogue = world().send({.octets = octets});
  stop();
  EXPECT_THAT(answer(dialogue), StartsWith("250 "));
  ASSERT_EQ(world().hop().messages().size(), 1U);
  const std::string& relayed = world().hop().messages()[0].octets;
  // The forged field is taken out, and so the header is ours; behind it every octet stands as it came.
  EXPECT_EQ(relayed.find("X-TM-Received-SPF: forged"), std::string::npos);
  EXPECT_TRUE(relayed.ends_with(body_of(octets)));
  EXPECT_EQ(world().report().bodies.spilled_messages, 1U);
  EXPECT_GT(world().report().bodies.spilled_octets, 1'900'000U);
  EXPECT_GT(world().report().bodies.read_octets, 1'900'000U);
  EXPECT_EQ(world().row()["disposition"], "relayed");
}

TEST_F(NodeMemory, ASmallMessageNeverTouchesTheDisk) {
  start(kSmall);
  world().send({.octets = large_message(10'000)});
  stop();
  EXPECT_EQ(world().hop().messages().size(), 1U);
  EXPECT_EQ(world().report().bodies.spilled_messages, 0U);
}

TEST_F(NodeMemory, WhereFilesNeedANameTheyLoseItAtOnce) {
  start(kSmall, {.no_unnamed_files = true});
  const std::string octets = large_message(500'000);
  world().send({.octets = octets});
  EXPECT_EQ(world().sim().file_names("node").size(), 1U) << "the journal";
  stop();
  ASSERT_EQ(world().hop().messages().size(), 1U);
  EXPECT_TRUE(world().hop().messages()[0].octets.ends_with(body_of(octets)));
  EXPECT_EQ(world().report().bodies.spilled_messages, 1U);
}

TEST_F(NodeMemory, AFullDiskDefersTheMessageAndNotTheNextSmallOne) {
  start(kSmall, {.capacity = 300'000});
  const Dialogue large = world().send({.octets = large_message(1'000'000)});
  const Dialogue small = world().send({});
  stop();
  EXPECT_EQ(answer(large), "452 4.3.1 Insufficient system storage, try again later");
  EXPECT_THAT(answer(small), StartsWith("250 "));
  EXPECT_EQ(world().report().bodies.spill_failures, 1U);
  EXPECT_EQ(world().rows()[0]["disposition"], "deferred");
  EXPECT_EQ(world().rows()[0]["stage"], "data");
}

TEST_F(NodeMemory, AWriteThatFailsMidwayDefersTheMessage) {
  start(kSmall, {.write_error = 1});
  const Dialogue large = world().send({.octets = large_message(500'000)});
  disk({});
  stop();
  EXPECT_THAT(answer(large), StartsWith("452 4.3.1 "));
  EXPECT_TRUE(world().hop().messages().empty());
  EXPECT_EQ(world().report().bodies.spill_failures, 1U);
}

TEST_F(NodeMemory, WhatCannotBeReadBackIsDeferredAndTheHopKeepsNothing) {
  start(kSmall, {.read_error = 1});
  const Dialogue large = world().send({.octets = large_message(500'000)});
  const Dialogue small = world().send({});
  stop();
  EXPECT_THAT(answer(large), StartsWith("452 4.3.1 "));
  EXPECT_THAT(answer(small), StartsWith("250 "));
  EXPECT_EQ(world().hop().messages().size(), 1U) << "the small one";
  EXPECT_EQ(world().report().bodies.read_failures, 1U);
  EXPECT_EQ(world().rows()[0]["disposition"], "deferred");
}

TEST_F(NodeMemory, AReadThatFailsMidwayLeavesTheHopWithHalfAMessageAndNoEnd) {
  start(kSmall, {.read_error = 0.1});
  const Dialogue large = world().send({.octets = large_message(4'000'000)});
  disk({});
  const Dialogue again = world().send({.octets = large_message(4'000'000)});
  stop();
  EXPECT_THAT(answer(large), StartsWith("452 4.3.1 "));
  EXPECT_EQ(world().report().bodies.read_failures, 1U);
  EXPECT_GT(world().report().bodies.read_octets, 4'000'000U) << "some of the first";
  EXPECT_EQ(world().rows()[0]["disposition"], "deferred");
  EXPECT_EQ(world().rows()[0]["stage"], "end-of-data");
  EXPECT_THAT(answer(again), StartsWith("250 "));
  ASSERT_EQ(world().hop().messages().size(), 1U);
  EXPECT_GT(world().hop().messages()[0].octets.size(), 4'000'000U);
  EXPECT_EQ(world().hop().connections(), 2U) << "the first was closed, its DATA without an end";
}

TEST_F(NodeMemory, WhereNoSpillFileCanBeMadeTheMessageIsDeferred) {
  start(kSmall, {.open_error = 1});
  const Dialogue large = world().send({.octets = large_message(500'000)});
  const Dialogue small = world().send({});
  disk({});
  stop();
  EXPECT_EQ(answer(large), "452 4.3.1 Insufficient system storage, try again later");
  EXPECT_THAT(answer(small), StartsWith("250 "));
  EXPECT_EQ(world().report().bodies.spill_failures, 1U);
  EXPECT_EQ(world().report().bodies.spilled_messages, 0U);
  EXPECT_EQ(world().rows()[0]["disposition"], "deferred");
}

// A part of what was to be written is there then, and goes with its file.
TEST_F(NodeMemory, ADiskThatIsFullInTheMiddleOfAWriteHasItsRoomAgainAfterwards) {
  start(kSmall, {.capacity = 250'000});
  const Dialogue first = world().send({.octets = large_message(1'000'000)});
  const Dialogue fits = world().send({.octets = large_message(200'000)});
  stop();
  EXPECT_THAT(answer(first), StartsWith("452 4.3.1 "));
  EXPECT_THAT(answer(fits), StartsWith("250 "));
  EXPECT_EQ(world().report().bodies.spilled_messages, 2U);
  EXPECT_EQ(world().report().bodies.spill_failures, 1U);
  EXPECT_EQ(world().report().spill_octets_held, 0U);
}

TEST_F(NodeMemory, ASlowDiskOnlyTakesTime) {
  start(kSmall, {.latency_min = 1s, .latency_max = 3s});
  const std::string octets = large_message(1'000'000);
  const Dialogue dialogue = world().send({.octets = octets});
  disk({});
  stop();
  EXPECT_THAT(answer(dialogue), StartsWith("250 "));
  EXPECT_TRUE(world().hop().messages().at(0).octets.ends_with(body_of(octets)));
}

TEST_F(NodeMemory, WhateverTheDiskDoesEachMessageIsWholeOrDeferredAndHasItsRow) {
  start(kSmall);
  reactor::SimDiskFaults faults;
  faults.open_error = faults.write_error = faults.read_error = 0.08;
  const std::string octets = large_message(300'000);
  const std::string whole = body_of(octets);
  size_t taken = 0;
  size_t deferred = 0;
  for (int i = 0; i < 40; ++i) {
    disk(faults);
    const Dialogue dialogue = world().send({.octets = octets});
    const std::string said = answer(dialogue);
    ++(said.starts_with("250 ") ? taken : deferred);
    EXPECT_TRUE(said.starts_with("250 ") || said.starts_with("452 4.3.1 ")) << said;
  }
  disk({});
  stop();
  EXPECT_GT(taken, 3U);
  EXPECT_GT(deferred, 3U);
  EXPECT_EQ(world().hop().messages().size(), taken);
  for (const HopMessage& message : world().hop().messages()) EXPECT_TRUE(message.octets.ends_with(whole));
  const message::BodyCounters& bodies = world().report().bodies;
  EXPECT_EQ(bodies.spill_failures + bodies.read_failures, deferred);
  EXPECT_GT(bodies.spill_failures, 0U);
  EXPECT_GT(bodies.read_failures, 0U);
  EXPECT_EQ(world().report().balance.of(message::Disposition::Relayed), taken);
  EXPECT_EQ(world().report().balance.of(message::Disposition::Deferred), deferred);
}

TEST_F(NodeMemory, ShortMemoryWritesOutMessagesBelowTheirOwnLimit) {
  start("bodies = \"1 MiB\"\nshard_bodies = \"1 MiB\"\nmessage = \"1 MiB\"");
  world().leave_in_body(large_message(400'000), 4);
  const Dialogue dialogue = world().send({.octets = large_message(400'000)});
  stop();
  EXPECT_THAT(answer(dialogue), StartsWith("250 "));
  EXPECT_GT(world().report().bodies.spilled_messages, 0U);
  EXPECT_EQ(world().report().bodies.memory_refusals, 0U);
}

TEST_F(NodeMemory, AboveTheShardsBudgetAClientIsPausedAndThenDeferred) {
  start("shard_bodies = \"2 MiB\"\nmessage = \"1 MiB\"\nspill_size = 0");
  world().leave_in_body(large_message(200'000), 2);
  const MonoTime begin = world().sim().now();
  const Dialogue large = world().send({.octets = large_message(2'000'000)});
  EXPECT_GE(world().sim().now() - begin, limits::kMemoryWait);
  const Dialogue small = world().send({});
  stop();
  EXPECT_EQ(answer(large), "452 4.3.1 Too much mail at once, try again later");
  EXPECT_THAT(answer(small), StartsWith("250 "));
  EXPECT_EQ(world().report().bodies.memory_refusals, 1U);
}

TEST_F(NodeMemory, APausedClientGoesOnWhenMemoryComesFree) {
  start("shard_bodies = \"2 MiB\"\nmessage = \"1 MiB\"\nspill_size = 0");
  // They have 180 s for more octets; the one that waits comes when they have 20 left.
  world().leave_in_body(large_message(200'000), 4);
  world().pass(130s);
  const Dialogue large = world().send({.octets = large_message(1'300'000)});
  stop();
  EXPECT_THAT(answer(large), StartsWith("250 "));
  EXPECT_GE(world().report().bodies.memory_waits, 1U);
  EXPECT_EQ(world().report().bodies.memory_refusals, 0U);
}

TEST_F(NodeMemory, WhenTheNodesMemoryIsUsedUpNoMailBegins) {
  start("bodies = \"1 MiB\"\nshard_bodies = \"1 MiB\"\nmessage = \"1 MiB\"\nspill_size = 0");
  world().leave_in_body(large_message(700'000), 2);
  const Dialogue refused = world().talk({"EHLO client.example", "MAIL FROM:<user@sender.example>", "QUIT"});
  world().pass(300s);
  const Dialogue later = world().send({});
  stop();
  EXPECT_EQ(refused.replies[2], "452 4.3.1 Too much mail at once, try again later");
  EXPECT_THAT(answer(later), StartsWith("250 "));
  EXPECT_EQ(world().report().pipeline.mail_refused, 1U);
}

TEST_F(NodeMemory, ADrainDoesNotWaitForMemory) {
  start("shard_bodies = \"1 MiB\"\nmessage = \"1 MiB\"\nspill_size = 0");
  world().leave_in_body(large_message(700'000), 3);
  const MonoTime begin = world().sim().now();
  stop();
  EXPECT_LT(world().sim().now() - begin, limits::kDrainWait + 10s);
}

TEST_F(NodeMemory, ManySpilledMessagesAtOnceAndOthersThatBreakOffLeaveNothing) {
  start(kSmall);
  world().leave_in_body(large_message(300'000), 10);
  world().talk_and_reset([] {
    std::vector<std::string> lines = NodeWorld::lines_of({.octets = large_message(300'000)});
    lines.resize(lines.size() - 2);
    lines.push_back(large_message(300'000));
    return lines;
  }());
  stop();
  EXPECT_EQ(world().report().bodies.spilled_messages, 11U);
}

}  // namespace
}  // namespace sluice::testing
