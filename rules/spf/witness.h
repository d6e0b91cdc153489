// Witness: is told what an evaluation does, term by term, so that a person can be shown why a result came
// out. Not for the node's path of a message. Called by the Evaluator that watches for it, between start() and
// Done; how many lookups are booked at each call is in the evaluator's outcome().
#pragma once

#include "rules/spf/record.h"

#include <cstddef>
#include <string_view>

namespace sluice::spf {

class Witness {
 public:
  // `level` is 1 for the checked domain's record and one more inside each include. A redirect's record takes
  // the place of the one that named it, at the same level. The record lives as long as it is evaluated.
  virtual void record_used(size_t level, std::string_view domain, const Record& record) = 0;
  // A term that asks the DNS is reached: what is asked from here on is for it. Not booked yet. `directive` is
  // the number of directives for `redirect`.
  virtual void term_begins(size_t level, size_t directive) = 0;
  // The term is decided; of an include, behind all that is inside. A term at which the evaluation fails is
  // not.
  virtual void term_done(size_t level, size_t directive, bool matches) = 0;
  // What is asked from here on is for the explanation (exp=).
  virtual void explanation_begins() = 0;

 protected:
  ~Witness() = default;
};

}  // namespace sluice::spf
