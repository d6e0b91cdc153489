#include "tools/sluice_dns/faults.h"

namespace sluice::tool {

FaultDraw Faults::draw() {
  FaultDraw result;
  result.lose = random_.below(100) < settings_.loss_percent;
  result.servfail = random_.below(100) < settings_.servfail_percent;
  result.truncate = random_.below(100) < settings_.truncate_percent;
  return result;
}

}  // namespace sluice::tool
