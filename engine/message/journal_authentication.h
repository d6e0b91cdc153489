// The members of a tracking row about DKIM, ARC and DMARC. docs/formats.md describes them. Pure; what a
// message may repeat is bounded, so that one message cannot make a row of megabytes. Used by journal_row.cc
// alone.
#pragma once

#include "io/base/json_text.h"
#include "rules/evidence/evidence.h"

namespace sluice::message {

// `dkim`, `dkim_unlisted`, `arc`, `arc_override`, `dmarc`, `dmarc_other`; what was not evaluated is left out.
void write_authentication(JsonObject& row, const evidence::Evidence& evidence);

}  // namespace sluice::message
