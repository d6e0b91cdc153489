// A message behind DATA as the reader gives it out; and, where bare line ends are normalised, as the plainest
// reading of the same rules does. For tests and fuzz targets.
#pragma once

#include "io/base/check.h"
#include "io/smtp/data_reader.h"
#include "io/smtp/dot_stuffing.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace sluice::smtp {

struct ReadMessage {
  std::string wire{};  // empty where there is a defect: how much was given out before depends on the pieces
  BodyDefect defect = BodyDefect::None;
  std::optional<size_t> end;  // how many octets the message took with its end
  uint64_t stuffed_dots = 0;
  uint64_t bare_line_ends = 0;
  uint64_t longest_line = 0;
  bool eight_bit = false;
  friend bool operator==(const ReadMessage&, const ReadMessage&) = default;
};

// How many of the octets that are left are read at once.
using Piece = std::function<size_t(size_t left)>;
inline Piece pieces_of(size_t octets) {
  return [octets](size_t left) { return std::min(left, octets); };
}

// From `dropped_from` on the rest is dropped.
inline ReadMessage read_message(BareLineEnds bare, std::string_view octets, const Piece& piece,
                                uint64_t octets_max = UINT64_MAX, size_t dropped_from = SIZE_MAX) {
  DataReader reader(octets_max, bare);
  ReadMessage message;
  size_t used = 0;
  while (used < octets.size() && !message.end) {
    std::string_view rest = octets.substr(used, piece(octets.size() - used));
    while (!rest.empty() && !message.end) {
      if (used >= dropped_from) reader.drop_rest();
      const DataReader::Result result = reader.read(rest);
      if (result.step == DataReader::Step::Octets) message.wire += result.octets;
      if (result.step == DataReader::Step::Defect) {
        SLUICE_CHECK(message.defect == BodyDefect::None);
        message.defect = result.defect;
      }
      rest.remove_prefix(result.consumed);
      used += result.consumed;
      if (result.step == DataReader::Step::End) message.end = used;
    }
  }
  if (message.defect != BodyDefect::None) {
    message.wire.clear();
    return message;
  }
  message.stuffed_dots = reader.stuffed_dots();
  message.bare_line_ends = reader.bare_line_ends();
  message.longest_line = reader.longest_line();
  message.eight_bit = reader.eight_bit();
  SLUICE_CHECK(reader.wire_octets() == message.wire.size());
  SLUICE_CHECK(reader.message_octets() == message.wire.size() - message.stuffed_dots);
  return message;
}

// Of octets that hold an end of data, where bare line ends are normalised.
inline ReadMessage model_of_normalized(std::string_view octets, uint64_t octets_max = UINT64_MAX) {
  ReadMessage message;
  const std::string padded = "\r\n" + std::string(octets);
  const size_t end = padded.find("\r\n.\r\n");
  if (end == std::string::npos) return message;
  message.end = end + 3;
  std::string_view rest = octets.substr(0, end);
  const size_t nul = rest.find('\0');
  if (nul != std::string_view::npos) rest = rest.substr(0, nul);
  uint64_t unstuffed = 0;
  for (bool behind_bare = false; !rest.empty();) {
    const size_t size = std::min(rest.find_first_of("\r\n"), rest.size());
    std::string_view line = rest.substr(0, size);
    const std::string_view line_end = rest.substr(size, rest.substr(size).starts_with("\r\n") ? 2 : 1);
    rest.remove_prefix(size + line_end.size());
    const bool bare = line_end.size() == 1;
    const bool cut = line_end.empty();  // by the NUL
    const char next = line.size() > 1 ? line[1] : line_end.empty() ? '\0' : line_end[0];
    if (line.starts_with('.')) {
      ++message.stuffed_dots;
      message.wire += '.';
      const bool text = behind_bare ? next != '.' : line.size() == 1 && !cut;
      if (!text) line.remove_prefix(1);
    }
    message.wire.append(line).append(cut ? "" : "\r\n");
    message.longest_line = std::max<uint64_t>(message.longest_line, line.size());
    message.bare_line_ends += bare ? 1 : 0;
    unstuffed += line.size() + (cut ? 0 : 2);
    behind_bare = bare;
  }
  message.eight_bit = std::ranges::any_of(message.wire, [](char octet) { return (octet & 0x80) != 0; });
  if (nul == std::string_view::npos && unstuffed <= octets_max) return message;
  return {.wire = {},
          .defect = unstuffed > octets_max ? BodyDefect::TooLarge : BodyDefect::Nul,
          .end = message.end};
}

// Empty, or what a next hop that is sent this wire form could take for something else than its sender meant.
inline std::string_view danger_of(std::string_view wire) {
  if (!wire.empty() && !wire.ends_with("\r\n")) return "no line end at the end";
  for (size_t i = 0; i < wire.size(); ++i) {
    if (wire[i] == '\0') return "NUL";
    if (wire[i] == '\r' && !wire.substr(i).starts_with("\r\n")) return "a bare CR";
    if (wire[i] == '\n' && (i == 0 || wire[i - 1] != '\r')) return "a bare LF";
  }
  const std::string sent = "\r\n" + std::string(wire) + std::string(kEndOfData);
  if (sent.find("\r\n.\r\n") != sent.size() - 5) return "an end of data inside";
  return "";
}

}  // namespace sluice::smtp
