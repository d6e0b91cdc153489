// A whole evaluation over a DNS that the input invents: it always ends, within the limits of RFC 7208 4.6.4,
// and the order in which answers arrive changes nothing.
//
// The input is lines: sender, HELO, then the answers in the order of the questions: an octet that chooses the
// status, then its texts, separated by '|'.
#include "io/base/ascii.h"
#include "io/base/check.h"
#include "io/base/limits.h"
#include "rules/spf/evaluator.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace {

using namespace sluice;
using namespace sluice::spf;

// The first record, ten terms with eleven questions each (an mx or ptr and its names) and as many for a %{p}
// in each, an explanation with two rounds of names.
constexpr size_t kQuestionsMax = 1 + 10 * 22 + 1 + 2 * 11;

class Lines {
 public:
  explicit Lines(std::string_view text) : text_(text) {}
  std::string_view next() {
    const size_t end = std::min(text_.find('\n'), text_.size());
    const std::string_view line = text_.substr(0, end);
    text_.remove_prefix(std::min(end + 1, text_.size()));
    return line;
  }

 private:
  std::string_view text_;
};

dns::RecordData data_of(dns::RecordType type, std::string_view text) {
  const std::string_view name = text.empty() || !dns::DnsName::from_text(text) ? "mail.example" : text;
  switch (type) {
    case dns::RecordType::A:
      return IpAddress::v4(text.size() % 3 == 0 ? 0xC0000201U : 0xC6336401U);
    case dns::RecordType::Mx:
      return dns::MailExchange{1, *dns::DnsName::from_text(name)};
    case dns::RecordType::Ptr:
      return *dns::DnsName::from_text(name);
    default:
      return std::string(text);
  }
}

dns::Answer answer_of(dns::RecordType type, std::string_view line) {
  dns::Answer answer;
  if (line.empty() || line.front() < ' ') {
    const size_t choice = line.empty() ? 2 : static_cast<unsigned char>(line.front());
    answer.status = static_cast<dns::AnswerStatus>(1 + choice % 5);
    return answer;
  }
  answer.status = dns::AnswerStatus::Records;
  for (size_t start = 0; start <= line.size() && answer.records.size() < 50;) {
    const size_t end = std::min(line.find('|', start), line.size());
    answer.records.push_back(data_of(type, line.substr(start, end - start)));
    start = end + 1;
  }
  return answer;
}

enum class Arrival { InOrder, LastFirst };

Outcome run(std::string_view input, Arrival arrival) {
  Lines lines(input);
  Check check;
  check.client = IpAddress::v4(0xC0000201);
  check.sender = lines.next();
  check.helo = lines.next();
  check.explain = Explain::Fetch;
  std::map<std::string, dns::Answer> known;
  Evaluator evaluator;
  evaluator.start(check);
  size_t questions = 0;
  while (evaluator.step() == auth::Progress::NeedAnswers) {
    std::vector<auth::PendingQuestion> asked(evaluator.questions().begin(), evaluator.questions().end());
    SLUICE_CHECK(!asked.empty());
    questions += asked.size();
    SLUICE_CHECK(questions <= kQuestionsMax);
    std::vector<dns::Answer> answers;
    for (const auth::PendingQuestion& question : asked) {
      const std::string key =
          std::string(question.question.name.wire()) + dns::to_string(question.question.type);
      if (!known.contains(key)) known[key] = answer_of(question.question.type, lines.next());
      answers.push_back(known[key]);
    }
    for (size_t i = 0; i < asked.size(); ++i) {
      const size_t index = arrival == Arrival::InOrder ? i : asked.size() - 1 - i;
      evaluator.answer(asked[index].id, answers[index]);
      if (arrival == Arrival::LastFirst && index != 0) {
        const auth::Progress progress = evaluator.step();
        SLUICE_CHECK(progress == auth::Progress::NeedAnswers && evaluator.questions().empty());
      }
    }
  }
  return evaluator.outcome();
}

void check_outcome(const Outcome& outcome) {
  SLUICE_CHECK(outcome.lookups <= limits::kSpfTerms + 1);
  SLUICE_CHECK(outcome.void_lookups <= limits::kSpfVoid + 1);
  const bool over = outcome.lookups > limits::kSpfTerms || outcome.void_lookups > limits::kSpfVoid;
  if (over) SLUICE_CHECK(outcome.result == auth::SpfResult::PermError);
  if (outcome.explanation) {
    SLUICE_CHECK(outcome.result == auth::SpfResult::Fail);
    SLUICE_CHECK(outcome.explanation->size() <= limits::kSpfExplanation);
    SLUICE_CHECK(std::ranges::all_of(*outcome.explanation, is_ascii_printable));
  }
  if (outcome.result == auth::SpfResult::None) SLUICE_CHECK(!outcome.mechanism);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string input(data, data + size);
  const Outcome one = run(input, Arrival::InOrder);
  const Outcome other = run(input, Arrival::LastFirst);
  check_outcome(one);
  SLUICE_CHECK(one.result == other.result && one.mechanism == other.mechanism);
  SLUICE_CHECK(one.lookups == other.lookups && one.void_lookups == other.void_lookups);
  SLUICE_CHECK(one.explanation == other.explanation && one.problem == other.problem);
  return 0;
}
