// White space inside a body as the relaxed form has it (RFC 6376 section 3.4.4): a run of spaces and tabs
// becomes one space, and one in front of CRLF nothing. Free functions without state; the vector kernels and
// the scalar one give the same for the same octets. Pure.
#pragma once

#include <cstddef>
#include <string_view>

namespace sluice::dkim {

struct Reduced {
  size_t consumed =
      0;  // less than all only where a run of white space ends the octets, or such a run and a
          // CR: what it becomes depends on what follows. Then the rest is all or the end of that
  size_t written = 0;
};

// Octets behind the reduced form that may be overwritten: the kernels store whole blocks.
inline constexpr size_t kReduceSlack = 64;

// Writes to `out`, which has room for the octets and kReduceSlack more and does not overlap them.
Reduced reduce_white_space(std::string_view octets, char* out);         // the fastest that the processor has
Reduced reduce_white_space_scalar(std::string_view octets, char* out);  // octet by octet: the reference

}  // namespace sluice::dkim
