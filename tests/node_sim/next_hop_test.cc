// Which next hop a message goes to, and what happens when it does not work: priority, weight, health, names,
// and the hop that would be ourselves.
#include "tests/node_sim/fixtures.h"
#include "tests/node_sim/node_world.h"

#include <gtest/gtest.h>

namespace sluice::testing {
namespace {

using std::chrono_literals::operator""s;
using std::chrono_literals::operator""h;

// The base policy, with these hops for managed.example instead of its own.
std::string with_hops(std::string_view hops, std::string_view sections = "") {
  std::string policy(kBase);
  const std::string_view usual = "next_hops = [\"@hop\"]";
  policy.replace(policy.find(usual), usual.size(), "next_hops = " + std::string(hops));
  return policy + std::string(sections);
}

constexpr std::string_view kPrimaryAndStandby =
    "[{ host = \"@hopaddress\", priority = 10 }, { host = \"198.51.100.10\", priority = 20 }]";

TEST(NodeNextHop, GoesToTheStandbyWhenTheGreetingOrEhloFails) {
  for (const std::string state : {"greeting", "EHLO"}) {
    NodeWorld world(with_hops(kPrimaryAndStandby), kZone);
    world.hop().answer(state, "451 4.3.0 not now");
    const Dialogue dialogue = world.send({});
    EXPECT_TRUE(dialogue.replies[7].starts_with("250 ")) << dialogue.replies[7];
    world.stop();
    EXPECT_TRUE(world.hop().messages().empty());
    EXPECT_EQ(world.other_hop().messages().size(), 1U);
  }
}

TEST(NodeNextHop, GoesToTheStandbyWhenNobodyListens) {
  NodeWorld world(
      with_hops("[{ host = \"@hopaddress\", port = 99 }, { host = \"198.51.100.10\", priority = 1 }]"),
      kZone);
  const Dialogue dialogue = world.send({});
  EXPECT_TRUE(dialogue.replies[7].starts_with("250 "));
  world.stop();
  EXPECT_EQ(world.other_hop().messages().size(), 1U);
}

TEST(NodeNextHop, ComesBackToTheFirstOneBehindAProbe) {
  NodeWorld world(with_hops(kPrimaryAndStandby), kZone);
  world.hop().answer("greeting", "451 4.3.0 not now");
  world.send({});
  world.send({});  // left alone: the standby again
  EXPECT_EQ(world.hop().connections(), 1U);
  world.pass(20s);
  world.send({});  // the probe is under way beside this one
  world.pass(1s);
  EXPECT_EQ(world.hop().connections(), 2U);
  EXPECT_EQ(world.other_hop().messages().size(), 3U);
  world.send({});
  EXPECT_EQ(world.hop().messages().size(), 1U);
  world.stop();
}

TEST(NodeNextHop, WhenNoneWorksTheBestIsTriedAllTheSame) {
  NodeWorld world(with_hops(kPrimaryAndStandby), kZone);
  world.hop().answer("greeting", "554 5.3.2 no");
  world.other_hop().answer("greeting", "554 5.3.2 no");
  const Dialogue none = world.send({});
  EXPECT_TRUE(none.replies[5].starts_with("451 4.3.0 ")) << none.replies[5];
  const Dialogue again = world.send({});
  EXPECT_TRUE(again.replies[7].starts_with("250 ")) << again.last();
  world.stop();
}

TEST(NodeNextHop, EqualsShareTheMailByWeight) {
  NodeWorld world(
      with_hops("[{ host = \"@hopaddress\", weight = 3 }, { host = \"198.51.100.10\", weight = 1 }]"), kZone);
  for (int i = 0; i < 200; ++i) world.send({});
  world.stop();
  EXPECT_EQ(world.hop().messages().size() + world.other_hop().messages().size(), 200U);
  EXPECT_NEAR(static_cast<double>(world.hop().messages().size()), 150, 25);
}

constexpr std::string_view kNames = R"(
mail.hop.example:
  - A: @hopaddress
two.hop.example:
  - A: 203.0.113.77
  - A: @hopaddress
loop.hop.example:
  - A: @nodeaddress
sender.example:
  - SPF: "v=spf1 -all"
)";

TEST(NodeNextHop, AnAddressThatLeadsNowhereCostsNoMail) {
  NodeWorld world(with_hops("[\"two.hop.example:25\"]"), kNames);
  for (int i = 0; i < 10; ++i) {
    const Dialogue dialogue = world.send({});
    EXPECT_TRUE(dialogue.replies[7].starts_with("250 ")) << dialogue.last();
  }
  world.stop();
  EXPECT_EQ(world.hop().messages().size(), 10U);
}

// Shows: W-35
TEST(NodeNextHop, TheAddressThatWasGoodLastIsKeptWhileTheDnsIsSilent) {
  NodeWorld world(with_hops("[\"mail.hop.example:25\"]"), kNames);
  world.send({});
  EXPECT_EQ(world.dns().count("mail.hop.example A"), 1U);
  world.send({});
  EXPECT_EQ(world.dns().count("mail.hop.example A"), 1U);
  world.pass(30 * 1h);  // every time to live is over
  world.dns().set_silent(true);
  const Dialogue dialogue = world.send({});
  EXPECT_TRUE(dialogue.replies[7].starts_with("250 ")) << dialogue.last();
  world.stop();
  EXPECT_GE(world.dns().count("mail.hop.example A"), 2U);  // it was asked anew
  EXPECT_EQ(world.hop().messages().size(), 3U);
}

// Shows: W-35
TEST(NodeNextHop, AnAddressThatTheDnsHasTakenBackIsNotUsedAnyMore) {
  NodeWorld world(with_hops("[\"mail.hop.example:25\"]"), kNames);
  world.send({});
  world.pass(30 * 1h);
  world.dns().forget_all();
  const Dialogue gone = world.send({});
  EXPECT_TRUE(gone.replies[5].starts_with("451 4.4.1 ")) << gone.replies[5];
  world.pass(60s);
  world.dns().set_silent(true);  // nor is it what was good last
  const Dialogue silent = world.send({});
  EXPECT_TRUE(silent.replies[5].starts_with("451 4.4.1 ")) << silent.replies[5];
  world.stop();
  EXPECT_EQ(world.hop().messages().size(), 1U);
  EXPECT_EQ(world.rows()[1]["next_hop_fault"], "no address for mail.hop.example:25");
}

TEST(NodeNextHop, TheNamesOfAListAreAskedForSideBySide) {
  std::vector<MonoClock::duration> waits;
  for (const std::string hops : {"[\"mail.hop.example\"]", "[\"mail.hop.example\", \"two.hop.example\"]"}) {
    NodeWorld world(with_hops(hops), kNames);
    world.dns().set_silent(true);
    const MonoTime asked = world.sim().now();
    world.send({});
    waits.push_back(world.sim().now() - asked);
    world.stop();
  }
  EXPECT_GT(waits[0], 1s);
  EXPECT_LT(waits[1], waits[0] + waits[0] / 2);
}

// Shows: W-11
TEST(NodeNextHop, ANameThatLeadsBackToThisNodeIsNotConnectedTo) {
  NodeWorld world(with_hops("[\"loop.hop.example:25\"]"), kNames);
  const Dialogue dialogue = world.send({});
  EXPECT_TRUE(dialogue.replies[5].starts_with("451 4.4.1 ")) << dialogue.replies[5];
  world.pass(11s);
  EXPECT_NE(world.log_text().find("hop.leads_to_us"), std::string::npos);
  world.stop();
  EXPECT_EQ(world.row()["next_hop_fault"], "loop.hop.example:25 leads back to this node");
}

// Shows: W-13
TEST(NodeNextHop, IsToldOfTheClientWhereItShallKnowIt) {
  NodeWorld world(with_hops("[{ host = \"@hopaddress\", send_xclient = true }]"), kZone);
  world.hop().set_capabilities({"PIPELINING", "XCLIENT NAME ADDR PORT PROTO HELO"});
  world.other_hop().set_capabilities({"PIPELINING", "XCLIENT NAME ADDR PORT PROTO HELO"});
  world.send({.ip = "198.51.100.7", .helo = "client.example"});
  world.send({.recipients = {"b@other.example"}});  // its hop is not asked for
  world.stop();
  ASSERT_EQ(world.hop().messages().size(), 1U);
  const std::vector<std::string>& said = world.hop().commands();
  EXPECT_EQ(
      said[1],
      "XCLIENT NAME=[TEMPUNAVAIL] ADDR=198.51.100.7 PORT=[UNAVAILABLE] PROTO=ESMTP HELO=client.example");
  EXPECT_EQ(said[2].substr(0, 4), "EHLO");  // a new session
  EXPECT_EQ(world.other_hop().count("XCLIENT"), 0U);
}

// XCLIENT's attributes stay until they are told anew.
TEST(NodeNextHop, NothingOfOneClientIsSaidOfTheNextOnTheSameSession) {
  NodeWorld world(with_hops("[{ host = \"@hopaddress\", send_xclient = true }]"), kZone);
  world.hop().set_capabilities({"PIPELINING", "XCLIENT NAME ADDR PORT PROTO HELO LOGIN"});
  std::vector<std::string> first = NodeWorld::lines_of({.ip = "198.51.100.7"});
  first[1] += " PORT=4711 LOGIN=someone NAME=c.example";
  world.talk(first);
  world.talk(NodeWorld::lines_of({.ip = "198.51.100.8"}));
  world.stop();
  ASSERT_EQ(world.hop().messages().size(), 2U);
  EXPECT_EQ(world.hop().connections(), 1U);
  std::vector<std::string> told;
  for (const std::string& line : world.hop().commands()) {
    if (line.starts_with("XCLIENT")) told.push_back(line);
  }
  ASSERT_EQ(told.size(), 2U);
  EXPECT_EQ(
      told[0],
      "XCLIENT NAME=c.example ADDR=198.51.100.7 PORT=4711 PROTO=ESMTP HELO=client.example LOGIN=someone");
  EXPECT_EQ(told[1],
            "XCLIENT NAME=[TEMPUNAVAIL] ADDR=198.51.100.8 PORT=[UNAVAILABLE] PROTO=ESMTP "
            "HELO=client.example LOGIN=[UNAVAILABLE]");
}

// Shows: W-7
TEST(NodeNextHop, TheFinalDotIsAnsweredWithinFiveMinutesWhateverIsSlow) {
  NodeWorld world(policy_with("observe"), kZone);
  world.hop().answer(".", ScriptedHop::kSilent);
  const MonoTime begun = world.sim().now();
  const Dialogue dialogue = world.send({.sender = "a@slow.example"});
  EXPECT_TRUE(dialogue.replies[7].starts_with("451 4.4.2 ")) << dialogue.last();
  EXPECT_GE(world.sim().now() - begun, limits::kHopEndOfDataWait);
  EXPECT_LE(world.sim().now() - begun, limits::kAnswerWait);
  world.stop();
  EXPECT_EQ(world.row()["disposition"], "unknown");
}

// Shows: W-7
TEST(NodeNextHop, AnUnknownOutcomeNamesTheQueueIdThatTheHopGave) {
  {
    NodeWorld world(kBase, kZone);
    world.hop().answer(".", "250-2.0.0 Ok: queued as 4F1C2");  // and no end of it
    world.send({});
    world.stop();
    const std::string fault = world.row()["next_hop_fault"];
    EXPECT_NE(fault.find("queued as 4F1C2"), std::string::npos) << fault;
  }
  NodeWorld world(kBase, kZone);
  world.hop().answer("DATA", "354 go on, id=77AB");
  world.hop().answer(".", ScriptedHop::kClose);
  world.send({});
  world.stop();
  const std::string fault = world.row()["next_hop_fault"];
  EXPECT_NE(fault.find("id=77AB"), std::string::npos) << fault;
}

// Its name is asked for again when it comes back.
TEST(NodeNextHop, AHopThatAReloadTakesAwayDuringItsLookUpComesBackWhole) {
  const std::string with_name = with_hops("[\"mail.hop.example:25\"]");
  NodeWorld world(with_name, kNames);
  world.dns().set_silent(true);
  const Dialogue dialogue = world.talk_and_behind(NodeWorld::lines_of({}), 4, [&world] {
    world.reload(kBase);
    world.dns().set_silent(false);
  });
  EXPECT_TRUE(dialogue.replies[5].starts_with("250 ")) << dialogue.replies[5];
  world.reload(with_name);
  world.pass(1s);
  for (int i = 0; i < 3; ++i) {
    world.send({});
    world.pass(1h);
  }
  const size_t asked = world.dns().count("mail.hop.example A");
  world.send({});
  world.stop();
  EXPECT_EQ(world.dns().count("mail.hop.example A"), asked + 1);
  EXPECT_EQ(world.hop().messages().size(), 5U);
}

// A reload that takes a next hop away: its idle connection is closed, and mail goes to the new one.
TEST(NodeNextHop, AHopThatAReloadTookAwayIsLeft) {
  NodeWorld world(kBase, kZone);
  world.send({});
  EXPECT_EQ(world.hop().count("QUIT"), 0U);
  std::string policy(kBase);
  for (size_t at = policy.find("@hop\""); at != policy.npos; at = policy.find("@hop\"")) {
    policy.replace(at, 4, "@other");
  }
  world.reload(policy);
  world.pass(1s);
  EXPECT_EQ(world.hop().count("QUIT"), 1U);
  world.send({});
  world.stop();
  EXPECT_EQ(world.hop().messages().size(), 1U);
  EXPECT_EQ(world.other_hop().messages().size(), 1U);
  EXPECT_EQ(world.report().hops.delivered, 2U);
}

}  // namespace
}  // namespace sluice::testing
