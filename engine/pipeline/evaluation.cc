#include "engine/pipeline/evaluation.h"

namespace sluice::pipeline {

AnswerCollector::~AnswerCollector() {
  for (const Outstanding& outstanding : outstanding_) client_.forget(outstanding.asked);
}

void AnswerCollector::ask(const auth::PendingQuestion& pending, dns::LookupBudget& budget) {
  if (canceled_) {
    arrived_.push_back({pending.id, dns::Answer{dns::AnswerStatus::Timeout, {}, 0, false}});
    return;
  }
  const dns::DnsClient::Asked asked = client_.ask(pending.question, pending.kind, budget, *this, pending.id);
  if (const auto* hit = std::get_if<dns::AnswerCache::Hit>(&asked)) {
    any_stale_ |= hit->stale;
    arrived_.push_back({pending.id, *hit->answer});
    return;
  }
  outstanding_.push_back({pending.id, std::get<dns::DnsClient::AskId>(asked)});
}

void AnswerCollector::on_answer(uint64_t tag, const dns::Answer& answer) {
  const auto id = static_cast<auth::QuestionId>(tag);
  std::erase_if(outstanding_, [id](const Outstanding& each) { return each.id == id; });
  any_stale_ |= answer.stale;
  arrived_.push_back({id, answer});
  signal_.notify();
}

void AnswerCollector::cancel() {
  canceled_ = true;
  give_up();
  signal_.notify();
}

void AnswerCollector::give_up() {
  for (const Outstanding& outstanding : std::exchange(outstanding_, {})) {
    client_.forget(outstanding.asked);
    arrived_.push_back({outstanding.id, dns::Answer{dns::AnswerStatus::Timeout, {}, 0, false}});
  }
}

}  // namespace sluice::pipeline
