// Values of the policy document that are written as text: sizes, hosts with ports, enhanced status codes.
// Pure; null means "not that", the caller words the error.
#pragma once

#include "io/base/ip.h"
#include "rules/policy/settings.h"

#include <cstdint>
#include <optional>
#include <string_view>

namespace sluice::policy {

// "1048576", "64 KiB", "50MiB", "1 GiB": octets. Null when it is not that or does not fit.
std::optional<uint64_t> parse_size(std::string_view text);

// "host", "host:port", "192.0.2.1:25", "[2001:db8::1]:25", "2001:db8::1"; the port is 25 when none is given.
std::optional<NextHop> parse_hop(std::string_view text);
// A host alone.
std::optional<NextHop> parse_hop_host(std::string_view host);

// "192.0.2.53" or "[2001:db8::53]:5353"; `port` when none is given.
std::optional<Endpoint> parse_server(std::string_view text, uint16_t port);

// RFC 3463 section 2: class "." subject "." detail, without leading zeros.
struct StatusCode {
  unsigned status_class = 0;
  unsigned subject = 0;
  unsigned detail = 0;
};
std::optional<StatusCode> parse_status(std::string_view text);

}  // namespace sluice::policy
