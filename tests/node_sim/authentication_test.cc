// DKIM, DMARC and ARC on the message path: what is asked and when, what the rules do with what was found,
// what is written into the message, and the signatures that the node makes itself.
#include "dnscache/zone/zone_file.h"
#include "io/smtp/dot_stuffing.h"
#include "rules/arc/sealer.h"
#include "rules/authentication/message_authenticator.h"
#include "tests/node_sim/fixtures.h"
#include "tests/node_sim/node_world.h"
#include "tests/unit/rules/dkim/signed_message.h"

#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

namespace sluice::testing {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

constexpr std::string_view kBody = "hello\r\n.dot at the start\r\n..two\r\n  spaces \t here \r\n\r\n\r\n";
constexpr std::string_view kHeader =
    "From: Author <author@author.example>\r\nTo: rcpt@managed.example\r\nSubject: test\r\n"
    "Date: Sat, 01 Jan 2022 00:00:00 +0000\r\nMessage-ID: <1@author.example>\r\n";

const dkim::SigningKey& seal_key() {
  static const dkim::SigningKey key = *dkim::SigningKey::generate(dkim::Algorithm::RsaSha256);
  return key;
}

std::string zone_with_keys() {
  return std::string(kZone) + fmt::format(R"(
s._domainkey.author.example: [{{TXT: "{0}"}}]
s._domainkey.sealer.example: [{{TXT: "{0}"}}]
s._domainkey.node.example: [{{TXT: "{0}"}}]
seal._domainkey.node.example: [{{TXT: "{1}"}}]
_dmarc.author.example: [{{TXT: "v=DMARC1; p=reject"}}]
author.example: [{{SPF: "v=spf1 ip4:192.0.2.77 -all"}}]
half.author.example: [{{SPF: "v=spf1 ip4:128.0.0.0/1 -all"}}]
macro.author.example: [{{SPF: "v=spf1 ip4:128.0.0.0/1 exists:%{{i}}.author.example -all"}}]
silent._domainkey.author.example: ["TIMEOUT"]
silent._domainkey.sealer.example: ["TIMEOUT"]
)",
                                          dkim::ed25519_key().public_record(), seal_key().public_record());
}

std::string on_the_wire(std::string_view octets) {
  std::string wire;
  bool line_start = true;
  for (const char octet : octets) {
    if (line_start && octet == '.') wire += '.';
    wire += octet;
    line_start = octet == '\n';
  }
  return wire;
}

std::string off_the_wire(std::string_view wire) {
  std::string octets;
  smtp::Unstuffer unstuffer;
  for (std::string_view span; unstuffer.next(wire, span);) octets += span;
  return octets;
}

// A message signed by author.example, without dot-stuffing.
std::string signed_message(WallTime now, std::string_view selector = "s") {
  return dkim::with_signature(fmt::format("{}\r\n{}", kHeader, kBody),
                              dkim::sign_spec("author.example", std::string(selector)), dkim::ed25519_key(),
                              now);
}

// As a list forwards it: changed, and sealed with what it found before.
std::string sealed_message(WallTime now, std::string_view results, std::string_view selector = "s") {
  const std::string message = fmt::format("List-Id: <list.example>\r\n{}\r\n{}", kHeader, kBody);
  const dkim::CutMessage cut(message);
  const arc::SealRequest request{.authserv_id = "mx.sealer.example", .results = results, .now = now};
  const arc::SealSpec spec{.domain = "sealer.example", .selector = std::string(selector)};
  const dkim::Digest body = cut.body_digest(dkim::Canonicalization::Relaxed);
  return *arc::seal(cut.fields, body, {}, request, spec, dkim::ed25519_key()) + message;
}

constexpr std::string_view kDmarcRule = R"(
[[dmarc.rule]]
name = "dmarc"
domains = ["managed.example"]
enabled = true
on_reject = "reject"
)";

class NodeAuthentication : public ::testing::Test {
 protected:
  NodeWorld& start(std::string_view preset, std::string_view more = "", std::string_view sections = "") {
    world_.emplace(policy_with(preset, more, sections), zone_with_keys());
    return *world_;
  }
  WallTime now() { return world_->wall_now(); }
  Dialogue send(const std::string& octets, std::string_view ip = kForger,
                std::string_view sender = "author@author.example") {
    return world_->send(
        {.ip = std::string(ip), .sender = std::string(sender), .octets = on_the_wire(octets)});
  }
  // What a receiver behind the node finds in the only message that arrived.
  evidence::Evidence receive() {
    const dkim::CutMessage message(off_the_wire(world_->hop().messages().at(0).octets));
    authentication::MessageAuthenticator machine;
    authentication::Settings settings;
    settings.dkim.now = now();
    machine.start(message.reader.block(), {.dkim = true, .chain = true}, settings);
    machine.body().feed(message.body);
    machine.body_done();
    evidence::Evidence found;
    machine.spf_known(found);
    const dns::Zone zone = *dns::zone_from_text(dns::ZoneFormat::Yaml, zone_with_keys());
    while (machine.step() == auth::Progress::NeedAnswers) {
      for (const auth::PendingQuestion& pending : machine.questions())
        machine.answer(pending.id, zone.lookup(pending.question));
    }
    machine.conclude(found);
    return found;
  }
  static std::string key_file(std::string_view name, const dkim::SigningKey& key = dkim::ed25519_key()) {
    const std::string path = fmt::format("{}/{}", ::testing::TempDir(), name);
    std::ofstream(path) << *key.private_pem();
    chmod(path.c_str(), 0600);
    return path;
  }

  std::optional<NodeWorld> world_;
};

// Shows: ESE-02, ESE-03, P-07
TEST_F(NodeAuthentication, ASignatureIsVerifiedOnTheMessageAsItCameAndStandsInTheRow) {
  start("observe", "", "[result_header]\nauthserv_id = \"mx.node.example\"\nauthentication_results = true\n");
  send(signed_message(now()));
  world_->stop();
  const nlohmann::json row = world_->row();
  ASSERT_EQ(row["dkim"].size(), 1U);
  EXPECT_EQ(row["dkim"][0]["result"], "pass");
  EXPECT_EQ(row["dkim"][0]["domain"], "author.example");
  EXPECT_EQ(row["dmarc"]["result"], "pass");
  const std::string& octets = world_->hop().messages().at(0).octets;
  EXPECT_THAT(octets, StartsWith("Authentication-Results: mx.node.example;"));
  EXPECT_THAT(octets, HasSubstr("dkim=pass"));
  EXPECT_TRUE(evidence::has_passing_signature(receive().dkim));  // behind us too
}

TEST_F(NodeAuthentication, KeysAndPoliciesAreAskedWhileTheBodyStillComes) {
  start("observe", "", kDmarcRule);
  const std::string wire = on_the_wire(signed_message(now()));
  world_->leave_in_body(wire.substr(0, wire.find("\r\n\r\n") + 7), 1);
  world_->pass(std::chrono::seconds(1));
  EXPECT_EQ(world_->dns().count("s._domainkey.author.example TXT"), 1U);
  EXPECT_EQ(world_->dns().count("_dmarc.author.example TXT"), 1U);
  world_->stop();
}

// Shows: W-34
TEST_F(NodeAuthentication, ADmarcRuleRefusesAtEndOfDataWhereItSaysSo) {
  start("observe", "", kDmarcRule);
  const Dialogue dialogue = send(fmt::format("{}\r\n{}", kHeader, kBody));
  world_->stop();
  EXPECT_THAT(dialogue.replies.at(7), StartsWith("550 5.7."));
  EXPECT_EQ(world_->hop().count("DATA"), 0U);
  const nlohmann::json row = world_->row();
  EXPECT_EQ(row["disposition"], "refused");
  EXPECT_EQ(row["dmarc"]["result"], "fail");
  EXPECT_EQ(row["rule"], "dmarc");
}

// Shows: RUL-11, W-22, W-34, TM-07, TM-10
TEST_F(NodeAuthentication, ADmarcFailureIsDeliveredWithAMarkedSubjectUnlessTheOperatorSaysReject) {
  start("observe", "",
        "[result_header]\ntm_forms = true\n[dkim.default_rule]\nenabled = true\n"
        "[dmarc.default_rule]\nenabled = true\n");
  EXPECT_THAT(send(fmt::format("{}\r\n{}", kHeader, kBody)).replies.at(7), StartsWith("250"));
  world_->stop();
  const std::string& octets = world_->hop().messages().at(0).octets;
  EXPECT_THAT(octets, HasSubstr("\r\nSubject: [DMARC] test\r\nDate: "));
  EXPECT_THAT(octets, HasSubstr("dkim=pass; No signatures and verification is not enforced\r\n"));
  EXPECT_THAT(octets, HasSubstr("dmarc=fail action=reject header.from=author.example;\r\n"));
  EXPECT_THAT(octets, EndsWith(on_the_wire(kBody)));
  const nlohmann::json row = world_->row();
  EXPECT_EQ(row["disposition"], "relayed");
  EXPECT_EQ(row["action"], "tag");
  EXPECT_EQ(row["rule_kind"], "dmarc");
  EXPECT_EQ(row["tags"], nlohmann::json::array({"[DMARC]"}));
  const std::vector<nlohmann::json> events = world_->events();
  ASSERT_FALSE(events.empty());
  EXPECT_EQ(events.back()["threat_subtype"], "threat.subtype_dmarc");
  EXPECT_EQ(events.back()["result"], "fail");
}

// Shows: W-20
TEST_F(NodeAuthentication, AForgedResultThatNoSignatureCoversIsRemovedWithoutAMark) {
  start("observe", "",
        "[result_header]\nauthserv_id = \"mx.node.example\"\n"
        "[dkim.default_rule]\nenabled = true\non_fail = \"tag\"\n");
  std::string message = signed_message(now());
  message.insert(message.find("From: "), "Authentication-Results: mx.node.example; spf=pass\r\n");
  EXPECT_THAT(send(message).replies.at(7), StartsWith("250"));
  world_->stop();
  EXPECT_THAT(world_->hop().messages().at(0).octets, Not(HasSubstr("mx.node.example; spf=pass")));
  const nlohmann::json row = world_->row();
  EXPECT_EQ(row["dkim"][0]["result"], "pass");
  EXPECT_EQ(row["removed_fields"], nlohmann::json::array({"Authentication-Results"}));
  EXPECT_FALSE(row.contains("removed_signed_fields"));  // it stood outside of what was signed
}

// Shows: W-32
TEST_F(NodeAuthentication, RejectAuthenticatedSparesWhatDmarcPasses) {
  start("reject-authenticated");
  EXPECT_THAT(send(fmt::format("{}\r\n{}", kHeader, kBody)).replies.at(7), StartsWith("550 5.7."));
  EXPECT_THAT(send(signed_message(now())).replies.at(7), StartsWith("250"));
  world_->stop();
  EXPECT_EQ(world_->hop().messages().size(), 1U);
}

// An address as Japanese carriers gave out, from where its domain's record allows.
// Shows: P-13
TEST_F(NodeAuthentication, ALooseAuthorIsOnlyOneWhereTheOperatorSaysSo) {
  const std::string message = fmt::format(
      "From: a..b@author.example\r\nSubject: test\r\nMessage-ID: <1@author.example>\r\n\r\n{}", kBody);
  const auto row_of = [&](std::string_view forms) {
    start("observe", "", fmt::format("[dmarc]\n{}\n[dmarc.default_rule]\nenabled = true\n", forms));
    EXPECT_THAT(send(message, "192.0.2.77").replies.at(7), StartsWith("250"));
    world_->stop();
    return world_->row();
  };
  for (const char* strict : {"", "author_forms = \"strict\""}) {
    const nlohmann::json row = row_of(strict);
    EXPECT_EQ(row["dmarc"]["result"], "permerror") << strict;
    EXPECT_EQ(row["action"], "tag") << strict;
  }
  const nlohmann::json row = row_of("author_forms = \"lenient\"");
  EXPECT_EQ(row["dmarc"]["result"], "pass");
  EXPECT_EQ(row["dmarc"]["alignment"]["spf"], true);
  EXPECT_EQ(row["action"], "pass");
}

// Shows: ESE-16
TEST_F(NodeAuthentication, ALooseAuthorFillsInForANullSenderToo) {
  for (const bool lenient : {false, true}) {
    start("reject", "",
          fmt::format("[spf]\nfrom_header_if_null_sender = true\n[dmarc]\nauthor_forms = \"{}\"\n",
                      lenient ? "lenient" : "strict"));
    const Dialogue said = world_->send({.ip = std::string(kForger),
                                        .helo = "unknown.example",
                                        .sender = "",
                                        .octets = "From: a..b@author.example\r\n\r\nx\r\n"});
    world_->stop();
    EXPECT_THAT(said.replies.at(7), StartsWith(lenient ? "550 5.7." : "250"));
    EXPECT_EQ(world_->row().contains("spf_from"), lenient);
  }
}

TEST_F(NodeAuthentication, ABroadPassIsRefusedFromTheFirstMessageOnUnlessAnAlignedSignatureStands) {
  start("reject-authenticated", "[spf.rule.actions]\nbroad_pass = \"reject\"\n");
  const auto send_to = [&](const std::string& octets) {
    return send(octets, kForger, "user@half.author.example").replies.at(7);
  };
  EXPECT_THAT(send_to(fmt::format("{}\r\n{}", kHeader, kBody)), StartsWith("550 5.7."));
  EXPECT_THAT(send_to(signed_message(now())), StartsWith("250"));
  world_->stop();
  const nlohmann::json row = world_->rows().at(0);
  EXPECT_EQ(row["spf"]["result"], "Pass");
  EXPECT_EQ(row["spf"]["breadth"], uint64_t{1} << 31U);
  EXPECT_FALSE(row["spf"].contains("breadth_at_least"));
  EXPECT_EQ(row["dmarc"]["result"], "pass");
  EXPECT_EQ(row["policies"][1]["id"], "spf.broad_pass");
}

TEST_F(NodeAuthentication, ABreadthThatIsOnlyAFloorSaysSo) {
  start("tmems", "[spf.rule.actions]\nbroad_pass = \"tag\"\n");
  (void)send(fmt::format("{}\r\n{}", kHeader, kBody), kForger, "user@macro.author.example");
  world_->stop();
  const nlohmann::json row = world_->row();
  EXPECT_EQ(row["spf"]["breadth"], uint64_t{1} << 31U);
  EXPECT_EQ(row["spf"]["breadth_at_least"], true);
}

// Shows: W-31, W-32
TEST_F(NodeAuthentication, RejectAuthenticatedSparesItWhereHeloFailsAndMailFromPasses) {
  start("reject-authenticated", "", "[spf]\ncheck_helo = true\n");
  const auto send_as = [&](const std::string& octets) {
    const Dialogue said = world_->send({.helo = "helo-fails.example", .octets = on_the_wire(octets)});
    return said.replies.at(7);
  };
  EXPECT_THAT(send_as(fmt::format("{}\r\n{}", kHeader, kBody)), StartsWith("550 5.7."));
  EXPECT_THAT(send_as(signed_message(now())), StartsWith("250"));
  world_->stop();
}

// Shows: W-32
TEST_F(NodeAuthentication, RejectAuthenticatedSparesItWhicheverResultTheTableRefuses) {
  start("reject-authenticated", "[spf.rule.actions]\nsoftfail = \"reject\"");
  const std::string plain = fmt::format("{}\r\n{}", kHeader, kBody);
  EXPECT_THAT(send(plain, kForger, "user@soft.example").replies.at(7), StartsWith("550 5.7."));
  EXPECT_THAT(send(signed_message(now()), kForger, "user@soft.example").replies.at(7), StartsWith("250"));
  world_->stop();
}

// Shows: ESE-16, W-32
TEST_F(NodeAuthentication, RejectAuthenticatedSparesItWhereTheAuthorsSpfFailsForTheNullSender) {
  start("reject-authenticated", "", "[spf]\nfrom_header_if_null_sender = true\n");
  const auto bounce = [&](const std::string& octets) {
    const Dialogue said =
        world_->send({.helo = "unknown.example", .sender = "", .octets = on_the_wire(octets)});
    return said.replies.at(7);
  };
  EXPECT_THAT(bounce(fmt::format("{}\r\n{}", kHeader, kBody)), StartsWith("550 5.7."));
  EXPECT_THAT(bounce(signed_message(now())), StartsWith("250"));
  world_->stop();
}

// Shows: RUL-15
TEST_F(NodeAuthentication, NothingIsAskedForAMessageWithoutSignaturesWhereNobodyNeedsIt) {
  world_.emplace(kBase, zone_with_keys());
  (void)send(fmt::format("{}\r\n{}", kHeader, kBody));
  world_->stop();
  EXPECT_TRUE(world_->dns().asked().empty());
}

// Shows: RUL-15
TEST_F(NodeAuthentication, NoKeyIsAskedForSignedMailOfAPeerThatIsExcludedOrTrusted) {
  for (const std::string& policy : {policy_with("reject", "excluded_peers = [\"203.0.113.0/24\"]"),
                                    "trusted_networks = [\"203.0.113.0/24\"]\n" + policy_with("reject")}) {
    world_.emplace(policy, zone_with_keys());
    EXPECT_THAT(send(signed_message(now())).replies.at(7), StartsWith("250"));
    world_->stop();
    EXPECT_TRUE(world_->dns().asked().empty()) << policy;
  }
}

// Shows: W-7
TEST_F(NodeAuthentication, KeysThatNoServerSendsAreTempErrorWithinTheTimeForAuthentication) {
  start("observe", "", kDmarcRule);
  const Dialogue dialogue = send(signed_message(now(), "silent"), kPermitted, "user@sender.example");
  world_->stop();
  EXPECT_THAT(dialogue.replies.at(7), StartsWith("250"));
  EXPECT_EQ(world_->row()["dkim"][0]["result"], "temperror");
  EXPECT_EQ(world_->row()["dkim"][0]["reason"], "key-lookup-failed");
}

// One question may take that long.
std::string patient_policy(std::string_view seconds) {
  std::string policy = policy_with("observe", "", kDmarcRule);
  const auto put = [&](std::string_view setting, std::string_view old) {
    const size_t at = policy.find(fmt::format("{} = {}\n", setting, old));
    policy.replace(at, setting.size() + 3 + old.size(), fmt::format("{} = {}", setting, seconds));
  };
  put("timeout_seconds", "2");
  put("spf_evaluation_seconds", "10");
  return policy;
}

// Shows: W-7
TEST_F(NodeAuthentication, WhatIsNotKnownWithinTheTimeForAuthenticationIsNotWaitedFor) {
  world_.emplace(patient_policy("25"), zone_with_keys());
  // The author's key is given up after 25 s; only then is the chain asked for, whose key would take as long.
  std::string message = sealed_message(now(), "; dmarc=pass header.from=author.example", "silent");
  const std::string signature = signed_message(now(), "silent");
  message.insert(0, signature, 0, signature.find("From: "));
  const MonoTime began = world_->sim().now();
  const Dialogue dialogue = send(message);
  const auto took = world_->sim().now() - began;
  world_->stop();
  EXPECT_GT(took, std::chrono::seconds(29));
  EXPECT_LT(took, std::chrono::seconds(32));
  EXPECT_THAT(dialogue.replies.at(7), StartsWith("250"));
  EXPECT_EQ(world_->report().pipeline.authentication.cut_off, 1U);
  EXPECT_EQ(world_->row()["arc"]["result"], "temperror");
  EXPECT_EQ(world_->row()["dkim_results"], nlohmann::json::array({"temperror"}));
}

// Shows: W-16
TEST_F(NodeAuthentication, KeysAreNotWaitedForBeyondTheTimeForDraining) {
  world_.emplace(patient_policy("25"), zone_with_keys());
  const MonoTime began = world_->sim().now();
  const Mail mail{.ip = std::string(kPermitted), .octets = on_the_wire(signed_message(now(), "silent"))};
  world_->drain_in_the_middle(NodeWorld::lines_of(mail), 6, std::chrono::seconds(50));
  EXPECT_LT(world_->sim().now() - began, std::chrono::seconds(70));
  EXPECT_EQ(world_->report().pipeline.authentication.cut_off, 1U);
  EXPECT_EQ(world_->row()["dkim_results"], nlohmann::json::array({"temperror"}));
}

TEST_F(NodeAuthentication, FurtherRecipientsHaveTheResultsAndEachLineOfTheJournalIsCounted) {
  start("observe", "", "[dkim.default_rule]\nenabled = true\n[dmarc.default_rule]\nenabled = true\n");
  std::string message = signed_message(now());
  message.replace(message.find("hello"), 5, "HELLO");
  Mail mail{.ip = std::string(kForger), .octets = on_the_wire(message)};
  for (int i = 0; i < 9; ++i) mail.recipients.push_back(fmt::format("r{}@managed.example", i));
  world_->send(mail);
  world_->stop();
  const std::vector<nlohmann::json> rows = world_->rows();
  ASSERT_EQ(rows.size(), 10U);
  EXPECT_EQ(rows[0]["dkim"][0]["reason"], "body-hash-mismatch");
  EXPECT_EQ(rows[0]["dmarc"]["author_domain"], "author.example");
  for (const nlohmann::json& row : rows) {
    EXPECT_EQ(row["dkim_results"], nlohmann::json::array({"fail"}));
    EXPECT_EQ(row["dmarc_result"], "fail");
    EXPECT_EQ(row.contains("dkim"), row == rows[0]);
    EXPECT_EQ(row.contains("dmarc"), row == rows[0]);
  }
  EXPECT_GT(world_->events().size(), 10U);  // several for each
  EXPECT_EQ(world_->report().journal.rows_written, world_->journal().size());
}

// Shows: ESE-07
TEST_F(NodeAuthentication, AChainIsNotLookedAtWhereNothingFails) {
  start("observe", "", kDmarcRule);
  const std::string inner = sealed_message(now(), "; dmarc=pass header.from=author.example");
  send(inner, "192.0.2.77");  // SPF passes and is aligned
  world_->stop();
  EXPECT_EQ(world_->row()["dmarc"]["result"], "pass");
  EXPECT_EQ(world_->dns().count("s._domainkey.sealer.example TXT"), 0U);
  EXPECT_FALSE(world_->row().contains("arc"));
}

// Shows: ESE-08, W-33, P-16
TEST_F(NodeAuthentication, ATrustedChainSetsADmarcFailureAside) {
  start("observe", "", fmt::format("{}[arc]\ntrusted_sealers = [\"sealer.example\"]\n", kDmarcRule));
  const Dialogue dialogue = send(sealed_message(now(), "; dmarc=pass header.from=author.example"));
  world_->stop();
  EXPECT_THAT(dialogue.replies.at(7), StartsWith("250"));
  const nlohmann::json row = world_->row();
  EXPECT_EQ(row["dmarc"]["result"], "fail");
  EXPECT_EQ(row["arc"]["result"], "pass");
  EXPECT_EQ(row["arc_override"]["applied"], true);
  EXPECT_EQ(row["arc_override"]["sealer"], "sealer.example");
}

// Shows: ESE-08, P-26
TEST_F(NodeAuthentication, AnUntrustedChainChangesNothing) {
  start("observe", "", kDmarcRule);
  const Dialogue dialogue = send(sealed_message(now(), "; dmarc=pass header.from=author.example"));
  world_->stop();
  EXPECT_THAT(dialogue.replies.at(7), StartsWith("550 5.7."));
  EXPECT_NE(world_->row()["arc_override"]["applied"], true);
}

// Shows: ESE-05, TM-11, W-22
TEST_F(NodeAuthentication, AMessageThatWeChangeIsSealedAndTheSealStands) {
  const std::string seal = fmt::format(
      "[arc.seal]\ndomain = \"node.example\"\nselector = \"seal\"\nfile = \"{}\"\n"
      "[result_header]\nauthserv_id = \"mx.node.example\"\n",
      key_file("seal.pem", seal_key()));
  start("observe", "", seal);
  send("Authentication-Results: mx.node.example; dkim=pass header.d=bank.example\r\n" +
       signed_message(now()));
  world_->stop();
  const std::string& octets = world_->hop().messages().at(0).octets;
  EXPECT_THAT(octets, StartsWith("ARC-Seal:"));
  EXPECT_THAT(octets, Not(HasSubstr("bank.example")));
  const evidence::Evidence found = receive();
  ASSERT_TRUE(found.arc.has_value());
  EXPECT_EQ(found.arc->result, arc::Result::Pass);
  for (const char* word : {"spf=", "dkim=pass", "dmarc=pass"})
    EXPECT_THAT(found.arc->sets.at(0).results, HasSubstr(word));
}

// Shows: ESE-02, P-10, W-22
TEST_F(NodeAuthentication, OutboundMailIsSignedAsItLeaves) {
  const std::string sections = fmt::format(
      "trusted_networks = [\"198.51.100.0/24\"]\n{}\n[outbound]\nnext_hop = \"@hop\"\n"
      "[[dkim.sign]]\ndomain = \"author.example\"\nkeys = [{{ selector = \"s\", file = \"{}\" }}]\n",
      kBase, key_file("sign.pem"));
  world_.emplace(sections, zone_with_keys());
  world_->send({.recipients = {"somebody@elsewhere.example"},
                .octets = on_the_wire(fmt::format("{}\r\n{}", kHeader, kBody))});
  world_->stop();
  const std::string& octets = world_->hop().messages().at(0).octets;
  EXPECT_THAT(octets, StartsWith("DKIM-Signature:"));
  const evidence::Evidence found = receive();
  ASSERT_EQ(found.dkim.signatures.size(), 1U);
  EXPECT_EQ(found.dkim.signatures[0].result, dkim::Result::Pass);
  EXPECT_EQ(found.dkim.signatures[0].domain, "author.example");
}

TEST_F(NodeAuthentication, OutboundMailOfALooseAuthorIsSignedWhereTheOperatorSaysSo) {
  for (const bool lenient : {false, true}) {
    const std::string sections = fmt::format(
        "trusted_networks = [\"198.51.100.0/24\"]\n{}\n[outbound]\nnext_hop = \"@hop\"\n"
        "[dmarc]\nauthor_forms = \"{}\"\n"
        "[[dkim.sign]]\ndomain = \"author.example\"\nkeys = [{{ selector = \"s\", file = \"{}\" }}]\n",
        kBase, lenient ? "lenient" : "strict", key_file("sign_lenient.pem"));
    world_.emplace(sections, zone_with_keys());
    world_->send(
        {.recipients = {"somebody@elsewhere.example"}, .octets = "From: a..b@author.example\r\n\r\nx\r\n"});
    world_->stop();
    EXPECT_EQ(world_->hop().messages().at(0).octets.starts_with("DKIM-Signature:"), lenient);
  }
}

TEST_F(NodeAuthentication, StrangersAreNotSignedForAtAnOutboundListener) {
  std::string base(kBase);
  base.replace(base.find("direction = \"inbound\""), 21, "direction = \"outbound\"");
  const std::string sections = fmt::format(
      "{}\n[[dkim.sign]]\ndomain = \"author.example\"\nkeys = [{{ selector = \"s\", file = \"{}\" }}]\n",
      base, key_file("stranger.pem"));
  world_.emplace(sections, zone_with_keys());
  world_->send({.octets = on_the_wire(fmt::format("{}\r\n{}", kHeader, kBody))});
  world_->stop();
  EXPECT_THAT(world_->hop().messages().at(0).octets, Not(HasSubstr("DKIM-Signature:")));
}

TEST_F(NodeAuthentication, ATagIsAChangeThatIsSealedAlsoWhereNobodyHadAskedForTheChain) {
  const std::string seal =
      fmt::format("[arc.seal]\ndomain = \"node.example\"\nselector = \"seal\"\nfile = \"{}\"\n",
                  key_file("seal_tag.pem", seal_key()));
  start("tmems", "actions = { neutral = \"tag\" }\n", seal);
  std::string inner = sealed_message(now(), "; spf=pass smtp.mailfrom=author.example");
  send(inner, kForger, "u@neutral.example");
  world_->stop();
  const std::string& octets = world_->hop().messages().at(0).octets;
  EXPECT_THAT(octets, HasSubstr("Subject: [SPF"));
  EXPECT_THAT(octets, StartsWith("ARC-Seal: i=2;"));
}

}  // namespace
}  // namespace sluice::testing
