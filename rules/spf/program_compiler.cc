// The compiler behind Program::compile: check_host() executed for all clients at once. It walks the terms as
// Evaluator does, for the clients that no prefix so far holds, and writes down what happens to those that one
// holds: an outcome, or, where a match inside an include does not pass, the block of what follows that
// include. Such clients have booked less than the main line, so blocks are told apart by all that an
// evaluation carries along.
#include "io/base/ascii.h"
#include "io/base/limits.h"
#include "rules/spf/domain.h"
#include "rules/spf/macro.h"
#include "rules/spf/program.h"
#include "rules/spf/selected_record.h"

#include <algorithm>
#include <compare>
#include <cstddef>
#include <deque>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include <fmt/format.h>

namespace sluice::spf {

using auth::SpfResult;
using dns::RecordType;

class ProgramCompiler {
 public:
  ProgramCompiler(const dns::DnsName& domain, IpFamily family, ProgramSource& source)
      : domain_(domain.to_text()), name_(domain), source_(source) {
    program_.family_ = family;
  }

  Program compile();

 private:
  static constexpr uint32_t kNone = UINT32_MAX;

  // Where a record or a term stands, for reports.
  struct Place {
    std::string domain;
    std::string term;
    size_t offset = 0;
  };
  struct Problem {
    std::string words;
    Place place;
  };
  // The text of exp=, which may be none.
  struct Explanation {
    bool fixed = true;  // false: it differs between clients, or is not there
    std::optional<std::string> text;
  };
  // One record at one place of the tree: a frame of the evaluator.
  struct Level {
    const Record* record = nullptr;
    std::string domain;
    uint32_t above = kNone;                  // the level whose include opened it; kNone: the outermost
    uint32_t opened_by = 0;                  // that directive
    std::optional<Explanation> explanation;  // once it was looked for
  };
  // Where an evaluation stands, with what it has booked.
  struct Position {
    uint32_t level = 0;
    uint32_t next = 0;  // directive; the number of directives: `redirect`
    unsigned lookups = 0;
    unsigned voids = 0;
    friend auto operator<=>(const Position&, const Position&) = default;
  };
  using Reason = bool ProgramGaps::*;
  struct Found {
    const dns::Answer* answer = nullptr;
    Reason reason = nullptr;  // why there is none that can be used
  };
  // What an include or redirect leads to; the same however the evaluation came there.
  struct NoMatch {};
  struct Opened {
    bool is_void = false;
    std::variant<NoMatch, Reason, Problem, uint32_t> to;  // the last: a level
  };
  // The action at which a block ends; null: it goes on.
  using End = std::optional<uint32_t>;

  void first_record();
  uint32_t compile_block(Position at);

  // The evaluator's steps. Each moves `at` on or gives the end.
  End step(Position& at);
  End lookup_term(Position& at);
  End open(Position& at);
  End addresses(Position& at, const dns::DnsName& name);
  End exists(Position& at, const dns::DnsName& name);
  End exchanges(Position& at, const dns::DnsName& name);
  End everyone_matches(Position& at);
  End leave_without_match(Position& at);
  End go_on(Position& at, const Position& to);
  End book_void(Position& at, dns::AnswerStatus status);
  static End not_matched(Position& at) {
    ++at.next;
    return std::nullopt;
  }

  Opened open_target(const Position& at);
  Opened open_record(const Position& at, std::string domain);
  uint32_t add_level(const Position& at, const Record& record, std::string domain);
  Explanation find_explanation(const Level& level);
  Found ask(const dns::DnsName& name, RecordType type);

  uint32_t action_of_match(const Position& at);
  uint32_t final_action(const Position& at, SpfResult result, std::string_view mechanism);
  uint32_t problem_end(const Position& at, Problem problem);
  uint32_t problem_end(const Position& at, std::string words) {
    return problem_end(at, Problem{std::move(words), place(at)});
  }
  uint32_t jump(const Position& to);
  uint32_t gap(Reason reason);
  // Under the length of the `a` or `mx` term at `at`.
  bool hold_everyone(const Position& at, const dns::Answer& answer) const;
  bool add_addresses(const Position& at, const dns::Answer& answer);
  bool add_prefix(const Cidr& prefix, uint32_t action);
  uint32_t add_action(uint32_t skip, uint32_t fetch);
  uint32_t add_outcome(Outcome outcome);
  bool take_bytes(size_t bytes);

  // The directive at `at` matched, and with it those above whose record passed thereby. Where the last of
  // these stands: at the outermost level, or in an include whose record does not pass.
  Position last_match(Position at) const;
  Position behind_include(const Position& at) const;
  // A domain-spec that stands for one domain for all clients of the family; else null.
  std::optional<std::string> expand_fixed(const Level& level, std::string_view text) const;
  MacroValues fixed_values(const Level& level) const;
  Place place(const Position& at) const;

  const Level& level(const Position& at) const { return levels_[at.level]; }
  const Directive& directive(const Position& at) const { return level(at).record->directives()[at.next]; }
  bool at_redirect(const Position& at) const { return at.next == level(at).record->directives().size(); }
  bool is_outermost(const Position& at) const { return level(at).above == kNone; }
  uint8_t length(const Position& at) const {
    return is_v4() ? directive(at).v4_length : directive(at).v6_length;
  }
  bool is_v4() const { return program_.family_ == IpFamily::V4; }
  RecordType address_type() const { return is_v4() ? RecordType::A : RecordType::Aaaa; }

  std::string domain_;
  dns::DnsName name_;
  ProgramSource& source_;
  Program program_;

  std::deque<Level> levels_;
  std::map<std::pair<uint32_t, uint32_t>, Opened> opened_;  // by level and directive
  std::vector<Position> starts_;                            // of blocks
  std::map<Position, uint32_t> jumps_;                      // actions, by where they lead
  std::map<Position, uint32_t> finals_;                     // actions, by the term that decided
  std::vector<Cidr> prefixes_;                              // of all blocks
  uint32_t step_by_step_ = 0;                               // the action
  size_t terms_ = 0;
  size_t bytes_ = sizeof(Program);
};

Program Program::compile(const dns::DnsName& domain, IpFamily family, ProgramSource& source) {
  return ProgramCompiler(domain, family, source).compile();
}

// --- Blocks ---

Program ProgramCompiler::compile() {
  step_by_step_ = add_action(Program::kStepByStep, Program::kStepByStep);
  first_record();
  // Blocks are added on the way; jump() bounds their number.
  for (size_t i = 0; i < starts_.size(); ++i) {
    program_.blocks_.emplace_back();
    program_.blocks_.back().otherwise = compile_block(starts_[i]);
  }
  program_.finish(prefixes_);
  return std::move(program_);
}

void ProgramCompiler::first_record() {
  const Found found = ask(name_, RecordType::Txt);
  Outcome outcome;
  outcome.domain = domain_;
  uint32_t end = step_by_step_;
  if (found.answer == nullptr) {
    end = gap(found.reason);
  } else {
    const SelectedRecord& selected = *source_.record({name_, RecordType::Txt});
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
    const uint32_t index = add_outcome(std::move(outcome));
    end = add_action(index, index);
  }
  program_.blocks_.emplace_back();
  program_.blocks_.back().otherwise = end;
}

// Gives the action of those whom no prefix of the block holds.
uint32_t ProgramCompiler::compile_block(Position at) {
  End end;
  while (!end) end = step(at);
  return *end;
}

// --- Terms ---

ProgramCompiler::End ProgramCompiler::step(Position& at) {
  if (++terms_ > limits::kSpfProgramTerms) return gap(&ProgramGaps::limits);
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
  const auto* level = std::get_if<uint32_t>(&opened.to);
  if (level == nullptr) return not_matched(at);
  at.level = *level;
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
  if (!dns::DnsName::from_text(*target)) return {false, NoMatch{}};
  return open_record(at, *std::move(target));
}

ProgramCompiler::Opened ProgramCompiler::open_record(const Position& at, std::string domain) {
  const auto name = dns::DnsName::from_text(domain);
  if (!name || domain.find('.') == std::string::npos) {
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
    if (!program_.missing_) program_.missing_ = dns::Question{name, type};
    return {nullptr, &ProgramGaps::missing};
  }
  if (dns::is_temporary(answer->status) || answer->stale) return {nullptr, &ProgramGaps::temporary};
  return {answer, nullptr};
}

// --- Text ---

MacroValues ProgramCompiler::fixed_values(const Level& level) const {
  MacroValues values;
  values.domain = level.domain;
  values.sender_domain = domain_;
  values.client = is_v4() ? IpAddress::v4(0) : IpAddress::v6({});
  return values;
}

std::optional<std::string> ProgramCompiler::expand_fixed(const Level& level, std::string_view text) const {
  constexpr std::string_view kFixed = "dov";
  for (MacroReader reader(text, MacroUse::Domain); !reader.at_end();) {
    const auto piece = reader.next();
    if (!piece || (piece->letter != 0 && kFixed.find(piece->letter) == std::string_view::npos)) {
      return std::nullopt;
    }
  }
  return expand_domain(text, fixed_values(level));
}

// Evaluator::explain() and what follows it. The case of a domain shows in a text, and the sender chooses it;
// hence only %{v}, which differs between the families only.
ProgramCompiler::Explanation ProgramCompiler::find_explanation(const Level& level) {
  if (!level.record->explanation()) return {};
  const auto expanded = expand_fixed(level, level.record->text_of(level.record->explanation()->value));
  if (!expanded) {
    program_.gaps_.macros = true;
    return {false, {}};
  }
  const auto target = target_domain(*expanded);
  const auto name = target ? dns::DnsName::from_text(*target) : std::nullopt;
  if (!name) return {};
  const Found found = ask(*name, RecordType::Txt);
  if (found.answer == nullptr) {
    program_.gaps_.*found.reason = true;
    return {false, {}};
  }
  const std::vector<dns::RecordData>& records = found.answer->records;
  const auto* written = records.size() == 1 ? std::get_if<std::string>(&records.front()) : nullptr;
  if (written == nullptr || check_macro_string(*written, MacroUse::Explanation)) return {};
  for (MacroReader reader(*written, MacroUse::Explanation); !reader.at_end();) {
    const auto piece = reader.next();
    if (piece && piece->letter != 0 && piece->letter != 'v') {
      program_.gaps_.macros = true;
      return {false, {}};
    }
  }
  std::string text = expand_explanation(*written, fixed_values(level));
  if (text.empty() || !std::ranges::all_of(text, is_ascii_printable)) return {};
  return {true, std::move(text)};
}

// --- Actions ---

uint32_t ProgramCompiler::action_of_match(const Position& at) {
  const Position last = last_match(at);
  if (!is_outermost(last)) return jump(behind_include(last));
  const Directive& decided = directive(last);
  return final_action(last, decided.on_match, level(last).record->name_of(decided));
}

uint32_t ProgramCompiler::final_action(const Position& at, SpfResult result, std::string_view mechanism) {
  const auto known = finals_.find(at);
  if (known != finals_.end()) return known->second;
  Outcome outcome;
  outcome.result = result;
  outcome.domain = domain_;
  outcome.mechanism = mechanism;
  outcome.lookups = at.lookups;
  outcome.void_lookups = at.voids;
  const uint32_t skip = add_outcome(outcome);
  uint32_t fetch = skip;
  if (result == SpfResult::Fail) {
    std::optional<Explanation>& explanation = levels_[at.level].explanation;
    if (!explanation) explanation = find_explanation(level(at));
    if (!explanation->fixed) {
      fetch = Program::kStepByStep;
    } else if (explanation->text) {
      outcome.explanation = explanation->text;
      fetch = add_outcome(std::move(outcome));
    }
  }
  const uint32_t action = add_action(skip, fetch);
  finals_.emplace(at, action);
  return action;
}

uint32_t ProgramCompiler::problem_end(const Position& at, Problem problem) {
  Outcome outcome;
  outcome.result = SpfResult::PermError;
  outcome.domain = domain_;
  outcome.mechanism = "default";
  outcome.lookups = at.lookups;
  outcome.void_lookups = at.voids;
  outcome.problem = std::move(problem.words);
  outcome.problem_domain = to_ascii_lower(problem.place.domain);
  outcome.problem_term = std::move(problem.place.term);
  outcome.problem_offset = problem.place.offset;
  const uint32_t index = add_outcome(std::move(outcome));
  return add_action(index, index);
}

uint32_t ProgramCompiler::jump(const Position& to) {
  const auto known = jumps_.find(to);
  if (known != jumps_.end()) return known->second;
  if (starts_.size() == limits::kSpfProgramBlocks) return gap(&ProgramGaps::limits);
  const uint32_t action = add_action(Program::kStepByStep, Program::kStepByStep);
  program_.actions_[action].block = static_cast<uint32_t>(starts_.size());
  starts_.push_back(to);
  jumps_.emplace(to, action);
  return action;
}

uint32_t ProgramCompiler::gap(Reason reason) {
  program_.gaps_.*reason = true;
  return step_by_step_;
}

bool ProgramCompiler::hold_everyone(const Position& at, const dns::Answer& answer) const {
  return length(at) == 0 && std::ranges::any_of(answer.records, [this](const dns::RecordData& data) {
           const auto* address = std::get_if<IpAddress>(&data);
           return address != nullptr && address->family() == program_.family_;
         });
}

bool ProgramCompiler::add_addresses(const Position& at, const dns::Answer& answer) {
  const uint32_t action = action_of_match(at);
  return std::ranges::all_of(answer.records, [&](const dns::RecordData& data) {
    const auto* address = std::get_if<IpAddress>(&data);
    if (address == nullptr || address->family() != program_.family_) return true;
    return add_prefix(Cidr::of(*address, length(at)), action);
  });
}

bool ProgramCompiler::add_prefix(const Cidr& prefix, uint32_t action) {
  constexpr size_t kPerRow = 3 * sizeof(Cidr);  // as intervals
  if (prefixes_.size() == limits::kSpfProgramRows || !take_bytes(kPerRow)) return false;
  prefixes_.push_back(prefix);
  program_.blocks_.back().prefixes.add(prefix, action);
  return true;
}

uint32_t ProgramCompiler::add_action(uint32_t skip, uint32_t fetch) {
  bytes_ += sizeof(Program::Action);
  program_.actions_.push_back({skip, fetch, Program::kStepByStep});
  return static_cast<uint32_t>(program_.actions_.size() - 1);
}

uint32_t ProgramCompiler::add_outcome(Outcome outcome) {
  if (!take_bytes(Program::memory_of(outcome))) {
    program_.gaps_.limits = true;
    return Program::kStepByStep;
  }
  program_.outcomes_.push_back(std::move(outcome));
  return static_cast<uint32_t>(program_.outcomes_.size() - 1);
}

bool ProgramCompiler::take_bytes(size_t bytes) {
  if (bytes > limits::kSpfProgramBytes - std::min(bytes_, limits::kSpfProgramBytes)) return false;
  bytes_ += bytes;
  return true;
}

}  // namespace sluice::spf
