#include "tools/sluicectl/spf_impostor.h"

#include "tools/sluicectl/spf_trace.h"

#include <fmt/format.h>

namespace sluice::ctl {
namespace {

constexpr std::string_view kV4Nobody = "240.0.0.1";
constexpr std::string_view kV6Nobody = "2001:db8:ffff:ffff:ffff:ffff:ffff:fffe";

ImpostorResult result_for(std::string_view address, const std::string& domain, AnswerSource& source) {
  spf::Check check;
  check.client = *IpAddress::parse(address);
  check.sender = "impostor@" + domain;
  check.helo = "impostor.invalid";
  check.now = source.now();
  const SpfTrace trace = trace_spf(check, source);
  ImpostorResult impostor{trace.outcome.result, trace.outcome.problem, unlisted_result(domain, source)};
  for (const TraceStep& step : trace.steps) {
    if (step.level == 1 && step.matches == true)
      impostor.reason = fmt::format("\"{}\" of the record of {}", step.text, step.domain);
  }
  if (impostor.reason.empty()) impostor.reason = "the record ends without \"all\"";
  return impostor;
}

}  // namespace

Impostor impostor_of(const std::string& domain, AnswerSource& source) {
  return {result_for(kV4Nobody, domain, source), result_for(kV6Nobody, domain, source)};
}

}  // namespace sluice::ctl
