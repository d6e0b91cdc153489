// Writes header fields that nothing written into them can break: whatever the values hold (CR, LF, NUL, other
// controls, octets above 127, quotes, parentheses), one call writes one field. Pure; appends to a string.
//
// A field is one line unless fold() is called; no value is folded inside. Octets that may not stand in a
// header become '?'. Not for text that a person wrote (Subject): that needs RFC 2047.
#pragma once

#include "io/base/clock.h"
#include "io/base/ip.h"
#include "io/base/limits.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace sluice::mail {

class FieldWriter {
 public:
  // Begins "Name: ". The name is ours: printable ASCII without colon or space (checked). `out` outlives this.
  FieldWriter(std::string& out, std::string_view name);
  FieldWriter(const FieldWriter&) = delete;
  FieldWriter& operator=(const FieldWriter&) = delete;

  // Our own words, with their punctuation: printable ASCII; anything else becomes '?'.
  FieldWriter& text(std::string_view words);
  FieldWriter& number(uint64_t value);
  // A foreign value in double quotes, `"` and `\` escaped; cut at `octets_max` of value.
  FieldWriter& quoted(std::string_view value, size_t octets_max = limits::kHeaderIdentity);
  // A foreign value bare where it is a dot-atom, an address of such or an address literal, else quoted
  // (W-21).
  FieldWriter& identity(std::string_view value, size_t octets_max = limits::kHeaderIdentity);
  // A foreign value inside a comment whose parentheses are ours: `(`, `)`, `\` and `"` escaped.
  FieldWriter& in_comment(std::string_view value, size_t octets_max = limits::kHeaderIdentity);
  FieldWriter& date(WallTime time);  // append_date()
  // Goes on in a new line, with one tab.
  FieldWriter& fold();
  // Ends the field with CRLF. Nothing may be written afterwards.
  void end();

 private:
  std::string& out_;
  bool ended_ = false;
};

// "Sat, 21 Nov 2026 18:37:44 +0000" (RFC 5322 section 3.3), always UTC. Years 1900 to 9999; others are
// clamped.
void append_date(std::string& out, WallTime time);
std::string format_date(WallTime time);

enum class ReceivedProtocol : uint8_t { Smtp, Esmtp, Utf8Smtp };  // RFC 3848, RFC 6531 section 4.3

// A Received field (RFC 5321 section 4.4). All views need to live only for the call.
struct ReceivedTrace {
  std::string_view helo;         // as the client gave it; empty: "unknown"
  std::string_view client_name;  // verified reverse name; empty: left out
  IpAddress client;
  std::string_view by;  // our host name
  ReceivedProtocol protocol = ReceivedProtocol::Esmtp;
  std::string_view id;
  std::string_view only_recipient;  // W-11: the address if there is exactly one recipient, else empty
  WallTime time{};
};
void append_received(std::string& out, const ReceivedTrace& trace);

}  // namespace sluice::mail
