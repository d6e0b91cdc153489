// DmarcCollector: what the pipeline tells the aggregate reports of DMARC about each message; the reports
// themselves are dmarc_reports.h. One shard.
#pragma once

#include "rules/dmarc/outcome.h"
#include "rules/dmarc/record.h"
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
  // Reports are made: add() is not in vain. Cheap.
  virtual bool enabled() const = 0;
  // Once for a message that came to its end, whatever its end was. `record`: Evaluator::record() of the
  // machine whose outcome is evidence.dmarc; null where there was none.
  virtual void add(const evidence::Evidence& evidence, const dmarc::RecordRef& record,
                   const DmarcHandling& handling) = 0;

 protected:
  ~DmarcCollector() = default;
};

}  // namespace sluice::delivery
