// What clients, hops and resolvers do when they are unlucky or mean harm: nothing is misdirected, kept or
// lost.
#include "tests/node_sim/fixtures.h"
#include "tests/node_sim/node_world.h"

#include <gtest/gtest.h>

namespace sluice::testing {
namespace {

using std::chrono_literals::operator""s;
using std::chrono_literals::operator""h;

// Shows: W-4
TEST(NodeRobustness, ARecipientBehindARefusedOneGoesToItsOwnNextHop) {
  NodeWorld world(kBase, kZone);
  world.hop().answer("RCPT", "550 5.1.1 no such user");
  world.send({.recipients = {"a@managed.example", "b@other.example"}});
  world.stop();
  EXPECT_TRUE(world.hop().messages().empty());
  ASSERT_EQ(world.other_hop().messages().size(), 1U);
  EXPECT_EQ(world.other_hop().messages()[0].recipients, std::vector<std::string>{"<b@other.example>"});
  EXPECT_EQ(world.rows()[1]["next_hop"], "198.51.100.10:25");
}

// Shows: W-35
TEST(NodeRobustness, ANextHopsNameThatCouldNotBeLookedUpIsAskedAgain) {
  std::string policy(kBase);
  policy.replace(policy.find("@hop"), 4, "mail.hop.example:25");
  const std::string zone = std::string(kZone) + "mail.hop.example: [{A: @hopaddress}]\n";
  NodeWorld world(policy, zone);
  world.dns().set_silent(true);
  const Dialogue unlucky = world.send({});
  EXPECT_TRUE(unlucky.replies[5].starts_with("451 4.4.1 ")) << unlucky.replies[5];
  world.dns().set_silent(false);
  world.pass(1h);
  const Dialogue later = world.send({});
  EXPECT_TRUE(later.last().starts_with("221 ")) << later.last();
  EXPECT_EQ(world.hop().messages().size(), 1U);
  // The name's last good address serves while nobody answers.
  world.dns().set_silent(true);
  world.pass(1h);
  world.send({});
  world.stop();
  EXPECT_EQ(world.hop().messages().size(), 2U);
}

// Shows: W-13
TEST(NodeRobustness, AnAddressThatTheProxyDoesNotKnowIsNotEvaluated) {
  NodeWorld world(policy_with("reject"), kZone);
  world.talk({"EHLO proxy.example", "XCLIENT ADDR=[UNAVAILABLE]", "EHLO client.example",
              "MAIL FROM:<u@sender.example>", "RCPT TO:<rcpt@managed.example>", "DATA",
              "Subject: x\r\n\r\nx\r\n.", "QUIT"});
  world.stop();
  EXPECT_EQ(world.row()["disposition"], "relayed") << world.row().dump();
  EXPECT_EQ(world.row()["policies"][0]["id"], "spf.ignored");
  EXPECT_TRUE(world.dns().asked().empty());
}

// Shows: W-15, W-35
TEST(NodeRobustness, PostmasterIsReachedDuringAnOutageOfTheDns) {
  NodeWorld world(policy_with("reject"), kZone);
  world.dns().set_silent(true);
  for (int i = 0; i < 8; ++i)
    world.send({.ip = std::string(kForger), .sender = "u@d" + std::to_string(i) + ".test"});
  const Dialogue other = world.send({.ip = std::string(kForger)});
  EXPECT_TRUE(other.replies[5].starts_with("451 4.4.3 "));
  const Dialogue postmaster =
      world.send({.ip = std::string(kForger), .recipients = {"postmaster@managed.example"}});
  EXPECT_TRUE(postmaster.replies[5].starts_with("250 ")) << postmaster.replies[5];
  world.stop();
}

TEST(NodeRobustness, TransactionsThatComeToNothingLeaveNoQuestionBehind) {
  NodeWorld world(policy_with("reject", "", "[spf]\nprivate_peers = [\"10.0.0.0/8\"]"), kZone);
  world.dns().set_silent(true);
  std::vector<std::string> lines{"EHLO c.example"};
  for (int i = 0; i < 150; ++i) {
    lines.push_back("MAIL FROM:<u@d" + std::to_string(i) + ".test>");
    lines.push_back("RSET");
  }
  const MonoTime before = world.sim().now();
  world.talk(lines);
  world.stop();  // frames in use are zero: no evaluation outlived its transaction
  EXPECT_LT(world.sim().now() - before, 30s);
  EXPECT_EQ(world.report().balance.named, 0U);
}

// Shows: W-16
TEST(NodeRobustness, DrainEndsInAMinuteAlthoughTheHopIsSilent) {
  NodeWorld world(kBase, kZone);
  world.hop().answer(".", ScriptedHop::kSilent);
  const MonoTime before = world.sim().now();
  world.drain_behind(NodeWorld::lines_of({}), 6);
  EXPECT_LT(world.sim().now() - before, 70s);
  EXPECT_EQ(world.row()["disposition"], "unknown");
}

}  // namespace
}  // namespace sluice::testing
