// What a sending administrator needs to see why mail was not taken as theirs (SPF-17): client, record, the
// term that decided or failed, what was asked, and what to change. Plain ASCII text, ready to be forwarded:
// nothing that others wrote can act in it.
#pragma once

#include "rules/spf/evaluator.h"
#include "tools/sluicectl/spf_trace.h"

#include <string>

namespace sluice::ctl {

std::string spf_notice(const spf::Check& check, const SpfTrace& trace);

// The change that is suggested, in one or more sentences.
std::string suggested_change(const spf::Check& check, const SpfTrace& trace);

}  // namespace sluice::ctl
