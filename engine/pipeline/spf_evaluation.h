// SpfEvaluation: one evaluation by steps: carries the questions of a spf::Evaluator to the DNS and the
// answers back, until it is done or its time is up. The evaluator knows nothing of the network and the client
// nothing of evaluators; this is where they meet.
//
// Answers that are in the cache are taken at once, so most evaluations are done when SpfVerdicts::begin()
// returns. What is outstanding at the deadline, or when it is cancelled, counts as timed out, and the
// evaluation ends by its own rules (TempError). Objects are used again: they keep their memory.
//
// With SpfAsking::ahead, what the rest of the record will need is asked together with what it needs now
// (spf_look_ahead.h).
//
// One shard.
#pragma once

#include "dnscache/client/dns_client.h"
#include "io/reactor/shard.h"
#include "io/runtime/signal.h"
#include "io/runtime/task.h"
#include "rules/spf/evaluator.h"

#include <memory>
#include <vector>

namespace sluice::pipeline {

class SpfVerdicts;
class SpfLookAhead;

struct SpfAsking {
  MonoTime deadline = kNever;
  bool ahead = false;  // spf.prefetch
  // SpfVerdicts::new_message(), the same for all evaluations that one message needs; 0: one of its own.
  uint64_t message = 0;
  bool nobody = false;  // every question counts as timed out, as after cancel()
};

class SpfEvaluation final : public dns::AnswerReceiver {
 public:
  explicit SpfEvaluation(SpfVerdicts& verdicts);
  ~SpfEvaluation();
  SpfEvaluation(const SpfEvaluation&) = delete;
  SpfEvaluation& operator=(const SpfEvaluation&) = delete;

  bool done() const { return done_; }
  // Ends when it is done. Once, while it is not.
  runtime::Task<void> finish(reactor::Shard& shard);
  // From now on every question counts as timed out.
  void cancel();
  // When done.
  const spf::Outcome& outcome() const { return machine_.outcome(); }
  bool any_stale() const { return any_stale_; }  // an answer used was served after its time

 private:
  friend class SpfVerdicts;
  struct Outstanding {
    auth::QuestionId id;
    dns::DnsClient::AskId asked;
  };

  void begin(const spf::Check& check, const SpfAsking& asking);
  void run();
  bool ask(const auth::PendingQuestion& pending);
  void take(auth::QuestionId id, const dns::AnswerCache::Hit& hit);
  void give_up();
  void release();  // back to the pool: nothing is outstanding any more
  void on_answer(uint64_t tag, const dns::Answer& answer) override;

  SpfVerdicts& verdicts_;
  spf::Evaluator machine_;
  IpFamily family_ = IpFamily::V4;
  dns::LookupBudget budget_;
  std::vector<Outstanding> outstanding_;
  std::unique_ptr<SpfLookAhead> look_ahead_;  // made when first needed
  bool ahead_ = false;
  uint64_t message_ = 0;
  bool first_ = true;  // the first record was not asked for yet
  bool first_was_cached_ = false;
  bool waited_ = false;
  bool any_stale_ = false;
  bool canceled_ = false;
  bool done_ = false;
  dns::DnsName domain_;  // of the first record
  runtime::Signal signal_;
};

// Gives it back to where it came from.
struct SpfEvaluationReturn {
  SpfVerdicts* verdicts = nullptr;
  void operator()(SpfEvaluation* evaluation) const noexcept;
};
using SpfEvaluationPtr = std::unique_ptr<SpfEvaluation, SpfEvaluationReturn>;

}  // namespace sluice::pipeline
