// Foreign octets as text that can be printed, stored on one line and, where wanted, read back as they were.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace sluice::ctl {

// Printable ASCII as it is, all else as \xHH: for a terminal, where nothing that others wrote may act.
std::string printable(std::string_view octets);

// Printable ASCII as it is but for the backslash; that and all else as \DDD, as in a zone file (RFC
// 1035 5.1).
std::string escape_octets(std::string_view octets);
// The octets again. Null for what escape_octets() does not write.
std::optional<std::string> unescape_octets(std::string_view text);

}  // namespace sluice::ctl
