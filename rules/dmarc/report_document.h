// The document of an aggregate report: XML (RFC 9990 section 2.1 and appendix A), its file name (2.6.2), the
// Subject of its mail (2.6.2), and gzip (RFC 1952).
//
// All text that comes from others is escaped, cut at limits::kDmarcReportText octets, and made what XML 1.0
// may hold: other characters, and octets that are not UTF-8, become '?'. So the document is well-formed
// whatever a sender wrote. Pure; nothing fails.
#pragma once

#include "rules/dmarc/aggregate_report.h"

#include <cstdint>
#include <string>
#include <string_view>

namespace sluice::dmarc {

struct ReportIdentity {
  std::string organization;   // org_name
  std::string contact;        // email
  std::string extra_contact;  // empty: none
  std::string submitter;      // a domain: who reports
  std::string generator;      // empty: none
};

// One report of a period. `unique_id` (letters and digits) tells it from all others of the submitter.
struct ReportName {
  std::string_view policy_domain;
  WallTime begin;
  WallTime end;
  std::string_view unique_id;
};

std::string report_id(const ReportIdentity& identity, const ReportName& name);         // "ID@submitter"
std::string report_file_name(const ReportIdentity& identity, const ReportName& name);  // "...!ID.xml.gz"
std::string report_subject(const ReportIdentity& identity, const ReportName& name);    // the field's value
std::string report_xml(const ReportIdentity& identity, const ReportName& name, const DomainReport& report);

// A row: its <record> without the number between <count> and </count>. Two messages with the same row differ
// in nothing that is reported.
std::string report_row(const ReportedMessage& message);

// Appends text as the content of an element.
void append_xml_text(std::string& out, std::string_view text);

std::string gzip(std::string_view octets);
// Octets of `octets` in a mail, as base64 in lines: what size limits of URIs are about.
uint64_t encoded_octets(uint64_t octets);

}  // namespace sluice::dmarc
