// What SPF, DKIM, ARC and DMARC find of a message held in memory, for an ARC set: everything is evaluated,
// one question after the other.
#pragma once

#include "io/base/clock.h"
#include "rules/evidence/evidence.h"
#include "tools/sluicectl/answer_source.h"

#include <string>
#include <string_view>

namespace sluice::ctl {

struct Envelope {
  IpAddress client;
  bool has_client = false;  // without one SPF is not evaluated
  std::string helo, mail_from;
  WallTime now{};
};

// `octets` as on the wire, without dot-stuffing.
evidence::Evidence evidence_for_seal(const Envelope& envelope, std::string_view octets, AnswerSource& source);

}  // namespace sluice::ctl
