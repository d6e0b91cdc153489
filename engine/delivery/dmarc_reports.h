// DmarcReports: the node's aggregate reports (RFC 9990), off unless [dmarc.reports] says otherwise. Each
// shard collects what the pipeline hands it; when a period ends the shards send what they have to the first
// one, which asks whether destinations outside the domain's organization want the reports, and writes for
// each policy domain
//
//   DIRECTORY/SUBMITTER!DOMAIN!BEGIN!END!ID.xml.gz     the report
//   DIRECTORY/SUBMITTER!DOMAIN!BEGIN!END!ID.json       to whom it goes, and under which Subject
//
// Nothing is sent. At the end of the node each shard writes what it has by itself. A report that cannot be
// written stays, and is part of the next period's. A crash loses the period.
//
// Per shard. add() never waits and never fails; the rest is in the background.
#pragma once

#include "rules/dmarc/aggregate_report.h"
#include "rules/evidence/evidence.h"

namespace sluice::delivery {

// What became of a message, as far as DMARC's report is about it.
struct DmarcHandling {
  // Of its recipients the strictest: Quarantine where it was tagged, Reject where it was refused, deferred or
  // deleted; None where it was passed on.
  dmarc::Policy applied = dmarc::Policy::None;
  bool is_report = false;  // dmarc::is_report_mail() of its header: never reported
};

class DmarcCollector {
 public:
  // Once for a message that came to its end, whatever its end was. `record`: Evaluator::record() of the
  // machine whose outcome is evidence.dmarc; null where there was none.
  virtual void add(const evidence::Evidence& evidence, const dmarc::RecordRef& record,
                   const DmarcHandling& handling) = 0;

 protected:
  ~DmarcCollector() = default;
};

}  // namespace sluice::delivery
