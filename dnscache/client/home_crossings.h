// HomeCrossings: the questions of one shard that are under way at their home shards. Askers of the same
// question join, so that one message crosses; each keeps its own deadline. It decides nothing about where a
// question goes, sends nothing and knows no clock.
//
// Used like the resolver: after each call drain next_completion(), then wait until next_wakeup(). A crossing
// whose home says nothing until its end completes with Timeout, not for the cache: the home, not the DNS,
// was silent.
#pragma once

#include "dnscache/question/question.h"
#include "dnscache/resolver/flat_index.h"
#include "dnscache/resolver/resolver.h"
#include "io/base/clock.h"
#include "io/base/ids.h"
#include "io/base/slab.h"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <queue>
#include <vector>

namespace sluice::dns {

class HomeCrossings {
 public:
  struct Waiting {
    AskerId id;
    MonoTime deadline;
  };
  // A question that its home does not answer any more; no deadline is later than the crossing's end.
  struct Returned {
    Question question;
    std::vector<Waiting> askers;
  };

  explicit HomeCrossings(uint64_t hash_seed) : seed_(hash_seed) {}

  // False when the question is not under way.
  [[nodiscard]] bool join(const Question& question, Waiting asker);
  // Not under way yet. The token names it in the messages.
  [[nodiscard]] uint64_t open(const Question& question, ShardId home, Waiting asker, MonoTime ends);
  // It could not be sent after all: nobody hears of it.
  void drop(uint64_t token);
  // The asker went away; the question itself goes on.
  void forget(const Question& question, AskerId asker);
  // Nothing happens when the token's crossing has ended.
  void on_answer(uint64_t token, Answer answer, bool for_cache);
  void on_tick(MonoTime now);  // at or after next_wakeup()
  // Ends, without completions, all that this home has.
  [[nodiscard]] std::vector<Returned> take_back(ShardId home);
  void clear();

  std::optional<Completion> next_completion();
  MonoTime next_wakeup() const { return timers_.empty() ? kNever : timers_.top().at; }
  size_t under_way(ShardId home) const;

 private:
  struct Crossing {
    Question question;
    ShardId home;
    MonoTime ends;
    std::vector<Waiting> askers;
  };
  using CrossingId = Slab<Crossing>::Id;
  struct Timer {
    MonoTime at;
    CrossingId id;  // may have ended
    friend bool operator>(const Timer& a, const Timer& b) { return a.at > b.at; }
  };

  uint32_t hash(const Question& question) const {
    return static_cast<uint32_t>(question.name.hash(seed_ ^ static_cast<uint64_t>(question.type) << 48U));
  }
  CrossingId find(const Question& question);  // of generation 0: not under way
  void end(CrossingId id);
  void expire(CrossingId id, MonoTime now);

  Slab<Crossing> crossings_;
  uint64_t seed_;
  FlatIndex<CrossingId> by_question_;
  std::vector<size_t> at_home_;  // how many are under way, by the home's id
  std::priority_queue<Timer, std::vector<Timer>, std::greater<>> timers_;
  std::deque<Completion> completions_;
};

}  // namespace sluice::dns
