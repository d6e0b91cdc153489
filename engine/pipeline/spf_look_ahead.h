// SpfLookAhead: asks, while an evaluation waits, what it will ask next (`spf.prefetch`): the names of the
// terms behind the one it waits for, as far as their order is certain. That is up to the next record that is
// not known yet, and not past a match whose consequence is open: so whatever is asked ahead is asked later
// anyway, in this order, unless the evaluation ends before. It is booked against the terms still free when it
// is asked and not again when the evaluation comes to it; so no more leaves than RFC 7208 section 4.6.4
// allows, and the budget is never used up by what was not needed. Cached answers that the way led over are
// kept for the evaluation, which thus goes the same way though they be replaced or end meanwhile.
//
// Part of one SpfEvaluation, which it tells of answers that it waits for. One shard.
#pragma once

#include "dnscache/client/dns_client.h"
#include "rules/spf/evaluator.h"

#include <optional>
#include <vector>

namespace sluice::pipeline {

class SpfVerdicts;

class SpfLookAhead final : public dns::AnswerReceiver {
 public:
  // The evaluation is told under the id of its question, and of every other answer by `arrived`.
  SpfLookAhead(SpfVerdicts& verdicts, dns::AnswerReceiver& evaluation, runtime::Signal& arrived)
      : verdicts_(verdicts), evaluation_(evaluation), arrived_(arrived) {}
  ~SpfLookAhead() { clear(); }
  SpfLookAhead(const SpfLookAhead&) = delete;
  SpfLookAhead& operator=(const SpfLookAhead&) = delete;

  // Forgets all that was asked.
  void clear();
  struct Found {
    const dns::Answer* answer = nullptr;  // null: the evaluation will be told
    spf::SelectedRecordRef meaning;       // where the answer is a record and was cached
  };
  // Was the question asked ahead, or its cached answer built upon?
  std::optional<Found> find(const dns::Question& question, auth::QuestionId id);
  // What is outstanding counts as timed out.
  void give_up();
  // `machine` waits; nothing of it is changed.
  void look(const spf::Evaluator& machine, dns::LookupBudget& budget);

 private:
  struct Asked {
    dns::Question question;
    std::optional<dns::Answer> answer;
    spf::SelectedRecordRef meaning;
    dns::DnsClient::AskId under_way;
    std::vector<auth::QuestionId> wanted;  // by the evaluation, which came to it before the answer did
  };

  Asked* find(const dns::Question& question);
  void take_cached(const auth::PendingQuestion& pending, const dns::AnswerCache::Hit& hit);
  bool ask(const auth::PendingQuestion& pending, dns::LookupBudget& budget);
  void on_answer(uint64_t tag, const dns::Answer& answer) override;

  SpfVerdicts& verdicts_;
  dns::AnswerReceiver& evaluation_;
  runtime::Signal& arrived_;
  spf::Evaluator scout_;  // a copy that runs ahead
  bool looked_ = false;   // the copy holds records
  std::vector<Asked> asked_;
};

}  // namespace sluice::pipeline
