// Reads the octets of a message: behind DATA up to their end (RFC 5321 sections 4.1.1.4 and 4.5.2), or of the
// chunks of BDAT (RFC 3030), which come as they are. Both give out the same wire form.
//
// Only CRLF.CRLF ends a message, and .CRLF right behind DATA. Bare CR, bare LF and NUL never end it: they
// make it Refused (SMTP smuggling), wherever chunk edges fall, and it is then read to its real end without
// giving out more octets. What is given out is final and keeps its dot-stuffing; Unstuffer reads it without.
// Pure.
//
//   ... C R L F . C R L F          body: up to and with the first CRLF
//                 ^^^^^^^ not body
//   a piece that ends in CRLF "." is held back: if the dot turns out to be stuffing, it is given out as a
//   range of its own (carried) that does not point into the input
//
// In a chunk nothing ends the message but its sender's LAST: a dot at the start of a line gets its stuffing
// (carried), and a last line without CRLF gets one (carried).
#pragma once

#include "io/smtp/body_scan.h"

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace sluice::smtp {

enum class BodyDefect : uint8_t { None, BareCr, BareLf, Nul, TooLarge };

class DataReader {
 public:
  enum class Step : uint8_t {
    NeedInput,  // the piece is used up
    Octets,     // `octets` is a part of the body
    Defect,     // the message is refused: `defect` says why; no Octets come any more
    End,        // the end was reached; the rest of the piece belongs to the dialogue
  };
  struct Result {
    Step step = Step::NeedInput;
    std::string_view octets{};  // in the piece, or static if carried; never empty when Step::Octets
    bool carried = false;       // the dot of stuffing, or the CRLF that end_chunks() adds
    BodyDefect defect = BodyDefect::None;
    size_t consumed = 0;  // octets of the piece that this step used; call again with the rest
  };

  explicit DataReader(uint64_t octets_max = UINT64_MAX) : octets_max_(octets_max) {}
  void reset(uint64_t octets_max) { *this = DataReader(octets_max); }

  Result read(std::string_view piece);
  // The next octets of a chunk; never gives End.
  Result read_chunk(std::string_view piece);
  // Behind the last octet of the last chunk: Octets (carried: the missing CRLF), Defect or End. Behind Octets
  // call it again.
  Result end_chunks();
  // From now on nothing is given out: the owner refuses the message for reasons of its own.
  void drop_rest() { dropping_ = true; }

  BodyDefect defect() const { return defect_; }
  uint64_t wire_octets() const { return wire_octets_; }                     // given out
  uint64_t message_octets() const { return wire_octets_ - stuffed_dots_; }  // RFC 1870: without stuffing
  uint64_t stuffed_dots() const { return stuffed_dots_; }
  uint64_t longest_line() const { return scan_.longest_line; }  // without CRLF, of complete lines
  bool eight_bit() const { return scan_.eight_bit; }

 private:
  enum class Edge : uint8_t { Text, Dot, DotCr };  // what a line has begun with

  Result read_text(std::string_view piece);
  Result read_edge(std::string_view piece);
  Result skip(std::string_view piece);
  Result give(std::string_view octets, size_t consumed, bool carried);
  Result refuse(BodyDefect defect, size_t octets_before, size_t consumed);

  uint64_t octets_max_;
  uint64_t wire_octets_ = 0;
  uint64_t stuffed_dots_ = 0;
  BodyScan scan_;
  Edge edge_ = Edge::Text;
  BodyDefect defect_ = BodyDefect::None;
  bool dropping_ = false;
};

}  // namespace sluice::smtp
