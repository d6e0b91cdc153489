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
    if (found.consumed != 0) behind_bare_ = false;
    if (found.stop == ScanStop::End) return give(piece, position, false);
    const std::string_view before = piece.substr(0, position);
    if (found.stop != ScanStop::Dot) {
      if (!normalizes(found.stop)) return refuse(defect_of(found.stop), position, position);
      // What stands before goes out first; the next call finds the bare end again, in front.
      return before.empty() ? normalize(found.stop) : give(before, position, false);
    }

    // A dot at the start of a line: between CRLF and CRLF it ends the message, else it is stuffing or text.
    const std::string_view behind = piece.substr(position + 1);
    if (behind.empty() || (behind == "\r" && !behind_bare_)) {
      edge_ = behind.empty() ? Edge::Dot : Edge::DotCr;
      return give(before, piece.size(), false);
    }
    const bool ends = behind.starts_with("\r\n") && !behind_bare_;
    if (ends && before.empty()) return {.step = Step::End, .consumed = 3};
    const bool text = dot_is_text_before(behind.front());
    if (text && before.empty()) return stuff();
    // As above: the next call finds the dot again.
    if (ends || text) return give(before, position, false);
    leave_stuffing();
    ++position;
  }
}

// The pieces before ended in a dot, or in dot and CR, at the start of a line.
DataReader::Result DataReader::read_edge(std::string_view piece) {
  if (edge_ == Edge::DotCr) return read_dot_cr(piece, 0);
  const char next = piece.front();
  if (next == '\r' && !behind_bare_) {
    edge_ = Edge::DotCr;
    return piece.size() == 1 ? Result{.consumed = 1} : read_dot_cr(piece, 1);
  }
  return give_held(dot_is_text_before(next) ? ".." : ".", 0);
}

DataReader::Result DataReader::read_dot_cr(std::string_view piece, size_t position) {
  if (piece[position] == '\n') return {.step = Step::End, .consumed = position + 1};
  scan_.after_cr = true;
  if (bare_ == BareLineEnds::Normalize) return give_held("..\r", position);
  edge_ = Edge::Text;
  scan_.line_start = false;
  return refuse(BodyDefect::BareCr, 1, position);  // the CR
}

bool DataReader::dot_is_text_before(char next) const {
  if (behind_bare_) return next != '.';
  return bare_ == BareLineEnds::Normalize && (next == '\r' || next == '\n');
}

// A line's first octets, which were held back, with the stuffing that text gets.
DataReader::Result DataReader::give_held(std::string_view octets, size_t consumed) {
  edge_ = Edge::Text;
  leave_stuffing();
  scan_.line_octets += octets.size() - 1;
  return give(octets, consumed, true);
}

// Puts stuffing before the dot that comes next, which is text.
DataReader::Result DataReader::stuff() {
  leave_stuffing();
  return give(".", 0, true);
}

void DataReader::leave_stuffing() {
  ++stuffed_dots_;
  scan_.line_start = false;
}

// Gives out what the line end in front lacks. A bare CR was given out before what follows it came.
DataReader::Result DataReader::normalize(ScanStop stop) {
  const bool lacks_lf = stop == ScanStop::BareCr;
  ++bare_line_ends_;
  end_line(scan_.line_octets - (lacks_lf ? 1 : 0));
  scan_.after_cr = false;
  behind_bare_ = true;
  return lacks_lf ? give("\n", 0, true) : give("\r\n", 1, true);
}

void DataReader::end_line(uint64_t octets) {
  scan_.longest_line = std::max(scan_.longest_line, octets);
  scan_.line_octets = 0;
  scan_.line_start = true;
}

DataReader::Result DataReader::read_chunk(std::string_view piece) {
  if (piece.empty()) return {};
  if (dropping_) return {.consumed = piece.size()};
  const ScanResult found = scan_body(piece, scan_);
  if (found.stop == ScanStop::End) return give(piece, piece.size(), false);
  if (found.stop != ScanStop::Dot && !normalizes(found.stop))
    return refuse(defect_of(found.stop), found.consumed, found.consumed);
  // What stands before goes out first; the next call finds the dot or the bare end again, in front.
  if (found.consumed != 0) return give(piece.substr(0, found.consumed), found.consumed, false);
  return found.stop == ScanStop::Dot ? stuff() : normalize(found.stop);
}

DataReader::Result DataReader::end_chunks() {
  if (dropping_ || scan_.line_start) return {.step = Step::End};
  if (scan_.after_cr)
    return normalizes(ScanStop::BareCr) ? normalize(ScanStop::BareCr) : refuse(BodyDefect::BareCr, 0, 0);
  end_line(scan_.line_octets);
  return give("\r\n", 0, true);
}

void DataReader::drop_rest() {
  dropping_ = true;
  if (!behind_bare_) return;
  behind_bare_ = false;
  scan_.line_start = false;  // no CRLF stands before what comes
  edge_ = Edge::Text;
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
  drop_rest();
  return {.step = Step::Defect, .defect = defect_, .consumed = consumed};
}

}  // namespace sluice::smtp
