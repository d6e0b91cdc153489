// Files read whole, and messages from files. Files often hold the line ends of the machine that they lie on:
// where no line of the file ends in CRLF, every LF becomes one, as it would have been on the wire. A file
// with any CRLF is taken octet by octet, since what stands in it may be meant.
#pragma once

#include "io/base/result.h"

#include <string>

namespace sluice::ctl {

[[nodiscard]] Result<std::string> read_file(const std::string& path);
// At most limits::kMessageOctets; an error names the path.
[[nodiscard]] Result<std::string> read_message(const std::string& path);
std::string with_wire_line_ends(std::string octets);

}  // namespace sluice::ctl
