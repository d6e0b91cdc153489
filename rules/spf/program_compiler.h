// The compiler behind Program::compile: check_host() executed for all clients at once. It walks the terms as
// Evaluator does, for the clients that no prefix so far holds, and writes down what happens to those that one
// holds: an outcome, or, where a match inside an include does not pass, the block of what follows that
// include. Such clients have booked less than the main line, so blocks are told apart by all that an
// evaluation carries along.
//
// Used once for one program; not for others. program_compiler.cc walks, program_actions.cc writes down.
#pragma once

#include "rules/spf/macro.h"
#include "rules/spf/program.h"
#include "rules/spf/selected_record.h"

#include <compare>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace sluice::spf {

class ProgramCompiler {
 public:
  ProgramCompiler(const dns::DnsName& domain, IpFamily family, ProgramSource& source, size_t bytes_max)
      : domain_(domain.to_text()), name_(domain), source_(source), bytes_max_(bytes_max) {
    program_.family_ = family;
    program_.domain_ = domain_;
  }

  Program compile(const LargePages& memory);

 private:
  using SpfResult = auth::SpfResult;
  using RecordType = dns::RecordType;

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
  // What decides the action of a row inside an include.
  struct RowOf {
    uint32_t level = 0;
    SpfResult result = SpfResult::Pass;
    unsigned lookups = 0;
    unsigned voids = 0;
    friend bool operator==(const RowOf&, const RowOf&) = default;
  };
  using Reason = bool ProgramGaps::*;
  struct Found {
    const dns::Answer* answer = nullptr;
    Reason reason = nullptr;  // why there is none that can be used
  };
  // What an include or redirect leads to; the same however the evaluation came there.
  struct Opened {
    bool is_void = false;
    std::variant<Reason, Problem, uint32_t> to;  // the last: a level
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
  uint32_t find_action_of_match(const Position& at);
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
  uint32_t add_outcome(const Outcome& outcome);
  static size_t memory_of(const Outcome& outcome, bool has_rest);
  ProgramImage::Code code_of(uint32_t action) const;
  bool take_bytes(size_t bytes);

  // The directive at `at` matched, and with it those above whose record passed thereby. Where the last of
  // these stands: at the outermost level, or in an include whose record does not pass.
  Position last_match(Position at) const;
  Position behind_include(const Position& at) const;
  // A domain-spec that stands for one domain for all clients of the family; else null.
  std::optional<std::string> expand_fixed(const Level& level, std::string_view text) const;
  MacroValues fixed_values(const Level& level) const;
  Place place(const Position& at) const;

  // That is being compiled.
  ProgramImage::Block& block() {
    return program_.rare_->others.empty() ? draft_.first : program_.rare_->others.back();
  }
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
  size_t bytes_max_;
  Program program_;
  ProgramImage::Draft draft_;

  std::deque<Level> levels_;
  std::map<std::pair<uint32_t, uint32_t>, Opened> opened_;  // by level and directive
  std::vector<Position> starts_;                            // of blocks
  std::map<Position, uint32_t> jumps_;                      // actions, by where they lead
  std::map<Position, uint32_t> finals_;                     // actions, by the term that decided
  std::vector<Cidr> prefixes_;                              // of all blocks
  std::optional<std::pair<RowOf, uint32_t>> last_row_;      // and its action
  uint32_t step_by_step_ = 0;                               // the action
  size_t terms_ = 0;
  size_t bytes_ = sizeof(Program);
};

}  // namespace sluice::spf
