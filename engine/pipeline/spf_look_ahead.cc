#include "engine/pipeline/spf_look_ahead.h"

#include "engine/pipeline/spf_verdicts.h"

#include <algorithm>
#include <utility>

namespace sluice::pipeline {

using auth::PendingQuestion;
using dns::Answer;
using dns::LookupKind;
using dns::Question;

void SpfLookAhead::clear() {
  for (const Asked& asked : asked_) {
    if (!asked.answer) verdicts_.client().forget(asked.under_way);
  }
  asked_.clear();
  if (std::exchange(looked_, false)) scout_ = spf::Evaluator();
}

void SpfLookAhead::give_up() {
  for (size_t i = 0; i < asked_.size(); ++i) {
    if (asked_[i].answer) continue;
    verdicts_.client().forget(asked_[i].under_way);
    on_answer(i, Answer{dns::AnswerStatus::Timeout, {}, 0, false});
  }
}

SpfLookAhead::Asked* SpfLookAhead::find(const Question& question) {
  const auto found = std::ranges::find(asked_, question, &Asked::question);
  return found == asked_.end() ? nullptr : &*found;
}

std::optional<SpfLookAhead::Found> SpfLookAhead::find(const Question& question, auth::QuestionId id) {
  Asked* asked = find(question);
  if (asked == nullptr) return std::nullopt;
  if (asked->answer) return Found{&*asked->answer, asked->meaning};
  asked->wanted.push_back(id);
  return Found{};
}

void SpfLookAhead::look(const spf::Evaluator& machine, dns::LookupBudget& budget) {
  scout_ = machine;
  looked_ = true;
  // Bounded as an evaluation is: every round takes a term.
  while (scout_.assume_no_match() && scout_.step() == auth::Progress::NeedAnswers) {
    for (const PendingQuestion& pending : scout_.questions()) {
      if (!ask(pending, budget)) return;
    }
  }
}

// False: no further.
bool SpfLookAhead::ask(const PendingQuestion& pending, dns::LookupBudget& budget) {
  if (pending.kind == LookupKind::Uncounted) return false;  // serves an explanation, which few come to
  if (const Asked* known = find(pending.question)) {
    if (known->answer) scout_.answer(pending.id, *known->answer, known->meaning);
    return true;
  }
  if (const auto hit = verdicts_.in_cache(pending.question)) {
    take_cached(pending, *hit);
    return true;
  }
  const LookupKind kind = pending.kind == LookupKind::Term ? LookupKind::Speculative : pending.kind;
  const dns::DnsClient::Asked given =
      verdicts_.client().ask(pending.question, kind, budget, *this, asked_.size());
  Asked asked;
  asked.question = pending.question;
  if (const auto* hit = std::get_if<dns::AnswerCache::Hit>(&given)) {
    if (hit->answer->status == dns::AnswerStatus::OverBudget) return false;
    asked.answer = *hit->answer;
    scout_.answer(pending.id, *hit->answer);
  } else {
    asked.under_way = std::get<dns::DnsClient::AskId>(given);
  }
  asked_.push_back(std::move(asked));
  ++verdicts_.counters_.asked_ahead;
  return true;
}

void SpfLookAhead::take_cached(const PendingQuestion& pending, const dns::AnswerCache::Hit& hit) {
  Asked& cached = asked_.emplace_back();
  cached.question = pending.question;
  cached.answer = *hit.answer;
  if (scout_.asks_for_record() && !is_temporary(hit.answer->status)) cached.meaning = verdicts_.meaning(hit);
  scout_.answer(pending.id, *cached.answer, cached.meaning);
}

void SpfLookAhead::on_answer(uint64_t tag, const Answer& answer) {
  Asked& asked = asked_[tag];
  asked.answer = answer;
  for (const auth::QuestionId id : asked.wanted) evaluation_.on_answer(id, answer);
  arrived_.notify();  // there may be more to ask now
}

}  // namespace sluice::pipeline
