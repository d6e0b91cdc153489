// To whom an aggregate report goes (RFC 9990 sections 2.6 and 3): the mailto addresses of rua; those outside
// the organization of the policy domain only where their host has said in the DNS that it wants reports about
// that domain. Other schemes are ignored. Pure; the caller asks the questions.
#pragma once

#include "dnscache/question/question.h"
#include "rules/dmarc/aggregate_report.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::dmarc {

struct ReportDestination {
  std::string address;
  std::string host;  // of the address: A-labels, lower case
  std::optional<uint64_t> octets_max{};
  // TXT, to be asked and given to authorize() before anything goes there; null: inside the organization.
  std::optional<dns::DnsName> authorization{};
  // Outside, and the name to ask does not fit the DNS: nothing may go there.
  bool unaskable = false;
};

// In the order of rua; each address once. Inside is what is the policy domain, or at or below its
// organization.
std::vector<ReportDestination> report_destinations(std::string_view policy_domain,
                                                   const DomainReport& report);

enum class Authorization : uint8_t {
  Granted,
  Refused,    // no such record, or one that points to another host
  Undecided,  // the DNS did not answer
};
// What the answer means; a record may name other addresses of the same host, which then take the place of the
// destination's.
Authorization authorize(ReportDestination& destination, const dns::Answer& answer,
                        std::vector<ReportDestination>& replacements);

// Whether a report of so many octets, compressed, may go there (the size counts as encoded for mail).
bool fits(const ReportDestination& destination, uint64_t octets);

}  // namespace sluice::dmarc
