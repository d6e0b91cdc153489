// A message from anybody with answers from anybody: the machine ends, asks a bounded number of questions, and
// finds the same however the body was cut.

#include "io/base/check.h"
#include "io/mail/header_block.h"
#include "rules/authentication/message_authenticator.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace {

using namespace sluice;

// 10 signatures, 50 chain sets with two keys each, and walks for every signing domain.
constexpr size_t kQuestionsMax = 300;

struct Input {
  std::string_view message;
  std::vector<std::string_view> answers;  // used in turn
};

Input split(std::string_view data) {
  Input input;
  const size_t end = data.find('\0');
  input.message = data.substr(0, end);
  while (data.find('\0') != std::string_view::npos) {
    data.remove_prefix(data.find('\0') + 1);
    input.answers.push_back(data.substr(0, data.find('\0')));
  }
  return input;
}

dns::Answer answer_of(const Input& input, const dns::Question& question) {
  dns::Answer answer;
  answer.status = dns::AnswerStatus::NoData;
  if (input.answers.empty()) return answer;
  // The same for the same name, whatever the order of questions.
  const std::string_view text = input.answers[question.name.hash(1) % input.answers.size()];
  if (text.empty()) {
    answer.status = dns::AnswerStatus::Timeout;
  } else if (text != "-") {
    answer.status = dns::AnswerStatus::Records;
    answer.records.emplace_back(std::string(text));
  }
  return answer;
}

evidence::Evidence run(const Input& input, size_t piece) {
  mail::HeaderReader reader;
  const size_t taken = reader.feed(input.message);
  reader.finish();
  authentication::MessageAuthenticator machine;
  authentication::Settings settings;
  settings.dkim.now = WallTime(std::chrono::seconds(1'700'000'000));
  static const arc::TrustedSealers everybody(std::vector<std::string>{".example"});
  settings.trusted_sealers = &everybody;
  machine.start(reader.block(), {.dkim = true, .dmarc = true, .chain = true}, settings);
  machine.body().feed(reader.body_prefix());
  std::string_view body = input.message.substr(taken);
  while (!body.empty()) {
    machine.body().feed(body.substr(0, piece));
    body.remove_prefix(std::min(piece, body.size()));
  }
  machine.body_done();
  evidence::Evidence evidence;
  machine.spf_known(evidence);
  size_t asked = 0;
  while (machine.step() == auth::Progress::NeedAnswers) {
    SLUICE_CHECK(!machine.questions().empty());
    for (const auth::PendingQuestion& pending : machine.questions()) {
      SLUICE_CHECK(++asked <= kQuestionsMax);
      machine.answer(pending.id, answer_of(input, pending.question));
    }
  }
  machine.conclude(evidence);
  return evidence;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const Input input = split({reinterpret_cast<const char*>(data), size});
  const evidence::Evidence whole = run(input, SIZE_MAX);
  const evidence::Evidence pieces = run(input, 7);
  SLUICE_CHECK(whole.dkim == pieces.dkim);
  SLUICE_CHECK(whole.arc == pieces.arc);
  SLUICE_CHECK(whole.dmarc == pieces.dmarc);
  return 0;
}
