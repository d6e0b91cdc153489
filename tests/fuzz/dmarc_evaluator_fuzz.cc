// A whole DMARC evaluation over a DNS that the input invents: it always ends, asks a bounded number of names,
// passes only with an aligned identifier, and the order in which answers arrive changes nothing.
//
// The input is lines: From field, SPF domain, DKIM domains, domains without a result (each separated by '|'),
// then twelve answers, one of which a name gets: an octet that chooses the status, or its texts ("=" stands
// for the version).
#include "io/base/check.h"
#include "io/base/limits.h"
#include "rules/dmarc/evaluator.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace {

using namespace sluice;
using namespace sluice::dmarc;

constexpr size_t kQuestionsMax = (limits::kDmarcIdentifiers + 1) * limits::kDmarcWalkNames + 1;

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

std::vector<std::string_view> parts_of(std::string_view line) {
  std::vector<std::string_view> parts;
  while (!line.empty() && parts.size() < 40) {
    const size_t end = std::min(line.find('|'), line.size());
    parts.push_back(line.substr(0, end));
    line.remove_prefix(std::min(end + 1, line.size()));
  }
  return parts;
}

dns::Answer answer_of(std::string_view line) {
  dns::Answer answer;
  if (line.empty() || line.front() < ' ') {
    const size_t choice = line.empty() ? 1 : static_cast<unsigned char>(line.front());
    answer.status = static_cast<dns::AnswerStatus>(1 + choice % 5);
    answer.stale = choice % 2 == 0;
    return answer;
  }
  answer.status = dns::AnswerStatus::Records;
  for (const std::string_view text : parts_of(line)) {
    answer.records.emplace_back(text.starts_with('=') ? "v=DMARC1;" + std::string(text.substr(1))
                                                      : std::string(text));
  }
  return answer;
}

// By the name and not by the turn: the turns differ between the orders of arrival.
dns::Answer answer_for(std::string_view input, std::string_view key) {
  size_t hash = 0;
  for (const char c : key) hash = hash * 31 + static_cast<unsigned char>(c);
  Lines answers(input);
  for (size_t skip = 4 + hash % 12; skip != 0; --skip) (void)answers.next();
  return answer_of(answers.next());
}

enum class Arrival { InOrder, LastFirst };

Outcome run(std::string_view input, Mode mode, Arrival arrival) {
  static const PublicSuffixes kSuffixes =
      *PublicSuffixes::from_octets("com\nco.uk\n*.ck\n!www.ck\nexample\n");
  Lines lines(input);
  const std::string_view from = lines.next();
  Identifiers identifiers;
  identifiers.spf_domain = lines.next();
  const auto dkim = parts_of(lines.next());
  const auto temporary = parts_of(lines.next());
  identifiers.dkim_domains = dkim;
  identifiers.dkim_temperror_domains = temporary;
  std::map<std::string, dns::Answer> known;
  Evaluator evaluator;
  evaluator.start(mail::parse_author(from), {mode, &kSuffixes});
  if (arrival == Arrival::LastFirst) evaluator.identifiers(identifiers);
  size_t questions = 0;
  unsigned rounds = 0;
  while (evaluator.step() == auth::Progress::NeedAnswers) {
    SLUICE_CHECK(++rounds < 8);
    std::vector<auth::PendingQuestion> asked(evaluator.questions().begin(), evaluator.questions().end());
    questions += asked.size();
    while (!asked.empty()) {
      SLUICE_CHECK(questions <= kQuestionsMax);
      const auto next = arrival == Arrival::LastFirst ? asked.end() - 1 : asked.begin();
      const auth::PendingQuestion pending = *next;
      asked.erase(next);
      const std::string key = pending.question.name.to_text() + dns::to_string(pending.question.type);
      if (!known.contains(key)) known[key] = answer_for(input, key);
      evaluator.answer(pending.id, known[key]);
      if (arrival == Arrival::InOrder) continue;
      // A part of the answers may already be enough, or lead to more questions.
      if (evaluator.step() == auth::Progress::Done) return evaluator.outcome();
      questions += evaluator.questions().size();
      asked.insert(asked.begin(), evaluator.questions().begin(), evaluator.questions().end());
    }
    evaluator.identifiers(identifiers);
  }
  return evaluator.outcome();
}

void check_outcome(const Outcome& outcome) {
  SLUICE_CHECK((outcome.result == dmarc::Result::Pass) == (outcome.spf_aligned || outcome.dkim_aligned));
  if (outcome.result == dmarc::Result::PermError)
    SLUICE_CHECK(outcome.author_domain.empty() && outcome.questions == 0);
  if (outcome.result != dmarc::Result::Fail) SLUICE_CHECK(outcome.disposition == Policy::None);
  if (outcome.result == dmarc::Result::Pass || outcome.result == dmarc::Result::Fail) {
    SLUICE_CHECK(!outcome.policy_domain.empty() && outcome.author_domain.ends_with(outcome.policy_domain));
    SLUICE_CHECK(outcome.policy <= outcome.published);
  }
  SLUICE_CHECK(outcome.author_domain.ends_with(outcome.org_domain));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string input(data, data + size);
  for (const Mode mode : {Mode::Rfc9989, Mode::Rfc7489}) {
    const Outcome one = run(input, mode, Arrival::InOrder);
    const Outcome other = run(input, mode, Arrival::LastFirst);
    check_outcome(one);
    SLUICE_CHECK(one == other);
  }
  return 0;
}
