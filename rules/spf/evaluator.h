// Evaluator: check_host() of RFC 7208 (sections 2 to 7), term by term: the reference that any faster form is
// compared with. The machine of rules/auth/evaluator.h: it asks only what it reaches, left to right (several
// names of one mx or ptr term at once), and consumes answers in record order.
//
// Budgets of 4.6.4: a term is booked when it is reached, the 11th is PermError; every NXDOMAIN or empty
// answer to a term's question (names under mx and ptr, and the PTR question of %{p}, included) is booked when
// it is consumed, the 3rd is PermError. The first record and all that serves an explanation is free.
// Time-outs, SERVFAIL and a used-up deadline are TempError, except where section 5.5 says "no match".
//
// Readings of open points are listed in this folder's README. One evaluation per object at a time; reusable
// by start(), which keeps the memory of earlier ones. What was passed in need not live on: an answer is taken
// at once to what its question was for. Records are shared with whoever hands them in (selected_record.h).
#pragma once

#include "rules/auth/evaluator.h"
#include "rules/auth/result.h"
#include "rules/spf/macro.h"
#include "rules/spf/selected_record.h"
#include "rules/spf/witness.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::spf {

enum class Explain : uint8_t { Skip, Fetch };  // Fetch: on Fail, ask for the text of exp=

struct Check {
  IpAddress client;  // IPv4-mapped addresses count as IPv4
  std::string helo;  // as the client said it
  std::string
      sender;  // MAIL FROM (or, for Identity::From, the author) without angle brackets; empty: null sender
  // MailFrom with a null sender is checked, and reported, as Helo: postmaster@HELO (2.4).
  auth::Identity identity = auth::Identity::MailFrom;
  std::string receiver;  // %{r}: our host name; empty: "unknown"
  WallTime now{};        // %{t}
  Explain explain = Explain::Skip;
};

// Whose domain the check is about (see Check::identity), and the domain as given: behind the last "@", the
// whole where there is none. The view lives as long as the check is unchanged.
auth::Identity identity_of(const Check& check);
std::string_view domain_of(const Check& check);

struct Outcome {
  auth::SpfResult result = auth::SpfResult::None;
  auth::Identity identity = auth::Identity::MailFrom;
  std::string domain;                    // checked: A-labels, lower case; as given where it was not usable
  std::optional<std::string> mechanism;  // the outermost term that matched, without its qualifier; "default"
                                         // when none did; null when no record was evaluated
  std::optional<std::string> explanation;  // printable ASCII from the DNS; never where result is not Fail
  unsigned lookups = 0;                    // terms booked; 11 when the 11th was the end
  unsigned void_lookups = 0;

  // TempError and PermError, for reports: what went wrong, in which record (lower case), at which term (as
  // written, not sanitised) and where in it. Empty otherwise, except that None may say why nothing was
  // checked.
  std::string problem;
  std::string problem_domain;
  std::string problem_term;
  size_t problem_offset = 0;  // of the term in its record
};

class Evaluator {
 public:
  void start(const Check& check);
  // For evaluations from the next start() on; null: nobody. Must outlive them.
  void watch(Witness* witness) { witness_ = witness; }

  auth::Progress step();
  std::span<const auth::PendingQuestion> questions() const { return std::span(questions_).first(fresh_); }
  // Is what is outstanding the TXT of a record? Then its meaning may be given with the answer; else it is
  // made here.
  bool asks_for_record() const { return state_ == State::Record; }
  void answer(auth::QuestionId id, const dns::Answer& answer, SelectedRecordRef selected);
  void answer(auth::QuestionId id, const dns::Answer& answer) { this->answer(id, answer, {}); }
  const Outcome& outcome() const { return outcome_; }  // final after Done

  // For looking ahead on a copy: takes what is outstanding as answered and matching nothing, so that step()
  // comes to what would be asked next. False, and nothing is taken, where the way on depends on the answer:
  // at a record, at the client's names, at an explanation, and at a match that would not end the evaluation
  // (5.2).
  bool assume_no_match();

 private:
  // What the outstanding answers are for.
  enum class State : uint8_t {
    Start,
    Record,             // TXT of frame()
    Terms,              // nothing is outstanding: the next term
    Addresses,          // A or AAAA of an `a` term, A of `exists`
    Exchanges,          // MX
    ExchangeAddresses,  // A or AAAA of the exchanges
    Names,              // PTR of the client, for `ptr` or %{p}
    NameAddresses,      // A or AAAA of those names
    Explanation,        // TXT of exp=
    Done,
  };
  enum class NamesFor : uint8_t { Ptr, Target, ExplanationTarget, ExplanationText };
  enum class Entry : uint8_t { First, Include, Redirect };

  // Where something went wrong, for reports.
  struct Place {
    std::string domain;
    std::string term;
    size_t offset = 0;
  };
  // One level of include; a redirect replaces the record of its level (5.2, 6.1).
  struct Frame {
    std::string domain;  // as written or expanded
    dns::DnsName name;   // the same, as asked
    Entry entry = Entry::First;
    SelectedRecordRef record;  // null until it is there; of kind One
    size_t next = 0;           // directive; the number of directives: `redirect`
    // Redirect: the record that it replaced, for reports.
    std::string previous_domain;
    SelectedRecordRef previous;
  };
  // What a question of the batch is answered with, as far as its purpose needs it.
  struct Digest {
    bool answered = false;
    bool matches = false;  // addresses: the client is among them; `exists`: there are any
    dns::AnswerStatus status = dns::AnswerStatus::Timeout;
  };

  // Steps return true when the machine can go on at once, false when it waits for an answer.
  bool advance();
  bool take_record();
  bool take_addresses();
  bool take_exchanges();
  bool take_exchange_addresses();
  bool take_names();
  bool take_name_addresses();
  bool take_explanation();

  void reset_outcome();
  void identify();
  void use_record();
  void no_record(std::string_view why);
  void next_term();
  bool pass_networks();
  void pass_over(size_t directive);
  void use_target();
  void use_expanded_target();
  void use_unusable_target();
  void ask_mechanism(std::string_view domain, const dns::DnsName& name);
  void enter(Entry entry, std::string_view domain, const dns::DnsName* name);
  void names_done();
  void matched();
  void not_matched();
  void leave(auth::SpfResult result);
  void close_frame();
  void explain();
  void ask_explanation();
  void expand_explanation_text();

  // Ends of the evaluation.
  void finish(auth::SpfResult result);
  void permanent(std::string problem);  // at the current term
  void permanent(std::string problem, Place place);
  void temporary(size_t asked);  // the question whose answer failed

  // Both are false when the limit is passed; the evaluation has ended then.
  bool book_term();
  bool book_void(dns::AnswerStatus status);

  bool match_would_end() const;

  void begin_batch();
  void ask(const dns::DnsName& name, dns::RecordType type, dns::LookupKind kind);
  void ask_for_term(const dns::DnsName& name, dns::RecordType type);
  void ask_names(NamesFor purpose);
  void keep_exchanges(const dns::Answer& answer);
  void keep_names(const dns::Answer& answer);
  void keep_explanation(const dns::Answer& answer);
  std::optional<size_t> next_answered();  // null while the next in order is outstanding
  bool batch_consumed() const { return consumed_ == asked_.size(); }

  Frame& frame() { return frames_[depth_ - 1]; }
  const Frame& frame() const { return frames_[depth_ - 1]; }
  const Record& record() const { return frame().record->record(); }
  bool at_redirect() const { return frame().next == record().directives().size(); }
  const Directive& directive() const { return record().directives()[frame().next]; }
  const SelectedRecord::Term& term() const { return frame().record->term(frame().next); }
  std::string_view target_text() const;  // of the current term, as written
  Place place() const;
  dns::RecordType address_type() const;
  bool matches_client(const dns::Answer& answer, const Directive* lengths) const;
  bool can_expand(std::string_view text) const;
  std::string validated_name() const;
  MacroValues macro_values(std::string_view validated) const;

  Witness* witness_ = nullptr;
  Check check_;
  std::string local_part_;
  std::string sender_domain_;
  bool local_part_is_ascii_ = true;
  Outcome outcome_;
  std::string spare_;  // the memory of outcome_.mechanism while there is none
  State state_ = State::Done;
  std::vector<Frame> frames_;  // the first depth_ are in use
  size_t depth_ = 0;

  // The current batch of questions with what they were answered, in the order in which it is consumed.
  std::vector<auth::PendingQuestion> questions_;
  std::vector<Digest> asked_;
  size_t fresh_ = 0;  // questions_ is new since the last step: all of it or nothing
  size_t consumed_ = 0;
  auth::QuestionId first_id_ = 0;
  bool term_asked_ = false;     // the term's first question is out
  SelectedRecordRef selected_;  // Record

  size_t exchange_count_ = 0;  // Exchanges: MX records
  NamesFor names_for_ = NamesFor::Ptr;
  bool names_known_ = false;         // for the current term or explanation
  std::vector<dns::DnsName> names_;  // exchanges of an mx, or the client's PTR names
  std::vector<dns::DnsName> validated_;
  dns::DnsName target_;  // Ptr
  bool has_explanation_text_ = false;
  std::string explanation_text_;  // unexpanded
};
static_assert(auth::Evaluator<Evaluator>);

}  // namespace sluice::spf
