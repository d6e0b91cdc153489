#include "io/base/limits.h"
#include "rules/policy/reader.h"
#include "tests/unit/rules/policy/policy_text.h"

#include <algorithm>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sluice::policy {
namespace {

using ::testing::HasSubstr;

// The lines of kBase come first; what a case adds begins in line kFirst.
constexpr uint32_t kFirst = 12;

struct ErrorCase {
  const char* text;  // behind kBase
  uint32_t line;     // 1: the first line of `text`
  uint32_t column;
  const char* path;
  const char* says;
};

// The only error of the text, or a description of what was found instead.
std::string only_error(const ReadPolicy& read) {
  if (read.policy) return "no error";
  std::string text;
  for (const Diagnostic& found : read.diagnostics.sorted()) {
    if (found.severity == Severity::Error) text += found.to_string("p") + '\n';
  }
  return text;
}

void expect_error(const ErrorCase& one) {
  const ReadPolicy read = read_policy(with_base(one.text), 1);
  const std::string found = only_error(read);
  EXPECT_EQ(read.diagnostics.error_count(), 1U) << one.text << "\n" << found;
  const std::string place =
      "p:" + std::to_string(one.line + kFirst - 1) + ":" + std::to_string(one.column) + ": ";
  EXPECT_TRUE(found.starts_with(place + "error: " + one.path + ": ")) << one.text << "\n" << found;
  EXPECT_THAT(found, HasSubstr(one.says)) << one.text;
}

TEST(PolicyErrors, BaseOfTheCasesIsFine) {
  EXPECT_EQ(std::ranges::count(kBase, '\n'), kFirst - 1);
  EXPECT_TRUE(read_policy(kBase, 1).policy.has_value());
}

TEST(PolicyErrors, UnknownSettingsNameTheNearest) {
  for (const ErrorCase& one : {
           ErrorCase{"[node]\nhostnme = \"x\"\n", 2, 1, "node.hostnme", "did you mean \"hostname\"?"},
           ErrorCase{"[dns]\n  server = []\n", 2, 3, "dns.server", "did you mean \"servers\"?"},
           ErrorCase{"[jornal]\n", 1, 2, "jornal", "did you mean \"journal\"?"},
           ErrorCase{"[[listeners]]\naddress = \"127.0.0.1:26\"\n", 1, 3, "listeners",
                     "did you mean \"listener\"?"},
           ErrorCase{"[spf]\nchek_helo = true\n", 2, 1, "spf.chek_helo", "did you mean \"check_helo\"?"},
           ErrorCase{"[spf.defaultrule]\n", 1, 6, "spf.defaultrule", "did you mean \"default_rule\"?"},
           ErrorCase{"[spf.default_rule.actions]\nsoft_fail = \"pass\"\n", 2, 1,
                     "spf.default_rule.actions.soft_fail", "did you mean \"softfail\"?"},
           ErrorCase{"[events]\nzzz = 1\n", 2, 1, "events.zzz", "events has: \"spf\""},
           ErrorCase{"[spf.default_rule]\ntag_subject = true\n", 2, 1, "spf.default_rule.tag_subject",
                     "write the action \"tag\""},
       }) {
    expect_error(one);
  }
}

TEST(PolicyErrors, TypesAndBoundsAreSaid) {
  for (const ErrorCase& one : {
           ErrorCase{"[node]\nshards = \"2\"\n", 2, 10, "node.shards", "expected a whole number, found text"},
           ErrorCase{"[node]\nshards = 257\n", 2, 10, "node.shards", "write 0 to 256 threads"},
           ErrorCase{"[node]\nshards = -1\n", 2, 10, "node.shards", "-1 is out of bounds"},
           ErrorCase{"[node]\nbackend = \"iouring\"\n", 2, 11, "node.backend", "did you mean \"uring\"?"},
           ErrorCase{"[node]\nhostname = \"a b\"\n", 2, 12, "node.hostname", "\"a b\" is no domain name"},
           ErrorCase{"[dns]\ntimeout_seconds = 0\n", 2, 19, "dns.timeout_seconds", "write 1 to 60 seconds"},
           ErrorCase{"[dns]\ntimeout_seconds = 1.5\n", 2, 19, "dns.timeout_seconds",
                     "a number with a fraction"},
           ErrorCase{"[dns]\ntimeout_seconds = 25\n", 2, 19, "dns.timeout_seconds",
                     "longer than a whole evaluation"},
           ErrorCase{"[dns]\nservers = [\"dns.example\"]\n", 2, 12, "dns.servers", "is no IP address"},
           ErrorCase{"[dns]\nservers = \"192.0.2.53\"\n", 2, 11, "dns.servers",
                     "expected a list of IP addresses"},
           ErrorCase{"[dns]\nservers = [53]\n", 2, 12, "dns.servers", "found a whole number"},
           ErrorCase{"[journal]\nrotate_size = \"1 MB\"\n", 2, 15, "journal.rotate_size", "\"50 MiB\""},
           ErrorCase{"[journal]\nrotate_size = true\n", 2, 15, "journal.rotate_size", "\"50 MiB\""},
           ErrorCase{"[journal]\nrotate_daily = 1\n", 2, 16, "journal.rotate_daily",
                     "expected true or false"},
           ErrorCase{"[journal]\npath = \"\"\n", 2, 8, "journal.path", "an empty path"},
           ErrorCase{"[events]\nspf = \"none\"\n", 2, 7, "events.spf", "write \"all\" or \"fail-only\""},
           ErrorCase{"[spf]\nrule = 1\n", 2, 8, "spf.rule", "[[spf.rule]]"},
           ErrorCase{"[spf]\nrule = [1]\n", 2, 9, "spf.rule", "[[spf.rule]]"},
           ErrorCase{"[[node]]\n", 1, 1, "node", "write [node]"},
           ErrorCase{"[[spf]]\n", 1, 1, "spf", "write [spf]"},
           ErrorCase{"[spf.default_rule]\nactions = 1\n", 2, 11, "spf.default_rule.actions",
                     "expected a table"},
       }) {
    expect_error(one);
  }
}

TEST(PolicyErrors, ListenersAndHops) {
  for (const ErrorCase& one : {
           ErrorCase{"[[listener]]\n", 1, 1, "listener[2]", "\"address\" is missing"},
           ErrorCase{"[[listener]]\naddress = \"localhost:25\"\n", 2, 11, "listener[2].address",
                     "an IP address with a port"},
           ErrorCase{"[[listener]]\naddress = \"127.0.0.1:2525\"\n", 2, 11, "listener[2].address",
                     "listener[1] in line 5, column 11"},
           ErrorCase{"[[listener]]\naddress = \"127.0.0.1:26\"\nmax_message_size = 1000\n", 3, 20,
                     "listener[2].max_message_size", "write 65536 to"},
           ErrorCase{"[[listener]]\naddress = \"127.0.0.1:26\"\nmax_recipients = 99\n", 3, 18,
                     "listener[2].max_recipients", "write 100 to"},
           ErrorCase{"[[listener]]\naddress = \"127.0.0.1:26\"\nproxy_peers = [\"192.0.2.1\"]\n", 3, 15,
                     "listener[2].proxy_peers", "not read in this version"},
           ErrorCase{"[[domain]]\nname = \"a.example\"\n", 1, 1, "domain[3]", "\"next_hops\" is missing"},
           ErrorCase{"[[domain]]\nname = \"a.example\"\nnext_hops = []\n", 3, 13, "domain[3].next_hops",
                     "at least one hop"},
           ErrorCase{"[[domain]]\nname = \"a.example\"\nnext_hops = [\"a b:25\"]\n", 3, 14,
                     "domain[3].next_hops[1]", "not a host with its port"},
           ErrorCase{"[[domain]]\nname = \"a.example\"\nnext_hops = [{ port = 25 }]\n", 3, 14,
                     "domain[3].next_hops[1]", "\"host\" is missing"},
           ErrorCase{"[[domain]]\nname = \"a.example\"\nnext_hops = [{ host = \"h.example\", port = 0 }]\n",
                     3, 43, "domain[3].next_hops[1].port", "write 1 to 65535"},
           ErrorCase{"[[domain]]\nname = \"EXAMPLE.com\"\nnext_hops = [\"192.0.2.1\"]\n", 2, 8,
                     "domain[3].name", "domain[1] in line 7, column 8"},
       }) {
    expect_error(one);
  }
}

// Shows: W-11
TEST(PolicyErrors, NextHopThatIsOurOwnListenerIsRefused) {
  for (const char* hop :
       {"127.0.0.1:2525", "0.0.0.0:2525", "[::]:2525", "localhost:2525", "mx.test.example:2525"}) {
    const ReadPolicy read = read_policy(
        "[[listener]]\naddress = \"127.0.0.1:2525\"\n[[domain]]\nname = \"a.example\"\n"
        "next_hops = [\"" +
            std::string(hop) + "\"]\n",
        1, "mx.test.example");
    EXPECT_THAT(only_error(read), HasSubstr("p:5:14: error: domain[1].next_hops[1]: ")) << hop;
    EXPECT_THAT(only_error(read), HasSubstr("our own listener 127.0.0.1:2525 (listener[1] in line 2")) << hop;
  }
  for (const char* hop : {"127.0.0.1:2525", "localhost:2525", "192.0.2.7:2525"}) {
    const ReadPolicy read =
        read_policy("[outbound]\nnext_hop = \"" + std::string(hop) +
                        "\"\n[[listener]]\naddress = \"0.0.0.0:2525\"\n[[listener]]\naddress = "
                        "\"192.0.2.7:2526\"\ndirection = \"outbound\"\n",
                    1, "mx.test.example");
    EXPECT_THAT(only_error(read), HasSubstr("p:2:12: error: outbound.next_hop: ")) << hop;
  }
  for (const char* hop : {"127.0.0.1:2526", "127.0.0.2:2525", "mail.example:2525"}) {
    EXPECT_TRUE(read_policy("[[listener]]\naddress = \"127.0.0.1:2525\"\n[[domain]]\nname = \"a.example\"\n"
                            "next_hops = [\"" +
                                std::string(hop) + "\"]\n",
                            1)
                    .policy.has_value())
        << hop;
  }
}

// Shows: W-12
TEST(PolicyErrors, TrustInEverybodyIsRefused) {
  for (const char* network : {"0.0.0.0/0", "::/0", "1.2.3.4/0"}) {
    const ReadPolicy read = read_policy("trusted_networks = [\"" + std::string(network) +
                                            "\"]\n[[listener]]\n"
                                            "address = \"127.0.0.1:2525\"\nxclient_peers = [\"" +
                                            network + "\"]\n",
                                        1);
    EXPECT_THAT(only_error(read), HasSubstr("p:1:20: error: trusted_networks: "));
    EXPECT_THAT(only_error(read), HasSubstr("open relay"));
    EXPECT_THAT(only_error(read), HasSubstr("p:4:17: error: listener[1].xclient_peers: "));
  }
}

// Shows: RUL-03
TEST(PolicyErrors, DefaultRuleCannotBeDeletedOrTakenOver) {
  for (const ErrorCase& one : {
           ErrorCase{"[spf]\ndefault_rule = false\n", 2, 16, "spf.default_rule", "cannot be deleted"},
           ErrorCase{"[[spf.rule]]\nname = \"default\"\ndomains = [\"example.com\"]\nenabled = true\n", 2, 8,
                     "spf.rule[1].name", "the name of the default rule"},
           ErrorCase{"[[spf.rule]]\nname = \"Default (when no domain is specified)\"\ndomains = "
                     "[\"example.com\"]\nenabled = true\n",
                     2, 8, "spf.rule[1].name", "the name of the default rule"},
           ErrorCase{"[[spf.rule]]\nname = \"x\"\ndomains = []\nenabled = true\n", 3, 11,
                     "spf.rule[1].domains", "write [spf.default_rule]"},
       }) {
    expect_error(one);
  }
}

// Shows: RUL-04
TEST(PolicyErrors, SecondRuleForADomainIsRefusedWithBothPlaces) {
  expect_error(
      {"[[spf.rule]]\ndomains = [\"example.com\"]\nenabled = true\n[[spf.rule]]\nname = \"x\"\n"
       "domains = [\"other.example\", \"Example.COM\"]\nenabled = true\n",
       6, 29, "spf.rule[2].domains", "spf.rule[1] in line 13, column 12"});
  expect_error({"[[spf.rule]]\ndomains = [\"example.com\", \"example.com\"]\nenabled = true\n", 2, 27,
                "spf.rule[1].domains", "has a rule already"});
  expect_error({"[[spf.rule]]\ndomains = [\"exmaple.com\"]\nenabled = true\nname = \"x\"\n", 2, 12,
                "spf.rule[1].domains", "did you mean \"example.com\"?"});
  expect_error(
      {"[[spf.rule]]\nname = \"x\"\ndomains = [\"example.com\"]\nenabled = true\n[[spf.rule]]\nname = "
       "\"x\"\ndomains = [\"other.example\"]\nenabled = true\n",
       6, 8, "spf.rule[2].name", "spf.rule[1] in line 12"});
}

// Shows: RUL-09
TEST(PolicyErrors, PassTakesNoAction) {
  expect_error({"[spf.default_rule.actions]\npass = \"reject\"\n", 2, 8, "spf.default_rule.actions.pass",
                "Pass is never intercepted"});
  expect_error({"[spf.default_rule.actions]\npass = \"pass\"\n", 2, 8, "spf.default_rule.actions.pass",
                "Pass is never intercepted"});
}

TEST(PolicyErrors, ActionsThatAreNotThereSayWhatToUse) {
  for (const ErrorCase& one : {
           ErrorCase{"[spf.default_rule.actions]\nfail = \"quarantine\"\n", 2, 8,
                     "spf.default_rule.actions.fail", "not available before the store exists; use \"tag\""},
           ErrorCase{"[spf.default_rule.actions]\nfail = \"tempblock\"\n", 2, 8,
                     "spf.default_rule.actions.fail", "called \"defer\" here"},
           ErrorCase{"[spf.default_rule.actions]\nfail = \"bounce\"\n", 2, 8, "spf.default_rule.actions.fail",
                     "write \"pass\", \"delete\", \"reject\", \"defer\" or \"tag\""},
           ErrorCase{"[spf.default_rule.actions]\nfail = 550\n", 2, 8, "spf.default_rule.actions.fail",
                     "found a whole"},
       }) {
    expect_error(one);
  }
}

// Shows: RUL-17
TEST(PolicyErrors, ObserveTakesNoAction) {
  expect_error({"[spf.default_rule]\npreset = \"observe\"\n[spf.default_rule.actions]\nfail = \"delete\"\n",
                4, 8, "spf.default_rule.actions.fail", "never changes delivery"});
  EXPECT_TRUE(
      read_policy(with_base("[spf.default_rule]\npreset = \"observe\"\nactions = {fail = \"pass\"}\n"), 1)
          .policy.has_value());
}

// Shows: ESE-18, W-14
TEST(PolicyErrors, ReplyClassesMustAgree) {
  for (const ErrorCase& one : {
           ErrorCase{"[spf.default_rule.reject_reply]\nstatus = \"4.7.1\"\n", 2, 10,
                     "spf.default_rule.reject_reply.status", "both must begin with 5"},
           ErrorCase{"[spf.default_rule.reject_reply]\ncode = 550\nstatus = \"4.7.1\"\n", 3, 10,
                     "spf.default_rule.reject_reply.status", "code 550 and status 4.7.1"},
           ErrorCase{"[spf.default_rule.reject_reply]\ncode = 250\n", 2, 8,
                     "spf.default_rule.reject_reply.code", "write 500 to 599"},
           ErrorCase{"[spf.default_rule.reject_reply]\ncode = 451\n", 2, 8,
                     "spf.default_rule.reject_reply.code", "write 500 to 599"},
           ErrorCase{"[spf.default_rule.reject_reply]\nstatus = \"5.7\"\n", 2, 10,
                     "spf.default_rule.reject_reply.status", "\"5.7.1\" (RFC 3463)"},
           ErrorCase{"[spf.default_rule.defer_reply]\nstatus = \"5.7.1\"\n", 2, 10,
                     "spf.default_rule.defer_reply.status", "both must begin with 4"},
           ErrorCase{"[spf.default_rule.defer_reply]\ncode = 421\n", 2, 8,
                     "spf.default_rule.defer_reply.code", "would end the connection"},
       }) {
    expect_error(one);
  }
}

// Shows: W-14
TEST(PolicyErrors, ReplyTextIsPrintableAsciiOfBoundedLength) {
  const auto reply = [](const std::string& text) {
    return "[spf.default_rule.reject_reply]\nmessage = \"" + text + "\"\n";
  };
  const char* path = "spf.default_rule.reject_reply.message";
  expect_error(
      {reply("SPFチェック失敗").c_str(), 2, 11, path, "octet 4 of the reply text is not printable ASCII"});
  expect_error({reply("a\\r\\n250 ok").c_str(), 2, 11, path, "octet 2"});
  expect_error({reply("").c_str(), 2, 11, path, "an empty reply text"});
  expect_error({reply(std::string(limits::kReplyText + 1, 'a')).c_str(), 2, 11, path, "at most 400"});
  EXPECT_TRUE(read_policy(with_base(reply(std::string(limits::kReplyText, 'a'))), 1).policy.has_value());
}

// Shows: RUL-15
TEST(PolicyErrors, PeersAndScopes) {
  for (const ErrorCase& one : {
           ErrorCase{"[spf.default_rule]\nexcluded_peers = [\"192.0.2.0/33\"]\n", 2, 19,
                     "spf.default_rule.excluded_peers", "\"192.0.2.0/33\" is not an address"},
           ErrorCase{"[spf.default_rule]\nexcluded_peers = [\"a@\", ]\n", 2, 19,
                     "spf.default_rule.excluded_peers", "\"a@\" is not"},
           ErrorCase{"[spf.default_rule]\nsender_scope = [\"192.0.2.0/24\"]\n", 2, 16,
                     "spf.default_rule.sender_scope", "made of senders"},
           ErrorCase{"[spf]\nprivate_peers = [\"10.0.0.0/99\"]\n", 2, 18, "spf.private_peers",
                     "is no IP address or prefix"},
       }) {
    expect_error(one);
  }
}

TEST(PolicyErrors, ResultHeaderNameMustBeOneOfOurs) {
  for (const char* name :
       {"Received", "DKIM-Signature", "X-", "X-A B", "X-A:", "", "Subject", "X-\xc3\xbc"}) {
    const std::string text = "[result_header]\nname = \"" + std::string(name) + "\"\n";
    expect_error({text.c_str(), 2, 8, "result_header.name", "cannot be the name of a result header"});
  }
}

TEST(PolicyErrors, PostmasterDomainMustBeManaged) {
  const ReadPolicy read = read_policy("postmaster_domain = \"x.example\"\n" + std::string(kBase), 1);
  EXPECT_THAT(only_error(read),
              HasSubstr("p:1:21: error: postmaster_domain: \"x.example\" is not a managed domain"));
}

TEST(PolicyErrors, DocumentWithoutListenerIsRefused) {
  EXPECT_THAT(only_error(read_policy("", 1)), HasSubstr("p: error: listener: there is none"));
}

TEST(PolicyErrors, FirstSyntaxErrorIsReportedAlone) {
  const ReadPolicy read = read_policy("[node]\nshards = = 1\nfoo bar\n", 1);
  EXPECT_EQ(read.diagnostics.error_count(), 1U);
  EXPECT_THAT(only_error(read), HasSubstr("p:2:10: error: "));
}

TEST(PolicyErrors, EverySemanticErrorIsReportedAtOnce) {
  const ReadPolicy read =
      read_policy(with_base("[node]\nshards = 999\nfoo = 1\n[dns]\nservers = [\"x\", "
                            "\"y\"]\n[spf.default_rule]\npreset = \"p\"\n"
                            "[spf.default_rule.actions]\npass = \"pass\"\nfail = \"quarantine\"\n"),
                  1);
  EXPECT_FALSE(read.policy.has_value());
  EXPECT_EQ(read.diagnostics.error_count(), 7U) << only_error(read);
}

TEST(PolicyErrors, AreCapped) {
  std::string text = with_base("[node]\n");
  for (int i = 0; i < 1000; ++i) text += "unknown" + std::to_string(i) + " = 1\n";
  const ReadPolicy read = read_policy(text, 1);
  EXPECT_EQ(read.diagnostics.error_count(), 1000U);
  EXPECT_EQ(read.diagnostics.sorted().size(), limits::kPolicyErrors);
}

TEST(PolicyErrors, NeverRepeatControlCharactersOfTheDocument) {
  const std::string found =
      only_error(read_policy(with_base("[node]\n\"a\\nb\\u001b[31m\" = 1\nbackend = \"x\\r\\ny\"\n"), 1));
  EXPECT_EQ(found.find('\x1b'), std::string::npos);
  EXPECT_EQ(found.find('\r'), std::string::npos);
  EXPECT_EQ(std::ranges::count(found, '\n'), 2);
}

std::string warnings(std::string_view text) {
  const ReadPolicy read = read_policy(text, 1);
  EXPECT_TRUE(read.policy.has_value()) << findings(read.diagnostics);
  return findings(read.diagnostics);
}

// Shows: W-32
TEST(PolicyWarnings, EveryEnabledRuleThatDeletesIsNamed) {
  EXPECT_EQ(warnings(kBase), "");  // the default rule deletes, but is off
  EXPECT_THAT(warnings(with_base("[spf.default_rule]\nenabled = true\n")),
              HasSubstr("p:12:1: warning: spf.default_rule: deletes silently after 250 (Fail)"));
  const std::string two = warnings(rule_text("preset = \"tmems\"\nactions = {none = \"delete\"}") +
                                   "[spf.default_rule]\nenabled = true\n");
  EXPECT_THAT(two, HasSubstr("warning: spf.rule[1]: deletes silently after 250 (Fail, None)"));
  EXPECT_THAT(two, HasSubstr("warning: spf.default_rule: "));
  EXPECT_EQ(warnings(rule_text("preset = \"reject\"")), "");
}

// Shows: W-12
TEST(PolicyWarnings, PrivateTrustBehindAPublicListener) {
  const auto with = [](const char* address, const char* network) {
    return warnings("trusted_networks = [\"" + std::string(network) + "\"]\n[[listener]]\naddress = \"" +
                    address + "\"\n[[domain]]\nname = \"a.example\"\nnext_hops = [\"192.0.2.1\"]\n");
  };
  EXPECT_THAT(with("0.0.0.0:25", "10.0.0.0/8"),
              HasSubstr("p:1:20: warning: trusted_networks: 10.0.0.0/8 is a private"));
  EXPECT_THAT(with("[::]:25", "fd00::/8"), HasSubstr("warning: trusted_networks: fd00::/8"));
  EXPECT_EQ(with("10.0.0.1:25", "10.0.0.0/8"), "");
  EXPECT_EQ(with("127.0.0.1:25", "127.0.0.0/8"), "");
  EXPECT_EQ(with("0.0.0.0:25", "203.0.113.0/24"), "");
  EXPECT_THAT(with("0.0.0.0:25", "128.0.0.0/1"), HasSubstr("very large network"));
}

// Shows: RUL-02
TEST(PolicyWarnings, RuleThatDoesNotSayWhetherItIsOn) {
  EXPECT_THAT(warnings(with_base("[[spf.rule]]\ndomains = [\"example.com\"]\n")),
              HasSubstr("p:12:1: warning: spf.rule[1].enabled: the rule is off"));
}

TEST(PolicyWarnings, PeerThatIsEverybodyAndNodeWithoutDomains) {
  EXPECT_THAT(warnings(rule_text("excluded_peers = [\"0.0.0.0/0\"]")), HasSubstr("matches every client"));
  EXPECT_THAT(warnings("[[listener]]\naddress = \"127.0.0.1:2525\"\n"),
              HasSubstr("all mail from outside is refused"));
}

}  // namespace
}  // namespace sluice::policy
