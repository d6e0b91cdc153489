// Carries an evaluator's questions to the DNS and the answers back, until it is done or its time is up. The
// evaluator knows nothing of the network and the client nothing of evaluators; this is where they meet.
//
//   AnswerCollector collector(client);
//   evaluator.start(check);
//   co_await evaluate(shard, collector, evaluator, budget);
//   use(evaluator.outcome());
//
// Questions of one step are asked together. When the deadline comes, or cancel() of the signal, what is
// outstanding is answered with Timeout, so that the evaluator ends by its own rules (temperror).
#pragma once

#include "dnscache/client/dns_client.h"
#include "rules/auth/evaluator.h"

#include <algorithm>
#include <utility>
#include <vector>

namespace sluice::pipeline {

// Answers that have arrived and those still awaited, of one evaluation. On a coroutine's frame.
class AnswerCollector final : public dns::AnswerReceiver {
 public:
  struct Arrived {
    auth::QuestionId id;
    dns::Answer answer;
  };

  explicit AnswerCollector(dns::DnsClient& client) : client_(client) {}
  ~AnswerCollector();
  AnswerCollector(const AnswerCollector&) = delete;
  AnswerCollector& operator=(const AnswerCollector&) = delete;

  void ask(const auth::PendingQuestion& pending, dns::LookupBudget& budget);
  bool has_arrived() const { return !arrived_.empty(); }
  std::vector<Arrived> take_arrived() { return std::exchange(arrived_, {}); }
  // Gives up on what is outstanding: each gets Timeout.
  void give_up();
  // From now on every question is answered with Timeout at once, and the evaluation ends by its own rules.
  void cancel();
  bool any_stale() const { return any_stale_; }
  runtime::Signal& signal() { return signal_; }

 private:
  struct Outstanding {
    auth::QuestionId id;
    dns::DnsClient::AskId asked;
  };
  void on_answer(uint64_t tag, const dns::Answer& answer) override;

  dns::DnsClient& client_;
  std::vector<Outstanding> outstanding_;
  std::vector<Arrived> arrived_;
  bool any_stale_ = false;
  bool canceled_ = false;
  runtime::Signal signal_;
};

// Both must outlive the task. `budget` is the evaluation's own; its deadline ends it.
template <auth::Evaluator Machine>
runtime::Task<void> evaluate(reactor::Shard& shard, AnswerCollector& collector, Machine& machine,
                             dns::LookupBudget budget) {
  while (machine.step() == auth::Progress::NeedAnswers) {
    for (const auth::PendingQuestion& pending : machine.questions()) collector.ask(pending, budget);
    if (!collector.has_arrived()) {
      const runtime::Wake woken = co_await collector.signal().wait_until(shard, budget.deadline);
      if (woken != runtime::Wake::Notified) collector.give_up();
    }
    for (AnswerCollector::Arrived& arrived : collector.take_arrived()) {
      machine.answer(arrived.id, std::move(arrived.answer));
    }
  }
}

}  // namespace sluice::pipeline
