// Domain names inside DNS messages: RFC 1035 section 4.1.4 compression read safely. A pointer must lead to an
// earlier octet than the name or pointer that holds it, so that reading always ends; a name over 255 octets
// or with a label type other than 00 and 11 is refused. Pure.
#pragma once

#include "dnscache/question/name.h"
#include "io/base/cursor.h"

#include <optional>
#include <string_view>

namespace sluice::dns {

// Reads the name at the cursor, which runs over `message` from its first octet, and moves behind it. Null
// (and the cursor failed) when there is no well-formed name.
std::optional<DnsName> read_name(std::string_view message, Cursor& cursor);
// Moves behind the name at the cursor without following pointers; false (and failed) where it is broken.
bool skip_name(Cursor& cursor);

}  // namespace sluice::dns
