// Replies of SMTP (RFC 5321 section 4.2) with enhanced status codes (RFC 2034, RFC 3463) as values, and how
// they are written. Foreign text cannot break out of a reply: it is made printable ASCII and cut. Pure.
#pragma once

#include "io/base/limits.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace sluice::smtp {

// "5.7.1". A class of 0 means that there is none.
struct EnhancedStatus {
  uint8_t status_class = 0;  // 2, 4 or 5
  uint16_t subject = 0;      // 0..999
  uint16_t detail = 0;       // 0..999

  constexpr bool present() const { return status_class != 0; }
  friend constexpr bool operator==(const EnhancedStatus&, const EnhancedStatus&) = default;

  // The whole of `text`, "5.7.1". Null when it is anything else.
  static std::optional<EnhancedStatus> parse(std::string_view text);
  std::string to_string() const;
};

struct Reply {
  uint16_t code = 0;  // 200..599
  EnhancedStatus status{};
  std::string text;  // without code and status; several lines are parted by '\n'

  bool positive() const { return code >= 200 && code < 300; }
  bool intermediate() const { return code >= 300 && code < 400; }
  bool temporary() const { return code >= 400 && code < 500; }
  bool permanent() const { return code >= 500; }
  bool refuses() const { return code >= 400; }
  // "550 5.7.1 text", lines parted by " / ": for logs and rows.
  std::string to_line() const;
  friend bool operator==(const Reply&, const Reply&) = default;
};

// A reply of ours whose text is a literal; becomes a Reply where one is needed.
struct FixedReply {
  uint16_t code;
  EnhancedStatus status;
  std::string_view text;
  Reply to_reply() const { return {code, status, std::string(text)}; }
};

inline constexpr size_t kReplyLinesMax = 32;  // of a reply that is written; further lines are dropped

// Appends the reply in wire form. Each line carries the status, if present; octets that are not printable
// ASCII become '?', each line's text is cut at limits::kReplyText, and an empty text is a bare code.
void append_reply(std::string& out, uint16_t code, EnhancedStatus status, std::string_view text);
inline void append_reply(std::string& out, const Reply& reply) {
  append_reply(out, reply.code, reply.status, reply.text);
}
inline void append_reply(std::string& out, const FixedReply& reply) {
  append_reply(out, reply.code, reply.status, reply.text);
}

// One line of printable ASCII, at most limits::kReplyText octets: foreign text made fit for Reply::text.
std::string printable_reply_text(std::string_view text);

}  // namespace sluice::smtp
