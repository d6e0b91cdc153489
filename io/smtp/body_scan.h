// The inner scan over a message in wire form: runs over octets until something needs a decision. Free
// functions without state of their own, so that a wider kernel can stand beside the two here; tests and a
// fuzzer compare them on every input. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace sluice::smtp {

// Carried from one piece to the next.
struct BodyScan {
  bool line_start = true;     // the two octets before were CRLF, or nothing came before
  bool after_cr = false;      // the octet before was CR
  uint64_t line_octets = 0;   // of the current line so far, CR included
  uint64_t longest_line = 0;  // octets of the longest line, without its CRLF
  bool eight_bit = false;     // an octet above 127 was seen
};

enum class ScanStop : uint8_t {
  End,     // all was consumed
  Dot,     // the next octet is a dot at the start of a line
  BareCr,  // the octet before was CR and the next is not LF
  BareLf,  // the next octet is LF and the one before was not CR
  Nul,     // the next octet is NUL
};

struct ScanResult {
  size_t consumed = 0;
  ScanStop stop = ScanStop::End;
};

// Line lengths count stuffing dots out: the caller skips the dot without booking it.
ScanResult scan_body(std::string_view octets, BodyScan& scan);         // the fastest that the build has
ScanResult scan_body_scalar(std::string_view octets, BodyScan& scan);  // octet by octet: the reference

}  // namespace sluice::smtp
