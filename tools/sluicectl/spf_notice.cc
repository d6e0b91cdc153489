#include "tools/sluicectl/spf_notice.h"

#include "io/base/ascii.h"
#include "io/base/limits.h"
#include "tools/sluicectl/printable.h"
#include "tools/sluicectl/recording_line.h"
#include "tools/sluicectl/spf_text.h"

#include <string_view>
#include <vector>

#include <fmt/format.h>

namespace sluice::ctl {

using auth::SpfResult;

namespace {

constexpr size_t kLineWidth = 78;
constexpr size_t kQuestionsShown = 40;  // more than any evaluation within the limits asks, names of mx aside

// Broken at spaces, each line behind `indent`.
std::string wrapped(std::string_view text, std::string_view indent) {
  std::string out;
  std::string line(indent);
  while (!text.empty()) {
    const size_t end = std::min(text.find(' '), text.size());
    if (line.size() > indent.size() && line.size() + 1 + end > kLineWidth) {
      out += line + "\n";
      line = indent;
    }
    if (line.size() > indent.size()) line += ' ';
    line += text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return out + line + "\n";
}

// The term of the checked domain's record, or of the one that a redirect led to, that matched.
const TraceStep* deciding_term(const SpfTrace& trace) {
  for (const TraceStep& step : trace.steps) {
    if (step.kind == TraceStep::Kind::Term && step.level == 1 && step.matches == true) return &step;
  }
  return nullptr;
}

// The last one at the level that was in use.
const TraceStep* record_of(const SpfTrace& trace, std::string_view domain) {
  const TraceStep* found = nullptr;
  for (const TraceStep& step : trace.steps) {
    if (step.kind == TraceStep::Kind::Record && !step.text.empty() && step.domain == domain) found = &step;
  }
  return found;
}

const TraceStep* last_first_level_record(const SpfTrace& trace) {
  const TraceStep* found = nullptr;
  for (const TraceStep& step : trace.steps) {
    if (step.kind == TraceStep::Kind::Record && step.level == 1) found = &step;
  }
  return found;
}

bool is_all(std::string_view term) {
  if (!term.empty() && std::string_view("+-~?").find(term.front()) != std::string_view::npos)
    term.remove_prefix(1);
  return equals_ignore_case(term, "all");
}

std::string network_term(const IpAddress& client) {
  return (client.is_v4() ? "ip4:" : "ip6:") + client.to_string();
}

// Nothing lists the client: where it would have to stand.
std::string list_the_client(const spf::Check& check, const SpfTrace& trace) {
  const std::string term = network_term(check.client.unmap());
  const TraceStep* all = deciding_term(trace);
  const TraceStep* record = last_first_level_record(trace);
  std::string changed;
  if (record != nullptr && !record->text.empty()) {
    changed = record->text;
    // Behind "all" a term would never be reached; modifiers may stand anywhere.
    changed.insert(all != nullptr ? all->offset : std::min(changed.size(), std::string_view("v=spf1").size()),
                   all != nullptr ? term + " " : " " + term);
  }
  std::string text = fmt::format(
      "If {} may send for {}, list it: add \"{}\", or the include that the operator of that host names.",
      check.client.unmap().to_string(), trace.outcome.domain, term);
  if (!changed.empty())
    text += fmt::format(" The record of {} would then be: \"{}\".", record->domain, changed);
  return text + " If it may not, the record did what it is for and nothing is to be changed.";
}

// What each term of the outermost record costs, includes with all that is inside.
std::string costs(const SpfTrace& trace) {
  std::string out;
  unsigned before = 0;
  for (const TraceStep& step : trace.steps) {
    if (step.kind != TraceStep::Kind::Term || step.level != 1) continue;
    if (step.lookups > before)
      out += fmt::format("{}{} ({})", out.empty() ? "" : ", ", step.text, step.lookups - before);
    before = step.lookups;
  }
  return out;
}

std::string questions_without_answer(const SpfTrace& trace) {
  std::string out;
  for (const TraceStep& step : trace.steps) {
    for (const Exchange& exchange : step.asked) {
      if (step.kind != TraceStep::Kind::Term || !dns::is_void(exchange.answer.status)) continue;
      out += fmt::format("{}{}", out.empty() ? "" : ", ", question_text(exchange.question));
    }
  }
  return out;
}

std::string change_for_permerror(const SpfTrace& trace) {
  const spf::Outcome& outcome = trace.outcome;
  if (outcome.lookups > limits::kSpfTerms) {
    return fmt::format(
        "RFC 7208 allows {} terms that ask the DNS, includes with all that is inside them. Remove includes "
        "that are no "
        "longer needed, or write addresses (ip4, ip6) instead of a, mx and include. What the terms cost: {}.",
        limits::kSpfTerms, costs(trace));
  }
  if (outcome.void_lookups > limits::kSpfVoid) {
    return fmt::format(
        "RFC 7208 allows {} lookups without an answer. Remove the terms whose names do not exist, or "
        "publish what they ask for: {}.",
        limits::kSpfVoid, questions_without_answer(trace));
  }
  const std::string& domain = outcome.problem_domain;
  if (outcome.problem_term.empty()) {
    return fmt::format(
        "Publish exactly one TXT record at {} that starts with \"v=spf1\": merge what is there.", domain);
  }
  return fmt::format("Correct the term \"{}\" of the record of {}, or remove it: {}.", outcome.problem_term,
                     domain, outcome.problem);
}

void append_record(std::string& out, const TraceStep& step) {
  out += fmt::format("\nThe record of {}:\n", printable(step.domain));
  out += wrapped(fmt::format("\"{}\"", printable(step.text)), "  ");
}

void append_questions(std::string& out, const SpfTrace& trace) {
  std::vector<std::string> lines;
  for (const TraceStep& step : trace.steps) {
    for (const Exchange& exchange : step.asked) {
      lines.push_back(fmt::format("  {}: {}\n", printable(question_text(exchange.question)),
                                  status_word(exchange.answer.status)));
    }
  }
  if (lines.empty()) return;
  out += "\nWhat was asked, and whether there was an answer:\n";
  for (size_t i = 0; i < lines.size() && i < kQuestionsShown; ++i) out += lines[i];
  if (lines.size() > kQuestionsShown) out += fmt::format("  and {} more\n", lines.size() - kQuestionsShown);
}

}  // namespace

std::string suggested_change(const spf::Check& check, const SpfTrace& trace) {
  const spf::Outcome& outcome = trace.outcome;
  const TraceStep* term = deciding_term(trace);
  switch (outcome.result) {
    case SpfResult::Pass:
      return "None: the address is listed.";
    case SpfResult::None:
      if (trace.steps.front().asked.empty()) return "None: there is no domain that could have a record.";
      return fmt::format(
          "Publish a TXT record at {} with every host that may send, for example \"v=spf1 {} -all\".",
          outcome.domain, network_term(check.client.unmap()));
    case SpfResult::TempError:
      return fmt::format("Make sure that the name servers answer: {}.", outcome.problem);
    case SpfResult::PermError:
      return change_for_permerror(trace);
    case SpfResult::Fail:
    case SpfResult::SoftFail:
    case SpfResult::Neutral:
      break;
  }
  if (term == nullptr || is_all(term->text)) return list_the_client(check, trace);
  return fmt::format(
      "The term \"{}\" of the record of {} holds {} and gives {}. If that host may send, remove the term "
      "or put \"{}\" in front of it.",
      term->text, term->domain, check.client.unmap().to_string(), auth::header_word(outcome.result),
      network_term(check.client.unmap()));
}

std::string spf_notice(const spf::Check& check, const SpfTrace& trace) {
  const spf::Outcome& outcome = trace.outcome;
  const TraceStep* term = deciding_term(trace);
  std::string out = fmt::format("To the administrator of {}\n\n", printable(outcome.domain));
  out +=
      wrapped(fmt::format("A message was checked against the SPF record of {} (RFC 7208). The result was {}.",
                          printable(outcome.domain), auth::header_word(outcome.result)),
              "");
  const auto line = [&](std::string_view name, std::string_view text) {
    if (!text.empty()) out += fmt::format("  {:<17}{}\n", name, printable(text));
  };
  out += '\n';
  line("Client address:", check.client.to_string());
  line("HELO:", check.helo);
  line("MAIL FROM:", check.sender.empty() ? "<>" : check.sender);
  line("Checked domain:", fmt::format("{} ({})", outcome.domain, auth::identity_word(outcome.identity)));
  line("Result:", auth::header_word(outcome.result));
  if (term != nullptr) {
    line("Decided by:", fmt::format("\"{}\" of the record of {}", term->text, term->domain));
  } else if (outcome.problem.empty()) {
    line("Decided by:", "no term: the record ends without \"all\"");
  }
  line("Lookups:", fmt::format("{} of {}, without an answer {} of {}", outcome.lookups, limits::kSpfTerms,
                               outcome.void_lookups, limits::kSpfVoid));
  line("Fault:", outcome.problem);
  if (!outcome.problem_term.empty()) {
    line("At the term:", fmt::format("\"{}\", octet {} of the record of {}", outcome.problem_term,
                                     outcome.problem_offset, outcome.problem_domain));
  } else if (outcome.result == SpfResult::PermError) {
    line("At:", outcome.problem_domain);
  }
  const TraceStep& first = trace.steps.front();
  if (!first.text.empty()) append_record(out, first);
  const std::string_view other = term != nullptr ? std::string_view(term->domain) : outcome.problem_domain;
  if (const TraceStep* record = record_of(trace, other); record != nullptr && record != &first)
    append_record(out, *record);
  append_questions(out, trace);
  out += "\nSuggested change:\n";
  out += wrapped(printable(suggested_change(check, trace)), "  ");
  return out;
}

}  // namespace sluice::ctl
