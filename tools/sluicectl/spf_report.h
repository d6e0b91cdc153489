// A traced SPF evaluation for people and for programs: `sluicectl spf explain`.
#pragma once

#include "rules/spf/evaluator.h"
#include "tools/sluicectl/spf_trace.h"

#include <string>

namespace sluice::ctl {

// Each term in order with what it matched, what was asked and answered, the counts and the breadth; nothing
// in it can act on a terminal.
std::string trace_report(const spf::Check& check, const SpfTrace& trace);
// The same as one JSON object, with the notice to the sending administrator; without a line end.
std::string trace_json(const spf::Check& check, const SpfTrace& trace);

}  // namespace sluice::ctl
