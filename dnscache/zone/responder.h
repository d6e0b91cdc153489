// What an authoritative server says to a query message: RFC 1035 section 4 with EDNS0 (RFC 6891). CNAMEs are
// followed inside the zone, negative answers carry an SOA (RFC 2308), an answer that does not fit is cut to
// its question and marked TC. Faults of the zone come out as SERVFAIL, or as silence for a time-out. No
// DNSSEC, no zone transfer, no update, no name compression beyond the owner of the first question.
// Pure: octets in, octets out; never fails on any input.
#pragma once

#include "dnscache/zone/zone.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace sluice::dns {

enum class RespondOutcome : uint8_t {
  Records,
  NoData,
  NxDomain,
  ServFail,
  Timeout,    // nothing is to be sent
  Truncated,  // sent with TC; ask again by TCP
  Malformed,  // FORMERR or NOTIMP, or nothing when the header is not there
};
std::string_view to_string(RespondOutcome outcome);

struct RespondOptions {
  size_t size_max = 512;        // without EDNS0 by UDP: 512. By TCP 65535
  bool by_tcp = false;          // EDNS0 sizes do not matter, nothing is truncated below 65535
  bool force_servfail = false;  // faults for tests
  bool force_truncate = false;
};

struct Response {
  RespondOutcome outcome = RespondOutcome::Malformed;
  std::string message;               // empty: stay silent
  std::optional<Question> question;  // what was asked, where it could be read
};

Response respond(const Zone& zone, std::string_view query, const RespondOptions& options);

}  // namespace sluice::dns
