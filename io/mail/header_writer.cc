#include "io/mail/header_writer.h"

#include "io/base/ascii.h"
#include "io/base/check.h"
#include "io/base/digits.h"

#include <algorithm>
#include <array>

namespace sluice::mail {

namespace {

constexpr bool is_dot_atom_octet(char c) {
  return is_ascii_alnum(c) || std::string_view("!#$%&'*+-/=?^_`{|}~.").find(c) != std::string_view::npos;
}

bool is_dot_atom(std::string_view text) {
  if (text.empty() || text.front() == '.' || text.back() == '.' || text.contains("..")) return false;
  return std::ranges::all_of(text, is_dot_atom_octet);
}

// [192.0.2.1], [IPv6:2001:db8::1], and nothing else in brackets.
bool is_literal(std::string_view text) {
  if (text.size() < 3 || text.front() != '[' || text.back() != ']') return false;
  std::string_view inside = text.substr(1, text.size() - 2);
  if (starts_with_ignore_case(inside, "IPv6:")) inside.remove_prefix(5);
  return IpAddress::parse(inside).has_value();
}

// What may stand without quotes: neither comment, semicolon, space nor quote can be inside.
bool stands_bare(std::string_view value) {
  if (is_dot_atom(value) || is_literal(value)) return true;
  const size_t at = value.rfind('@');
  if (at == std::string_view::npos) return value.contains(':') && IpAddress::parse(value).has_value();
  const std::string_view domain = value.substr(at + 1);
  return is_dot_atom(value.substr(0, at)) && (is_dot_atom(domain) || is_literal(domain));
}

constexpr char printable_or_mark(char c) { return is_ascii_printable(c) ? c : '?'; }

void append_escaped(std::string& out, std::string_view value, std::string_view escaped) {
  if (value.find_first_of(escaped) == std::string_view::npos) return append_printable(out, value);
  for (const char raw : value) {
    const char c = printable_or_mark(raw);
    if (escaped.contains(c)) out.push_back('\\');
    out.push_back(c);
  }
}

std::string_view to_string(ReceivedProtocol protocol) {
  switch (protocol) {
    case ReceivedProtocol::Smtp:
      return "SMTP";
    case ReceivedProtocol::Esmtp:
      return "ESMTP";
    case ReceivedProtocol::Utf8Smtp:
      return "UTF8SMTP";
  }
  return "SMTP";
}

constexpr std::array<std::string_view, 7> kDays = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
constexpr std::array<std::string_view, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                      "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

}  // namespace

FieldWriter::FieldWriter(std::string& out, std::string_view name) : out_(out) {
  SLUICE_CHECK(!name.empty());
  SLUICE_CHECK(std::ranges::all_of(name, [](char c) { return c > 0x20 && c < 0x7f && c != ':'; }));
  out_.append(name);
  out_.append(": ");
}

FieldWriter& FieldWriter::text(std::string_view words) {
  SLUICE_CHECK(!ended_);
  append_printable(out_, words);
  return *this;
}

FieldWriter& FieldWriter::number(uint64_t value) {
  SLUICE_CHECK(!ended_);
  append_number(out_, value);
  return *this;
}

FieldWriter& FieldWriter::quoted(std::string_view value, size_t octets_max) {
  SLUICE_CHECK(!ended_);
  out_.push_back('"');
  append_escaped(out_, value.substr(0, octets_max), "\"\\");
  out_.push_back('"');
  return *this;
}

FieldWriter& FieldWriter::identity(std::string_view value, size_t octets_max) {
  SLUICE_CHECK(!ended_);
  value = value.substr(0, octets_max);
  if (!stands_bare(value)) return quoted(value, octets_max);
  out_.append(value);
  return *this;
}

FieldWriter& FieldWriter::in_comment(std::string_view value, size_t octets_max) {
  SLUICE_CHECK(!ended_);
  append_escaped(out_, value.substr(0, octets_max), "()\\\"");
  return *this;
}

FieldWriter& FieldWriter::date(WallTime time) {
  SLUICE_CHECK(!ended_);
  append_date(out_, time);
  return *this;
}

FieldWriter& FieldWriter::fold() {
  SLUICE_CHECK(!ended_);
  out_.append("\r\n\t");
  return *this;
}

void FieldWriter::end() {
  SLUICE_CHECK(!ended_);
  ended_ = true;
  out_.append("\r\n");
}

void append_date(std::string& out, WallTime time) {
  using namespace std::chrono;
  constexpr WallTime kFirst = sys_days{January / 1 / 1900};
  constexpr WallTime kLast = sys_days{December / 31 / 9999} + 24h - 1s;
  time = std::clamp(time, kFirst, kLast);
  const auto day = floor<days>(time);
  const year_month_day date{day};
  const hh_mm_ss clock{floor<seconds>(time - day)};
  out.append(kDays[weekday{day}.c_encoding()]).append(", ");
  append_padded(out, static_cast<unsigned>(date.day()), 2);
  out.append(" ").append(kMonths[static_cast<unsigned>(date.month()) - 1]).append(" ");
  append_padded(out, static_cast<uint64_t>(static_cast<int>(date.year())), 4);
  out.push_back(' ');
  append_padded(out, static_cast<uint64_t>(clock.hours().count()), 2);
  out.push_back(':');
  append_padded(out, static_cast<uint64_t>(clock.minutes().count()), 2);
  out.push_back(':');
  append_padded(out, static_cast<uint64_t>(clock.seconds().count()), 2);
  out.append(" +0000");
}

std::string format_date(WallTime time) {
  std::string out;
  append_date(out, time);
  return out;
}

void append_received(std::string& out, const ReceivedTrace& trace) {
  const std::string address = trace.client.to_string();
  FieldWriter field(out, "Received");
  field.text("from ").identity(trace.helo.empty() ? "unknown" : trace.helo).text(" (");
  if (!trace.client_name.empty()) field.in_comment(trace.client_name).text(" ");
  field.text(trace.client.is_v4() ? "[" : "[IPv6:").text(address).text("])").fold();
  field.text("by ").identity(trace.by).text(" with ").text(to_string(trace.protocol));
  field.text(" id ").identity(trace.id);
  if (!trace.only_recipient.empty()) field.fold().text("for <").text(trace.only_recipient).text(">");
  field.text(";").fold().date(trace.time).end();
}

}  // namespace sluice::mail
