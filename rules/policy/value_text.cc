#include "rules/policy/value_text.h"

#include "io/base/ascii.h"
#include "rules/policy/domain_name.h"

#include <array>
#include <charconv>
#include <cstddef>
#include <limits>
#include <string>
#include <utility>

namespace sluice::policy {
namespace {

struct SizeUnit {
  std::string_view name;
  unsigned shift = 0;
};
constexpr std::array<SizeUnit, 5> kUnits{{{"", 0}, {"B", 0}, {"KiB", 10}, {"MiB", 20}, {"GiB", 30}}};

// The whole text as a number, digits only.
template <class Number>
std::optional<Number> parse_number(std::string_view text) {
  Number number{};
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  if (text.empty() || !is_ascii_digit(text.front()) || error != std::errc() || stop != end)
    return std::nullopt;
  return number;
}

std::optional<unsigned> parse_status_part(std::string_view text) {
  const bool leading_zero = text.size() > 1 && text.front() == '0';
  if (text.size() > 3 || leading_zero) return std::nullopt;
  return parse_number<unsigned>(text);
}

}  // namespace

std::optional<uint64_t> parse_size(std::string_view text) {
  size_t digits = 0;
  while (digits < text.size() && is_ascii_digit(text[digits])) ++digits;
  const std::optional<uint64_t> number = parse_number<uint64_t>(text.substr(0, digits));
  const std::string_view unit = trim(text.substr(digits));
  for (const SizeUnit& candidate : kUnits) {
    if (!number || unit != candidate.name) continue;
    if (*number > std::numeric_limits<uint64_t>::max() >> candidate.shift) return std::nullopt;
    return *number << candidate.shift;
  }
  return std::nullopt;
}

std::optional<NextHop> parse_hop_host(std::string_view host) {
  NextHop hop;
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  if (const std::optional<IpAddress> address = IpAddress::parse(host)) {
    hop.address = address->unmap();
    hop.host = hop.address->to_string();
    return hop;
  }
  std::optional<std::string> name = to_domain_name(host);
  if (!name) return std::nullopt;
  hop.host = std::move(*name);
  return hop;
}

std::optional<NextHop> parse_hop(std::string_view text) {
  if (std::optional<NextHop> hop = parse_hop_host(text)) return hop;
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  const std::optional<uint16_t> port = parse_number<uint16_t>(text.substr(colon + 1));
  const std::string_view host = text.substr(0, colon);
  // "2001:db8::1:25" would be ambiguous: an IPv6 address with a port needs its brackets.
  const bool bare_ipv6 = host.contains(':') && !host.starts_with('[');
  std::optional<NextHop> hop = bare_ipv6 ? std::nullopt : parse_hop_host(host);
  if (!hop || !port || *port == 0) return std::nullopt;
  hop->port = *port;
  return hop;
}

std::optional<Endpoint> parse_server(std::string_view text, uint16_t port) {
  if (const std::optional<IpAddress> address = IpAddress::parse(text))
    return Endpoint{address->unmap(), port};
  std::optional<Endpoint> endpoint = Endpoint::parse(text);
  if (!endpoint || endpoint->port == 0) return std::nullopt;
  endpoint->address = endpoint->address.unmap();
  return endpoint;
}

std::optional<StatusCode> parse_status(std::string_view text) {
  const size_t first = text.find('.');
  const size_t second = first == std::string_view::npos ? first : text.find('.', first + 1);
  if (second == std::string_view::npos) return std::nullopt;
  const std::optional<unsigned> status_class = parse_status_part(text.substr(0, first));
  const std::optional<unsigned> subject = parse_status_part(text.substr(first + 1, second - first - 1));
  const std::optional<unsigned> detail = parse_status_part(text.substr(second + 1));
  if (!status_class || !subject || !detail) return std::nullopt;
  if (*status_class != 2 && *status_class != 4 && *status_class != 5) return std::nullopt;
  return StatusCode{*status_class, *subject, *detail};
}

}  // namespace sluice::policy
