// Settings that rules of every kind have, as the schema declares them. Only schema_*.cc include this.
#pragma once

#include "rules/policy/config_schema.h"

#include <array>
#include <cstdint>
#include <string_view>

namespace sluice::policy::schema {

inline constexpr Setting kEnabled{
    .name = "enabled",
    .type = ValueType::Boolean,
    .default_text = "false",
    .text = "A rule that is not enabled asks nothing, writes no header and takes no action."};

inline constexpr Setting kExcludedPeers{
    .name = "excluded_peers",
    .type = ValueType::Peers,
    .default_text = "[]",
    .at_zero = "empty: none",
    .text =
        "Whom the rule leaves alone, decided before any DNS question: envelope sender addresses "
        "(`user@example.com`), sender domains (`example.com`; `.example.com` for it and all below), client "
        "addresses and networks (`192.0.2.0/24`, `2001:db8::/32`), or `<>` for the null sender."};

inline constexpr Setting kRuleDomains{
    .name = "domains",
    .type = ValueType::Domains,
    .required = true,
    .text = "The managed domains that the rule is for. A domain may stand in one rule of each kind only."};

inline constexpr Setting kRuleName{
    .name = "name",
    .type = ValueType::Text,
    .at_zero = "not set: the rule's first domain",
    .text = "Shown in rows and events. `default` is the name of the default rule."};

constexpr Setting tag_text(std::string_view standard) {
  return {.name = "tag",
          .type = ValueType::Text,
          .default_text = standard,
          .text =
              "What the action `tag` puts before the subject, with a space behind it; not twice. UTF-8, 100 "
              "octets "
              "at most; what is not ASCII is encoded as RFC 2047 says."};
}

inline constexpr Setting kTagSigned{.name = "tag_signed",
                                    .type = ValueType::Boolean,
                                    .default_text = "true",
                                    .text =
                                        "Also tag messages that are signed: by a DKIM signature that passes "
                                        "and covers the subject, or as S/MIME "
                                        "or OpenPGP mail. A tag breaks the DKIM signature for every later "
                                        "reader; `false` leaves such messages as "
                                        "they are."};

inline constexpr std::string_view kCodeText =
    "SMTP reply code (three digits). Its first digit must be that of `status`.";
inline constexpr std::string_view kStatusText = "Enhanced status code (RFC 3463, RFC 7372).";
inline constexpr std::string_view kMessageText = "Text of the reply: printable ASCII, 400 octets at most.";

constexpr std::array<Setting, 3> reject_reply(std::string_view status, std::string_view message) {
  return {Setting{.name = "code",
                  .type = ValueType::Integer,
                  .default_text = "550",
                  .minimum = 500,
                  .maximum = 599,
                  .text = kCodeText},
          Setting{.name = "status", .type = ValueType::Text, .default_text = status, .text = kStatusText},
          Setting{.name = "message", .type = ValueType::Text, .default_text = message, .text = kMessageText}};
}

constexpr std::array<Setting, 3> defer_reply(std::string_view message) {
  return {
      Setting{.name = "code",
              .type = ValueType::Integer,
              .default_text = "451",
              .minimum = 400,
              .maximum = 499,
              .text = kCodeText},
      Setting{.name = "status", .type = ValueType::Text, .default_text = "\"4.7.1\"", .text = kStatusText},
      Setting{.name = "message", .type = ValueType::Text, .default_text = message, .text = kMessageText}};
}

}  // namespace sluice::policy::schema
