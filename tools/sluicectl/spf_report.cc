#include "tools/sluicectl/spf_report.h"

#include "io/base/json_text.h"
#include "io/base/limits.h"
#include "tools/sluicectl/check_line.h"
#include "tools/sluicectl/printable.h"
#include "tools/sluicectl/recording_line.h"
#include "tools/sluicectl/spf_notice.h"
#include "tools/sluicectl/spf_text.h"

#include <string_view>
#include <vector>

#include <fmt/format.h>

namespace sluice::ctl {
namespace {

constexpr size_t kRecordsShown = 12;  // of one answer; JSON has all

std::string counts(unsigned lookups, unsigned void_lookups) {
  return fmt::format("lookups {} of {}, without an answer {} of {}", lookups, limits::kSpfTerms, void_lookups,
                     limits::kSpfVoid);
}

std::string answer_text(const dns::Answer& answer) {
  if (answer.records.empty()) return std::string(status_word(answer.status));
  // The one SPF record stands in the line below.
  const auto* text = std::get_if<std::string>(&answer.records.front());
  if (answer.records.size() == 1 && text != nullptr && spf::Record::is_record(*text))
    return fmt::format("answered ({} s)", answer.ttl);
  std::string out;
  for (size_t i = 0; i < answer.records.size() && i < kRecordsShown; ++i)
    out += fmt::format("{}{}", i == 0 ? "" : ", ", record_text(answer.records[i]));
  if (answer.records.size() > kRecordsShown)
    out += fmt::format(" and {} more", answer.records.size() - kRecordsShown);
  return out + fmt::format(" ({} s)", answer.ttl);
}

bool is_failing_term(const TraceStep& step, const spf::Outcome& outcome) {
  return step.kind == TraceStep::Kind::Term && !step.matches && !outcome.problem_term.empty() &&
         step.text == outcome.problem_term && step.offset == outcome.problem_offset;
}

std::string verdict_of(const TraceStep& step, const spf::Outcome& outcome) {
  if (is_failing_term(step, outcome))
    return fmt::format("{}: {}", auth::header_word(outcome.result), printable(outcome.problem));
  if (step.matches == false) return "no match";
  if (step.matches == true)
    return step.level == 1 ? fmt::format("match: {}", auth::header_word(step.on_match)) : "match";
  return step.is_redirect ? "goes on there" : "not decided";
}

// Of a term that asked: which lookup it was, and what is booked behind it.
std::string step_counts(const TraceStep& step) {
  if (step.asked.empty() || step.lookups_begun == 0) return {};
  std::string out = fmt::format("; lookup {} of {}", step.lookups_begun, limits::kSpfTerms);
  if (step.lookups > step.lookups_begun) out += fmt::format(", {} with all that is inside", step.lookups);
  if (step.void_lookups > 0)
    out += fmt::format("; {} of {} without an answer so far", step.void_lookups, limits::kSpfVoid);
  return out;
}

void append_step(std::string& out, const TraceStep& step, const spf::Outcome& outcome) {
  const std::string indent(2 * (step.level - 1), ' ');
  switch (step.kind) {
    case TraceStep::Kind::Record:
      out += fmt::format("\n{}{}: {}\n", indent, printable(step.domain),
                         step.text.empty() ? "no record in use" : "\"" + printable(step.text) + "\"");
      break;
    case TraceStep::Kind::Explanation:
      out += "\nexplanation\n";
      break;
    case TraceStep::Kind::Term:
      out += fmt::format("{}  {:<40} {}{}\n", indent, printable(step.text), verdict_of(step, outcome),
                         step_counts(step));
      break;
  }
  for (const Exchange& exchange : step.asked) {
    out += fmt::format("{}      asked {}: {}\n", indent, printable(question_text(exchange.question)),
                       printable(answer_text(exchange.answer)));
  }
}

void append_exchanges(JsonObject& object, const std::vector<Exchange>& asked) {
  std::string list;
  for (const Exchange& exchange : asked) {
    list += list.empty() ? "[" : ",";
    // A recording's line says all there is to say of an answer.
    const std::string line = write_recorded(RecordedAnswer{exchange.question, exchange.answer});
    list += std::string_view(line).substr(0, line.size() - 1);
  }
  object.raw("asked", list.empty() ? "[]" : list + "]");
}

std::string step_json(const TraceStep& step, const spf::Outcome& outcome) {
  std::string out;
  JsonObject object(out);
  object.number("level", step.level);
  if (step.kind == TraceStep::Kind::Record) {
    object.text("record_of", step.domain).text("record", step.text);
  } else if (step.kind == TraceStep::Kind::Explanation) {
    object.boolean("explanation", true);
  } else {
    object.text("of", step.domain).text("term", step.text).number("offset", step.offset);
    if (step.matches) {
      object.boolean("matches", *step.matches);
    } else {
      object.null("matches");
    }
    if (!step.is_redirect) object.text("on_match", auth::rfc_word(step.on_match));
    if (is_failing_term(step, outcome)) object.text("problem", outcome.problem);
    object.number("lookups_begun", step.lookups_begun);
    object.number("lookups", step.lookups).number("void_lookups", step.void_lookups);
  }
  append_exchanges(object, step.asked);
  object.end();
  return out;
}

void append_breadth(JsonObject& parent, const SpfBreadth& breadth) {
  JsonObject object = parent.object("breadth");
  JsonObject v4 = object.object("ipv4");
  v4.number("addresses", breadth.v4.addresses).boolean("at_least", !breadth.v4.complete);
  v4.end();
  JsonObject v6 = object.object("ipv6");
  v6.number("networks", breadth.v6.networks).boolean("at_least", !breadth.v6.complete);
  v6.end();
  object.end();
}

}  // namespace

std::string trace_report(const spf::Check& check, const SpfTrace& trace) {
  const spf::Outcome& outcome = trace.outcome;
  std::string out = fmt::format("SPF of {} ({}) for {}: {}\n", printable(outcome.domain),
                                auth::identity_word(outcome.identity), check.client.to_string(),
                                auth::header_word(outcome.result));
  for (const TraceStep& step : trace.steps) append_step(out, step, outcome);
  out += fmt::format("\n{:<13}{}\n", "result", auth::header_word(outcome.result));
  const auto line = [&](std::string_view name, std::string_view text) {
    if (!text.empty()) out += fmt::format("{:<13}{}\n", name, printable(text));
  };
  line("decided by", outcome.mechanism.value_or(""));
  line("counts", counts(outcome.lookups, outcome.void_lookups));
  if (trace.breadth) line("authorises", breadth_text(*trace.breadth));
  line("explanation", outcome.explanation.value_or(""));
  line("problem", outcome.problem);
  if (!outcome.problem_term.empty()) {
    line("at", fmt::format("\"{}\", octet {} of the record of {}", outcome.problem_term,
                           outcome.problem_offset, outcome.problem_domain));
  } else {
    line("at", outcome.problem_domain);
  }
  line("change", suggested_change(check, trace));
  return out;
}

std::string trace_json(const spf::Check& check, const SpfTrace& trace) {
  const spf::Outcome& outcome = trace.outcome;
  std::string out;
  JsonObject object(out);
  object.text("client", check.client.to_string());
  append_outcome(object, outcome);
  object.number("lookup_limit", limits::kSpfTerms).number("void_lookup_limit", limits::kSpfVoid);
  object.text("problem", outcome.problem).text("problem_domain", outcome.problem_domain);
  object.text("problem_term", outcome.problem_term).number("problem_offset", outcome.problem_offset);
  if (trace.breadth) {
    append_breadth(object, *trace.breadth);
  } else {
    object.null("breadth");
  }
  std::string steps;
  for (const TraceStep& step : trace.steps) {
    steps += steps.empty() ? "[" : ",";
    steps += step_json(step, outcome);
  }
  object.raw("steps", steps + "]");
  object.text("change", suggested_change(check, trace)).text("notice", spf_notice(check, trace));
  object.end();
  return out;
}

}  // namespace sluice::ctl
