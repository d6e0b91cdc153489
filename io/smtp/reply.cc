#include "io/smtp/reply.h"

#include "io/base/ascii.h"
#include "io/base/digits.h"

#include <algorithm>

namespace sluice::smtp {

namespace {

constexpr char printable_or_mark(char c) { return is_ascii_printable(c) ? c : '?'; }

void append_status(std::string& out, EnhancedStatus status) {
  append_number(out, status.status_class);
  out.push_back('.');
  append_number(out, status.subject);
  out.push_back('.');
  append_number(out, status.detail);
}

// The front of `text` as a number of one to three digits; null when there is none.
std::optional<uint16_t> take_number(std::string_view& text) {
  size_t digits = 0;
  unsigned value = 0;
  while (digits < text.size() && is_ascii_digit(text[digits])) {
    if (digits == 3) return std::nullopt;
    value = value * 10 + static_cast<unsigned>(text[digits++] - '0');
  }
  if (digits == 0) return std::nullopt;
  text.remove_prefix(digits);
  return static_cast<uint16_t>(value);
}

}  // namespace

std::optional<EnhancedStatus> EnhancedStatus::parse(std::string_view text) {
  if (text.size() < 5 || text[1] != '.') return std::nullopt;
  if (text[0] != '2' && text[0] != '4' && text[0] != '5') return std::nullopt;
  EnhancedStatus status;
  status.status_class = static_cast<uint8_t>(text[0] - '0');
  text.remove_prefix(2);
  const auto subject = take_number(text);
  if (!subject || text.empty() || text.front() != '.') return std::nullopt;
  text.remove_prefix(1);
  const auto detail = take_number(text);
  if (!detail || !text.empty()) return std::nullopt;
  status.subject = *subject;
  status.detail = *detail;
  return status;
}

std::string EnhancedStatus::to_string() const {
  std::string out;
  append_status(out, *this);
  return out;
}

std::string Reply::to_line() const {
  std::string out;
  append_number(out, code);
  if (status.present()) {
    out.push_back(' ');
    append_status(out, status);
  }
  if (!text.empty()) out.push_back(' ');
  for (const char c : text) {
    if (c == '\n') {
      out.append(" / ");
    } else {
      out.push_back(printable_or_mark(c));
    }
  }
  return out;
}

void append_reply(std::string& out, uint16_t code, EnhancedStatus status, std::string_view text) {
  for (size_t line_number = 1;; ++line_number) {
    const size_t newline = text.find('\n');
    const std::string_view line = text.substr(0, std::min({newline, text.size(), limits::kReplyText}));
    const bool last = newline == std::string_view::npos || line_number == kReplyLinesMax;
    append_number(out, code);
    if (!last || status.present() || !line.empty()) out.push_back(last ? ' ' : '-');
    if (status.present()) {
      append_status(out, status);
      if (!line.empty()) out.push_back(' ');
    }
    append_printable(out, line);
    out.append("\r\n");
    if (last) return;
    text.remove_prefix(newline + 1);
  }
}

std::string printable_reply_text(std::string_view text) {
  std::string out(text.substr(0, limits::kReplyText));
  std::ranges::transform(out, out.begin(), printable_or_mark);
  return out;
}

}  // namespace sluice::smtp
