// Dot-stuffing (RFC 5321 section 4.5.2) in both directions, over pieces of any size and without copying where
// none is needed. A line starts behind LF and at the start of the message. Pure.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace sluice::smtp {

inline constexpr std::string_view kEndOfData = ".\r\n";  // behind a body that is empty or ends in CRLF

// The message as its author wrote it: yields the spans of the wire form between stuffing dots.
//   Unstuffer unstuffer;  std::string_view rest = event.octets;
//   for (std::string_view span; unstuffer.next(rest, span);) reader.feed(span);
class Unstuffer {
 public:
  // Moves the front of `rest` into `span` (a view of the same octets, never empty). False when rest is used
  // up.
  bool next(std::string_view& rest, std::string_view& span);
  void reset() { line_start_ = true; }

 private:
  bool line_start_ = true;
};

// Appends `octets` with a dot put before each dot that starts a line. end() adds a missing last CRLF and the
// final dot.
class Stuffer {
 public:
  void append(std::string& out, std::string_view octets);
  void end(std::string& out);
  void reset() { *this = Stuffer(); }

 private:
  bool line_start_ = true;  // behind LF, or at the start
  bool behind_crlf_ = true;
  bool after_cr_ = false;
};

}  // namespace sluice::smtp
