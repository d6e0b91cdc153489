// How the evaluator leaves a term and a record, and how it ends: with a result, or with a fault and its
// place.
#include "io/base/ascii.h"
#include "rules/spf/evaluator.h"

#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>

namespace sluice::spf {

using auth::SpfResult;

void Evaluator::matched() {
  if (witness_ != nullptr) witness_->term_done(depth_, frame().next, true);
  if (depth_ == 1) outcome_.mechanism.emplace(std::move(spare_)) = record().name_of(directive());
  leave(directive().on_match);
}

void Evaluator::not_matched() {
  pass_over(frame().next + 1);
  state_ = State::Terms;
}

// The record of this level has its result. TempError and PermError never come here: they end all levels
// (5.2).
void Evaluator::leave(SpfResult result) {
  if (depth_ > 1) {
    close_frame();
    if (result == SpfResult::Pass) {
      matched();
    } else {
      not_matched();
    }
    return;
  }
  outcome_.result = result;
  if (result == SpfResult::Fail && check_.explain == Explain::Fetch && record().explanation()) {
    explain();
  } else {
    finish(result);
  }
}

// Its strings keep their memory; the records may be gone from the cache and need not be held longer.
void Evaluator::close_frame() {
  frame().record.reset();
  frame().previous.reset();
  --depth_;
}

void Evaluator::finish(SpfResult result) {
  outcome_.result = result;
  const bool evaluated = depth_ > 1 || (depth_ == 1 && frame().record) || outcome_.lookups != 0;
  if (!outcome_.mechanism && evaluated) outcome_.mechanism.emplace(std::move(spare_)) = "default";
  begin_batch();
  while (depth_ > 0) close_frame();
  state_ = State::Done;
}

void Evaluator::permanent(std::string problem) { permanent(std::move(problem), place()); }

void Evaluator::permanent(std::string problem, Place place) {
  outcome_.problem = std::move(problem);
  outcome_.problem_domain = to_ascii_lower(place.domain);
  outcome_.problem_term = std::move(place.term);
  outcome_.problem_offset = place.offset;
  finish(SpfResult::PermError);
}

void Evaluator::temporary(size_t asked) {
  const dns::AnswerStatus status = asked_[asked].status;
  const dns::Question& question = questions_[asked].question;
  const std::string_view what = status == dns::AnswerStatus::ServFail  ? "the DNS failed for"
                                : status == dns::AnswerStatus::Timeout ? "no answer in time for"
                                                                       : "no time or budget left to ask for";
  Place where = place();
  outcome_.problem = fmt::format("{} {} {}", what, question.name.to_text(), dns::to_string(question.type));
  outcome_.problem_domain = to_ascii_lower(where.domain);
  outcome_.problem_term = std::move(where.term);
  outcome_.problem_offset = where.offset;
  finish(SpfResult::TempError);
}

// The term that is being evaluated; while its record is not there yet, the term that asked for the record.
Evaluator::Place Evaluator::place() const {
  const Frame* at = &frame();
  if (!at->record && at->entry == Entry::First) return {at->domain, {}, 0};
  if (!at->record && at->entry == Entry::Redirect) {
    const Record& previous = at->previous->record();
    const Span term = previous.redirect()->term;
    return {at->previous_domain, std::string(previous.text_of(term)), term.offset};
  }
  if (!at->record) at = &frames_[depth_ - 2];
  const Record& record = at->record->record();
  const bool at_redirect = at->next == record.directives().size();
  if (at_redirect && !record.redirect()) return {at->domain, {}, 0};
  const Span term = at_redirect ? record.redirect()->term : record.directives()[at->next].term;
  return {at->domain, std::string(record.text_of(term)), term.offset};
}

}  // namespace sluice::spf
