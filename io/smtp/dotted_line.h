// Where a line begins with a dot: the search under dot-stuffing. It looks at every octet of a message whose
// lines rarely begin so, and must not stop at each line. Free functions without state; tests compare the two
// on every input. Pure.
#pragma once

#include <cstddef>
#include <string_view>

namespace sluice::smtp {

// The place of the first LF with a dot behind it, or npos. What is in front of `octets` is the caller's to
// know.
size_t find_dotted_line(std::string_view octets);         // the fastest that the machine has
size_t find_dotted_line_scalar(std::string_view octets);  // the reference

}  // namespace sluice::smtp
