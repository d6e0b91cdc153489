// Domain names of addresses and settings in one comparable form: A-labels (RFC 5890, IDNA2008
// non-transitional as UTS 46), lower case, no final dot. Pure. Not for names asked of the DNS: those are
// dns::DnsName.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace sluice::policy {

// Null when the text is no host or domain name: empty, a label over 63 octets or empty, over 253 octets, a
// label that begins or ends with a hyphen, or with characters other than letters, digits, hyphen and
// underscore.
std::optional<std::string> to_domain_name(std::string_view text);
// What it gives back as it is.
bool is_domain_name(std::string_view text);

// True when `name` is `ancestor` or below it; both in the form of to_domain_name.
bool is_at_or_below(std::string_view name, std::string_view ancestor);

}  // namespace sluice::policy
