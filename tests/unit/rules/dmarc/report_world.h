// Messages for tests of aggregate reports.
#pragma once

#include "rules/dmarc/aggregate_report.h"
#include "rules/dmarc/report_document.h"

#include <chrono>
#include <string>

namespace sluice::dmarc {

inline const WallTime kStart{std::chrono::seconds(1780000000)};

// One message that is reported; its members may be changed before add().
struct ReportedFake {
  explicit ReportedFake(const std::string& record_text = "v=DMARC1; p=reject; rua=mailto:reports@example.com",
                        const std::string& domain = "example.com")
      : record(*parse_record(record_text)) {
    outcome.result = Result::Fail;
    outcome.reason = Reason::Evaluated;
    outcome.author_domain = outcome.org_domain = outcome.policy_domain = domain;
    outcome.policy = outcome.published = outcome.disposition = Policy::Reject;
  }
  ReportedMessage message() const {
    ReportedMessage made{.client = client, .outcome = outcome, .record = record};
    made.envelope_from = envelope_from;
    made.spf = spf;
    made.signatures = signatures;
    made.disposition = disposition;
    made.reasons = reasons;
    return made;
  }

  IpAddress client = *IpAddress::parse("192.0.2.1");
  Outcome outcome;
  Record record;
  std::string envelope_from = "mail.example.net";
  std::optional<ReportedSpf> spf{{"mail.example.net", auth::SpfResult::SoftFail}};
  std::vector<ReportedSignature> signatures;
  Disposition disposition = Disposition::Reject;
  std::vector<OverrideReason> reasons;
};

inline ReportIdentity identity() {
  return {"Example Organization", "postmaster@mx.example.org", "https://mx.example.org/dmarc",
          "mx.example.org", "Sluice"};
}

inline std::string document(const ReportCollection& collection, const std::string& domain = "example.com") {
  const ReportName name{domain, collection.since(), collection.since() + std::chrono::hours(24), "u1"};
  return report_xml(identity(), name, collection.domains().at(domain));
}

}  // namespace sluice::dmarc
