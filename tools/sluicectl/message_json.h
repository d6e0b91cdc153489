// The members "dkim", "arc" and "dmarc" of the check contract.
#pragma once

#include "rules/evidence/evidence.h"

namespace sluice {
class JsonObject;
}

namespace sluice::ctl {

// "dkim":[{"result","domain","selector","reason"}], one for each DKIM-Signature field, top first.
void append_dkim(JsonObject& parent, const evidence::DkimEvidence& dkim);
// "arc":{"result","chain":[{"i","domain","selector","seal","message","cv"}],"oldest_pass","override":{...}}
void append_arc(JsonObject& parent, const arc::Outcome& arc, const arc::Override& override_of_dmarc);
// "dmarc":{"result","policy","disposition","org_domain","alignment":{"spf","dkim"}, ...}
void append_dmarc(JsonObject& parent, const dmarc::Outcome& dmarc);

}  // namespace sluice::ctl
