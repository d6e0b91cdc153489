// What the compiler writes down: the texts that are the same for all clients, and the actions of rows and
// ends.
#include "io/base/ascii.h"
#include "io/base/limits.h"
#include "rules/spf/domain.h"
#include "rules/spf/program_compiler.h"

#include <algorithm>
#include <utility>

namespace sluice::spf {

using auth::SpfResult;

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
  // Inside an include, neighbours do the same.
  const SpfResult result = directive(at).on_match;
  const RowOf row{at.level, result, at.lookups, at.voids};
  if (!is_outermost(at) && last_row_ && last_row_->first == row) return last_row_->second;
  const uint32_t action = find_action_of_match(at);
  last_row_.emplace(row, action);
  return action;
}

uint32_t ProgramCompiler::find_action_of_match(const Position& at) {
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
      fetch = ProgramImage::kStepByStep;
    } else if (explanation->text) {
      outcome.explanation = explanation->text;
      fetch = add_outcome(outcome);
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
  const uint32_t index = add_outcome(outcome);
  return add_action(index, index);
}

uint32_t ProgramCompiler::jump(const Position& to) {
  const auto known = jumps_.find(to);
  if (known != jumps_.end()) return known->second;
  if (starts_.size() == limits::kSpfProgramBlocks) return gap(&ProgramGaps::limits);
  const uint32_t action = add_action(ProgramImage::kStepByStep, ProgramImage::kStepByStep);
  program_.rare_->actions[action].block = static_cast<uint32_t>(starts_.size());
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
  std::vector<Cidr> rows;  // a copy: the answer lasts until the next question, and an explanation is one
  for (const dns::RecordData& data : answer.records) {
    const auto* address = std::get_if<IpAddress>(&data);
    if (address == nullptr || address->family() != program_.family_) continue;
    rows.push_back(Cidr::of(*address, length(at)));
  }
  const uint32_t action = action_of_match(at);
  return std::ranges::all_of(rows, [&](const Cidr& row) { return add_prefix(row, action); });
}

bool ProgramCompiler::add_prefix(const Cidr& prefix, uint32_t action) {
  constexpr size_t kPerRow = 3 * sizeof(Cidr);  // as intervals
  if (prefixes_.size() == limits::kSpfProgramRows || !take_bytes(kPerRow)) return false;
  prefixes_.push_back(prefix);
  block().prefixes.add(prefix, code_of(action));
  return true;
}

uint32_t ProgramCompiler::add_action(uint32_t skip, uint32_t fetch) {
  bytes_ += sizeof(ProgramImage::Action);
  program_.rare_->actions.push_back({skip, fetch, ProgramImage::kStepByStep});
  return static_cast<uint32_t>(program_.rare_->actions.size() - 1);
}

// `outcome` is of this program's domain, and its identity MailFrom.
uint32_t ProgramCompiler::add_outcome(const Outcome& outcome) {
  const std::string_view mechanism = outcome.mechanism ? std::string_view(*outcome.mechanism) : "";
  const bool is_short = mechanism.size() <= UINT8_MAX;
  ProgramImage::Rest rest{is_short ? std::string() : std::string(mechanism),
                          outcome.explanation,
                          outcome.problem,
                          outcome.problem_domain,
                          outcome.problem_term,
                          outcome.problem_offset};
  const bool has_rest = rest != ProgramImage::Rest{};
  if (!take_bytes(memory_of(outcome, has_rest))) {
    program_.gaps_.limits = true;
    return ProgramImage::kStepByStep;
  }
  ProgramImage::Final made{};
  made.result = static_cast<uint8_t>(outcome.result);
  made.has_mechanism = outcome.mechanism.has_value() ? 1 : 0;
  made.has_rest = has_rest ? 1 : 0;
  made.lookups = static_cast<uint8_t>(outcome.lookups);
  made.void_lookups = static_cast<uint8_t>(outcome.void_lookups);
  made.size = static_cast<uint8_t>(is_short ? mechanism.size() : 0);
  std::string& finals = draft_.finals;
  const size_t at = finals.size();
  finals.append(reinterpret_cast<const char*>(&made), sizeof made).append(mechanism, 0, made.size);
  if (has_rest) {
    std::vector<ProgramImage::Rest>& rests = program_.rare_->rests;
    // Neighbours often have the same explanation.
    if (rests.empty() || rests.back() != rest) rests.push_back(std::move(rest));
    const auto index = static_cast<uint32_t>(rests.size() - 1);
    finals.append(reinterpret_cast<const char*>(&index), sizeof index);
  }
  finals.resize((finals.size() + ProgramImage::kFinalUnit - 1) / ProgramImage::kFinalUnit *
                ProgramImage::kFinalUnit);
  return static_cast<uint32_t>(at / ProgramImage::kFinalUnit);
}

// At most what add_outcome() takes for it.
size_t ProgramCompiler::memory_of(const Outcome& outcome, bool has_rest) {
  const size_t mechanism = outcome.mechanism ? outcome.mechanism->size() : 0;
  size_t bytes = sizeof(ProgramImage::Final) + mechanism + ProgramImage::kFinalUnit;
  if (!has_rest) return bytes;
  bytes += sizeof(uint32_t) + sizeof(ProgramImage::Rest);
  for (const std::string* text : {&outcome.problem, &outcome.problem_domain, &outcome.problem_term}) {
    bytes += text->size() + 1;
  }
  if (outcome.explanation) bytes += outcome.explanation->size() + 1;
  return bytes;
}

ProgramImage::Code ProgramCompiler::code_of(uint32_t action) const {
  const ProgramImage::Action& named = program_.rare_->actions[action];
  const bool is_outcome = named.block == ProgramImage::kStepByStep && named.skip == named.fetch &&
                          named.skip != ProgramImage::kStepByStep;
  return is_outcome ? named.skip : ProgramImage::kIndirect | action;
}

bool ProgramCompiler::take_bytes(size_t bytes) {
  if (bytes > bytes_max_ - std::min(bytes_, bytes_max_)) return false;
  bytes_ += bytes;
  return true;
}

}  // namespace sluice::spf
