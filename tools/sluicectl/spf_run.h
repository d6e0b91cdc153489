// Carries questions and answers between an SPF evaluation and a source, one after the other.
#pragma once

#include "rules/spf/evaluator.h"
#include "tools/sluicectl/answer_source.h"

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::ctl {

struct Exchange {
  dns::Question question;
  dns::Answer answer;
};

// Is given every question with what came back, between the evaluation's steps.
using OnExchange = std::function<void(const Exchange&)>;

// Past limits::kSpfDeadline nothing more is asked.
void run_spf(spf::Evaluator& evaluator, const spf::Check& check, AnswerSource& source,
             const OnExchange& on_exchange);
spf::Outcome run_spf(const spf::Check& check, AnswerSource& source, std::vector<Exchange>* log = nullptr);

// What a client gets that the domain's record does not list (SPF-10), following redirects. Null when there is
// no usable record, or a macro decides.
std::optional<auth::SpfResult> unlisted_result(std::string_view domain, AnswerSource& source);

}  // namespace sluice::ctl
