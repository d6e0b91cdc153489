#include "rules/dmarc/report_destinations.h"

#include "io/base/ascii.h"
#include "io/mail/domain.h"
#include "rules/dmarc/report_document.h"

#include <algorithm>
#include <utility>
#include <variant>

namespace sluice::dmarc {
namespace {

bool is_at_or_below(std::string_view domain, std::string_view ancestor) {
  if (ancestor.empty() || !domain.ends_with(ancestor)) return false;
  return domain.size() == ancestor.size() || domain[domain.size() - ancestor.size() - 1] == '.';
}

bool has_address(const std::vector<ReportDestination>& all, std::string_view address) {
  return std::ranges::any_of(
      all, [&](const ReportDestination& known) { return equals_ignore_case(known.address, address); });
}

// Null where the address has no host.
std::optional<ReportDestination> destination_of(const ReportUri& uri) {
  const size_t at = uri.address.rfind('@');
  if (at == std::string::npos) return std::nullopt;
  auto host = mail::to_a_labels(std::string_view(uri.address).substr(at + 1));
  if (!host || host->empty()) return std::nullopt;
  ReportDestination made;
  made.address = uri.address;
  made.host = std::move(*host);
  made.octets_max = uri.octets_max;
  return made;
}

}  // namespace

std::vector<ReportDestination> report_destinations(std::string_view policy_domain,
                                                   const DomainReport& report) {
  std::vector<ReportDestination> all;
  for (const ReportUri& uri : report.published.rua) {
    std::optional<ReportDestination> made = destination_of(uri);
    if (!made || has_address(all, made->address)) continue;
    const bool inside = made->host == policy_domain || is_at_or_below(made->host, report.organization);
    if (!inside) {
      made->authorization =
          dns::DnsName::from_text(std::string(policy_domain) + "._report._dmarc." + made->host);
      made->unaskable = !made->authorization;
    }
    all.push_back(std::move(*made));
  }
  return all;
}

Authorization authorize(ReportDestination& destination, const dns::Answer& answer,
                        std::vector<ReportDestination>& replacements) {
  if (destination.unaskable) return Authorization::Refused;
  if (dns::is_temporary(answer.status)) return Authorization::Undecided;
  bool granted = false;
  bool elsewhere = false;
  for (const dns::RecordData& data : answer.records) {
    const auto* text = std::get_if<std::string>(&data);
    if (text == nullptr || text->size() > limits::kDmarcRecord) continue;
    const std::optional<Record> record = parse_record(*text);
    if (!record) continue;
    granted = true;
    for (const ReportUri& uri : record->rua) {
      std::optional<ReportDestination> other = destination_of(uri);
      if (!other) continue;
      if (other->host != destination.host) {
        elsewhere = true;
      } else if (replacements.size() < limits::kDmarcReportUris &&
                 !has_address(replacements, other->address)) {
        replacements.push_back(std::move(*other));
      }
    }
  }
  if (granted && !elsewhere) return Authorization::Granted;
  replacements.clear();
  return Authorization::Refused;
}

bool fits(const ReportDestination& destination, uint64_t octets) {
  return !destination.octets_max || encoded_octets(octets) <= *destination.octets_max;
}

}  // namespace sluice::dmarc
