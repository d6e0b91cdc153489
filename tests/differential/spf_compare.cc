#include "tests/differential/spf_compare.h"

#include "io/base/limits.h"
#include "rules/auth/result.h"

#include <algorithm>
#include <utility>
#include <vector>

#include <fmt/format.h>

namespace sluice::differential {

using spf::Explain;
using spf::Outcome;
using spf::Program;

namespace {

char to_upper(char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; }

std::string shown(const std::optional<std::string>& text) { return text ? '"' + *text + '"' : "null"; }

// A program asks at most this: its own record; in each block ten terms with eleven questions; explanations.
constexpr size_t kFindsMax =
    1 + limits::kSpfProgramBlocks * (limits::kSpfTerms * (1 + limits::kSpfMxNames) + 11);

// Today 87 % of the clients are answered, 85 % of the programs whole, and one in 1600 ends at a limit.
constexpr double kAnsweredMin = 0.75;
constexpr double kWholeMin = 0.75;
constexpr double kLimitedMax = 0.01;

bool reached_a_limit(const Program& program) {
  return program.blocks() == limits::kSpfProgramBlocks || program.rows() == limits::kSpfProgramRows ||
         program.bytes() > limits::kSpfProgramBytes / 2;
}

}  // namespace

std::string shortfall(const Tally& tally) {
  const auto share = [](uint64_t part, uint64_t all) {
    return static_cast<double>(part) / static_cast<double>(all);
  };
  const double answered = share(tally.answered, tally.cases);
  const double whole = share(tally.whole, 2 * tally.zones);
  const double limited = share(tally.limited, 2 * tally.zones);
  std::string text;
  if (answered < kAnsweredMin)
    text += fmt::format("answered: {:.1f} %, the least is {:.0f} %\n", 100 * answered, 100 * kAnsweredMin);
  if (whole < kWholeMin)
    text += fmt::format("whole: {:.1f} %, the least is {:.0f} %\n", 100 * whole, 100 * kWholeMin);
  if (limited > kLimitedMax)
    text += fmt::format("at a limit: {:.1f} %, the most is {:.0f} %\n", 100 * limited, 100 * kLimitedMax);
  return text;
}

std::string difference(const Outcome& program, const Outcome& evaluator) {
  std::string text;
  const auto field = [&text](std::string_view name, const std::string& a, const std::string& b) {
    if (a != b) text += fmt::format("  {}: program {}, evaluator {}\n", name, a, b);
  };
  field("result", std::string(auth::rfc_word(program.result)), std::string(auth::rfc_word(evaluator.result)));
  field("domain", program.domain, evaluator.domain);
  field("mechanism", shown(program.mechanism), shown(evaluator.mechanism));
  field("explanation", shown(program.explanation), shown(evaluator.explanation));
  field("lookups", std::to_string(program.lookups), std::to_string(evaluator.lookups));
  field("void_lookups", std::to_string(program.void_lookups), std::to_string(evaluator.void_lookups));
  field("problem", program.problem, evaluator.problem);
  field("problem_domain", program.problem_domain, evaluator.problem_domain);
  field("problem_term", program.problem_term, evaluator.problem_term);
  field("problem_offset", std::to_string(program.problem_offset), std::to_string(evaluator.problem_offset));
  return text;
}

const Outcome& SpfComparer::evaluate(SpfZone& zone, const IpAddress& client, Explain explain) {
  spf::Check check;
  check.client = client;
  check.helo = "mta.example";
  // The sender chooses the case; it shows in no outcome.
  check.sender = "someone@" + zone.domain().to_text();
  if (tally_.cases % 3 == 0) std::ranges::transform(check.sender, check.sender.begin(), to_upper);
  check.explain = explain;
  evaluator_.start(check);
  while (evaluator_.step() == auth::Progress::NeedAnswers) {
    const std::vector<auth::PendingQuestion> asked(evaluator_.questions().begin(),
                                                   evaluator_.questions().end());
    for (const auth::PendingQuestion& question : asked) {
      // Half of the evaluations share parsed records, as the node's do.
      spf::SelectedRecordRef record;
      if (evaluator_.asks_for_record() && tally_.cases % 4 < 2)
        record = zone.shared_record(question.question);
      evaluator_.answer(question.id, zone.lookup(question.question), std::move(record));
    }
  }
  return evaluator_.outcome();
}

std::string SpfComparer::compare(SpfZone& zone, std::span<const IpAddress> clients) {
  ++tally_.zones;
  zone.take_finds();
  const Program v4 = Program::compile(zone.domain(), IpFamily::V4, zone, LargePages());
  const size_t v4_finds = zone.take_finds();
  const Program v6 = Program::compile(zone.domain(), IpFamily::V6, zone, LargePages());
  if (v4_finds > kFindsMax || zone.take_finds() > kFindsMax) return "  compiling asked too often\n";
  for (const Program* program : {&v4, &v6}) {
    if (program->whole()) ++tally_.whole;
    if (program->blocks() > 1) ++tally_.jumping;
    if (program->bytes() > 2 * limits::kSpfProgramBytes) return "  a program is too large\n";
    const spf::ProgramGaps& gaps = program->gaps();
    if (zone.flattens() && (gaps.macros || gaps.names || gaps.missing || gaps.temporary)) {
      return "  nothing keeps this zone from being flattened, but it was not\n";
    }
    if (gaps.limits) ++tally_.limited;
    if (gaps.limits && (zone.is_straight() || !reached_a_limit(*program)))
      return "  a program ends at a limit that it has not reached\n";
    if (gaps.missing == program->missing().empty()) return "  a missing answer is not named\n";
  }
  Outcome scratch;  // written over by each client, as in the node
  for (const IpAddress& client : clients) {
    const Program& program = client.is_v4() ? v4 : v6;
    const Explain explain = tally_.cases++ % 2 == 0 ? Explain::Fetch : Explain::Skip;
    const Outcome* got = program.run(client, explain, scratch);
    if (got == nullptr) {
      if (program.whole()) return fmt::format("  {}: a whole program gave no outcome\n", client.to_string());
      continue;
    }
    ++tally_.answered;
    ++tally_.results[static_cast<size_t>(got->result)];
    const std::string wrong = difference(*got, evaluate(zone, client, explain));
    if (!wrong.empty()) return fmt::format("  client {}\n{}", client.to_string(), wrong);
  }
  return {};
}

}  // namespace sluice::differential
