#include "rules/policy/schema_rule_parts.h"
#include "rules/policy/schema_tables.h"

#include <array>

namespace sluice::policy::schema {
namespace {

constexpr std::array<std::string_view, 3> kDmarcTables{"default_rule", "rule", "reports"};
constexpr std::array<std::string_view, 2> kRuleTables{"reject_reply", "defer_reply"};
constexpr std::array<std::string_view, 3> kModes{"rfc9989", "rfc7489", "both"};
constexpr std::array<std::string_view, 2> kAuthorForms{"strict", "lenient"};
constexpr std::array<std::string_view, 4> kActions{"pass", "tag", "reject", "defer"};
constexpr std::array<std::string_view, 3> kTempActions{"pass", "tag", "defer"};

constexpr std::array kDmarc{
    Setting{
        .name = "mode",
        .type = ValueType::Choice,
        .default_text = "\"rfc9989\"",
        .choices = kModes,
        .text =
            "`rfc9989`: the organizational domain is found by walking up the DNS. `rfc7489`: by the list of "
            "public suffixes. `both`: evaluate twice, act by RFC 9989, and count the differences."},
    Setting{.name = "public_suffix_list",
            .type = ValueType::Text,
            .default_text = "\"/usr/share/publicsuffix/public_suffix_list.dat\"",
            .text = "The list as a file, for the modes `rfc7489` and `both`. Read anew with each reload."},
    Setting{
        .name = "author_forms",
        .type = ValueType::Choice,
        .default_text = "\"strict\"",
        .choices = kAuthorForms,
        .text =
            "Which forms of a From field name an author. `strict`: those of RFC 5322 section 3, and dots in "
            "a display name; all others are a permerror, never a pass. `lenient`: also addresses with dots "
            "at the end of the local part or in a row (`a..b@docomo.example`, `a.@ezweb.example`: some "
            "carriers gave them out) and commas without an address. Nothing that could show a reader "
            "another domain is read with either. The same author is taken for SPF "
            "(`spf.from_header_if_null_sender`) and for our signatures."},
};

constexpr Setting kOnQuarantine{.name = "on_quarantine",
                                .type = ValueType::Choice,
                                .default_text = "\"tag\"",
                                .choices = kActions,
                                .text =
                                    "For a message that fails where the author's domain publishes "
                                    "`p=quarantine` (or `sp`, `np`). There is no "
                                    "quarantine in this version: `tag` delivers it marked."};
constexpr Setting kOnReject{
    .name = "on_reject",
    .type = ValueType::Choice,
    .choices = kActions,
    .at_zero = "not set: that of `on_quarantine`",
    .text =
        "For a message that fails where the author's domain publishes `p=reject`. RFC 9989 asks not to "
        "reject for that alone, because of lists and forwarders; write \"reject\" to do so all the same."};
constexpr Setting kOnPermError{
    .name = "on_permerror",
    .type = ValueType::Choice,
    .choices = kActions,
    .at_zero = "not set: that of `on_quarantine`",
    .text =
        "For a message without one author: no From field, several, or one that is no address. It could show "
        "anybody's name."};
constexpr Setting kOnTempError{.name = "on_temperror",
                               .type = ValueType::Choice,
                               .default_text = "\"pass\"",
                               .choices = kTempActions,
                               .text = "Where the DNS did not say enough. `defer` answers 451 4.4.3."};
constexpr Setting kSkipNullSender{.name = "skip_null_sender",
                                  .type = ValueType::Boolean,
                                  .default_text = "false",
                                  .text = "Leave messages alone that have no envelope sender (bounces)."};
constexpr Setting kInsertHeader{
    .name = "insert_header",
    .type = ValueType::Boolean,
    .at_zero = "not set: `result_header.tm_forms`",
    .text = "Add X-TM-Authentication-Results with the results of SPF, DKIM and DMARC."};
constexpr Setting kTag = tag_text("\"[DMARC]\"");

constexpr std::array kDefaultRule{kEnabled,        kOnQuarantine, kOnReject,      kOnPermError, kOnTempError,
                                  kSkipNullSender, kInsertHeader, kExcludedPeers, kTag,         kTagSigned};
constexpr std::array kRule{kRuleName,     kRuleDomains,   kEnabled,     kOnQuarantine,
                           kOnReject,     kOnPermError,   kOnTempError, kSkipNullSender,
                           kInsertHeader, kExcludedPeers, kTag,         kTagSigned};

constexpr auto kRejectReply =
    reject_reply("\"5.7.1\"", "\"Refused by the DMARC policy of the author's domain\"");
constexpr auto kDeferReply = defer_reply("\"DMARC check deferred, try again later\"");

constexpr std::array kReports{
    Setting{.name = "enabled",
            .type = ValueType::Boolean,
            .default_text = "false",
            .text = "Collect what DMARC found for aggregate reports (RFC 9990), and write them as files. All "
                    "mail from "
                    "outside is then evaluated."},
    Setting{.name = "directory",
            .type = ValueType::Text,
            .at_zero = "not set: needed where reports are enabled",
            .text = "Where finished reports are written; a path from the root."},
    Setting{.name = "organization",
            .type = ValueType::Text,
            .at_zero = "not set: needed where reports are enabled",
            .text = "Who reports (`org_name`)."},
    Setting{.name = "contact",
            .type = ValueType::Text,
            .at_zero = "not set: needed where reports are enabled",
            .text = "An address that answers questions about reports (`email`)."},
    Setting{.name = "extra_contact",
            .type = ValueType::Text,
            .default_text = "\"\"",
            .text = "More about how to reach somebody (`extra_contact_info`)."},
    Setting{.name = "submitter",
            .type = ValueType::Domain,
            .at_zero = "not set: `node.hostname`",
            .text = "Our domain in the ids and file names of reports."},
    Setting{.name = "interval_seconds",
            .type = ValueType::Integer,
            .default_text = "86400",
            .unit = "seconds",
            .minimum = 3600,
            .maximum = 86400,
            .text = "The period of a report."},
};

constexpr std::array kSections{
    Section{.path = "dmarc",
            .title = "DMARC",
            .text = "Inbound Protection > Domain-based Authentication > DMARC (受信保護設定 > "
                    "ドメインベース認証 > DMARC).",
            .settings = kDmarc,
            .tables = kDmarcTables},
    Section{.path = "dmarc.default_rule",
            .title = "The default DMARC rule",
            .text = "For managed domains without a DMARC rule of their own. It may hold the tables "
                    "`reject_reply` and "
                    "`defer_reply` as a rule does.",
            .settings = kDefaultRule,
            .tables = kRuleTables},
    Section{
        .path = "dmarc.rule",
        .kind = SectionKind::ArrayOfTables,
        .title = "DMARC rules",
        .text =
            "At most one rule for each managed domain. Asked last, at the end of data, unless the SPF or the "
            "DKIM rule intercepts. A message that passes, and one for which no policy applies, is never "
            "intercepted, nor is one whose results a trusted ARC chain overrides.",
        .settings = kRule,
        .tables = kRuleTables},
    Section{.path = "dmarc.rule.reject_reply",
            .title = "Reply of `reject` of a DMARC rule",
            .text = "What a refused client is told.",
            .settings = kRejectReply},
    Section{.path = "dmarc.rule.defer_reply",
            .title = "Reply of `defer` of a DMARC rule",
            .text = "What a deferred client is told.",
            .settings = kDeferReply},
    Section{.path = "dmarc.reports",
            .title = "DMARC aggregate reports",
            .text = "Daily reports to the domains that ask for them.",
            .settings = kReports},
};

}  // namespace

std::span<const Section> dmarc_sections() { return kSections; }

}  // namespace sluice::policy::schema
