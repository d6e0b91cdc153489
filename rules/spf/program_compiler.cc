#include "rules/spf/program_compiler.h"

#include "io/base/ascii.h"
#include "io/base/check.h"
#include "io/base/limits.h"
#include "rules/spf/domain.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace sluice::spf {

using dns::RecordType;

Program Program::compile(const dns::DnsName& domain, IpFamily family, ProgramSource& source,
                         const LargePages& memory, size_t bytes_max) {
  return ProgramCompiler(domain, family, source, bytes_max).compile(memory);
}

// --- Blocks ---

Program ProgramCompiler::compile(const LargePages& memory) {
  step_by_step_ = add_action(ProgramImage::kStepByStep, ProgramImage::kStepByStep);
  first_record();
  // Blocks are added on the way; jump() bounds their number.
  for (size_t i = 0; i < starts_.size(); ++i) {
    if (i != 0) program_.rare_->others.emplace_back();
    const uint32_t otherwise = compile_block(starts_[i]);
    block().otherwise = code_of(otherwise);
  }
  program_.finish(draft_, prefixes_, memory);
  return std::move(program_);
}

void ProgramCompiler::first_record() {
  const Found found = ask(name_, RecordType::Txt);
  if (found.answer == nullptr) {
    block().otherwise = code_of(gap(found.reason));
    return;
  }
  const SelectedRecord& selected = *source_.record({name_, RecordType::Txt});
  Outcome outcome;
  outcome.domain = domain_;
  switch (selected.kind()) {
    case SelectedRecord::Kind::One:
      levels_.emplace_back();
      levels_.back().record = &selected.record();
      levels_.back().domain = domain_;
      starts_.emplace_back();
      return;
    case SelectedRecord::Kind::None:
      outcome.problem = "no SPF record";
      break;
    case SelectedRecord::Kind::Several:
      outcome.result = SpfResult::PermError;
      outcome.problem = "more than one SPF record";
      outcome.problem_domain = domain_;
      break;
    case SelectedRecord::Kind::Malformed:
      outcome.result = SpfResult::PermError;
      outcome.problem = selected.error().problem;
      outcome.problem_domain = domain_;
      outcome.problem_term = selected.error().term;
      outcome.problem_offset = selected.error().offset;
      break;
  }
  const uint32_t index = add_outcome(outcome);
  block().otherwise = code_of(add_action(index, index));
}

// Gives the action of those whom no prefix of the block holds.
uint32_t ProgramCompiler::compile_block(Position at) {
  End end;
  while (!end) end = step(at);
  return *end;
}

// --- Terms ---

ProgramCompiler::End ProgramCompiler::step(Position& at) {
  constexpr size_t kBytesPerTerm = limits::kSpfProgramBytes / limits::kSpfProgramTerms;
  if (++terms_ > bytes_max_ / kBytesPerTerm) return gap(&ProgramGaps::limits);
  if (at_redirect(at)) {
    if (!level(at).record->redirect()) return leave_without_match(at);
  } else if (!directive(at).is_lookup()) {
    const Directive& current = directive(at);
    if (current.mechanism == Mechanism::All) return everyone_matches(at);
    if (current.network.network.family() != program_.family_) return not_matched(at);
    if (current.network.length == 0) return everyone_matches(at);
    if (!add_prefix(current.network, action_of_match(at))) return gap(&ProgramGaps::limits);
    return not_matched(at);
  }
  if (++at.lookups > limits::kSpfTerms) {
    return problem_end(at, fmt::format("more than {} terms that ask the DNS", limits::kSpfTerms));
  }
  return lookup_term(at);
}

ProgramCompiler::End ProgramCompiler::lookup_term(Position& at) {
  if (at_redirect(at) || directive(at).mechanism == Mechanism::Include) return open(at);
  const Directive& current = directive(at);
  std::optional<std::string> target = level(at).domain;
  if (current.domain.size != 0) {
    const auto expanded = expand_fixed(level(at), level(at).record->text_of(current.domain));
    if (!expanded) return gap(&ProgramGaps::macros);
    target = target_domain(*expanded);
  }
  const auto name = target ? dns::DnsName::from_text(*target) : std::nullopt;
  if (!name) return not_matched(at);
  switch (current.mechanism) {
    case Mechanism::A:
      return addresses(at, *name);
    case Mechanism::Mx:
      return exchanges(at, *name);
    case Mechanism::Exists:
      return exists(at, *name);
    default:
      return gap(&ProgramGaps::names);
  }
}

ProgramCompiler::End ProgramCompiler::addresses(Position& at, const dns::DnsName& name) {
  const Found found = ask(name, address_type());
  if (found.answer == nullptr) return gap(found.reason);
  if (const End end = book_void(at, found.answer->status)) return end;
  if (hold_everyone(at, *found.answer)) return everyone_matches(at);
  if (!add_addresses(at, *found.answer)) return gap(&ProgramGaps::limits);
  return not_matched(at);
}

ProgramCompiler::End ProgramCompiler::exists(Position& at, const dns::DnsName& name) {
  const Found found = ask(name, RecordType::A);
  if (found.answer == nullptr) return gap(found.reason);
  if (const End end = book_void(at, found.answer->status)) return end;
  return found.answer->records.empty() ? not_matched(at) : everyone_matches(at);
}

ProgramCompiler::End ProgramCompiler::exchanges(Position& at, const dns::DnsName& name) {
  const Found found = ask(name, RecordType::Mx);
  if (found.answer == nullptr) return gap(found.reason);
  if (const End end = book_void(at, found.answer->status)) return end;
  std::vector<dns::DnsName> names;  // a copy: the answer lasts until the next question
  size_t count = 0;
  for (const dns::RecordData& data : found.answer->records) {
    const auto* exchange = std::get_if<dns::MailExchange>(&data);
    if (exchange == nullptr) continue;
    if (++count <= limits::kSpfMxNames && !exchange->exchange.is_root()) names.push_back(exchange->exchange);
  }
  if (count > limits::kSpfMxNames) {
    return problem_end(at, fmt::format("{} MX records; the limit is {}", count, limits::kSpfMxNames));
  }
  for (const dns::DnsName& host : names) {
    const Found hosts = ask(host, address_type());
    if (hosts.answer == nullptr) return gap(hosts.reason);
    if (const End end = book_void(at, hosts.answer->status)) return end;
    if (hold_everyone(at, *hosts.answer)) return everyone_matches(at);
    if (!add_addresses(at, *hosts.answer)) return gap(&ProgramGaps::limits);
  }
  return not_matched(at);
}

// --- Leaving a term and a record ---

ProgramCompiler::Position ProgramCompiler::last_match(Position at) const {
  while (!is_outermost(at) && directive(at).on_match == SpfResult::Pass) {
    const Level& left = level(at);
    at.next = left.opened_by;
    at.level = left.above;
  }
  return at;
}

ProgramCompiler::Position ProgramCompiler::behind_include(const Position& at) const {
  Position behind = at;
  behind.level = level(at).above;
  behind.next = level(at).opened_by + 1;
  return behind;
}

ProgramCompiler::End ProgramCompiler::everyone_matches(Position& at) {
  const Position last = last_match(at);
  if (is_outermost(last)) return action_of_match(at);
  return go_on(at, behind_include(last));
}

ProgramCompiler::End ProgramCompiler::leave_without_match(Position& at) {
  if (is_outermost(at)) return final_action(at, SpfResult::Neutral, "default");  // 4.7
  return go_on(at, behind_include(at));
}

// The main line goes on in its block, unless a block starts there already.
ProgramCompiler::End ProgramCompiler::go_on(Position& at, const Position& to) {
  const auto known = jumps_.find(to);
  if (known != jumps_.end()) return known->second;
  at = to;
  return std::nullopt;
}

ProgramCompiler::End ProgramCompiler::book_void(Position& at, dns::AnswerStatus status) {
  if (!dns::is_void(status) || ++at.voids <= limits::kSpfVoid) return std::nullopt;
  return problem_end(at, fmt::format("more than {} lookups without an answer", limits::kSpfVoid));
}

ProgramCompiler::Place ProgramCompiler::place(const Position& at) const {
  const Record& record = *level(at).record;
  const Span term = at_redirect(at) ? record.redirect()->term : directive(at).term;
  return {level(at).domain, std::string(record.text_of(term)), term.offset};
}

// --- Other records ---

ProgramCompiler::End ProgramCompiler::open(Position& at) {
  const auto [entry, is_new] = opened_.try_emplace({at.level, at.next});
  if (is_new) entry->second = open_target(at);
  const Opened& opened = entry->second;
  const auto status = opened.is_void ? dns::AnswerStatus::NoData : dns::AnswerStatus::Records;
  if (const End end = book_void(at, status)) return end;
  if (const auto* reason = std::get_if<Reason>(&opened.to)) return gap(*reason);
  if (const auto* problem = std::get_if<Problem>(&opened.to)) return problem_end(at, *problem);
  at.level = std::get<uint32_t>(opened.to);
  at.next = 0;
  return std::nullopt;
}

ProgramCompiler::Opened ProgramCompiler::open_target(const Position& at) {
  const Record& record = *level(at).record;
  const Span text = at_redirect(at) ? record.redirect()->value : directive(at).domain;
  const auto expanded = expand_fixed(level(at), record.text_of(text));
  if (!expanded) return {false, &ProgramGaps::macros};
  std::optional<std::string> target = target_domain(*expanded);
  if (at_redirect(at)) return open_record(at, std::move(target).value_or(""));
  if (!target) return {false, Problem{"expands to a name that cannot be asked for", place(at)}};
  return open_record(at, *std::move(target));
}

ProgramCompiler::Opened ProgramCompiler::open_record(const Position& at, std::string domain) {
  const auto name = dns::DnsName::from_text(domain);
  SLUICE_CHECK(name);  // target_domain() gives names only; for the root "" stands here
  if (domain.find('.') == std::string::npos) {
    const std::string shown = to_ascii_lower(domain);
    return {false, Problem{shown + ": not a domain that can have a record", place(at)}};
  }
  const Found found = ask(*name, RecordType::Txt);
  if (found.answer == nullptr) return {false, found.reason};
  const bool is_void = dns::is_void(found.answer->status);
  const SelectedRecord& selected = *source_.record({*name, RecordType::Txt});
  switch (selected.kind()) {
    case SelectedRecord::Kind::One:
      return {is_void, add_level(at, selected.record(), std::move(domain))};
    case SelectedRecord::Kind::None:
      return {is_void, Problem{to_ascii_lower(domain) + ": no SPF record", place(at)}};
    case SelectedRecord::Kind::Several:
      return {is_void, Problem{"more than one SPF record", {std::move(domain), {}, 0}}};
    case SelectedRecord::Kind::Malformed:
      break;
  }
  const RecordError& error = selected.error();
  return {is_void, Problem{error.problem, {std::move(domain), error.term, error.offset}}};
}

// A redirect replaces the record of its level (6.1).
uint32_t ProgramCompiler::add_level(const Position& at, const Record& record, std::string domain) {
  Level opened;
  opened.record = &record;
  opened.domain = std::move(domain);
  opened.above = at_redirect(at) ? level(at).above : at.level;
  opened.opened_by = at_redirect(at) ? level(at).opened_by : at.next;
  levels_.push_back(std::move(opened));
  return static_cast<uint32_t>(levels_.size() - 1);
}

ProgramCompiler::Found ProgramCompiler::ask(const dns::DnsName& name, RecordType type) {
  const dns::Answer* answer = source_.find({name, type});
  if (answer == nullptr) {
    const dns::Question question{name, type};
    std::vector<dns::Question>& missing = program_.missing_;
    if (missing.size() < Program::kMissingMax && std::ranges::find(missing, question) == missing.end()) {
      missing.push_back(question);
    }
    return {nullptr, &ProgramGaps::missing};
  }
  if (dns::is_temporary(answer->status) || answer->stale) return {nullptr, &ProgramGaps::temporary};
  return {answer, nullptr};
}

}  // namespace sluice::spf
