// The openspf test suites (YAML, one document a scenario) as values, and their evaluation against the zone
// that each scenario brings: step by step, and from the compiled form. Throws what yaml-cpp throws on a file
// that is not a suite.
#pragma once

#include "dnscache/zone/zone.h"
#include "rules/spf/evaluator.h"
#include "rules/spf/program.h"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace sluice::spf::suite {

struct Case {
  std::string name;  // "Scenario / test"
  std::shared_ptr<const dns::Zone> zone;
  Check check;
  std::vector<std::string> results;        // any of these, lower case
  std::optional<std::string> explanation;  // "DEFAULT": none from the DNS
};

std::vector<Case> load(const std::string& path);
Outcome run(const Case& test);

// What the compiled record of the domain says, with all of the zone to compile from.
struct Compiled {
  std::optional<Outcome> outcome;  // null: left to the evaluator
  ProgramGaps gaps;                // why, where it is
};
// `domain` is the one checked, as the evaluator reports it.
Compiled run_compiled(const Case& test, const std::string& domain);
// Empty when the outcome is right, else what is wrong in words.
std::string complaint(const Case& test, const Outcome& outcome);

}  // namespace sluice::spf::suite
