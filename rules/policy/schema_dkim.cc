#include "io/base/limits.h"
#include "rules/policy/schema_rule_parts.h"
#include "rules/policy/schema_tables.h"

#include <array>

namespace sluice::policy::schema {
namespace {

static_assert(limits::kDkimSignatures == 10);
static_assert(limits::kDkimClockSkew == std::chrono::seconds(300));

constexpr std::array<std::string_view, 3> kDkimTables{"default_rule", "rule", "sign"};
constexpr std::array<std::string_view, 2> kRuleTables{"reject_reply", "defer_reply"};
constexpr std::array<std::string_view, 1> kArcTables{"seal"};
constexpr std::array<std::string_view, 5> kFailActions{"pass", "tag", "delete", "reject", "defer"};
constexpr std::array<std::string_view, 3> kTempActions{"pass", "tag", "defer"};
constexpr std::array<std::string_view, 4> kCanonicalizations{"relaxed/relaxed", "relaxed/simple",
                                                             "simple/relaxed", "simple/simple"};
constexpr std::array<std::string_view, 2> kSealWhen{"modified", "always"};

constexpr std::array kDkim{
    Setting{
        .name = "verify",
        .type = ValueType::Boolean,
        .default_text = "true",
        .text = "Verify the DKIM signatures of inbound mail (RFC 6376). DMARC and the rules below need it."},
    Setting{
        .name = "max_signatures",
        .type = ValueType::Integer,
        .default_text = "10",
        .minimum = 1,
        .maximum = 50,
        .text =
            "Signatures of one message that are verified, from the top. Further ones do not count; a field "
            "that cannot be read, and one that has expired, takes no place among them."},
    Setting{
        .name = "partial_body",
        .type = ValueType::Boolean,
        .default_text = "false",
        .text =
            "Let a signature pass whose `l=` leaves some of the body unsigned. Anybody can append to such a "
            "message."},
    Setting{.name = "clock_skew_seconds",
            .type = ValueType::Integer,
            .default_text = "300",
            .unit = "seconds",
            .minimum = 0,
            .maximum = 86400,
            .at_zero = "0: clocks must agree",
            .text = "What a signer's clock may differ from ours, for `t=` and `x=`."},
};

constexpr std::array kSign{
    Setting{
        .name = "domain",
        .type = ValueType::Text,
        .required = true,
        .text =
            "Whose mail is signed, by the domain of the From field: `example.com`, `*.example.com` for every "
            "name below it, or `*` for any. The exact name goes before wildcards, the longer wildcard before "
            "the shorter."},
    Setting{.name = "signing_domain",
            .type = ValueType::Domain,
            .at_zero = "not set: `domain`, without its star; for `*` it must be given",
            .text = "`d=` of the signature. DMARC needs one that is the author's domain or has the same "
                    "organizational domain."},
    Setting{.name = "keys",
            .type = ValueType::Keys,
            .required = true,
            .text = "One signature for each entry: `{ selector = \"s2026\", file = \"/etc/sluice/s2026.pem\" "
                    "}`. RSA and "
                    "Ed25519 may stand side by side. An empty list says that this domain is not signed. The "
                    "files are read anew with each reload."},
    Setting{.name = "headers",
            .type = ValueType::Fields,
            .at_zero = "not set: those of RFC 6376 section 5.4.1, From always",
            .text = "Fields that are signed where they are present."},
    Setting{.name = "oversign",
            .type = ValueType::Fields,
            .at_zero = "not set: those that a reader sees or that say how the body is read; empty: none",
            .text = "Fields that are signed once more than they are present, so that nobody can add one."},
    Setting{.name = "canonicalization",
            .type = ValueType::Choice,
            .default_text = "\"relaxed/relaxed\"",
            .choices = kCanonicalizations,
            .text = "Of the header and of the body."},
    Setting{.name = "expire_seconds",
            .type = ValueType::Integer,
            .default_text = "0",
            .unit = "seconds",
            .minimum = 0,
            .maximum = 31536000,
            .at_zero = "0: signatures do not expire",
            .text = "How long a signature holds (`x=`)."},
};

constexpr std::array kSignKeys{
    Setting{.name = "selector", .type = ValueType::Text, .required = true, .text = "`s=` of the signature."},
    Setting{.name = "file",
            .type = ValueType::Text,
            .required = true,
            .text = "The private key as PEM, readable by the node's user alone."},
};

constexpr Setting kOnFail{.name = "on_fail",
                          .type = ValueType::Choice,
                          .default_text = "\"pass\"",
                          .choices = kFailActions,
                          .text =
                              "For a message of which a signature is wrong and none is right, and for one of "
                              "an enforced peer without a "
                              "right one. RFC 6376 section 6.1 asks to treat a wrong signature as no "
                              "signature: lists and forwarders "
                              "break them. A trusted ARC chain that overrides DMARC sets the action aside, "
                              "except for enforced peers."};
constexpr Setting kOnTempError{
    .name = "on_temperror",
    .type = ValueType::Choice,
    .default_text = "\"pass\"",
    .choices = kTempActions,
    .text = "Where `on_fail` would act, but a key could not be looked up. `defer` answers 451 4.4.3."};
constexpr Setting kSkipNullSender{.name = "skip_null_sender",
                                  .type = ValueType::Boolean,
                                  .default_text = "false",
                                  .text = "Leave messages alone that have no envelope sender (bounces)."};
constexpr Setting kInsertHeader{
    .name = "insert_header",
    .type = ValueType::Boolean,
    .at_zero = "not set: `result_header.tm_forms`",
    .text = "Add X-TM-Authentication-Results with the words of this rule's result."};
constexpr Setting kEnforcedPeers{
    .name = "enforced_peers",
    .type = ValueType::Peers,
    .default_text = "[]",
    .at_zero = "empty: none",
    .text =
        "Senders whose mail must have a verified signature: envelope sender addresses and domains, as in "
        "`excluded_peers`."};
constexpr Setting kTag = tag_text("\"[DKIM]\"");

constexpr std::array kDefaultRule{kEnabled,        kOnFail,       kOnTempError,
                                  kSkipNullSender, kInsertHeader, kExcludedPeers,
                                  kEnforcedPeers,  kTag,          kTagSigned};
constexpr std::array kRule{kRuleName,       kRuleDomains,  kEnabled,       kOnFail,        kOnTempError,
                           kSkipNullSender, kInsertHeader, kExcludedPeers, kEnforcedPeers, kTag,
                           kTagSigned};

constexpr auto kRejectReply = reject_reply("\"5.7.20\"", "\"No passing DKIM signature found\"");
constexpr auto kDeferReply = defer_reply("\"DKIM check deferred, try again later\"");

constexpr std::array kArc{
    Setting{.name = "verify",
            .type = ValueType::Boolean,
            .default_text = "true",
            .text = "Validate ARC chains (RFC 8617) where they may help: SPF says Fail or SoftFail, the "
                    "signatures or "
                    "DMARC fail. ARC never makes a result worse."},
    Setting{.name = "trusted_sealers",
            .type = ValueType::Sealers,
            .default_text = "[\"google.com\", \"gmail.com\", \"googlegroups.com\", \"messagingengine.com\", "
                            "\"fastmail.com\", "
                            "\"fastmail.fm\", \"outlook.com\", \"hotmail.com\", \"office365.com\", "
                            "\"microsoft.com\", \"yahoo.com\", "
                            "\"ymail.com\", \"icloud.com\", \"me.com\", \"amazon.com\", \"aws.amazon.com\"]",
            .at_zero = "empty: nobody, so that no chain overrides anything",
            .text = "Whose results are believed: `d=` of the seal, exactly; with a leading dot, names below "
                    "it too. The "
                    "newest seal must be by one of them; how far down the chain is believed: `rules/arc`."},
};

constexpr std::array kSeal{
    Setting{.name = "domain", .type = ValueType::Domain, .required = true, .text = "`d=` of our seals."},
    Setting{.name = "selector", .type = ValueType::Text, .required = true, .text = "`s=` of our seals."},
    Setting{.name = "file",
            .type = ValueType::Text,
            .required = true,
            .text = "The private key (RSA) as PEM, readable by the node's user alone."},
    Setting{.name = "headers",
            .type = ValueType::Fields,
            .at_zero = "not set: those that a DKIM signature covers, and DKIM-Signature",
            .text = "Fields that the ARC-Message-Signature covers where they are present."},
    Setting{.name = "when",
            .type = ValueType::Choice,
            .default_text = "\"modified\"",
            .choices = kSealWhen,
            .text = "`modified`: where our edits may break a signature of the message. `always`: all inbound "
                    "mail that is "
                    "relayed."},
};

constexpr std::array kSections{
    Section{.path = "dkim",
            .title = "DKIM",
            .text = "Inbound Protection > Domain-based Authentication > DKIM Verification "
                    "(受信保護設定 > ドメインベース認証 > DKIM検証).",
            .settings = kDkim,
            .tables = kDkimTables},
    Section{
        .path = "dkim.default_rule",
        .title = "The default DKIM rule",
        .text =
            "For managed domains without a DKIM rule of their own. It may hold the tables `reject_reply` and "
            "`defer_reply` as a rule does.",
        .settings = kDefaultRule,
        .tables = kRuleTables},
    Section{
        .path = "dkim.rule",
        .kind = SectionKind::ArrayOfTables,
        .title = "DKIM rules",
        .text = "At most one rule for each managed domain. Asked after the SPF rule, unless that intercepts.",
        .settings = kRule,
        .tables = kRuleTables},
    Section{.path = "dkim.rule.reject_reply",
            .title = "Reply of `reject` of a DKIM rule",
            .text = "What a refused client is told (RFC 7372 section 3.1).",
            .settings = kRejectReply},
    Section{.path = "dkim.rule.defer_reply",
            .title = "Reply of `defer` of a DKIM rule",
            .text = "What a deferred client is told.",
            .settings = kDeferReply},
    Section{.path = "dkim.sign",
            .kind = SectionKind::ArrayOfTables,
            .title = "DKIM signing",
            .text = "For mail that trusted networks send out. Signatures are made last, over the message as "
                    "it leaves.",
            .settings = kSign},
    Section{.path = "dkim.sign.keys",
            .title = "Signing keys",
            .text = "An entry of `keys`.",
            .settings = kSignKeys},
    Section{.path = "arc",
            .title = "ARC",
            .text = "What forwarders and lists say that they saw before they changed a message.",
            .settings = kArc,
            .tables = kArcTables},
    Section{.path = "arc.seal",
            .title = "ARC sealing",
            .text = "Without this table nothing is sealed. A chain that is broken is never continued.",
            .settings = kSeal},
};

}  // namespace

std::span<const Section> dkim_sections() { return kSections; }

}  // namespace sluice::policy::schema
