// DmarcReportRow: a message's evidence as an aggregate report has it: results of SPF and DKIM, what was done,
// and why that is not what the record asked for (RFC 9990 section 2.4; P-21): test mode, a trusted ARC chain
// with its signers (RFC 8617 section 7.2.2), or another local policy. Owns what the message's views point at;
// borrows from the evidence. Pure in effect.
#pragma once

#include "rules/dmarc/aggregate_report.h"
#include "rules/evidence/evidence.h"

#include <vector>

namespace sluice::delivery {

class DmarcReportRow {
 public:
  // `evidence.dmarc` is there. `applied`: see DmarcHandling.
  DmarcReportRow(const evidence::Evidence& evidence, const dmarc::Record& record, dmarc::Mode mode,
                 dmarc::Policy applied);
  // Valid as long as this object and the evidence.
  dmarc::ReportedMessage message() const;

 private:
  void take_reasons();

  const evidence::Evidence& evidence_;
  const dmarc::Record& record_;
  dmarc::Mode mode_;
  dmarc::Policy applied_;
  dmarc::Disposition disposition_ = dmarc::Disposition::None;
  std::vector<dmarc::ReportedSignature> signatures_;
  std::vector<dmarc::OverrideReason> reasons_;
};

}  // namespace sluice::delivery
