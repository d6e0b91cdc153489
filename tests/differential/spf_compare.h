// Program against Evaluator: one zone, many clients, every field of the outcome.
#pragma once

#include "rules/spf/evaluator.h"
#include "rules/spf/program.h"
#include "tests/differential/spf_zone.h"

#include <cstdint>
#include <span>
#include <string>

namespace sluice::differential {

struct Tally {
  uint64_t zones = 0;
  uint64_t cases = 0;     // clients compared
  uint64_t answered = 0;  // by the program; the others it left to the evaluator
  uint64_t whole = 0;     // programs
  uint64_t jumping = 0;   // programs of several blocks
  uint64_t limited = 0;   // programs that end at a limit
  uint64_t results[7] = {};
};

class SpfComparer {
 public:
  // Empty when all agree; else what does not, for a person.
  std::string compare(SpfZone& zone, std::span<const IpAddress> clients);
  const Tally& tally() const { return tally_; }

 private:
  const spf::Outcome& evaluate(SpfZone& zone, const IpAddress& client, spf::Explain explain);

  spf::Evaluator evaluator_;
  Tally tally_;
};

// Of many zones: empty when programs answer as large a share as they should; else what is too little or too
// much. A compiler that leaves everything to the evaluator agrees with it, too.
std::string shortfall(const Tally& tally);

// The fields that differ, identity excepted; empty: none.
std::string difference(const spf::Outcome& program, const spf::Outcome& evaluator);

}  // namespace sluice::differential
