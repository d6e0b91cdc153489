// Any message, and behind a line "KEY" the record that every selector has: the ARC validator ends, within its
// bounds, gives the same outcome in whatever order the keys come, and its outcome fits together.
#include "io/base/check.h"
#include "io/base/limits.h"
#include "io/mail/header_block.h"
#include "rules/arc/sealer.h"
#include "rules/arc/validator.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace {

using namespace sluice;
using namespace sluice::arc;

enum class Order : uint8_t { AsAsked, Reversed };

Outcome run(std::string_view message, const dns::Answer& answer, Order order) {
  mail::HeaderReader reader;
  const size_t taken = reader.feed(message);
  reader.finish();
  if (reader.state() != mail::HeaderReader::State::Complete) return {};
  dkim::BodyHashes body;
  Validator validator;
  ArcOptions options;
  options.now = WallTime(std::chrono::seconds(1'700'000'000));
  validator.start(reader.block(), body, options);
  SLUICE_CHECK(validator.questions().empty());
  body.feed(reader.body_prefix());
  body.feed(message.substr(taken));
  body.finish();
  if (order == Order::AsAsked) validator.body_done();
  auth::Progress progress = validator.step();
  std::vector<auth::PendingQuestion> questions(validator.questions().begin(), validator.questions().end());
  SLUICE_CHECK(questions.size() <= 2 * limits::kArcSets);
  if (order == Order::Reversed) std::ranges::reverse(questions);
  for (const auth::PendingQuestion& question : questions) validator.answer(question.id, answer);
  validator.body_done();
  progress = validator.step();
  SLUICE_CHECK(progress == auth::Progress::Done);
  SLUICE_CHECK(validator.has_sets() == (validator.outcome().reason != Reason::NoSets));
  return validator.outcome();
}

void check_outcome(const Outcome& outcome) {
  SLUICE_CHECK(outcome.sets.size() <= limits::kArcSets);
  SLUICE_CHECK(outcome.failed_instance <= limits::kArcSets);
  SLUICE_CHECK(outcome.oldest_pass <= outcome.sets.size());
  SLUICE_CHECK((outcome.result == arc::Result::Pass) == (outcome.reason == Reason::Intact));
  SLUICE_CHECK((outcome.result == arc::Result::None) == (outcome.reason == Reason::NoSets));
  SLUICE_CHECK((outcome.result == arc::Result::TempError) == (outcome.reason == Reason::KeyLookupFailed));
  if (outcome.result != arc::Result::Pass) return;
  SLUICE_CHECK(outcome.oldest_pass >= 1);
  for (const SetOutcome& set : outcome.sets) {
    SLUICE_CHECK(set.seal == dkim::Result::Pass);
    SLUICE_CHECK(set.cv == (set.instance == 1 ? ChainValue::None : ChainValue::Pass));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const size_t cut = input.rfind("KEY\n");
  dns::Answer answer{.status = dns::AnswerStatus::NoData};
  if (cut != std::string_view::npos) {
    const std::string_view record = input.substr(cut + 4);
    answer.status = record.empty() ? dns::AnswerStatus::Timeout : dns::AnswerStatus::Records;
    if (!record.empty()) answer.records.emplace_back(std::string(record));
  }
  const std::string_view message = input.substr(0, cut);
  const Outcome outcome = run(message, answer, Order::AsAsked);
  check_outcome(outcome);
  SLUICE_CHECK(run(message, answer, Order::Reversed) == outcome);
  if (outcome.result == arc::Result::Fail) SLUICE_CHECK(!why_not_sealed(outcome).empty());
  return 0;
}
