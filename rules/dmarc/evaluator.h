// Evaluator: DMARC of one message (RFC 9989 sections 4.10 and 5.3; RFC 7489 section 6.6 where so set). The
// machine of rules/auth/evaluator.h. mode "both" is two machines.
//
//   evaluator.start(author, options);       // the names of the author's walk are asked for at once
//   ...questions and answers while the message arrives...
//   evaluator.identifiers(what passed);     // any time after start(), once: Done is not reached before,
//                                           // unless there is no author, no policy or no answer
//
// One walk asks at most limits::kDmarcWalkNames names. A domain that passed SPF or DKIM is walked only where
// it can matter: relaxed alignment, not equal to the author, at or below the author's organization; names
// that another walk asked are not asked again.
//
// An answer that fails is TempError only where the outcome hangs on it: what passes by other names passes.
// SPF or DKIM that could not be evaluated make TempError, and no Fail, only where their domain would be
// aligned: nobody can turn a Fail into a TempError with a domain of his own.
//
// Readings of open points are listed in this folder's README. One evaluation per object at a time; reusable
// by start(), which keeps the memory of earlier ones. What was passed in need not live on, but for the list
// of suffixes.
#pragma once

#include "io/mail/author.h"
#include "rules/auth/evaluator.h"
#include "rules/dmarc/outcome.h"
#include "rules/dmarc/record.h"
#include "rules/dmarc/suffixes.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::dmarc {

struct Options {
  Mode mode = Mode::Rfc9989;                 // not Both
  const PublicSuffixes* suffixes = nullptr;  // Rfc7489 only: must be there, and outlive the evaluation
};

// What SPF and DKIM found, as domains; of any case, U-labels or A-labels. RFC 9989 sections 4.4.1 and 4.4.2:
// SPF of MAIL FROM, or of HELO for the null sender.
struct Identifiers {
  std::string_view spf_domain{};                               // empty: SPF did not pass
  std::span<const std::string_view> dkim_domains{};            // d= of signatures that passed
  std::string_view spf_temperror_domain{};                     // empty: SPF was evaluated
  std::span<const std::string_view> dkim_temperror_domains{};  // d= of signatures that could not be looked at
};

class Evaluator {
 public:
  using Identifiers = dmarc::Identifiers;

  void start(const std::expected<mail::Address, mail::AuthorError>& author, const Options& options);
  auth::Progress step();
  std::span<const auth::PendingQuestion> questions() const { return std::span(questions_).first(fresh_); }
  // What the answer means to DMARC may be given with it; where that is null it is made here.
  void answer(auth::QuestionId id, const dns::Answer& answer, RecordRef record);
  void answer(auth::QuestionId id, const dns::Answer& answer) { this->answer(id, answer, {}); }
  void identifiers(const Identifiers& identifiers);

  const Outcome& outcome() const { return outcome_; }  // final after Done
  // The record that is applied: of Kind::One, or null where there is none. For reports.
  const RecordRef& record() const { return applied_; }

 private:
  enum class State : uint8_t { Start, Walk, Identifiers, Done };
  enum class Alignment : uint8_t { No, Yes, Unknown };

  // One question: TXT at "_dmarc.X", or A at the author, for whether it exists.
  struct Lookup {
    dns::DnsName name;
    dns::RecordType type = dns::RecordType::Txt;
    dns::AnswerStatus status = dns::AnswerStatus::Timeout;
    bool answered = false;
    bool stale = false;
    RecordRef record;

    bool failed() const { return dns::is_temporary(status); }
    const Record* one() const {
      return record && record->kind() == SelectedRecord::Kind::One ? &record->record() : nullptr;
    }
  };
  static constexpr uint16_t kNoLookup = 0xffff;  // the name is too long for a record to be there
  struct Step {
    uint16_t offset = 0;  // of the name in its domain
    uint16_t lookup = kNoLookup;
  };
  // The names of one domain, from itself to its last label.
  struct Walk {
    std::string domain;  // A-labels, lower case
    std::array<Step, limits::kDmarcWalkNames> steps;
    uint8_t count = 0;
  };
  struct Organization {
    enum class Kind : uint8_t {
      Waiting,  // for an answer
      Unknown,  // an answer that it hangs on failed
      Known,
    };
    Kind kind = Kind::Known;
    std::string_view domain;  // a view of the walk's domain
    size_t step = 0;          // where the walk ended; its count where no record ended it
  };
  // A domain that passed, or might have had the DNS answered.
  enum class Source : uint8_t { Spf, Dkim, SpfTemporary, DkimTemporary };
  struct Candidate {
    Source source = Source::Spf;
    Alignment alignment = Alignment::No;
    bool walks = false;  // its organization is looked up
    Walk walk;
  };

  // evaluator.cc. What returns false waits for an answer.
  void reset();
  bool take_author(std::string_view domain);
  void finish(Result result, Reason reason);
  bool take_walk();
  void take_walk_7489();
  void apply(size_t step);
  bool settle_policy();
  void use_policy(PolicySource source);
  void add_candidate(Source source, std::string_view domain);
  void judge_at_once(Candidate& candidate) const;
  bool needs_walk(const Candidate& candidate) const;
  void ask_for_candidates();
  bool take_identifiers();
  Alignment alignment_of(Source source) const;
  void decide();
  AlignmentMode mode_of(Source source) const;

  // evaluator_walk.cc
  void ask_author();
  void plan_walk(Walk& walk) const;
  void ask_walk(Walk& walk);
  uint16_t ask(std::string_view prefix, std::string_view domain, dns::RecordType type);
  const Lookup* lookup_at(const Walk& walk, size_t step) const;
  Organization organization_of(const Walk& walk);
  static std::string_view name_at(const Walk& walk, size_t step) {
    return std::string_view(walk.domain).substr(walk.steps[step].offset);
  }

  Options options_;
  Outcome outcome_;
  State state_ = State::Done;
  Walk author_;
  RecordRef applied_;
  bool organization_known_ = false;
  uint16_t existence_ = kNoLookup;  // np or sp hangs on it
  bool existence_failed_ = false;
  bool identifiers_given_ = false;
  bool candidates_asked_ = false;
  std::vector<Candidate> candidates_;  // the first candidate_count_ are in use
  size_t candidate_count_ = 0;

  std::vector<Lookup> lookups_;  // the first lookup_count_ are in use
  size_t lookup_count_ = 0;
  auth::QuestionId first_id_ = 0;
  std::vector<auth::PendingQuestion> questions_;  // the first fresh_ are in use
  size_t fresh_ = 0;
};
static_assert(auth::Evaluator<Evaluator>);

}  // namespace sluice::dmarc
