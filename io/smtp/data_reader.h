// Reads the octets of a message: behind DATA up to their end (RFC 5321 sections 4.1.1.4 and 4.5.2), or of the
// chunks of BDAT (RFC 3030), which come as they are. Both give out the same wire form.
//
// Only CRLF.CRLF ends a message, and .CRLF right behind DATA, judged on the octets as they come (SMTP
// smuggling). Bare CR, bare LF (RFC 5321 section 2.3.8) and NUL never end it, wherever chunk edges fall: they
// make it Refused, and it is then read to its real end without giving out more octets. With
// BareLineEnds::Normalize only NUL does, and each bare CR and bare LF is given out as CRLF. What is given out
// is final and keeps its dot-stuffing; Unstuffer reads it without. It never holds CRLF.CRLF. Pure.
//
//   ... C R L F . C R L F          body: up to and with the first CRLF
//                 ^^^^^^^ not body
//   a piece that ends in CRLF "." is held back: if the dot turns out to be stuffing, it is given out as a
//   range of its own (carried) that does not point into the input
//
// Where line ends are normalised, a dot that starts a line behind DATA is text, and is given stuffing, in two
// cases: CRLF stands before it and a bare CR or LF behind it (a line of one dot that ends nothing); or a bare
// CR or LF stands before it and no dot behind it (a sender that stuffs lines which end in LF would have
// doubled it). Any other is the sender's stuffing.
//
// In a chunk nothing ends the message but its sender's LAST: a dot at the start of a line gets its stuffing
// (carried), and a last line without CRLF gets one (carried). CR and LF on both sides of a chunk's edge are
// one CRLF; a CR at the end of the last chunk is bare.
#pragma once

#include "io/smtp/body_scan.h"

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace sluice::smtp {

enum class BodyDefect : uint8_t { None, BareCr, BareLf, Nul, TooLarge };

enum class BareLineEnds : uint8_t { Refuse, Normalize };

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
    bool carried = false;       // what is added, or was held back: dots, and what line ends lack
    BodyDefect defect = BodyDefect::None;
    size_t consumed = 0;  // octets of the piece that this step used; call again with the rest
  };

  explicit DataReader(uint64_t octets_max = UINT64_MAX, BareLineEnds bare = BareLineEnds::Refuse)
      : octets_max_(octets_max), bare_(bare) {}
  void reset(uint64_t octets_max, BareLineEnds bare) { *this = DataReader(octets_max, bare); }

  Result read(std::string_view piece);
  // The next octets of a chunk; never gives End.
  Result read_chunk(std::string_view piece);
  // Behind the last octet of the last chunk: Octets (carried: the missing CRLF), Defect or End. Behind Octets
  // call it again.
  Result end_chunks();
  // From now on nothing is given out: the owner refuses the message for reasons of its own.
  void drop_rest();

  BodyDefect defect() const { return defect_; }
  uint64_t wire_octets() const { return wire_octets_; }                     // given out
  uint64_t message_octets() const { return wire_octets_ - stuffed_dots_; }  // RFC 1870: without stuffing
  uint64_t stuffed_dots() const { return stuffed_dots_; }
  uint64_t bare_line_ends() const { return bare_line_ends_; }   // that were normalised
  uint64_t longest_line() const { return scan_.longest_line; }  // without CRLF, of complete lines
  bool eight_bit() const { return scan_.eight_bit; }

 private:
  enum class Edge : uint8_t { Text, Dot, DotCr };  // what a line has begun with

  bool normalizes(ScanStop stop) const {
    return bare_ == BareLineEnds::Normalize && (stop == ScanStop::BareCr || stop == ScanStop::BareLf);
  }
  bool dot_is_text_before(char next) const;
  Result read_text(std::string_view piece);
  Result read_edge(std::string_view piece);
  Result read_dot_cr(std::string_view piece, size_t position);
  Result normalize(ScanStop stop);
  Result stuff();
  Result give_held(std::string_view octets, size_t consumed);
  void leave_stuffing();
  void end_line(uint64_t octets);
  Result skip(std::string_view piece);
  Result give(std::string_view octets, size_t consumed, bool carried);
  Result refuse(BodyDefect defect, size_t octets_before, size_t consumed);

  uint64_t octets_max_;
  uint64_t wire_octets_ = 0;
  uint64_t stuffed_dots_ = 0;
  uint64_t bare_line_ends_ = 0;
  BodyScan scan_;
  Edge edge_ = Edge::Text;
  BodyDefect defect_ = BodyDefect::None;
  BareLineEnds bare_;
  bool behind_bare_ = false;  // the line that scan_.line_start speaks of began behind a bare line end
  bool dropping_ = false;
};

}  // namespace sluice::smtp
