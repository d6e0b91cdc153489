#include "tools/sluicectl/spf_run.h"

#include "io/base/limits.h"
#include "rules/spf/domain.h"
#include "rules/spf/record.h"

#include <chrono>
#include <utility>

namespace sluice::ctl {
namespace {

// The domain's one SPF record, or null.
std::optional<spf::Record> record_of(const std::string& domain, AnswerSource& source) {
  const auto name = dns::DnsName::from_text(domain);
  if (!name) return std::nullopt;
  std::optional<spf::Record> found;
  for (const dns::RecordData& data : source.ask({*name, dns::RecordType::Txt}).records) {
    const auto* text = std::get_if<std::string>(&data);
    if (text == nullptr || !spf::Record::is_record(*text)) continue;
    auto record = spf::Record::parse(*text);
    if (found || !record) return std::nullopt;
    found = std::move(*record);
  }
  return found;
}

}  // namespace

void run_spf(spf::Evaluator& evaluator, const spf::Check& check, AnswerSource& source,
             const OnExchange& on_exchange) {
  const auto deadline = std::chrono::steady_clock::now() + limits::kSpfDeadline;
  evaluator.start(check);
  while (evaluator.step() == auth::Progress::NeedAnswers) {
    // Answering does not touch the questions; only the next step does.
    for (const auth::PendingQuestion& asked : evaluator.questions()) {
      const bool in_time = std::chrono::steady_clock::now() < deadline;
      const Exchange exchange{asked.question,
                              in_time ? source.ask(asked.question) : source.refuse(asked.question)};
      if (on_exchange) on_exchange(exchange);
      evaluator.answer(asked.id, exchange.answer);
    }
  }
}

spf::Outcome run_spf(const spf::Check& check, AnswerSource& source, std::vector<Exchange>* log) {
  spf::Evaluator evaluator;
  run_spf(evaluator, check, source, [log](const Exchange& exchange) {
    if (log != nullptr) log->push_back(exchange);
  });
  return evaluator.outcome();
}

std::optional<auth::SpfResult> unlisted_result(std::string_view domain, AnswerSource& source) {
  std::optional<std::string> next = spf::checked_domain(domain);
  for (unsigned redirects = 0; next && redirects <= limits::kSpfTerms; ++redirects) {
    const std::optional<spf::Record> record = record_of(*next, source);
    if (!record) return std::nullopt;
    if (const auto result = record->unlisted_result()) return result;
    const std::string_view target = record->text_of(record->redirect()->value);
    if (target.find('%') != std::string_view::npos) return std::nullopt;
    next = spf::target_domain(target);
  }
  return std::nullopt;
}

}  // namespace sluice::ctl
