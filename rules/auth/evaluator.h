// The shape of every authentication evaluator (SPF, later DKIM, DMARC, ARC): a pure machine that asks the DNS
// and is answered, and never sees a socket, a clock or another evaluator.
//
//   SpfEvaluator e;
//   e.start(check);
//   while (e.step() == Progress::NeedAnswers) {
//     for (const PendingQuestion& q : e.questions()) ...send it once...
//     ...for one or more answers, in any order: e.answer(id, answer)...
//   }
//   use(e.outcome());
//
// step() may be called after each answer or only when all are in: answers are consumed in record order, so
// the outcome is the same. It can end before all answers came; an answer that comes later, twice or under an
// unknown id is ignored. A question that will not be asked is answered with AnswerStatus::OverBudget or
// Timeout. An answer is read during the call only: the machine keeps what it needs of it, not the answer.
#pragma once

#include "dnscache/question/question.h"

#include <concepts>
#include <cstdint>
#include <span>

namespace sluice::auth {

using QuestionId = uint32_t;

struct PendingQuestion {
  QuestionId id = 0;  // unique within one evaluation
  dns::Question question;
  dns::LookupKind kind = dns::LookupKind::Uncounted;
};

enum class Progress : uint8_t {
  NeedAnswers,  // questions() holds what this step asked anew; maybe nothing, when earlier answers are
                // missing
  Done,         // outcome() is final
};

template <class Machine>
concept Evaluator =
    requires(Machine machine, const Machine& constant, QuestionId id, const dns::Answer& answer) {
      { machine.step() } -> std::same_as<Progress>;
      {
        constant.questions()
      } -> std::convertible_to<std::span<const PendingQuestion>>;  // valid until the next step()
      { machine.answer(id, answer) } -> std::same_as<void>;
      { constant.outcome() };
    };

}  // namespace sluice::auth
