#include "rules/policy/schema_rule_parts.h"
#include "rules/policy/schema_tables.h"

#include <array>

namespace sluice::policy::schema {
namespace {

constexpr std::array<std::string_view, 2> kEvents{"all", "fail-only"};
constexpr std::array<std::string_view, 5> kPresets{"tmems", "reject", "observe", "imsva",
                                                   "reject-authenticated"};
constexpr std::array<std::string_view, 2> kEnforceAt{"rcpt", "end-of-data"};
constexpr std::array<std::string_view, 5> kActions{"pass", "delete", "reject", "defer", "tag"};
constexpr std::array<std::string_view, 2> kSpfTables{"default_rule", "rule"};
constexpr std::array<std::string_view, 3> kRuleTables{"actions", "reject_reply", "defer_reply"};

constexpr std::array kResultHeader{
    Setting{.name = "name",
            .type = ValueType::Text,
            .default_text = "\"X-TM-Received-SPF\"",
            .text =
                "Name of the SPF result field; must begin with `X-`. Copies of it that come from untrusted "
                "peers are removed."},
    Setting{.name = "received_spf",
            .type = ValueType::Boolean,
            .default_text = "false",
            .text = "Write Received-SPF (RFC 7208 section 9.1) beside it, and remove foreign ones."},
    Setting{
        .name = "authserv_id",
        .type = ValueType::Domain,
        .at_zero = "not set: `node.hostname`",
        .text =
            "Our id in Authentication-Results (RFC 8601). Fields that claim it are removed from untrusted "
            "peers' mail."},
    Setting{.name = "authentication_results",
            .type = ValueType::Boolean,
            .default_text = "false",
            .text = "Write Authentication-Results into inbound mail: what SPF, DKIM, DMARC and ARC found. "
                    "All mail from "
                    "outside is then evaluated, whether or not a rule needs it."},
    Setting{.name = "tm_forms",
            .type = ValueType::Boolean,
            .default_text = "false",
            .text =
                "What `insert_header` of DKIM and DMARC rules is where they do not say: write "
                "X-TM-Authentication-Results "
                "in the wording that administrators of another product know. Nothing here ever reads it."},
};

constexpr std::array kEventsSection{
    Setting{.name = "spf",
            .type = ValueType::Choice,
            .default_text = "\"all\"",
            .choices = kEvents,
            .text = "Which SPF results make a policy event: every result but Pass, or Fail alone."},
};

constexpr std::array kAuthentication{
    Setting{.name = "exempt_postmaster_and_abuse",
            .type = ValueType::Boolean,
            .default_text = "true",
            .text =
                "Mail to postmaster@ and abuse@ of managed domains is neither refused nor deleted because of "
                "authentication, so that a sender who is wrongly blocked can say so. Header, row and event "
                "are made all the same."},
};

constexpr std::array kSpf{
    Setting{.name = "private_peers",
            .type = ValueType::Networks,
            .default_text = "[]",
            .at_zero = "empty: none",
            .text =
                "Clients with private addresses whose mail is evaluated all the same. Others are ignored by "
                "SPF rules unless XCLIENT named the original client: the address seen is not the sender's."},
    Setting{.name = "check_helo",
            .type = ValueType::Boolean,
            .default_text = "false",
            .text = "Check the HELO name too. Its Fail counts as Fail; its Pass improves nothing."},
    Setting{.name = "from_header_if_null_sender",
            .type = ValueType::Boolean,
            .default_text = "false",
            .text =
                "With the null sender `<>`, check the domain of the From: field after DATA where HELO gave "
                "None. Shown as `identity=from`; never used for DMARC."},
    Setting{
        .name = "prefetch",
        .type = ValueType::Boolean,
        .default_text = "false",
        .text =
            "While an SPF evaluation waits for the DNS, ask already for what its next terms will need, as "
            "far as their order is certain and within the ten terms of RFC 7208. Saves round trips for "
            "domains that are not in the cache; costs questions that a match would have made needless."},
    Setting{.name = "broad_addresses",
            .type = ValueType::Integer,
            .default_text = "1048576",
            .unit = "IPv4 addresses",
            .minimum = 1,
            .maximum = int64_t{1} << 32U,
            .text = "A record that authorises at least so many is broad: its Pass says little, because many "
                    "strangers share "
                    "such ranges. What rules do then is their action `broad_pass`. The large mailbox "
                    "providers authorise "
                    "about half a million addresses."},
    Setting{.name = "broad_networks",
            .type = ValueType::Integer,
            .default_text = "4294967296",
            .unit = "IPv6 /64 networks",
            .minimum = 1,
            .maximum = INT64_MAX,
            .text =
                "The same for clients with IPv6 addresses. The default is a /32, what a network operator is "
                "given at first; the large mailbox providers authorise up to a third of it."},
};

constexpr std::string_view kPresetText =
    "The table that `actions`, `enforce_at` and `insert_header` start from; see Presets.";
constexpr Setting kInsertHeader{
    .name = "insert_header",
    .type = ValueType::Boolean,
    .at_zero = "not set: that of the preset (true in all of them)",
    .text = "Add the result field to every message that the rule checked, whatever the action."};
constexpr Setting kEnforce{.name = "enforce_at",
                           .type = ValueType::Choice,
                           .choices = kEnforceAt,
                           .at_zero = "not set: that of the preset",
                           .text =
                               "Where `reject` and `defer` answer: at RCPT, before any body octet, or at the "
                               "end of data. `delete` is "
                               "always at the end of data."};
constexpr Setting kSenderScope{
    .name = "sender_scope",
    .type = ValueType::Peers,
    .default_text = "[]",
    .at_zero = "empty: all senders",
    .text = "If given, the rule looks only at these senders; entries as in `excluded_peers`."};

constexpr Setting kTag = tag_text("\"[SPF]\"");

constexpr std::array kDefaultRule{
    kEnabled,
    Setting{.name = "preset",
            .type = ValueType::Choice,
            .default_text = "\"tmems\"",
            .choices = kPresets,
            .text = kPresetText},
    kEnforce,
    kInsertHeader,
    kExcludedPeers,
    kSenderScope,
    kTag,
    kTagSigned,
};

constexpr std::array kRule{
    kRuleName,
    kRuleDomains,
    kEnabled,
    Setting{.name = "preset",
            .type = ValueType::Choice,
            .default_text = "\"reject\"",
            .choices = kPresets,
            .text = kPresetText},
    kEnforce,
    kInsertHeader,
    kExcludedPeers,
    kSenderScope,
    kTag,
    kTagSigned,
};

constexpr Setting action_for(std::string_view name, std::string_view text) {
  return {.name = name,
          .type = ValueType::Choice,
          .choices = kActions,
          .at_zero = "not set: that of the preset",
          .text = text};
}
constexpr std::array kActionSettings{
    action_for("fail", "The record says that the client may not send for the domain."),
    action_for("softfail", "The record says so weakly (`~all`)."),
    action_for("neutral", "The record says nothing about the client."),
    action_for("none", "There is no record, or no domain to check."),
    action_for("permerror", "The record cannot be evaluated."),
    action_for("temperror", "The DNS did not answer in time, or answered with an error."),
    Setting{.name = "broad_pass",
            .type = ValueType::Choice,
            .default_text = "\"pass\"",
            .choices = kActions,
            .text =
                "Pass, by a record that authorises a large part of the Internet: see `spf.broad_addresses`. "
                "Not taken where DMARC passes by an aligned DKIM signature."},
};

constexpr auto kRejectReply = reject_reply("\"5.7.1\"", "\"SPF check failed\"");
constexpr auto kDeferReply = defer_reply("\"SPF check deferred, try again later\"");

constexpr std::array kSections{
    Section{.path = "result_header",
            .title = "Result header",
            .text = "The fields that say what was found.",
            .settings = kResultHeader},
    Section{
        .path = "events", .title = "Policy events", .text = "What is an event.", .settings = kEventsSection},
    Section{.path = "authentication",
            .title = "Authentication",
            .text = "What holds for all authentication rules.",
            .settings = kAuthentication},
    Section{.path = "spf",
            .title = "SPF",
            .text = "Inbound Protection > Domain-based Authentication > Sender Policy Framework (SPF) "
                    "(受信保護設定 > ドメインベース認証 > Sender Policy Framework (SPF)).",
            .settings = kSpf,
            .tables = kSpfTables},
    Section{
        .path = "spf.default_rule",
        .title = "The default SPF rule",
        .text =
            "For managed domains without a rule of their own. It is always there and cannot be deleted; "
            "shown as \"Default (when no domain is specified)\" (初期設定 (ドメインが未指定の場合)). It may "
            "hold the tables `actions`, `reject_reply` and `defer_reply` as a rule does.",
        .settings = kDefaultRule,
        .tables = kRuleTables},
    Section{.path = "spf.rule",
            .kind = SectionKind::ArrayOfTables,
            .title = "SPF rules",
            .text = "At most one rule for each managed domain.",
            .settings = kRule,
            .tables = kRuleTables},
    Section{
        .path = "spf.rule.actions",
        .title = "Actions of an SPF rule",
        .text =
            "`pass` does not intercept, `delete` accepts and discards, `reject` and `defer` answer with the "
            "rule's replies, `tag` delivers with a marked subject. Pass has no action: it is never "
            "intercepted, except as `broad_pass`. With the preset `observe` every "
            "action must be `pass`.",
        .settings = kActionSettings},
    Section{.path = "spf.rule.reject_reply",
            .title = "Reply of `reject`",
            .text = "What a refused client is told.",
            .settings = kRejectReply},
    Section{.path = "spf.rule.defer_reply",
            .title = "Reply of `defer`",
            .text = "What a deferred client is told.",
            .settings = kDeferReply},
};

}  // namespace

std::span<const Section> spf_sections() { return kSections; }

}  // namespace sluice::policy::schema
