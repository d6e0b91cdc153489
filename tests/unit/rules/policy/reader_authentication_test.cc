#include "rules/arc/override.h"
#include "rules/policy/policy_check.h"
#include "tests/unit/rules/policy/policy_text.h"

#include <algorithm>
#include <string>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sluice::policy {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using namespace std::chrono_literals;

constexpr std::string_view kAll = R"toml(
[result_header]
authentication_results = true
tm_forms = true

[dkim]
verify = true
max_signatures = 5
partial_body = true
clock_skew_seconds = 60

[dkim.default_rule]
enabled = true
on_fail = "tag"
tag = "[署名なし]"

[[dkim.rule]]
name = "bank"
domains = ["example.com"]
enabled = true
on_fail = "reject"
on_temperror = "defer"
skip_null_sender = true
insert_header = false
excluded_peers = ["192.0.2.0/24"]
enforced_peers = ["bank.example", ".trust.example", "a@b.example"]
tag_signed = false
reject_reply = { status = "5.7.21" }

[[dkim.sign]]
domain = "Example.com"
keys = [{ selector = "R1", file = "/k/r1.pem" }, { selector = "e1", file = "/k/e1.pem" }]

[[dkim.sign]]
domain = "*.example.com"
signing_domain = "example.com"
keys = [{ selector = "r1", file = "/k/r1.pem" }]
headers = ["From", "Subject"]
oversign = []
canonicalization = "simple/relaxed"
expire_seconds = 86400

[[dkim.sign]]
domain = "*"
keys = []

[arc]
trusted_sealers = ["Google.com", ".lists.example"]

[arc.seal]
domain = "example.com"
selector = "arc1"
file = "/k/arc.pem"
when = "always"

[dmarc]
mode = "both"
public_suffix_list = "/p"

[dmarc.reports]
enabled = true
directory = "/var/lib/sluice/reports"
organization = "Example"
contact = "dmarc@example.com"
interval_seconds = 3600

[[dmarc.rule]]
domains = ["other.example"]
enabled = true
on_quarantine = "pass"
on_reject = "reject"
on_permerror = "defer"
on_temperror = "tag"
skip_null_sender = true
reject_reply = { code = 554, status = "5.7.26", message = "no" }
)toml";

TEST(AuthenticationReader, ReadsDkim) {
  const Policy policy = policy_of(with_base(kAll));
  const DkimSettings& dkim = policy.dkim();
  EXPECT_TRUE(dkim.verify);
  EXPECT_EQ(dkim.max_signatures, 5U);
  EXPECT_TRUE(dkim.partial_body);
  EXPECT_EQ(dkim.clock_skew, 60s);
  ASSERT_EQ(dkim.sign.size(), 3U);
  EXPECT_EQ(dkim.sign[0].domain, "example.com");
  EXPECT_EQ(dkim.sign[0].signing_domain, "example.com");
  EXPECT_EQ(dkim.sign[0].keys, (std::vector<SigningKeyFile>{{"r1", "/k/r1.pem"}, {"e1", "/k/e1.pem"}}));
  EXPECT_TRUE(dkim.sign[0].relaxed_header && dkim.sign[0].relaxed_body);
  EXPECT_FALSE(dkim.sign[0].oversign_given);
  EXPECT_EQ(dkim.sign[0].expire, std::nullopt);
  EXPECT_EQ(dkim.sign[1].domain, "*.example.com");
  EXPECT_THAT(dkim.sign[1].headers, ElementsAre("from", "subject"));
  EXPECT_TRUE(dkim.sign[1].oversign_given && dkim.sign[1].oversign.empty());
  EXPECT_FALSE(dkim.sign[1].relaxed_header);
  EXPECT_TRUE(dkim.sign[1].relaxed_body);
  EXPECT_EQ(dkim.sign[1].expire, 86400s);
  EXPECT_EQ(dkim.sign[2].domain, "*");
  EXPECT_TRUE(dkim.sign[2].keys.empty());
}

// Shows: TM-06, TM-09
TEST(AuthenticationReader, ReadsDkimRulesAndBindsThem) {
  const Policy policy = policy_of(with_base(kAll));
  ASSERT_EQ(policy.dkim_rules().size(), 2U);
  const DkimRule& standard = policy.dkim_rules()[0];
  EXPECT_TRUE(standard.is_default && standard.enabled && standard.insert_header);
  EXPECT_EQ(standard.on_fail, Action::Tag);
  EXPECT_EQ(standard.tag, (SubjectTag{"[署名なし]", true}));
  EXPECT_EQ(standard.reject_reply, (ReplyTriple{550, "5.7.20", "No passing DKIM signature found"}));
  const DkimRule& bank = policy.dkim_rules()[1];
  EXPECT_EQ(bank.name, "bank");
  EXPECT_EQ(bank.on_fail, Action::Reject);
  EXPECT_EQ(bank.on_temperror, Action::Defer);
  EXPECT_TRUE(bank.skip_null_sender);
  EXPECT_FALSE(bank.insert_header);
  EXPECT_EQ(bank.excluded_peers.size(), 1U);
  EXPECT_EQ(bank.enforced_peers.size(), 3U);
  EXPECT_EQ(bank.tag, (SubjectTag{"[DKIM]", false}));
  EXPECT_EQ(bank.reject_reply.status, "5.7.21");
  EXPECT_EQ(policy.rules_of(*policy.find_domain("example.com")).dkim, &bank);
  EXPECT_EQ(policy.rules_of(*policy.find_domain("other.example")).dkim, &standard);
  const IpAddress client = *IpAddress::parse("203.0.113.1");
  const RecipientBinding inbound = policy.bind(client, Direction::Inbound, {"a", "example.com"});
  EXPECT_EQ(inbound.dkim_rule, &bank);
  EXPECT_EQ(inbound.dmarc_rule, &policy.dmarc_rules()[0]);
  EXPECT_FALSE(inbound.same_group_as(policy.bind(client, Direction::Inbound, {"a", "other.example"})));
  EXPECT_EQ(policy.bind(client, Direction::Outbound, {"a", "example.com"}).dkim_rule, nullptr);
}

// Shows: D-3
TEST(AuthenticationReader, ReadsArc) {
  const ArcSettings arc = policy_of(with_base(kAll)).arc();
  EXPECT_TRUE(arc.verify);
  EXPECT_THAT(arc.trusted_sealers, ElementsAre("google.com", ".lists.example"));
  EXPECT_EQ(arc.seal, (ArcSealing{"example.com", "arc1", "/k/arc.pem", {}, SealWhen::Always}));
}

// Shows: ESE-06, ESE-08
TEST(AuthenticationReader, TrustsTheSixteenSealersByDefault) {
  const ArcSettings arc = policy_of(kBase).arc();
  EXPECT_TRUE(arc.verify);
  EXPECT_THAT(
      arc.trusted_sealers,
      ElementsAre("google.com", "gmail.com", "googlegroups.com", "messagingengine.com", "fastmail.com",
                  "fastmail.fm", "outlook.com", "hotmail.com", "office365.com", "microsoft.com", "yahoo.com",
                  "ymail.com", "icloud.com", "me.com", "amazon.com", "aws.amazon.com"));
  EXPECT_EQ(arc.trusted_sealers, arc::default_trusted_sealers());
  EXPECT_EQ(arc.seal, std::nullopt);
  EXPECT_TRUE(policy_of(with_base("[arc]\ntrusted_sealers = []\n")).arc().trusted_sealers.empty());
}

TEST(AuthenticationReader, ReadsWhichFormsOfAnAuthorAreWellFormed) {
  const auto forms = [](std::string_view setting) {
    return policy_of(with_base(fmt::format("[dmarc]\n{}\n", setting))).dmarc().author_forms;
  };
  EXPECT_EQ(forms("author_forms = \"strict\""), mail::AuthorForms::Strict);
  EXPECT_EQ(forms("author_forms = \"lenient\""), mail::AuthorForms::Lenient);
}

TEST(AuthenticationReader, ReadsDmarc) {
  const Policy policy = policy_of(with_base(kAll));
  EXPECT_EQ(policy.dmarc().mode, dmarc::Mode::Both);
  EXPECT_EQ(policy.dmarc().public_suffix_list, "/p");
  const DmarcReportSettings& reports = policy.dmarc().reports;
  EXPECT_TRUE(reports.enabled);
  EXPECT_EQ(reports.directory, "/var/lib/sluice/reports");
  EXPECT_EQ(reports.organization, "Example");
  EXPECT_EQ(reports.contact, "dmarc@example.com");
  EXPECT_EQ(reports.submitter, "mx.test.example");
  EXPECT_EQ(reports.interval, 3600s);
  ASSERT_EQ(policy.dmarc_rules().size(), 2U);
  const DmarcRule& rule = policy.dmarc_rules()[1];
  EXPECT_EQ(rule.name, "other.example");
  EXPECT_EQ(rule.on_quarantine, Action::Pass);
  EXPECT_EQ(rule.on_reject, Action::Reject);
  EXPECT_EQ(rule.on_permerror, Action::Defer);
  EXPECT_EQ(rule.on_temperror, Action::Tag);
  EXPECT_TRUE(rule.skip_null_sender && rule.insert_header);
  EXPECT_EQ(rule.reject_reply, (ReplyTriple{554, "5.7.26", "no"}));
  EXPECT_EQ(policy.rules_of(*policy.find_domain("other.example")).dmarc, &rule);
  EXPECT_EQ(policy.rules_of(*policy.find_domain("example.com")).dmarc, &policy.dmarc_rules()[0]);
}

// Shows: W-34, D-9
TEST(AuthenticationReader, DmarcIsOffAndSafeByDefault) {
  const Policy policy = policy_of(kBase);
  EXPECT_EQ(policy.dmarc().mode, dmarc::Mode::Rfc9989);
  EXPECT_EQ(policy.dmarc().author_forms, mail::AuthorForms::Strict);
  EXPECT_FALSE(policy.dmarc().reports.enabled);
  EXPECT_FALSE(policy.dmarc_rules()[0].enabled);
  const Policy enabled = policy_of(with_base("[dmarc.default_rule]\nenabled = true\n"));
  const DmarcRule& rule = enabled.dmarc_rules()[0];
  EXPECT_EQ(rule.on_quarantine, Action::Tag);
  EXPECT_EQ(rule.on_reject, Action::Tag);
  EXPECT_EQ(rule.on_permerror, Action::Tag);
  EXPECT_EQ(rule.on_temperror, Action::Pass);
  EXPECT_EQ(rule.reject_reply.code, 550);
  EXPECT_EQ(rule.reject_reply.status, "5.7.1");
  // p=reject follows quarantine unless it is said otherwise.
  const Policy passing =
      policy_of(with_base("[dmarc.default_rule]\nenabled = true\non_quarantine = \"pass\"\n"));
  EXPECT_EQ(passing.dmarc_rules()[0].on_reject, Action::Pass);
}

TEST(AuthenticationReader, DkimIsVerifiedAndActsOnNothingByDefault) {
  const Policy policy = policy_of(kBase);
  EXPECT_TRUE(policy.dkim().verify);
  EXPECT_EQ(policy.dkim().max_signatures, 10U);
  EXPECT_FALSE(policy.dkim().partial_body);
  EXPECT_FALSE(policy.dkim_rules()[0].enabled);
  EXPECT_EQ(policy.dkim_rules()[0].on_fail, Action::Pass);
  EXPECT_FALSE(policy.result_header().authentication_results);
  EXPECT_FALSE(policy.result_header().tm_forms);
}

constexpr uint32_t kFirst = 12;  // the first line behind kBase

struct ErrorCase {
  const char* text;
  uint32_t line;
  uint32_t column;
  const char* path;
  const char* says;
};

std::string errors_of(const ReadPolicy& read) {
  std::string text;
  for (const Diagnostic& found : read.diagnostics.sorted()) {
    if (found.severity == Severity::Error) text += found.to_string("p") + '\n';
  }
  return text;
}

void expect_error(const ErrorCase& one) {
  const ReadPolicy read = read_policy(with_base(one.text), 1);
  const std::string found = errors_of(read);
  EXPECT_EQ(read.diagnostics.error_count(), 1U) << one.text << "\n" << found;
  const std::string place =
      "p:" + std::to_string(one.line + kFirst - 1) + ":" + std::to_string(one.column) + ": ";
  EXPECT_TRUE(found.starts_with(place + "error: " + one.path + ": ")) << one.text << "\n" << found;
  EXPECT_THAT(found, HasSubstr(one.says)) << one.text;
}

TEST(AuthenticationErrors, OfDkimRules) {
  for (const ErrorCase& one : {
           ErrorCase{"[dkim.default_rule]\non_fail = \"quarantine\"\n", 2, 11, "dkim.default_rule.on_fail",
                     "not available before the store exists; use \"tag\""},
           ErrorCase{"[dkim.default_rule]\non_temperror = \"reject\"\n", 2, 16,
                     "dkim.default_rule.on_temperror", "write \"pass\", \"tag\" or \"defer\""},
           ErrorCase{"[dkim.default_rule]\nenforced_peers = [\"192.0.2.1\"]\n", 2, 18,
                     "dkim.default_rule.enforced_peers", "asked of senders only"},
           ErrorCase{"[[dkim.rule]]\ndomains = [\"exmple.com\"]\nenabled = true\n", 2, 12,
                     "dkim.rule[1].domains", "did you mean \"example.com\"?"},
           ErrorCase{"[[dkim.rule]]\ndomains = []\nenabled = true\n", 2, 11, "dkim.rule[1].domains",
                     "write [dkim.default_rule]"},
           ErrorCase{"[[dkim.rule]]\nname = \"default\"\ndomains = [\"example.com\"]\nenabled = true\n", 2, 8,
                     "dkim.rule[1].name", "name of the default rule"},
           ErrorCase{"[[dkim.rule]]\ndomains = [\"example.com\"]\nenabled = true\n"
                     "[[dkim.rule]]\nname = \"b\"\ndomains = [\"EXAMPLE.com\"]\nenabled = true\n",
                     6, 12, "dkim.rule[2].domains", "a domain has one DKIM rule"},
           ErrorCase{"[[dkim.default_rule]]\nenabled = true\n", 1, 1, "dkim.default_rule",
                     "write [dkim.default_rule]"},
           ErrorCase{"[dkim.default_rule]\ntag = \"\"\n", 2, 7, "dkim.default_rule.tag", "1 to 100 octets"},
           ErrorCase{"[dkim.default_rule]\ntag = \"a\\r\\nBcc: x\"\n", 2, 7, "dkim.default_rule.tag",
                     "no control characters"},
           ErrorCase{"[dkim.default_rule]\ntag = \"[x] \"\n", 2, 7, "dkim.default_rule.tag",
                     "no space at its ends"},
           ErrorCase{"[dkim.default_rule.reject_reply]\nstatus = \"4.7.20\"\n", 2, 10,
                     "dkim.default_rule.reject_reply.status", "both must begin with 5"},
           ErrorCase{"[dkim]\nverify = false\n[dkim.default_rule]\nenabled = true\n", 2, 10, "dkim.verify",
                     "an enabled DKIM rule needs"},
           ErrorCase{"[dkim]\nverify = false\n[dmarc.default_rule]\nenabled = true\n", 2, 10, "dkim.verify",
                     "an enabled DMARC rule needs"},
           ErrorCase{"[dkim]\nverify = false\n[spf.default_rule]\nenabled = true\npreset = "
                     "\"reject-authenticated\"\n",
                     2, 10, "dkim.verify", "\"reject-authenticated\" needs"},
           ErrorCase{"[dkim]\nmax_signatures = 0\n", 2, 18, "dkim.max_signatures", "write 1 to 50"},
       }) {
    expect_error(one);
  }
}

TEST(AuthenticationErrors, OfSigningAndSealing) {
  const std::string key = "keys = [{ selector = \"s\", file = \"/k\" }]\n";
  const auto sign = [&key](const std::string& rest) { return "[[dkim.sign]]\n" + rest + key; };
  expect_error({sign("domain = \"a..b\"\n").c_str(), 2, 10, "dkim.sign[1].domain", "is no domain"});
  expect_error({sign("domain = \"x.*.b\"\n").c_str(), 2, 10, "dkim.sign[1].domain", "is no domain"});
  expect_error({sign("domain = \"*\"\n").c_str(), 1, 1, "dkim.sign[1].signing_domain", "in whose name"});
  expect_error({sign("").c_str(), 1, 1, "dkim.sign[1]", "\"domain\" is missing"});
  expect_error({(sign("domain = \"a.example\"\n") + sign("domain = \"A.example\"\n")).c_str(), 5, 10,
                "dkim.sign[2].domain", "already; put its keys there"});
  expect_error({sign("domain = \"a.example\"\nheaders = [\"Fr om\"]\n").c_str(), 3, 12,
                "dkim.sign[1].headers", "is no name of a header field"});
  const std::string plain = "[[dkim.sign]]\ndomain = \"a.example\"\n";
  for (const ErrorCase& one : {
           ErrorCase{"keys = \"s\"\n", 3, 8, "dkim.sign[1].keys", "expected a list"},
           ErrorCase{"keys = [\"s\"]\n", 3, 9, "dkim.sign[1].keys[1]", "expected a table"},
           ErrorCase{"keys = [{ selector = \"s s\", file = \"/k\" }]\n", 3, 22,
                     "dkim.sign[1].keys[1].selector", "is no selector"},
           ErrorCase{"keys = [{ selector = \"s\", file = \"k\" }]\n", 3, 34, "dkim.sign[1].keys[1].file",
                     "a path from the root"},
           ErrorCase{"keys = [{ selector = \"s\" }]\n", 3, 9, "dkim.sign[1].keys[1]", "\"file\" is missing"},
           ErrorCase{"keys = [{ selector = \"s\", file = \"/k\" }, { selector = \"S\", file = \"/l\" }]\n", 3,
                     55, "dkim.sign[1].keys[2].selector", "stands here twice"},
       }) {
    const std::string text = plain + one.text;
    expect_error({text.c_str(), one.line, one.column, one.path, one.says});
  }
  for (const ErrorCase& one : {
           ErrorCase{"[arc]\ntrusted_sealers = [\"*.google.com\"]\n", 2, 20, "arc.trusted_sealers",
                     "is no domain name"},
           ErrorCase{"[arc.seal]\ndomain = \"a.example\"\nselector = \"s\"\n", 1, 1, "arc.seal",
                     "\"file\" is missing"},
           ErrorCase{"[arc.seal]\ndomain = \"a.example\"\nselector = \"s\"\nfile = \"/k\"\n"
                     "headers = [\"From\", \"ARC-Seal\"]\n",
                     5, 11, "arc.seal.headers", "may not be covered"},
           ErrorCase{"[arc.seal]\ndomain = \"a.example\"\nselector = \"s\"\nfile = \"/k\"\n"
                     "headers = [\"Authentication-Results\"]\n",
                     5, 11, "arc.seal.headers", "may not be covered"},
           ErrorCase{
               "[arc]\nverify = false\n[arc.seal]\ndomain = \"a.example\"\nselector = \"s\"\nfile = \"/k\"\n",
               2, 10, "arc.verify", "sealing needs"},
       }) {
    expect_error(one);
  }
}

// Shows: W-34
TEST(AuthenticationErrors, OfDmarc) {
  for (const ErrorCase& one : {
           ErrorCase{"[dmarc.default_rule]\non_quarantine = \"quarantine\"\n", 2, 17,
                     "dmarc.default_rule.on_quarantine", "use \"tag\" to deliver with a marked subject"},
           ErrorCase{"[dmarc.default_rule]\non_reject = \"delete\"\n", 2, 13, "dmarc.default_rule.on_reject",
                     "write \"pass\", \"tag\", \"reject\" or \"defer\""},
           ErrorCase{"[dmarc]\nmode = \"rfc7489\"\npublic_suffix_list = \"\"\n", 3, 22,
                     "dmarc.public_suffix_list", "name its file"},
           ErrorCase{"[dmarc.reports]\nenabled = true\norganization = \"x\"\ncontact = \"a@b.example\"\n", 1,
                     1, "dmarc.reports.directory", "reports are enabled and need it"},
           ErrorCase{"[dmarc.reports]\ncontact = \"nobody\"\n", 2, 11, "dmarc.reports.contact",
                     "is no address"},
           ErrorCase{"[dmarc.reports]\ndirectory = \"reports\"\n", 2, 13, "dmarc.reports.directory",
                     "a path from the root"},
           ErrorCase{"[dmarc.reports]\norganization = \"a\\u0000b\"\n", 2, 16, "dmarc.reports.organization",
                     "control characters"},
           ErrorCase{"[spf.default_rule]\npreset = \"reject-authenticated\"\nenforce_at = \"rcpt\"\n", 3, 14,
                     "spf.default_rule.enforce_at", "waits for DMARC"},
       }) {
    expect_error(one);
  }
}

TEST(AuthenticationErrors, ATableWrittenAsAValueIsReportedOnce) {
  for (const char* name : {"dkim", "arc", "dmarc"}) {
    const ReadPolicy read = read_policy(std::string(name) + " = 1\n" + std::string(kBase), 1);
    EXPECT_EQ(errors_of(read), "p:1:" + std::to_string(std::string(name).size() + 4) + ": error: " + name +
                                   ": expected a table: write [" + name + "]\n");
  }
}

// Shows: W-32
TEST(PolicyWarnings, EveryEnabledRuleThatDeletesIsNamed) {
  const PolicyReport report = check_policy(
      with_base("[dkim.default_rule]\nenabled = true\non_fail = \"delete\"\n"
                "[[dkim.rule]]\ndomains = [\"example.com\"]\nenabled = false\non_fail = \"delete\"\n"),
      "p");
  EXPECT_TRUE(report.usable);
  EXPECT_THAT(report.text, HasSubstr("p:12:1: warning: dkim.default_rule: deletes silently after 250"));
  EXPECT_THAT(report.text, ::testing::Not(HasSubstr("dkim.rule[1]")));
}

TEST(PolicyWarnings, SigningWithoutTrustedNetworksSignsNothing) {
  std::string text(kBase);
  text.erase(0, text.find('\n') + 1);
  text += "[[dkim.sign]]\ndomain = \"a.example\"\nkeys = []\n";
  EXPECT_THAT(check_policy(text, "p").text, HasSubstr("nothing will be signed"));
}

// Shows: W-35
TEST(DnsOutage, DefersByDefaultWhereDkimOrDmarcRefuse) {
  EXPECT_EQ(policy_of(with_base("[dkim.default_rule]\nenabled = true\n")).dns().on_outage, OnOutage::Accept);
  for (const char* text : {"[dkim.default_rule]\nenabled = true\non_fail = \"reject\"\n",
                           "[dmarc.default_rule]\nenabled = true\non_reject = \"reject\"\n",
                           "[spf.default_rule]\nenabled = true\npreset = \"reject-authenticated\"\n"}) {
    EXPECT_EQ(policy_of(with_base(text)).dns().on_outage, OnOutage::Defer) << text;
  }
  EXPECT_EQ(policy_of(with_base("[dmarc.default_rule]\non_reject = \"reject\"\n")).dns().on_outage,
            OnOutage::Accept);
}

}  // namespace
}  // namespace sluice::policy
