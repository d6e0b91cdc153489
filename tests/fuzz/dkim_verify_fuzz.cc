// Any message, and behind a line "KEY" the record that every selector has: the verifier ends, within its
// bounds, and gives the same outcome whether the body or the keys come first.
#include "io/base/check.h"
#include "io/base/limits.h"
#include "io/mail/header_block.h"
#include "rules/dkim/verifier.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace {

using namespace sluice;
using namespace sluice::dkim;

enum class Order : uint8_t { KeysFirst, BodyFirst };

std::vector<SignatureOutcome> run(std::string_view message, const dns::Answer& answer, Order order) {
  mail::HeaderReader reader;
  const size_t taken = reader.feed(message);
  reader.finish();
  if (reader.state() != mail::HeaderReader::State::Complete) return {};
  BodyHashes body;
  Verifier verifier;
  verifier.start(reader.block(), body, {.now = WallTime(std::chrono::seconds(1'700'000'000))});
  auth::Progress progress = verifier.step();
  const std::vector<auth::PendingQuestion> questions(verifier.questions().begin(),
                                                     verifier.questions().end());
  SLUICE_CHECK(questions.size() <= limits::kDkimSignatures);
  const auto feed = [&] {
    body.feed(reader.body_prefix());
    body.feed(message.substr(taken));
    body.finish();
    verifier.body_done();
    progress = verifier.step();
  };
  if (order == Order::BodyFirst) feed();
  for (const auth::PendingQuestion& question : questions) {
    verifier.answer(question.id, answer);
    progress = verifier.step();
  }
  if (order == Order::KeysFirst) feed();
  SLUICE_CHECK(progress == auth::Progress::Done);
  return {verifier.outcome().begin(), verifier.outcome().end()};
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const size_t cut = input.rfind("KEY\n");
  dns::Answer answer{.status = dns::AnswerStatus::NoData};
  if (cut != std::string_view::npos) {
    answer.status = dns::AnswerStatus::Records;
    answer.records.emplace_back(std::string(input.substr(cut + 4)));
  }
  const std::string_view message = input.substr(0, cut);
  const auto outcomes = run(message, answer, Order::KeysFirst);
  SLUICE_CHECK(outcomes.size() <= limits::kDkimSignatureFields + 1);
  const auto verified =
      std::ranges::count_if(outcomes, [](const auto& outcome) { return !is_of_field(outcome.reason); });
  SLUICE_CHECK(static_cast<size_t>(verified) <= limits::kDkimSignatures);
  for (const SignatureOutcome& outcome : outcomes) {
    SLUICE_CHECK(outcome.result == result_of(outcome.reason) && outcome.reason != Reason::OutOfTime);
    SLUICE_CHECK(outcome.header_octets <= message.size() + 2 * limits::kDkimHeaderNames);
  }
  SLUICE_CHECK(run(message, answer, Order::BodyFirst) == outcomes);
  return 0;
}
