// Routes, next hops and rows: what happens to mail that no rule touches, and to recipients that nobody takes.
#include "tests/node_sim/fixtures.h"
#include "tests/node_sim/node_world.h"

#include <gtest/gtest.h>

namespace sluice::testing {
namespace {

using std::chrono_literals::operator""s;

// Shows: RUL-02, W-1
TEST(NodeRelay, PassesMailOnUntouchedWhenNoRuleIsEnabled) {
  NodeWorld world(kBase, kZone);
  const Dialogue dialogue = world.send({.ip = std::string(kForger)});
  world.stop();
  ASSERT_EQ(world.hop().messages().size(), 1U);
  const HopMessage& message = world.hop().messages().front();
  EXPECT_EQ(message.sender, "<user@sender.example>");
  EXPECT_EQ(message.recipients, std::vector<std::string>{"<rcpt@managed.example>"});
  // Received in front, then the message byte for byte; no result header, no question.
  EXPECT_TRUE(message.octets.starts_with("Received: from "));
  EXPECT_TRUE(message.octets.ends_with("From: user@sender.example\r\nSubject: test\r\n\r\nhello\r\n"));
  EXPECT_EQ(message.octets.find("X-TM-Received-SPF"), std::string::npos);
  EXPECT_TRUE(world.dns().asked().empty());
  EXPECT_EQ(world.row()["disposition"], "relayed");
  EXPECT_EQ(world.row()["next_hop"], "10.0.0.2:25") << world.row().dump();
  EXPECT_EQ(world.row()["hop_reply"], "250 2.0.0 taken");
}

// Shows: W-12, P-37
TEST(NodeRelay, RefusesUnmanagedDomainsWithARowForEach) {
  NodeWorld world(kBase, kZone);
  const Dialogue dialogue =
      world.send({.recipients = {"a@elsewhere.example", "b@elsewhere.example", "rcpt@managed.example"}});
  world.stop();
  EXPECT_EQ(dialogue.replies[5], "550 5.7.1 Relaying denied");
  EXPECT_EQ(dialogue.replies[6], "550 5.7.1 Relaying denied");
  const auto rows = world.rows();
  ASSERT_EQ(rows.size(), 3U);
  EXPECT_EQ(rows[0]["recipient"], "a@elsewhere.example");
  EXPECT_EQ(rows[0]["disposition"], "refused");
  EXPECT_EQ(rows[0]["stage"], "rcpt");
  EXPECT_EQ(rows[0]["reply"], "550 5.7.1 Relaying denied");
  EXPECT_EQ(rows[1]["recipient"], "b@elsewhere.example");
  EXPECT_EQ(rows[2]["disposition"], "relayed");
  EXPECT_EQ(world.report().balance.named, 3U);
}

// Shows: W-12
TEST(NodeRelay, SendsATrustedClientsMailToTheOutboundHop) {
  const std::string policy = "trusted_networks = [\"198.51.100.0/24\"]\n" + std::string(kBase) +
                             "\n[outbound]\nnext_hop = \"@other\"\n";
  NodeWorld world(policy, kZone);
  world.send({.recipients = {"someone@far.example"}});
  world.send({.ip = std::string(kForger), .recipients = {"someone@far.example"}});
  world.stop();
  EXPECT_EQ(world.other_hop().messages().size(), 1U);
  EXPECT_EQ(world.rows()[1]["reply"], "550 5.7.1 Relaying denied");
}

// Shows: W-4
TEST(NodeRelay, TakesOneNextHopInATransactionAndDefersTheOthers) {
  NodeWorld world(kBase, kZone);
  const Dialogue dialogue = world.send({.recipients = {"a@managed.example", "b@other.example"}});
  world.stop();
  EXPECT_TRUE(dialogue.replies[6].starts_with("452 4.5.3 ")) << dialogue.replies[6];
  EXPECT_EQ(world.rows()[0]["disposition"], "deferred");
  EXPECT_EQ(world.rows()[0]["recipient"], "b@other.example");
  EXPECT_EQ(world.hop().messages().front().recipients.size(), 1U);
  EXPECT_TRUE(world.other_hop().messages().empty());
}

// Shows: W-4
TEST(NodeRelay, TakesOneRuleInATransaction) {
  NodeWorld world(policy_with("observe"), kZone);  // second.example falls to the default rule
  const Dialogue dialogue = world.send({.recipients = {"a@managed.example", "b@second.example"}});
  world.stop();
  EXPECT_TRUE(dialogue.replies[6].starts_with("452 4.5.3 "));
}

// Shows: W-6
TEST(NodeRelay, PassesOnTheNextHopsWordOnRecipientsOnly) {
  NodeWorld world(kBase, kZone);
  world.hop().answer("RCPT", "550 5.1.1 no such user here");
  const Dialogue refused = world.send({});
  world.hop().answer("MAIL", "530 5.7.0 authenticate first");
  const Dialogue fault = world.send({});
  world.stop();
  EXPECT_EQ(refused.replies[5], "550 5.1.1 no such user here");
  EXPECT_TRUE(fault.replies[5].starts_with("451 4.3.0 ")) << fault.replies[5];
  const auto rows = world.rows();
  EXPECT_EQ(rows[0]["disposition"], "refused");
  EXPECT_EQ(rows[0]["hop_reply"], "550 5.1.1 no such user here");
  EXPECT_EQ(rows[1]["disposition"], "deferred");
  EXPECT_TRUE(rows[1].contains("next_hop_fault")) << rows[1].dump();
}

// Shows: W-6
TEST(NodeRelay, RaisesAnAlarmWhenAHopRefusesEverybodyForAMinute) {
  NodeWorld world(kBase, kZone);
  for (int i = 0; i < 8; ++i) {
    world.hop().answer("RCPT", "550 5.1.1 nobody lives here");
    world.send({});
    if (i < 5) {
      EXPECT_EQ(world.log_text().find("hop.refuses_everyone"), std::string::npos);
    }
    world.pass(10s);
  }
  EXPECT_NE(world.log_text().find("hop.refuses_everyone"), std::string::npos);
  world.send({});
  world.pass(11s);
  EXPECT_NE(world.log_text().find("hop.accepts_again"), std::string::npos);
  world.stop();
}

// Shows: W-6
TEST(NodeRelay, PassesOnARefusalAtEndOfData) {
  NodeWorld world(kBase, kZone);
  world.hop().answer(".", "554 5.6.0 not this one");
  const Dialogue dialogue = world.send({});
  world.stop();
  EXPECT_EQ(dialogue.replies[7], "554 5.6.0 not this one");
  EXPECT_EQ(world.row()["disposition"], "refused");
  EXPECT_EQ(world.row()["stage"], "end-of-data");
}

// Shows: W-1
TEST(NodeRelay, SendsDataOnlyWhenTheBodyIsComplete) {
  NodeWorld world(kBase, kZone);
  world.talk({"EHLO client.example", "MAIL FROM:<user@sender.example>", "RCPT TO:<rcpt@managed.example>",
              "DATA", std::string(NodeWorld::kLeave)});
  world.stop();
  EXPECT_EQ(world.hop().count("RCPT"), 1U);
  EXPECT_EQ(world.hop().count("DATA"), 0U);
  EXPECT_EQ(world.row()["disposition"], "abandoned");
  EXPECT_EQ(world.row()["stage"], "disconnect");
}

// Shows: W-2
TEST(NodeRelay, GivesTheHopSessionBackWhileASlowClientThinks) {
  NodeWorld world(kBase, kZone);
  // 10 s after RCPT the hop's transaction is reset; at the end of data the envelope is said again.
  const auto slow = NodeWorld::lines_of({});
  world.hop().answer("RCPT", "250 2.1.5 ok");
  const Dialogue dialogue = world.talk_with_pause(slow, 6, 60s);
  world.stop();
  EXPECT_EQ(world.hop().count("RSET"), 1U);
  EXPECT_EQ(world.hop().count("RCPT"), 2U);
  ASSERT_EQ(world.hop().messages().size(), 1U);
  EXPECT_TRUE(dialogue.replies[7].starts_with("250 "));
}

// Shows: W-2
TEST(NodeRelay, ARefusalOfTheRepeatedEnvelopeIsARefusalAtEndOfData) {
  NodeWorld world(kBase, kZone);
  world.hop().answer("RCPT", "250 2.1.5 ok");
  world.hop().answer("RCPT", "550 5.1.1 gone meanwhile");
  const Dialogue dialogue = world.talk_with_pause(NodeWorld::lines_of({}), 6, 60s);
  world.stop();
  EXPECT_EQ(dialogue.replies[7], "550 5.1.1 gone meanwhile");
  EXPECT_EQ(world.row()["disposition"], "refused");
  EXPECT_EQ(world.row()["stage"], "end-of-data");
  EXPECT_TRUE(world.hop().messages().empty());
}

// Shows: W-3
TEST(NodeRelay, RetriesOnAFreshConnectionWhenAPooledOneWasClosed) {
  NodeWorld world(kBase, kZone);
  world.send({});
  world.hop().answer("MAIL", ScriptedHop::kClose);  // the pooled session is gone when it is used again
  const Dialogue dialogue = world.send({});
  world.stop();
  EXPECT_TRUE(dialogue.replies[7].starts_with("250 "));
  EXPECT_EQ(world.hop().connections(), 2U);
  EXPECT_EQ(world.hop().messages().size(), 2U);
}

// Shows: W-3
TEST(NodeRelay, KeepsOneSessionForMailAfterMail) {
  NodeWorld world(kBase, kZone);
  for (int i = 0; i < 10; ++i) world.send({});
  world.stop();
  EXPECT_EQ(world.hop().connections(), 1U);
  EXPECT_EQ(world.hop().messages().size(), 10U);
}

// Shows: W-7
TEST(NodeRelay, CallsTheOutcomeUnknownWhenTheHopIsSilentAfterOurDot) {
  NodeWorld world(kBase, kZone);
  world.hop().answer(".", ScriptedHop::kSilent);
  const Dialogue dialogue = world.send({});
  world.stop();
  EXPECT_TRUE(dialogue.replies[7].starts_with("451 4.4.2 ")) << dialogue.replies[7];
  EXPECT_EQ(world.row()["disposition"], "unknown");
  EXPECT_EQ(world.report().balance.of(message::Disposition::Unknown), 1U);
}

// Shows: W-7
TEST(NodeRelay, MarksRowsOfClientsThatWentBeforeThe250) {
  NodeWorld world(kBase, kZone);
  world.hop().answer(".", "250 2.0.0 taken");
  auto lines = NodeWorld::lines_of({});
  lines.pop_back();  // no QUIT
  world.talk_and_reset(lines);
  world.pass(5s);
  world.stop();
  EXPECT_EQ(world.rows()[0]["disposition"], "relayed");
  EXPECT_EQ(world.report().balance.not_told, 1U);
  bool marked = false;
  for (const auto& row : world.journal()) marked |= row["kind"] == "amendment" && row["not_told"] == true;
  EXPECT_TRUE(marked);
}

// Shows: W-8
TEST(NodeRelay, RefusesAMessageLargerThanTheHopTakes) {
  NodeWorld world(kBase, kZone);
  world.hop().set_capabilities({"PIPELINING", "SIZE 1000"});
  const std::string large =
      "Subject: large\r\n\r\n" + std::string(900, 'x') + "\r\n" + std::string(900, 'y') + "\r\n";
  const Dialogue undeclared = world.send({.octets = large});
  const Dialogue declared = world.talk({"EHLO c.example", "MAIL FROM:<user@sender.example> SIZE=5000",
                                        "RCPT TO:<rcpt@managed.example>", "QUIT"});
  world.stop();
  EXPECT_TRUE(undeclared.replies[7].starts_with("552 5.3.4 ")) << undeclared.replies[7];
  EXPECT_TRUE(declared.replies[3].starts_with("552 5.3.4 ")) << declared.replies[3];
  EXPECT_TRUE(world.hop().messages().empty());
  EXPECT_EQ(world.rows().size(), 2U);
}

// Shows: W-8
TEST(NodeRelay, StuffingDotsDoNotCountForTheHopsLimit) {
  NodeWorld world(kBase, kZone);
  world.hop().set_capabilities({"PIPELINING", "SIZE 1000"});
  std::string dots = "Subject: x\r\n\r\n";
  for (int i = 0; i < 300; ++i) dots += "..\r\n";
  const Dialogue fits = world.send({.octets = dots});
  for (int i = 0; i < 50; ++i) dots += "..\r\n";
  const Dialogue over = world.send({.octets = dots});
  world.stop();
  EXPECT_TRUE(fits.replies[7].starts_with("250 ")) << fits.replies[7];
  EXPECT_TRUE(over.replies[7].starts_with("552 5.3.4 ")) << over.replies[7];
}

// Shows: W-9
TEST(NodeRelay, RefusesAnInternationalAddressAtRcptWhenTheHopCannotTakeIt) {
  NodeWorld world(kBase, kZone);
  world.hop().set_capabilities({"PIPELINING"});
  const Dialogue dialogue = world.talk({"EHLO c.example", "MAIL FROM:<\xC3\xBC@sender.example> SMTPUTF8",
                                        "RCPT TO:<rcpt@managed.example>", "QUIT"});
  world.stop();
  EXPECT_TRUE(dialogue.replies[3].starts_with("550 5.6.7 ")) << dialogue.replies[3];
}

// Shows: W-11
TEST(NodeRelay, StopsMailThatLoops) {
  NodeWorld world(kBase, kZone);
  std::string fifty;
  for (int i = 0; i < 50; ++i) fifty += "Received: from somewhere\r\n";
  const Dialogue at_the_limit = world.send({.octets = fifty + "Subject: x\r\n\r\nbody\r\n"});
  const Dialogue over = world.send({.octets = fifty + "Received: once more\r\nSubject: x\r\n\r\nbody\r\n"});
  world.stop();
  EXPECT_TRUE(at_the_limit.replies[7].starts_with("250 "));
  EXPECT_TRUE(over.replies[7].starts_with("554 5.4.6 ")) << over.replies[7];
  EXPECT_EQ(world.hop().messages().size(), 1U);
}

// Shows: W-11
TEST(NodeRelay, NamesTheRecipientInReceivedOnlyWhenThereIsOne) {
  NodeWorld world(kBase, kZone);
  world.send({});
  world.send({.recipients = {"a@managed.example", "b@managed.example"}});
  world.stop();
  const auto received = [&world](size_t i) {
    const std::string& octets = world.hop().messages()[i].octets;
    return octets.substr(0, octets.find("From:"));
  };
  EXPECT_NE(received(0).find("for <rcpt@managed.example>"), std::string::npos) << received(0);
  EXPECT_EQ(received(1).find("for <"), std::string::npos) << received(1);
}

// Shows: W-11
TEST(NodeRelay, PostmasterWithoutADomainGoesToThePostmasterDomain) {
  NodeWorld world("postmaster_domain = \"managed.example\"\n" + std::string(kBase), kZone);
  world.talk({"EHLO c.example", "MAIL FROM:<user@sender.example>", "RCPT TO:<Postmaster>", "DATA",
              "Subject: x\r\n\r\nhelp\r\n.", "QUIT"});
  world.stop();
  ASSERT_EQ(world.hop().messages().size(), 1U);
  EXPECT_EQ(world.hop().messages()[0].recipients[0], "<Postmaster@managed.example>");
}

// Shows: W-16
TEST(NodeRelay, DrainLetsARunningTransactionEnd) {
  NodeWorld world(kBase, kZone);
  const Dialogue dialogue = world.drain_in_the_middle(NodeWorld::lines_of({}), 6);
  EXPECT_TRUE(dialogue.replies[7].starts_with("250 ")) << dialogue.last();
  EXPECT_EQ(world.row()["disposition"], "relayed");
}

// Shows: W-17
TEST(NodeRelay, AConnectionWithoutACommandMakesNoRow) {
  NodeWorld world(kBase, kZone);
  world.talk({std::string(NodeWorld::kLeave)});
  world.talk({"EHLO c.example", "QUIT"});
  world.stop();
  EXPECT_TRUE(world.journal().empty());
}

// Shows: W-17
TEST(NodeRelay, RelaysGoOnWhenTheDiskIsFullAndTheirRowsAreWrittenLater) {
  NodeWorld world(kBase, kZone);
  reactor::SimDiskFaults full;
  full.capacity = 10;
  world.sim().set_disk_faults("node", full);
  const Dialogue dialogue = world.send({});
  EXPECT_TRUE(dialogue.replies[7].starts_with("250 "));
  EXPECT_TRUE(world.rows().empty());
  world.sim().set_disk_faults("node", {});
  world.send({});
  world.stop();
  EXPECT_EQ(world.rows().size(), 2U);
}

// Shows: W-20
TEST(NodeRelay, RemovesForgedResultFieldsAndSaysSo) {
  NodeWorld world(kBase, kZone);
  world.send({.octets = "X-TM-Received-SPF: Pass (forged)\r\nFrom: a@b.example\r\n"
                        "Authentication-Results: mx.node.example; spf=pass\r\n"
                        "Authentication-Results: other.example; spf=pass\r\n\r\n.dot\r\n"});
  world.stop();
  const std::string& octets = world.hop().messages()[0].octets;
  EXPECT_EQ(octets.find("forged"), std::string::npos);
  EXPECT_EQ(octets.find("mx.node.example; spf=pass"), std::string::npos);
  EXPECT_NE(octets.find("Authentication-Results: other.example; spf=pass"), std::string::npos);
  EXPECT_TRUE(octets.ends_with("\r\n\r\n.dot\r\n")) << octets;
  EXPECT_EQ(world.row()["removed_fields"],
            nlohmann::json::array({"X-TM-Received-SPF", "Authentication-Results"}));
}

}  // namespace
}  // namespace sluice::testing
