// Foreign octets as text on one line that can be shown and read back as they were, as in a zone file. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace sluice {

// Printable ASCII as it is but for the backslash; that and all else as \DDD, as in a zone file (RFC
// 1035 5.1).
std::string escape_octets(std::string_view octets);
// The octets again. Null for what escape_octets() does not write.
std::optional<std::string> unescape_octets(std::string_view text);

}  // namespace sluice
