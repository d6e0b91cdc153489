#include "tools/sluicectl/spf_trace.h"

#include "rules/spf/witness.h"

#include <utility>

namespace sluice::ctl {
namespace {

class Tracer final : public spf::Witness {
 public:
  explicit Tracer(const spf::Evaluator& evaluator) : evaluator_(evaluator) {
    steps.push_back({.kind = TraceStep::Kind::Record});  // until it is there
  }

  void record_used(size_t level, std::string_view domain, const spf::Record& record) override {
    levels_.resize(level);
    levels_.back() = {&record, std::string(domain)};
    TraceStep step{.kind = TraceStep::Kind::Record, .level = level};
    step.domain = domain;
    step.text = record.text();
    if (steps.size() == 1 && steps.front().text.empty()) {
      step.asked = std::move(steps.front().asked);
      steps.front() = std::move(step);
    } else {
      steps.push_back(std::move(step));
    }
  }

  void term_begins(size_t level, size_t directive) override { steps.push_back(step_of(level, directive)); }

  void term_done(size_t level, size_t directive, bool matches) override {
    // An include is decided behind all that is inside it.
    TraceStep step = step_of(level, directive);
    TraceStep* at = nullptr;
    for (size_t i = steps.size(); i-- > 0 && at == nullptr;) {
      if (steps[i].level < level || (steps[i].level == level && steps[i].kind == TraceStep::Kind::Record))
        break;
      if (steps[i].level == level && steps[i].offset == step.offset && !steps[i].matches) at = &steps[i];
    }
    if (at == nullptr) at = &steps.emplace_back(std::move(step));
    at->matches = matches;
    at->lookups = evaluator_.outcome().lookups;
    at->void_lookups = evaluator_.outcome().void_lookups;
  }

  void explanation_begins() override { steps.push_back({.kind = TraceStep::Kind::Explanation}); }

  std::vector<TraceStep> steps;

 private:
  struct Level {
    const spf::Record* record = nullptr;
    std::string domain;
  };

  TraceStep step_of(size_t level, size_t directive) const {
    const Level& at = levels_.at(level - 1);
    TraceStep step{.kind = TraceStep::Kind::Term, .level = level};
    step.domain = at.domain;
    step.is_redirect = directive == at.record->directives().size();
    const spf::Span term =
        step.is_redirect ? at.record->redirect()->term : at.record->directives()[directive].term;
    step.text = at.record->text_of(term);
    step.offset = term.offset;
    if (!step.is_redirect) step.on_match = at.record->directives()[directive].on_match;
    return step;
  }

  const spf::Evaluator& evaluator_;
  std::vector<Level> levels_;
};

}  // namespace

SpfTrace trace_spf(const spf::Check& check, AnswerSource& source) {
  spf::Evaluator evaluator;
  Tracer tracer(evaluator);
  evaluator.watch(&tracer);
  run_spf(evaluator, check, source, [&](const Exchange& exchange) {
    TraceStep& step = tracer.steps.back();
    if (step.asked.empty()) step.lookups_begun = evaluator.outcome().lookups;
    step.asked.push_back(exchange);
  });
  SpfTrace trace{evaluator.outcome(), std::move(tracer.steps), {}};
  if (trace.steps.front().domain.empty()) trace.steps.front().domain = trace.outcome.domain;
  for (TraceStep& step : trace.steps) {
    if (step.kind != TraceStep::Kind::Term || step.matches) continue;
    step.lookups = trace.outcome.lookups;
    step.void_lookups = trace.outcome.void_lookups;
  }
  return trace;
}

std::vector<Exchange> exchanges_of(const SpfTrace& trace) {
  std::vector<Exchange> all;
  for (const TraceStep& step : trace.steps) all.insert(all.end(), step.asked.begin(), step.asked.end());
  return all;
}

}  // namespace sluice::ctl
