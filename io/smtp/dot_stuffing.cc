#include "io/smtp/dot_stuffing.h"

#include "io/smtp/dotted_line.h"

namespace sluice::smtp {

bool Unstuffer::next(std::string_view& rest, std::string_view& span) {
  if (line_start_ && rest.starts_with('.')) {
    rest.remove_prefix(1);
    line_start_ = false;
  }
  if (rest.empty()) return false;
  const size_t stuffed = find_dotted_line(rest);
  span = stuffed == std::string_view::npos ? rest : rest.substr(0, stuffed + 1);
  rest.remove_prefix(span.size());
  line_start_ = span.ends_with('\n');
  return true;
}

void Stuffer::append(std::string& out, std::string_view octets) {
  while (!octets.empty()) {
    if (line_start_ && octets.front() == '.') out.push_back('.');
    const size_t newline = octets.find('\n');
    const std::string_view line =
        octets.substr(0, newline == std::string_view::npos ? octets.size() : newline + 1);
    out.append(line);
    octets.remove_prefix(line.size());
    line_start_ = line.ends_with('\n');
    behind_crlf_ = line.ends_with("\r\n") || (line == "\n" && after_cr_);
    after_cr_ = line.ends_with('\r');
  }
}

void Stuffer::end(std::string& out) {
  if (!behind_crlf_) out.append(after_cr_ ? "\n" : "\r\n");
  out.append(kEndOfData);
  reset();
}

}  // namespace sluice::smtp
