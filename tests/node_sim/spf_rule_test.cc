// SPF on the message path: what a rule does with each result, where it acts, and what it leaves alone.
#include "tests/node_sim/fixtures.h"
#include "tests/node_sim/node_world.h"

#include <gtest/gtest.h>

namespace sluice::testing {
namespace {

constexpr std::string_view kHeader = "X-TM-Received-SPF: ";

std::string result_header(const HopMessage& message) {
  const size_t at = message.octets.find(kHeader);
  if (at == std::string::npos) return "";
  return message.octets.substr(at, message.octets.find("\r\n", at) - at);
}

// Shows: ESE-12, ESE-13, ESE-18, RUL-08, D-11
TEST(NodeSpf, RejectPresetRefusesAtRcptBeforeAnyBodyOctetAndLogsIt) {
  NodeWorld world(policy_with("reject"), kZone);
  const Dialogue dialogue = world.send({.ip = std::string(kForger)});
  world.stop();
  EXPECT_EQ(dialogue.replies[5], "550 5.7.1 SPF check failed");
  EXPECT_EQ(world.hop().count("MAIL"), 0U);
  const nlohmann::json row = world.row();
  EXPECT_EQ(row["disposition"], "refused");
  EXPECT_EQ(row["stage"], "rcpt");
  EXPECT_EQ(row["reply"], "550 5.7.1 SPF check failed");
  EXPECT_EQ(row["spf"]["result"], "Fail");
  EXPECT_EQ(row["spf"]["mechanism"], "all");
  EXPECT_EQ(row["rule"], "the rule");
  EXPECT_EQ(row["policies"][0]["id"], "spf.rejected");
  ASSERT_EQ(world.events().size(), 1U);
  EXPECT_EQ(world.events()[0]["result"], "Fail");
  EXPECT_EQ(world.events()[0]["action"], "reject");
}

// Shows: P-37, ESE-13
TEST(NodeSpf, EveryRecipientThatIsRefusedHasItsRow) {
  NodeWorld world(policy_with("reject"), kZone);
  world.send({.ip = std::string(kForger),
              .recipients = {"a@managed.example", "b@managed.example", "c@managed.example"}});
  world.stop();
  EXPECT_EQ(world.rows().size(), 3U);
  EXPECT_EQ(world.report().balance.of(message::Disposition::Refused), 3U);
  EXPECT_EQ(world.dns().count("sender.example TXT"), 1U);  // evaluated once (W-30)
}

// Shows: RUL-06, RUL-17, W-21, SPF-02
TEST(NodeSpf, ObserveWritesTheHeaderForEveryResultAndChangesNothing) {
  NodeWorld world(policy_with("observe"), kZone);
  const std::string forger(kForger);
  const std::string good(kPermitted);
  world.send({.ip = good});
  world.send({.ip = forger});
  world.send({.ip = forger, .sender = "u@soft.example"});
  world.send({.ip = forger, .sender = "u@neutral.example"});
  world.send({.ip = forger, .sender = "u@nothing.example"});
  world.send({.ip = forger, .sender = "u@broken.example"});
  world.send({.ip = forger, .sender = "u@slow.example"});
  world.stop();
  ASSERT_EQ(world.hop().messages().size(), 7U);
  const auto header = [&world](size_t i) { return result_header(world.hop().messages()[i]); };
  EXPECT_EQ(
      header(0),
      "X-TM-Received-SPF: Pass (domain of user@sender.example designates 198.51.100.7 as permitted sender) "
      "client-ip=198.51.100.7; envelope-from=user@sender.example; helo=client.example");
  EXPECT_EQ(
      header(1),
      "X-TM-Received-SPF: Fail (domain of user@sender.example does not designates 203.0.113.9 as permitted "
      "sender) client-ip=203.0.113.9; envelope-from=user@sender.example; helo=client.example");
  EXPECT_TRUE(header(2).starts_with(
      "X-TM-Received-SPF: SoftFail (domain of transitioning u@soft.example discourages"));
  EXPECT_TRUE(
      header(3).starts_with("X-TM-Received-SPF: Neutral (203.0.113.9 is neither permitted nor denied"));
  EXPECT_TRUE(
      header(4).starts_with("X-TM-Received-SPF: None (domain of u@nothing.example does not designate"));
  EXPECT_TRUE(
      header(5).starts_with("X-TM-Received-SPF: PermError (domain of u@broken.example uses mechanism"));
  EXPECT_TRUE(
      header(6).starts_with("X-TM-Received-SPF: TempError (error in processing during lookup of u@slow"));
  EXPECT_EQ(world.report().balance.of(message::Disposition::Relayed), 7U);
}

// Shows: D-11
TEST(NodeSpf, EveryResultButPassIsAnEventAtEndOfDataUnlessOnlyFailIsWanted) {
  const std::string forger(kForger);
  const std::vector<Mail> mails{{.ip = std::string(kPermitted)},
                                {.ip = forger},
                                {.ip = forger, .sender = "u@soft.example"},
                                {.ip = forger, .sender = "u@nothing.example"}};
  const auto results = [&mails](const std::string& sections) {
    NodeWorld world(policy_with("observe", "", sections), kZone);
    for (const Mail& mail : mails) world.send(mail);
    world.stop();
    EXPECT_EQ(world.rows().size(), mails.size());
    std::vector<std::string> found;
    for (const nlohmann::json& event : world.events()) found.push_back(event["result"]);
    return found;
  };
  EXPECT_EQ(results(""), (std::vector<std::string>{"Fail", "SoftFail", "None"}));
  EXPECT_EQ(results("[events]\nspf = \"fail-only\""), std::vector<std::string>{"Fail"});
}

// Shows: RUL-08, W-5
TEST(NodeSpf, TheDocumentedTableDeletesFailBehindASyncedRow) {
  NodeWorld world(policy_with("tmems"), kZone);
  const Dialogue dialogue = world.send({.ip = std::string(kForger)});
  EXPECT_TRUE(dialogue.replies[7].starts_with("250 "));
  world.sim().crash("node");  // what was not synced may be lost
  ASSERT_EQ(world.rows().size(), 1U);
  EXPECT_EQ(world.rows()[0]["disposition"], "deleted");
  EXPECT_EQ(world.rows()[0]["policies"][0]["id"], "spf.deleted");
  EXPECT_TRUE(world.hop().messages().empty());
}

// Shows: W-17
TEST(NodeSpf, ADeletionThatCannotBeRecordedIsDeferred) {
  NodeWorld world(policy_with("tmems"), kZone);
  reactor::SimDiskFaults full;
  full.capacity = 10;
  world.sim().set_disk_faults("node", full);
  const Dialogue dialogue = world.send({.ip = std::string(kForger)});
  world.sim().set_disk_faults("node", {});
  world.stop();
  EXPECT_TRUE(dialogue.replies[7].starts_with("452 4.3.1 ")) << dialogue.replies[7];
  EXPECT_EQ(world.report().balance.of(message::Disposition::Deferred), 1U);
  EXPECT_EQ(world.report().balance.of(message::Disposition::Deleted), 0U);
}

// Shows: W-17
TEST(NodeSpf, ADeletionWhoseSyncFailsIsDeferred) {
  NodeWorld world(policy_with("tmems"), kZone);
  reactor::SimDiskFaults unsure;
  unsure.sync_error = 1;
  world.sim().set_disk_faults("node", unsure);
  const Dialogue dialogue = world.send({.ip = std::string(kForger)});
  world.sim().set_disk_faults("node", {});
  world.stop();
  EXPECT_TRUE(dialogue.replies[7].starts_with("452 4.3.1 "));
  EXPECT_EQ(world.rows().back()["disposition"], "deferred");  // the later row stands
}

// Shows: W-32
TEST(NodeSpf, EnforcesAtEndOfDataWhenTheRuleSaysSo) {
  NodeWorld world(policy_with("reject", "enforce_at = \"end-of-data\""), kZone);
  const Dialogue dialogue = world.send({.ip = std::string(kForger)});
  world.stop();
  EXPECT_TRUE(dialogue.replies[5].starts_with("250 "));
  EXPECT_EQ(dialogue.replies[7], "550 5.7.1 SPF check failed");
  EXPECT_EQ(world.row()["stage"], "end-of-data");
  EXPECT_EQ(world.hop().count("DATA"), 0U);
}

// Shows: RUL-07, W-32
TEST(NodeSpf, DefersWhereTheTableSaysSo) {
  NodeWorld world(policy_with("reject", "[spf.rule.actions]\ntemperror = \"defer\""), kZone);
  const Dialogue dialogue = world.send({.ip = std::string(kForger), .sender = "u@slow.example"});
  world.stop();
  EXPECT_TRUE(dialogue.replies[5].starts_with("451 4.7.1 ")) << dialogue.replies[5];
  EXPECT_EQ(world.row()["disposition"], "deferred");
}

// Shows: RUL-15, LOG-04, W-30
TEST(NodeSpf, ExcludedPeersAskNoQuestionAndAreNamedInTheRow) {
  NodeWorld world(
      policy_with("reject",
                  "excluded_peers = [\"203.0.113.0/24\", \"boss@sender.example\", \"kept.example\"]"),
      kZone);
  world.send({.ip = std::string(kForger)});
  world.send({.ip = "192.0.2.9", .sender = "boss@sender.example"});
  world.send({.ip = "192.0.2.9", .sender = "any@kept.example"});
  world.stop();
  EXPECT_TRUE(world.dns().asked().empty());
  ASSERT_EQ(world.rows().size(), 3U);
  EXPECT_EQ(world.rows()[0]["policies"][0]["id"], "spf.ignored");
  EXPECT_EQ(world.rows()[0]["policies"][1]["arguments"][0], "203.0.113.0/24");
  EXPECT_EQ(world.rows()[1]["policies"][1]["arguments"][0], "boss@sender.example");
  EXPECT_EQ(world.rows()[2]["policies"][1]["arguments"][0], "kept.example");
  EXPECT_EQ(world.hop().messages().size(), 3U);
  EXPECT_EQ(result_header(world.hop().messages()[0]), "");
}

// Shows: W-22
TEST(NodeSpf, ResultHeadersStandAboveReceivedAndForgedOnesAreGone) {
  NodeWorld world(policy_with("observe", "", "[result_header]\nreceived_spf = true"), kZone);
  world.send({.octets = "A: 1\r\nX-TM-Received-SPF: Pass (forged)\r\nReceived: from far\r\n\r\nhello\r\n"});
  world.stop();
  const std::string& octets = world.hop().messages().at(0).octets;
  EXPECT_TRUE(octets.starts_with("X-TM-Received-SPF: Pass (domain of")) << octets;
  const size_t standard = octets.find("\r\nReceived-SPF: ");
  const size_t received = octets.find("\r\nReceived: from client.example");
  ASSERT_NE(standard, std::string::npos) << octets;
  ASSERT_NE(received, std::string::npos) << octets;
  EXPECT_LT(standard, received);
  EXPECT_TRUE(octets.ends_with("\r\nA: 1\r\nReceived: from far\r\n\r\nhello\r\n")) << octets;
  EXPECT_EQ(octets.find("forged"), std::string::npos);
}

// Shows: SPF-03, W-21
TEST(NodeSpf, TheNullSenderIsCheckedByItsHeloName) {
  NodeWorld world(policy_with("observe"), kZone);
  world.send({.ip = std::string(kForger), .helo = "helo-fails.example", .sender = ""});
  world.stop();
  EXPECT_EQ(world.row()["spf"]["identity"], "helo");
  EXPECT_EQ(world.row()["spf"]["result"], "Fail");
  EXPECT_EQ(
      result_header(world.hop().messages()[0]),
      "X-TM-Received-SPF: Fail (domain of postmaster@helo-fails.example does not designates 203.0.113.9 as "
      "permitted sender) client-ip=203.0.113.9; envelope-from=<>; helo=helo-fails.example");
}

// Shows: ESE-15, W-31
TEST(NodeSpf, HeloIsCheckedOnlyWhereThePolicyAsksForIt) {
  const Mail mail{.ip = std::string(kPermitted), .helo = "helo-fails.example"};
  NodeWorld off(policy_with("reject"), kZone);
  off.send(mail);
  off.stop();
  EXPECT_EQ(off.row()["disposition"], "relayed");
  EXPECT_EQ(off.dns().count("helo-fails.example TXT"), 0U);

  NodeWorld on(policy_with("reject", "", "[spf]\ncheck_helo = true"), kZone);
  on.send(mail);
  on.stop();
  EXPECT_EQ(on.row()["disposition"], "refused");
  EXPECT_EQ(on.row()["spf_helo"]["result"], "Fail");
  EXPECT_EQ(on.row()["spf"]["result"], "Pass");
}

// Shows: W-31
TEST(NodeSpf, AHeloThatIsALiteralOrASingleLabelIsNoGroundForRefusal) {
  NodeWorld world(policy_with("reject", "[spf.rule.actions]\nnone = \"reject\"", "[spf]\ncheck_helo = true"),
                  kZone);
  world.send({.helo = "[198.51.100.7]", .sender = ""});
  world.send({.helo = "localhost", .sender = ""});
  world.stop();
  EXPECT_EQ(world.report().balance.of(message::Disposition::Relayed), 2U);
}

// Shows: D-4, ESE-15
TEST(NodeSpf, AMissingHeloIsReplacedByTheConfirmedReverseName) {
  NodeWorld world(policy_with("reject", "", "[spf]\ncheck_helo = true"), kZone);
  const Dialogue dialogue =
      world.talk({"EHLO tester.example", "XCLIENT ADDR=198.51.100.7 HELO=[UNAVAILABLE]", "EHLO proxy.example",
                  "MAIL FROM:<user@sender.example>", "RCPT TO:<rcpt@managed.example>", "QUIT"});
  world.stop();
  EXPECT_EQ(world.dns().count("7.100.51.198.in-addr.arpa PTR"), 1U) << dialogue.last();
  EXPECT_EQ(world.row()["spf_helo"]["domain"], "named.helo-fails.example") << world.row().dump();
}

// Shows: D-4, ESE-15
TEST(NodeSpf, AReverseNameThatDoesNotLeadBackIsNoHelo) {
  // The client of 198.51.100.8 claims a name in its reverse zone that belongs to another address.
  NodeWorld world(policy_with("reject", "", "[spf]\ncheck_helo = true"),
                  std::string(kZone) + "8.100.51.198.in-addr.arpa: [{PTR: named.helo-fails.example}]\n");
  const Dialogue dialogue = world.talk({"EHLO tester.example", "XCLIENT ADDR=198.51.100.8 HELO=[UNAVAILABLE]",
                                        "EHLO proxy.example", "MAIL FROM:<user@sender.example>",
                                        "RCPT TO:<rcpt@managed.example>", "DATA", "x\r\n.", "QUIT"});
  world.stop();
  EXPECT_EQ(world.dns().count("named.helo-fails.example A"), 1U) << dialogue.last();
  EXPECT_EQ(world.row()["disposition"], "relayed") << world.row().dump();
  EXPECT_FALSE(world.row().contains("spf_helo"));
}

// Shows: ESE-16, D-2
TEST(NodeSpf, TheFromHeaderFillsInForANullSenderWhoseHeloGaveNone) {
  const std::string settings = "[spf]\nfrom_header_if_null_sender = true";
  const std::string octets = "From: Someone <user@sender.example>\r\n\r\nx\r\n";
  NodeWorld world(policy_with("reject", "", settings), kZone);
  const Dialogue none =
      world.send({.ip = std::string(kForger), .helo = "nothing.example", .sender = "", .octets = octets});
  const Dialogue helo =
      world.send({.ip = std::string(kPermitted), .helo = "client.example", .sender = "", .octets = octets});
  world.stop();
  EXPECT_EQ(none.replies[7], "550 5.7.1 SPF check failed") << none.last();
  EXPECT_EQ(world.rows()[0]["spf_from"]["identity"], "from");
  EXPECT_EQ(world.rows()[0]["spf_from"]["result"], "Fail");
  EXPECT_FALSE(world.rows()[1].contains("spf_from")) << "HELO had its say";
}

// Shows: W-15
TEST(NodeSpf, PostmasterAndAbuseAreExemptFromRefusal) {
  NodeWorld world(policy_with("reject"), kZone);
  world.send({.ip = std::string(kForger), .recipients = {"postmaster@managed.example"}});
  world.send({.ip = std::string(kForger), .recipients = {"abuse@managed.example"}});
  world.stop();
  EXPECT_EQ(world.report().balance.of(message::Disposition::Relayed), 2U);
  EXPECT_EQ(world.rows()[0]["spf"]["result"], "Fail");
  EXPECT_NE(result_header(world.hop().messages()[0]), "");
}

// Shows: W-13
TEST(NodeSpf, APrivatePeerWithoutXclientIsNotEvaluated) {
  NodeWorld world(policy_with("reject"), kZone);
  world.send({.ip = ""});  // the simulated client's own address is private
  world.stop();
  EXPECT_TRUE(world.dns().asked().empty());
  EXPECT_EQ(world.row()["disposition"], "relayed");
  EXPECT_EQ(world.row()["policies"][0]["id"], "spf.ignored");
}

// Shows: W-13
TEST(NodeSpf, XclientIsTakenFromListedPeersOnly) {
  std::string policy = policy_with("reject");
  policy.replace(policy.find("@client"), 7, "192.0.2.1");
  NodeWorld world(policy, kZone);
  const Dialogue dialogue = world.talk({"EHLO c.example", "XCLIENT ADDR=198.51.100.7", "QUIT"});
  world.stop();
  EXPECT_EQ(dialogue.replies[1].find("XCLIENT"), std::string::npos);
  EXPECT_TRUE(dialogue.replies[2].starts_with("5")) << dialogue.replies[2];
}

// Shows: W-13
TEST(NodeSpf, APrivateAddressThatXclientNamesIsEvaluated) {
  NodeWorld world(policy_with("reject"), kZone);
  world.send({.ip = "10.20.30.40"});
  world.stop();
  EXPECT_EQ(world.row()["disposition"], "refused");
  EXPECT_EQ(world.row()["client_source"], "xclient");
  EXPECT_EQ(world.row()["spf"]["result"], "Fail");
}

// Shows: SPF-01
TEST(NodeSpf, AnOutboundListenerChecksNothing) {
  std::string policy = policy_with("reject");
  policy.replace(policy.find("\"inbound\""), 9, "\"outbound\"");
  NodeWorld world(policy, kZone);
  world.send({.ip = std::string(kForger)});
  world.stop();
  EXPECT_TRUE(world.dns().asked().empty());
  EXPECT_FALSE(world.row().contains("spf"));
  EXPECT_FALSE(world.row().contains("rule"));
  EXPECT_EQ(result_header(world.hop().messages().at(0)), "");
}

// Shows: SPF-11, SPF-12
TEST(NodeSpf, TheEleventhLookupIsAPermErrorThatNamesTheTermAndIsNeverSent) {
  NodeWorld world(policy_with("observe"), kZone);
  world.send({.ip = std::string(kForger), .sender = "u@deep.example"});
  world.stop();
  EXPECT_EQ(world.row()["spf"]["result"], "PermError");
  EXPECT_EQ(world.row()["spf"]["lookups"], 11);
  EXPECT_EQ(world.row()["spf"]["problem_term"], "include:d11.example");
  EXPECT_EQ(world.dns().count("d10.example TXT"), 1U);
  EXPECT_EQ(world.dns().count("d11.example TXT"), 0U);
}

// Shows: ESE-11, D-8
TEST(NodeSpf, SilentServersGiveTempErrorWithinTheTimeOfTheQuestion) {
  NodeWorld world(policy_with("observe"), kZone);
  world.dns().set_silent(true);
  const MonoTime before = world.sim().now();
  world.send({.ip = std::string(kForger)});
  const auto took = world.sim().now() - before;
  world.stop();
  EXPECT_EQ(world.row()["spf"]["result"], "TempError");
  EXPECT_LT(took, std::chrono::seconds(4));  // timeout_seconds = 2
}

// Shows: D-8
TEST(NodeSpf, AnEvaluationEndsAtItsTimeThoughEveryQuestionIsAnsweredInTime) {
  NodeWorld world(policy_with("observe"), kZone);
  reactor::SimFaults slow;
  slow.latency_min = slow.latency_max = std::chrono::milliseconds(800);
  world.sim().set_faults("node", "dns", slow);
  // Eleven questions of 1.6 s each; timeout_seconds = 2, spf_evaluation_seconds = 10.
  world.send({.ip = std::string(kForger), .sender = "u@deep.example"});
  world.stop();
  EXPECT_EQ(world.row()["spf"]["result"], "TempError") << world.row().dump();
  EXPECT_GE(world.dns().count("d5.example TXT"), 1U);
  EXPECT_EQ(world.dns().count("d8.example TXT"), 0U);
}

// Shows: W-35
TEST(NodeSpf, AnOutageOfAllResolversDefersWhereThePolicySaysSo) {
  NodeWorld world(policy_with("reject"), kZone);
  world.dns().set_silent(true);
  // The first ones wait for their answers in vain; after ten seconds of silence it is an outage.
  for (int i = 0; i < 8; ++i)
    world.send({.ip = std::string(kForger), .sender = "u@d" + std::to_string(i) + ".test"});
  const Dialogue refused = world.send({.ip = std::string(kForger)});
  EXPECT_TRUE(refused.replies[5].starts_with("451 4.4.3 ")) << refused.replies[5];
  world.dns().set_silent(false);
  world.pass(std::chrono::seconds(60));
  const Dialogue after = world.send({.ip = std::string(kPermitted)});
  world.stop();
  EXPECT_TRUE(after.replies[7].starts_with("250 ")) << after.last();
}

// Shows: RUL-16
TEST(NodeSpf, ASenderScopeLimitsTheRule) {
  NodeWorld world(policy_with("reject", "sender_scope = [\"soft.example\"]"), kZone);
  world.send({.ip = std::string(kForger)});
  world.stop();
  EXPECT_EQ(world.row()["disposition"], "relayed");
  EXPECT_TRUE(world.dns().asked().empty());
}

}  // namespace
}  // namespace sluice::testing
