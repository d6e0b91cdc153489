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
// by start(). Values only: nothing that was passed in needs to live on.
#pragma once

#include "rules/auth/evaluator.h"
#include "rules/auth/result.h"
#include "rules/spf/record.h"

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

struct Outcome {
  auth::SpfResult result = auth::SpfResult::None;
  auth::Identity identity = auth::Identity::MailFrom;
  std::string domain;                    // checked: A-labels, lower case; as given where it was not usable
  std::optional<std::string> mechanism;  // the outermost term that matched, without its qualifier; "default"
                                         // when none did; null when no record was evaluated
  std::optional<std::string> explanation;  // printable ASCII from the DNS; never where result is not Fail
  unsigned lookups = 0;                    // terms booked; 11 when the 11th was the end
  unsigned void_lookups = 0;

  // TempError and PermError, for reports: what went wrong, in which record, at which term (as written, not
  // sanitised) and where in it. Empty otherwise, except that None may say why nothing was checked.
  std::string problem;
  std::string problem_domain;
  std::string problem_term;
  size_t problem_offset = 0;  // of the term in its record
};

class Evaluator {
 public:
  void start(const Check& check);

  auth::Progress step();
  std::span<const auth::PendingQuestion> questions() const { return questions_; }
  void answer(auth::QuestionId id, dns::Answer answer);
  const Outcome& outcome() const { return outcome_; }  // final after Done

 private:
  // What the answers that are outstanding are for.
  enum class State : uint8_t {
    Record,             // TXT of frames_.back()
    Terms,              // nothing outstanding: the next term
    Addresses,          // A or AAAA of an `a` term, A of `exists`
    Exchanges,          // MX
    ExchangeAddresses,  // A or AAAA of the exchanges
    Names,              // PTR of the client, for `ptr` or %{p}
    NameAddresses,      // A or AAAA of those names
    Explanation,        // TXT of exp=
    Done,
  };
  // What the client's validated names are wanted for.
  enum class NamesFor : uint8_t { Ptr, Target, ExplanationTarget, ExplanationText };
  enum class Entry : uint8_t { First, Include, Redirect };
  enum class Booking : uint8_t { Counted, Free };

  // One level of include; a redirect replaces the record of its level (5.2, 6.1).
  struct Frame {
    std::string domain;
    Entry entry = Entry::First;
    std::optional<Record> record;
    size_t next = 0;  // directive
  };
  struct Asked {
    dns::Question question;
    std::optional<dns::Answer> answer;
  };

  bool advance();  // false: waits for an answer
  bool identify(const Check& check);

  bool take_record();
  void select_record(std::vector<dns::RecordData> texts);
  void open_record(std::string text);
  void no_record(std::string_view why);
  void next_term();
  void no_more_terms();
  void begin_target();
  void use_target();
  void enter(Entry entry, std::string domain);
  bool take_addresses();
  bool take_exchanges();
  bool take_exchange_addresses();
  bool take_names();
  bool take_name_addresses();
  void names_done();
  void match_names();
  std::string validated_name() const;

  void matched();
  void not_matched();
  void leave(auth::SpfResult result);
  void finish(auth::SpfResult result);
  void permanent(std::string problem, Span term = {});
  void temporary(std::string_view what, const dns::Question& question, dns::AnswerStatus status);
  void begin_explanation();
  void ask_explanation();
  bool take_explanation();
  void expand_explanation_text();

  bool book_term();
  bool book_void(const dns::Answer& answer);
  void begin_batch();
  bool ask(std::string_view name, dns::RecordType type, dns::LookupKind kind);
  void ask(const dns::DnsName& name, dns::RecordType type, dns::LookupKind kind);
  void ask_names(NamesFor purpose, dns::LookupKind kind);
  dns::Answer* next_answer();  // null while it is outstanding
  bool batch_consumed() const { return consumed_ == asked_.size(); }
  dns::RecordType address_type() const;
  Frame& frame() { return frames_.back(); }
  const Frame& frame() const { return frames_.back(); }
  const Directive& directive() const;
  Span current_term() const;
  struct MacroView;

  Check check_;
  std::string local_part_;
  std::string sender_domain_;
  Outcome outcome_;
  State state_ = State::Done;
  std::vector<Frame> frames_;

  std::vector<Asked> asked_;  // the current batch, in record order
  size_t consumed_ = 0;
  auth::QuestionId first_id_ = 0;  // of the current batch
  std::vector<auth::PendingQuestion> questions_;

  NamesFor names_for_ = NamesFor::Ptr;
  std::vector<dns::DnsName> validated_;
  std::string target_;            // of the term that is being evaluated
  std::string explanation_text_;  // unexpanded
};
static_assert(auth::Evaluator<Evaluator>);

}  // namespace sluice::spf
