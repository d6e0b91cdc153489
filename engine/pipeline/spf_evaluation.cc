#include "engine/pipeline/spf_evaluation.h"

#include "engine/pipeline/spf_look_ahead.h"
#include "engine/pipeline/spf_verdicts.h"

#include <algorithm>
#include <utility>

namespace sluice::pipeline {

using auth::PendingQuestion;
using auth::Progress;
using auth::QuestionId;
using dns::Answer;
using reactor::Shard;
using runtime::Task;
using runtime::Wake;

SpfEvaluation::SpfEvaluation(SpfVerdicts& verdicts) : verdicts_(verdicts) {}

SpfEvaluation::~SpfEvaluation() { release(); }

void SpfEvaluation::release() {
  for (const Outstanding& each : outstanding_) verdicts_.client().forget(each.asked);
  outstanding_.clear();
  if (look_ahead_) look_ahead_->clear();
  signal_.reset();
}

void SpfEvaluation::begin(const spf::Check& check, const SpfAsking& asking) {
  budget_ = {};
  budget_.deadline = asking.deadline;
  ahead_ = asking.ahead;
  message_ = asking.message;
  if (ahead_ && !look_ahead_) look_ahead_ = std::make_unique<SpfLookAhead>(verdicts_, *this, signal_);
  family_ = check.client.unmap().family();
  first_ = true;
  first_was_cached_ = waited_ = any_stale_ = done_ = false;
  canceled_ = asking.nobody;
  machine_.start(check);
  run();
}

void SpfEvaluation::run() {
  while (machine_.step() == Progress::NeedAnswers) {
    bool answered = false;
    for (const PendingQuestion& pending : machine_.questions()) answered |= ask(pending);
    if (answered) continue;
    waited_ = true;
    if (ahead_) look_ahead_->look(machine_, budget_);
    return;
  }
  done_ = true;
  verdicts_.ended(*this);
}

// True when it is answered.
bool SpfEvaluation::ask(const PendingQuestion& pending) {
  const bool first = std::exchange(first_, false);
  if (first) domain_ = pending.question.name;
  if (canceled_) {
    machine_.answer(pending.id, Answer{dns::AnswerStatus::Timeout, {}, 0, false});
    return true;
  }
  if (ahead_) {
    if (const auto known = look_ahead_->find(pending.question, pending.id)) {
      if (known->answer == nullptr) return false;
      any_stale_ |= known->answer->stale;
      machine_.answer(pending.id, *known->answer, known->meaning);
      return true;
    }
  }
  const auto asked = verdicts_.client().ask(pending.question, pending.kind, budget_, *this, pending.id);
  if (const auto* under_way = std::get_if<dns::DnsClient::AskId>(&asked)) {
    outstanding_.push_back({pending.id, *under_way});
    return false;
  }
  const auto& hit = std::get<dns::AnswerCache::Hit>(asked);
  any_stale_ |= hit.answer->stale;
  if (first) first_was_cached_ = hit.id.generation != 0;
  verdicts_.give(machine_, pending.id, hit);
  return true;
}

void SpfEvaluation::on_answer(uint64_t tag, const Answer& answer) {
  const auto id = static_cast<QuestionId>(tag);
  std::erase_if(outstanding_, [id](const Outstanding& each) { return each.id == id; });
  any_stale_ |= answer.stale;
  machine_.answer(id, answer);
  signal_.notify();
}

Task<void> SpfEvaluation::finish(Shard& shard) {
  while (!done_) {
    const Wake woken = co_await signal_.wait_until(shard, budget_.deadline);
    if (woken != Wake::Notified) give_up();
    run();
  }
}

void SpfEvaluation::cancel() {
  canceled_ = true;
  give_up();
  signal_.notify();
}

void SpfEvaluation::give_up() {
  for (const Outstanding& each : outstanding_) {
    verdicts_.client().forget(each.asked);
    machine_.answer(each.id, Answer{dns::AnswerStatus::Timeout, {}, 0, false});
  }
  outstanding_.clear();
  if (look_ahead_) look_ahead_->give_up();
}

void SpfEvaluationReturn::operator()(SpfEvaluation* evaluation) const noexcept {
  verdicts->take_back(std::unique_ptr<SpfEvaluation>(evaluation));
}

}  // namespace sluice::pipeline
