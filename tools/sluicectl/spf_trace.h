// An SPF evaluation with all that happened in it: which record was used, each term in order, what was asked
// for it and answered, and the counts behind it. For `sluicectl spf explain`.
#pragma once

#include "tools/sluicectl/spf_breadth.h"
#include "tools/sluicectl/spf_run.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace sluice::ctl {

struct TraceStep {
  enum class Kind : uint8_t { Record, Term, Explanation };
  Kind kind = Kind::Term;
  size_t level = 1;      // 1 for the checked domain's record, one more inside each include
  std::string domain{};  // whose record it is, or belongs to
  std::string text{};    // of the record, or of the term as written; empty for a record that is not there
  size_t offset = 0;     // of the term in its record
  bool is_redirect = false;
  std::optional<bool> matches{};  // terms; null: the evaluation ended inside, or a redirect went on from here
  auth::SpfResult on_match = auth::SpfResult::Pass;  // terms: of the qualifier
  unsigned lookups = 0;  // booked when the term was decided; at the end where it never was
  unsigned void_lookups = 0;
  unsigned lookups_begun = 0;  // booked when its first question was asked; 0: it asked none
  std::vector<Exchange> asked{};
};

struct SpfTrace {
  spf::Outcome outcome;
  std::vector<TraceStep> steps;         // a term before what is inside it
  std::optional<SpfBreadth> breadth{};  // trace_spf() leaves it out
};

SpfTrace trace_spf(const spf::Check& check, AnswerSource& source);
// All that was asked, in order.
std::vector<Exchange> exchanges_of(const SpfTrace& trace);

}  // namespace sluice::ctl
