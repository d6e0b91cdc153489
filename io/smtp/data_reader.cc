#include "io/smtp/data_reader.h"

#include <algorithm>

namespace sluice::smtp {

namespace {

BodyDefect defect_of(ScanStop stop) {
  switch (stop) {
    case ScanStop::BareCr:
      return BodyDefect::BareCr;
    case ScanStop::BareLf:
      return BodyDefect::BareLf;
    case ScanStop::Nul:
      return BodyDefect::Nul;
    case ScanStop::End:
    case ScanStop::Dot:
      break;
  }
  return BodyDefect::None;
}

}  // namespace

DataReader::Result DataReader::read(std::string_view piece) {
  if (piece.empty()) return {};
  if (dropping_) return skip(piece);
  return edge_ == Edge::Text ? read_text(piece) : read_edge(piece);
}

DataReader::Result DataReader::read_text(std::string_view piece) {
  size_t position = 0;
  while (true) {
    const ScanResult found = scan_body(piece.substr(position), scan_);
    position += found.consumed;
    if (found.stop == ScanStop::End) return give(piece, position, false);
    if (found.stop != ScanStop::Dot) return refuse(defect_of(found.stop), position, position);

    // A dot at the start of a line: CRLF behind it ends the message, anything else makes it stuffing.
    const std::string_view before = piece.substr(0, position);
    const std::string_view behind = piece.substr(position + 1);
    if (behind.empty()) {
      edge_ = Edge::Dot;
      return give(before, piece.size(), false);
    }
    if (behind == "\r") {
      edge_ = Edge::DotCr;
      return give(before, piece.size(), false);
    }
    if (behind.starts_with("\r\n")) {
      // What stands before goes out first; the next call finds the dot again, in front.
      if (!before.empty()) return give(before, position, false);
      return {.step = Step::End, .consumed = 3};
    }
    ++stuffed_dots_;
    scan_.line_start = false;
    ++position;
  }
}

// The pieces before ended in a dot, or in dot and CR, at the start of a line.
DataReader::Result DataReader::read_edge(std::string_view piece) {
  size_t position = 0;
  if (edge_ == Edge::Dot) {
    if (piece.front() != '\r') {
      edge_ = Edge::Text;
      scan_.line_start = false;
      ++stuffed_dots_;
      return give(".", 0, true);
    }
    edge_ = Edge::DotCr;
    if (++position == piece.size()) return {.consumed = position};
  }
  if (piece[position] == '\n') return {.step = Step::End, .consumed = position + 1};
  edge_ = Edge::Text;
  scan_.line_start = false;
  scan_.after_cr = true;
  return refuse(BodyDefect::BareCr, 1, position);  // the CR
}

DataReader::Result DataReader::read_chunk(std::string_view piece) {
  if (piece.empty()) return {};
  if (dropping_) return {.consumed = piece.size()};
  const ScanResult found = scan_body(piece, scan_);
  if (found.stop == ScanStop::End) return give(piece, piece.size(), false);
  if (found.stop != ScanStop::Dot) return refuse(defect_of(found.stop), found.consumed, found.consumed);
  // What stands before goes out first; the next call finds the dot again, in front.
  if (found.consumed != 0) return give(piece.substr(0, found.consumed), found.consumed, false);
  ++stuffed_dots_;
  scan_.line_start = false;
  return give(".", 0, true);
}

DataReader::Result DataReader::end_chunks() {
  if (dropping_ || scan_.line_start) return {.step = Step::End};
  if (scan_.after_cr) return refuse(BodyDefect::BareCr, 0, 0);
  scan_.longest_line = std::max(scan_.longest_line, scan_.line_octets);
  scan_.line_octets = 0;
  scan_.line_start = true;
  return give("\r\n", 0, true);
}

// Only looks for the end; the same states, no output.
DataReader::Result DataReader::skip(std::string_view piece) {
  size_t position = 0;
  while (position < piece.size()) {
    const char c = piece[position];
    if (edge_ == Edge::DotCr) {
      if (c == '\n') return {.step = Step::End, .consumed = position + 1};
      edge_ = Edge::Text;
      scan_.line_start = false;
      scan_.after_cr = true;
    } else if (edge_ == Edge::Dot) {
      edge_ = c == '\r' ? Edge::DotCr : Edge::Text;
      scan_.line_start = false;
      scan_.after_cr = false;
      if (edge_ == Edge::DotCr) {
        ++position;
        continue;
      }
    }
    ++position;
    if (scan_.line_start && c == '.') {
      edge_ = Edge::Dot;
    } else if (c == '\n') {
      scan_.line_start = scan_.after_cr;
      scan_.after_cr = false;
    } else {
      scan_.line_start = false;
      scan_.after_cr = c == '\r';
      if (!scan_.after_cr) {
        const size_t next = piece.find('\r', position);
        position = next == std::string_view::npos ? piece.size() : next;
      }
    }
  }
  return {.consumed = position};
}

DataReader::Result DataReader::give(std::string_view octets, size_t consumed, bool carried) {
  if (octets.empty()) return {.consumed = consumed};
  wire_octets_ += octets.size();
  if (message_octets() > octets_max_) return refuse(BodyDefect::TooLarge, 0, consumed);
  return {.step = Step::Octets, .octets = octets, .carried = carried, .consumed = consumed};
}

// `octets_before` the defect were not given out; if they alone are too many, that is the reason, as it would
// have been had they come in a piece of their own.
DataReader::Result DataReader::refuse(BodyDefect defect, size_t octets_before, size_t consumed) {
  defect_ = message_octets() + octets_before > octets_max_ ? BodyDefect::TooLarge : defect;
  dropping_ = true;
  return {.step = Step::Defect, .defect = defect_, .consumed = consumed};
}

}  // namespace sluice::smtp
