// Domains as SPF takes them from an envelope: checked (RFC 7208 4.3) and with U-labels made A-labels (RFC
// 8616).
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace sluice::spf {

// The domain of a MAIL FROM, HELO or From:, ready to be asked for: A-labels, no final dot, case as given.
// Null when there is nothing to ask: an address literal, a single label, an empty label, a label over 63
// octets, a name over 253, an octet that no host or mail domain holds, or a U-label that IDNA 2008 refuses.
std::optional<std::string> checked_domain(std::string_view text);

// The same into a string that keeps its memory; false where there is nothing to ask.
bool checked_domain(std::string_view text, std::string& domain);

// A name that a record names after expansion: null when no question can be made of it. Single labels are
// fine.
std::optional<std::string> target_domain(std::string_view text);

}  // namespace sluice::spf
