// The members of a tracking row about DKIM, ARC and DMARC. docs/formats.md describes them. Pure; what a
// message may repeat is bounded, and only the first row of a transaction says more than results, so that one
// message to many recipients cannot make megabytes of rows. Used by journal_row.cc alone.
#pragma once

#include "io/base/json_text.h"
#include "rules/evidence/evidence.h"

namespace sluice::message {

// For every row: `dkim_results`, `arc_result`, `arc_applied`, `dmarc_result`; what was not evaluated is left
// out.
void write_authentication_results(JsonObject& row, const evidence::Evidence& evidence);

// For the first row: `dkim`, `dkim_unlisted`, `arc`, `arc_override`, `dmarc`, `dmarc_other`; what was not
// evaluated is left out.
void write_authentication(JsonObject& row, const evidence::Evidence& evidence);

}  // namespace sluice::message
