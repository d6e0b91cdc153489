// Recipients that a client pipelines: what goes to the next hop in one flight, and that every reply, row and
// limit is the one that it would be one after the other.
#include "tests/node_sim/fixtures.h"
#include "tests/node_sim/node_world.h"

#include <algorithm>
#include <functional>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sluice::testing {
namespace {

using std::chrono_literals::operator""s;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;
using Strings = std::vector<std::string>;

enum class Way : uint8_t { OneByOne, Pipelined, OctetByOctet };

struct Client {
  std::string ip = "198.51.100.7";
  std::string sender = "user@sender.example";
  Strings commands;  // the arguments of RCPT, or any other command where there is a space
};

Strings lines_of(const Client& client, Way way) {
  Strings lines{"EHLO tester.example", "XCLIENT ADDR=" + client.ip, "EHLO client.example"};
  Strings envelope{"MAIL FROM:<" + client.sender + ">"};
  for (const std::string& command : client.commands) {
    envelope.push_back(command.contains(' ') ? command : "RCPT TO:<" + command + ">");
  }
  if (way == Way::OneByOne) {
    lines.insert(lines.end(), envelope.begin(), envelope.end());
  } else {
    std::string pipeline;
    for (const std::string& line : envelope) pipeline += (pipeline.empty() ? "" : "\r\n") + line;
    lines.push_back(std::move(pipeline));
  }
  lines.insert(lines.end(), {"DATA", "Subject: test\r\n\r\nhello\r\n.", "QUIT"});
  return lines;
}

// Nothing is split that was sent at once, or everything.
void set_network(NodeWorld& world, Way way) {
  reactor::SimFaults faults;
  faults.tiny_segment = 0;
  faults.segment_max = way == Way::OctetByOctet ? 1 : 1U << 30;
  world.sim().set_faults(faults);
}

constexpr size_t kMail = 4;  // which reply answers MAIL

Strings replies_from_mail(const Dialogue& dialogue) {
  return {dialogue.replies.begin() + static_cast<std::ptrdiff_t>(std::min(kMail, dialogue.replies.size())),
          dialogue.replies.end()};
}

Strings rcpt_flight(const ScriptedHop& hop) {
  Strings found;
  for (const std::string& flight : hop.flights()) {
    if (flight.contains("RCPT")) found.push_back(flight);
  }
  return found;
}

// Shows: W-2
TEST(NodeRecipients, FiveThatWerePipelinedGoToTheHopWithMailInOneFlight) {
  NodeWorld world(kBase, kZone);
  set_network(world, Way::Pipelined);
  Client client;
  for (const char c : {'a', 'b', 'c', 'd', 'e'})
    client.commands.push_back(c + std::string("@managed.example"));
  const Dialogue dialogue = world.talk(lines_of(client, Way::Pipelined));
  const std::string envelope =
      "MAIL FROM:<user@sender.example>\r\nRCPT TO:<a@managed.example>\r\nRCPT TO:<b@managed.example>\r\n"
      "RCPT TO:<c@managed.example>\r\nRCPT TO:<d@managed.example>\r\nRCPT TO:<e@managed.example>\r\n";
  EXPECT_THAT(world.hop().flights(), ElementsAre(StartsWith("EHLO "), envelope, "DATA\r\n"));
  world.talk(lines_of(client, Way::Pipelined));  // on the session that is there: two round trips to the dot
  EXPECT_THAT(world.hop().flights(),
              ElementsAre(StartsWith("EHLO "), envelope, "DATA\r\n", envelope, "DATA\r\n"));
  world.stop();
  EXPECT_EQ(std::ranges::count(dialogue.replies, "250 2.1.5 Recipient ok"), 5);
  ASSERT_EQ(world.hop().messages().size(), 2U);
  EXPECT_EQ(world.hop().messages()[0].recipients.size(), 5U);
  EXPECT_EQ(world.report().balance.of(message::Disposition::Relayed), 10U);
}

TEST(NodeRecipients, AHopWithoutPipeliningIsAskedOneByOne) {
  NodeWorld world(kBase, kZone);
  set_network(world, Way::Pipelined);
  world.hop().set_capabilities({"8BITMIME"});
  world.talk(lines_of({.commands = {"a@managed.example", "b@managed.example"}}, Way::Pipelined));
  EXPECT_THAT(world.hop().flights(),
              ElementsAre(StartsWith("EHLO "), "MAIL FROM:<user@sender.example>\r\n",
                          "RCPT TO:<a@managed.example>\r\n", "RCPT TO:<b@managed.example>\r\n", "DATA\r\n"));
  world.stop();
  EXPECT_EQ(world.hop().messages()[0].recipients.size(), 2U);
}

// --- whatever way they come ---

struct Case {
  std::string name;
  Client client;
  Strings expected;  // how the replies to the commands begin
  size_t asked;      // of the hop
  Strings hop_says{};
  std::string policy = std::string(kBase);
  Strings hop_offers{"PIPELINING", "8BITMIME", "SIZE 1000000"};
};

std::string with_limit(std::string_view more) { return std::string(kBase) + std::string(more); }

// A hundred may be accepted, and three more come.
Case crowd(std::string name, Strings hop_says) {
  Case crowd{.name = std::move(name), .client = {}, .expected = {"250 2.1.0"}, .asked = 0};
  const std::string_view before = "direction = \"inbound\"\n";
  crowd.policy.insert(crowd.policy.find(before), "max_recipients = 100\n");
  crowd.hop_says = std::move(hop_says);
  for (size_t i = 0, accepted = 0; i < 103; ++i) {
    crowd.client.commands.push_back(fmt::format("{}@managed.example", i));
    const bool asked = accepted < 100;
    const bool refused = asked && i < crowd.hop_says.size() && crowd.hop_says[i].starts_with('5');
    crowd.expected.push_back(refused ? "550 5.1.1" : asked ? "250 2.1.5" : "452 4.5.3");
    crowd.asked += asked ? 1 : 0;
    accepted += asked && !refused ? 1 : 0;
  }
  crowd.expected.insert(crowd.expected.end(), {"354", "250"});
  return crowd;
}

std::vector<Case> cases() {
  const Strings seven{"1@managed.example", "2@managed.example", "3@managed.example", "4@managed.example",
                      "5@managed.example", "6@managed.example", "7@managed.example"};
  const Strings no(6, "550 5.1.1 no");
  std::vector<Case> all;
  all.push_back({"a refusal in the middle",
                 {.commands = {seven[0], seven[1], seven[2]}},
                 {"250 2.1.0", "250 2.1.5", "550 5.1.1 no", "250 2.1.5", "354", "250"},
                 3,
                 {"250 2.1.5 ok", "550 5.1.1 no", "250 2.1.5 ok"}});
  all.push_back({"a word about us in the middle",
                 {.commands = {seven[0], seven[1]}},
                 {"250 2.1.0", "250 2.1.5", "451 4.3.0", "354", "250"},
                 3,
                 {"250 2.1.5 ok", "503 5.5.1 order"}});
  all.push_back({"more refusals than a session may have",
                 {.commands = seven},
                 {"250 2.1.0", "550 5.1.1", "550 5.1.1", "550 5.1.1", "550 5.1.1", "550 5.1.1", "550 5.1.1",
                  "250 2.1.5", "354", "250"},
                 7,
                 no});
  all.push_back({"routes and rules of others",
                 {.commands = {"a@managed.example", "b@other.example", "c@managed.example",
                               "d@nobody.example", "e@other.example"}},
                 {"250 2.1.0", "250 2.1.5", "452 4.5.3", "250 2.1.5", "550 5.7.1", "452 4.5.3", "354", "250"},
                 2});
  all.push_back(
      {"a route that is open until somebody is accepted",
       {.commands = {"a@managed.example", "b@managed.example", "c@other.example", "d@managed.example"}},
       {"250 2.1.0", "550 5.1.1", "550 5.1.1", "250 2.1.5", "452 4.5.3", "354", "250"},
       2,
       no});
  all.push_back(
      {"SPF at RCPT, and who is exempt",
       {.ip = std::string(kForger),
        .commands = {seven[0], seven[1], "postmaster@managed.example", seven[2], "abuse@managed.example"}},
       {"250 2.1.0", "550 5.7", "550 5.7", "250 2.1.5", "452 4.5.3", "250 2.1.5", "354", "250"},
       2,
       {},
       policy_with("reject")});
  all.push_back({"a line that is no recipient",
                 {.commands = {"a@managed.example", "RCPT TO:broken", "NOOP now", "b@managed.example",
                               "RCPT TO:<c@managed.example> NOTIFY=NEVER", "d@managed.example"}},
                 {"250 2.1.0", "250 2.1.5", "501 5.1.3", "250 2.0.0", "250 2.1.5", "555 5.5.4", "250 2.1.5",
                  "354", "250"},
                 3});
  all.push_back(crowd("more than a message may have", {}));
  all.push_back(crowd("a refused one makes room", {"250 2.1.5 ok", "550 5.1.1 no"}));
  all.push_back({"more refusals than a client may have",
                 {.commands = seven},
                 {"250 2.1.0", "550 5.1.1", "550 5.1.1", "550 5.1.1", "421 4.7.0 Too many refused"},
                 3,
                 no,
                 with_limit("[clients]\nmax_refused_recipients = 3\nmax_delay_seconds = 0\n")});
  all.push_back({"more errors than a client may have",
                 {.commands = {"RCPT TO:x", seven[0], "RCPT TO:y", seven[1], "RCPT TO:z", seven[2]}},
                 {"250 2.1.0", "501 5.1.3", "250 2.1.5", "501 5.1.3", "250 2.1.5", "501 5.1.3", "421 4.7.0"},
                 2,
                 {},
                 with_limit("[clients]\nmax_errors = 3\nmax_delay_seconds = 0\n")});
  all.push_back({"a hop without pipelining",
                 {.commands = {seven[0], seven[1], seven[2]}},
                 {"250 2.1.0", "550 5.1.1", "250 2.1.5", "250 2.1.5", "354", "250"},
                 3,
                 {"550 5.1.1 no"},
                 std::string(kBase),
                 {"8BITMIME"}});
  all.push_back({"an address that the hop cannot take",
                 {.commands = {"a@managed.example", "RSET now", "MAIL FROM:<u@sender.example> SMTPUTF8",
                               "b@managed.example", "\xC3\xBC@managed.example", "c@managed.example"}},
                 {"250 2.1.0", "250 2.1.5", "250 2.0.0", "250 2.1.0", "250 2.1.5", "550 5.6.7", "250 2.1.5",
                  "354", "250"},
                 3});
  return all;
}

// What is said of each recipient.
Strings words_of(const std::vector<nlohmann::json>& rows) {
  Strings words;
  for (const nlohmann::json& row : rows) {
    words.push_back(fmt::format("{} {} {} {} {}", row.value("recipient", ""), row.value("disposition", ""),
                                row.value("stage", ""), row.value("reply", ""), row.value("hop_reply", "")));
  }
  return words;
}

// Shows: W-3, W-4, W-6, W-8
TEST(NodeRecipients, RepliesRowsAndLimitsAreThoseOfOneAfterTheOther) {
  for (const Case& line : cases()) {
    Strings rows;
    for (const Way way : {Way::OneByOne, Way::Pipelined, Way::OctetByOctet}) {
      SCOPED_TRACE(fmt::format("{}, way {}", line.name, static_cast<int>(way)));
      NodeWorld world(line.policy, kZone);
      set_network(world, way);
      world.hop().set_capabilities(line.hop_offers);
      for (const std::string& reply : line.hop_says) world.hop().answer("RCPT", reply);
      const Dialogue dialogue = world.talk(lines_of(line.client, way));
      Strings replies = replies_from_mail(dialogue);
      if (!replies.empty() && replies.back().starts_with("221 ")) replies.pop_back();
      ASSERT_EQ(replies.size(), line.expected.size()) << ::testing::PrintToString(replies);
      for (size_t i = 0; i < replies.size(); ++i) EXPECT_THAT(replies[i], StartsWith(line.expected[i])) << i;
      world.stop();
      EXPECT_EQ(world.hop().count("RCPT"), line.asked);
      if (way == Way::OneByOne) rows = words_of(world.rows());
      EXPECT_EQ(words_of(world.rows()), rows);
    }
  }
}

// --- hops that go in the middle ---

const Strings kThree{"a@managed.example", "b@managed.example", "c@managed.example"};

// Shows: W-3
TEST(NodeRecipients, A421OrCloseInTheMiddleIsRetriedForThoseThatHaveNoAnswer) {
  for (const std::string_view end : {std::string_view("421 4.3.2 going down"), ScriptedHop::kClose}) {
    SCOPED_TRACE(end);
    NodeWorld world(kBase, kZone);
    set_network(world, Way::Pipelined);
    world.hop().answer("RCPT", "550 5.1.1 no");
    world.hop().answer("RCPT", "250 2.1.5 ok");
    world.hop().answer("RCPT", end);
    const Dialogue dialogue = world.talk(lines_of({.commands = kThree}, Way::Pipelined));
    EXPECT_THAT(
        replies_from_mail(dialogue),
        ElementsAre(StartsWith("250 2.1.0"), "550 5.1.1 no", StartsWith("250 2.1.5"), StartsWith("250 2.1.5"),
                    StartsWith("354"), StartsWith("250 "), StartsWith("221")));
    world.stop();
    EXPECT_EQ(world.hop().connections(), 2U);
    EXPECT_THAT(rcpt_flight(world.hop()),
                ElementsAre(HasSubstr("<a@managed.example>"),
                            "MAIL FROM:<user@sender.example>\r\nRCPT TO:<b@managed.example>\r\n"
                            "RCPT TO:<c@managed.example>\r\n"));
    EXPECT_THAT(world.hop().messages()[0].recipients,
                ElementsAre("<b@managed.example>", "<c@managed.example>"));
  }
}

// Shows: W-3, W-6
TEST(NodeRecipients, ASecondLossDefersOnlyThoseThatHaveNoAnswer) {
  for (const std::string_view end : {ScriptedHop::kClose, ScriptedHop::kSilent}) {
    SCOPED_TRACE(end);
    NodeWorld world(kBase, kZone);
    set_network(world, Way::Pipelined);
    world.hop().answer("RCPT", "250 2.1.5 ok");
    world.hop().answer("RCPT", "550 5.1.1 no");
    world.hop().answer("RCPT", end);
    if (end == ScriptedHop::kClose) {  // again, behind the one that was accepted
      world.hop().answer("RCPT", "250 2.1.5 ok");
      world.hop().answer("RCPT", end);
    }
    const Dialogue dialogue = world.talk(lines_of({.commands = kThree}, Way::Pipelined));
    EXPECT_THAT(
        replies_from_mail(dialogue),
        ElementsAre(StartsWith("250 2.1.0"), StartsWith("250 2.1.5"), "550 5.1.1 no", StartsWith("451 4.4.1"),
                    StartsWith("354"), StartsWith("250 "), StartsWith("221")));
    world.stop();
    EXPECT_THAT(world.hop().messages()[0].recipients, ElementsAre("<a@managed.example>"));
    ASSERT_EQ(world.rows().size(), 3U);
    EXPECT_EQ(world.rows()[0]["hop_reply"], "550 5.1.1 no");
    EXPECT_EQ(world.rows()[1]["disposition"], "deferred");
    EXPECT_TRUE(world.rows()[1].contains("next_hop_fault"));
    EXPECT_EQ(world.rows()[2]["disposition"], "relayed");
  }
}

TEST(NodeRecipients, ARefusedSenderIsTheAnswerOfEachOfThem) {
  NodeWorld world(kBase, kZone);
  set_network(world, Way::Pipelined);
  world.hop().answer("MAIL", "550 5.1.8 unknown sender");
  for (int i = 0; i < 3; ++i) world.hop().answer("RCPT", "503 5.5.1 MAIL first");
  const Dialogue dialogue = world.talk(lines_of({.commands = kThree}, Way::Pipelined));
  EXPECT_EQ(std::ranges::count(dialogue.replies, "550 5.1.8 unknown sender"), 3);
  world.stop();
  EXPECT_EQ(world.report().balance.of(message::Disposition::Refused), 3U);
  EXPECT_EQ(world.hop().connections(), 1U);
}

// Shows: W-3
TEST(NodeRecipients, NoSessionHearsMoreThanFiveRefusals) {
  NodeWorld world(kBase, kZone);
  set_network(world, Way::Pipelined);
  Client client;
  for (int i = 0; i < 23; ++i) client.commands.push_back(fmt::format("{}@managed.example", i));
  for (int i = 0; i < 22; ++i) world.hop().answer("RCPT", "550 5.1.1 no");
  const Dialogue dialogue = world.talk(lines_of(client, Way::Pipelined));
  EXPECT_THAT(dialogue.replies[kMail + 23], StartsWith("250 2.1.5"));
  world.stop();
  EXPECT_EQ(world.hop().connections(), 5U);
  for (const std::string& flight : rcpt_flight(world.hop())) {
    EXPECT_EQ(std::ranges::count(flight, ':'), flight.contains("22@") ? 4 : 6) << flight;
  }
}

// As slow as each may be by itself.
TEST(NodeRecipients, EachHasItsOwnTime) {
  NodeWorld world(kBase, kZone);
  set_network(world, Way::Pipelined);
  world.hop().set_pause("RCPT", 200s);
  const Dialogue dialogue = world.talk(lines_of({.commands = kThree}, Way::Pipelined));
  EXPECT_EQ(std::ranges::count(dialogue.replies, "250 2.1.5 Recipient ok"), 3);
  world.stop();
}

// Shows: W-16
TEST(NodeRecipients, BehindTheDrainsDeadlineNoHopIsAskedAnyMore) {
  const std::string several = "RCPT TO:<a@managed.example>\r\nRCPT TO:<b@managed.example>";
  for (const std::string& recipients : {several.substr(0, several.find('\r')), several}) {
    SCOPED_TRACE(recipients);
    NodeWorld world(policy_with("reject"), kZone);
    world.hop().answer("MAIL", ScriptedHop::kSilent);
    const MonoTime before = world.sim().now();
    // SPF is waited for when the time is over.
    world.drain_in_the_middle({"EHLO tester.example", "XCLIENT ADDR=203.0.113.9", "EHLO client.example",
                               "MAIL FROM:<user@slow.example>", recipients},
                              4, 59s);
    EXPECT_LT(world.sim().now() - before, 70s);
    EXPECT_EQ(world.hop().count("MAIL"), 0U);
    EXPECT_EQ(world.rows().size(), recipients == several ? 2U : 1U);
  }
}

}  // namespace
}  // namespace sluice::testing
