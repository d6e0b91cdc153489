#include "dnscache/client/home_crossings.h"

#include "io/base/check.h"

#include <algorithm>
#include <utility>

namespace sluice::dns {
namespace {

Answer timeout() { return {AnswerStatus::Timeout, {}, 0, false}; }

}  // namespace

HomeCrossings::CrossingId HomeCrossings::find(const Question& question) {
  return by_question_.find(hash(question),
                           [&](CrossingId id) { return crossings_.find(id)->question == question; });
}

bool HomeCrossings::join(const Question& question, Waiting asker) {
  const CrossingId id = find(question);
  if (id == CrossingId{}) return false;
  Crossing& crossing = *crossings_.find(id);
  crossing.askers.push_back(asker);
  if (asker.deadline < crossing.ends) timers_.push({asker.deadline, id});
  return true;
}

uint64_t HomeCrossings::open(const Question& question, ShardId home, Waiting asker, MonoTime ends) {
  const CrossingId id = crossings_.emplace(Crossing{question, home, ends, {asker}});
  by_question_.insert(hash(question), id);
  if (at_home_.size() <= home.value) at_home_.resize(home.value + size_t{1});
  ++at_home_[home.value];
  timers_.push({std::min(asker.deadline, ends), id});
  if (asker.deadline < ends) timers_.push({ends, id});
  return static_cast<uint64_t>(id.generation) << 32 | id.slot;
}

void HomeCrossings::end(CrossingId id) {
  const Crossing& crossing = *crossings_.find(id);
  --at_home_[crossing.home.value];
  by_question_.erase(hash(crossing.question), [id](CrossingId other) { return other == id; });
  crossings_.erase(id);
}

void HomeCrossings::drop(uint64_t token) {
  end({static_cast<uint32_t>(token), static_cast<uint32_t>(token >> 32)});
}

void HomeCrossings::forget(const Question& question, AskerId asker) {
  const CrossingId id = find(question);
  if (id == CrossingId{}) return;
  std::erase_if(crossings_.find(id)->askers, [asker](const Waiting& w) { return w.id == asker; });
}

void HomeCrossings::on_answer(uint64_t token, Answer answer, bool for_cache) {
  const CrossingId id{static_cast<uint32_t>(token), static_cast<uint32_t>(token >> 32)};
  const Crossing* crossing = crossings_.find(id);
  if (crossing == nullptr) return;
  Completion completion{crossing->question, std::move(answer), {}, for_cache};
  completion.askers.reserve(crossing->askers.size());
  for (const Waiting& asker : crossing->askers) completion.askers.push_back(asker.id);
  completions_.push_back(std::move(completion));
  end(id);
}

void HomeCrossings::on_tick(MonoTime now) {
  while (!timers_.empty() && timers_.top().at <= now) {
    const CrossingId id = timers_.top().id;
    timers_.pop();
    if (crossings_.find(id) != nullptr) expire(id, now);
  }
}

void HomeCrossings::expire(CrossingId id, MonoTime now) {
  Crossing& crossing = *crossings_.find(id);
  std::vector<AskerId> expired;
  std::erase_if(crossing.askers, [&](const Waiting& asker) {
    if (asker.deadline > now && crossing.ends > now) return false;
    expired.push_back(asker.id);
    return true;
  });
  if (!expired.empty()) completions_.push_back({crossing.question, timeout(), std::move(expired), false});
  if (crossing.ends <= now) end(id);
}

std::vector<HomeCrossings::Returned> HomeCrossings::take_back(ShardId home) {
  std::vector<Returned> returned;
  if (under_way(home) == 0) return returned;
  for (const CrossingId id : crossings_.ids()) {
    Crossing& crossing = *crossings_.find(id);
    if (crossing.home != home) continue;
    for (Waiting& asker : crossing.askers) asker.deadline = std::min(asker.deadline, crossing.ends);
    returned.push_back({crossing.question, std::move(crossing.askers)});
    end(id);
  }
  return returned;
}

void HomeCrossings::clear() {
  for (const CrossingId id : crossings_.ids()) end(id);
  timers_ = {};
  completions_.clear();
}

std::optional<Completion> HomeCrossings::next_completion() {
  if (completions_.empty()) return std::nullopt;
  Completion completion = std::move(completions_.front());
  completions_.pop_front();
  return completion;
}

size_t HomeCrossings::under_way(ShardId home) const {
  return home.value < at_home_.size() ? at_home_[home.value] : 0;
}

}  // namespace sluice::dns
