// How much of the address space a domain's SPF record authorises, for `sluicectl spf explain`: the record is
// compiled as the node does, over the answers of an evaluation and others that are asked for as compiling
// needs them. What that does not get makes the counts a floor, never an error: the asking ends at a second
// failure (all of the evaluation's are the first) and at bounds on questions and time, and a replay may not
// hold an answer. Blocking, as the source is.
#pragma once

#include "rules/spf/program.h"
#include "tools/sluicectl/answer_source.h"
#include "tools/sluicectl/spf_run.h"

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace sluice::ctl {

struct SpfBreadth {
  spf::ProgramBreadth v4;
  spf::ProgramBreadth v6;
};

// `domain` in A-labels; `known` is not asked again. Null where there is no such record, or it is not known.
std::optional<SpfBreadth> breadth_of(std::string_view domain, std::span<const Exchange> known,
                                     AnswerSource& source);
// "at least 12,345 IPv4 addresses, no IPv6 /64 network"
std::string breadth_text(const SpfBreadth& breadth);

}  // namespace sluice::ctl
