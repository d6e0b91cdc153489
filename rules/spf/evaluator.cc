#include "rules/spf/evaluator.h"

#include "io/base/ascii.h"
#include "io/base/check.h"
#include "io/base/limits.h"
#include "rules/spf/domain.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace sluice::spf {

using auth::Progress;
using auth::SpfResult;
using dns::LookupKind;
using dns::RecordType;

auth::Identity identity_of(const Check& check) {
  const bool null_sender = check.identity == auth::Identity::MailFrom && check.sender.empty();
  return null_sender ? auth::Identity::Helo : check.identity;
}

std::string_view domain_of(const Check& check) {
  if (identity_of(check) == auth::Identity::Helo) return check.helo;
  const std::string_view sender = check.sender;
  const size_t at = sender.rfind('@');
  return at == std::string_view::npos ? sender : sender.substr(at + 1);
}

// --- The machine ---

void Evaluator::start(const Check& check) {
  check_ = check;
  check_.client = check.client.unmap();
  reset_outcome();
  while (depth_ > 0) close_frame();
  selected_.reset();
  names_known_ = false;
  begin_batch();
  identify();
}

Progress Evaluator::step() {
  fresh_ = 0;
  // Bounded: every round consumes an answer or a term, and both are limited.
  while (state_ != State::Done && advance()) {
  }
  return state_ == State::Done ? Progress::Done : Progress::NeedAnswers;
}

// All that is needed of an answer is known by the state that waits for it.
void Evaluator::answer(auth::QuestionId id, const dns::Answer& answer, SelectedRecordRef selected) {
  const auto index = static_cast<auth::QuestionId>(id - first_id_);
  if (index >= asked_.size() || asked_[index].answered) return;
  Digest& digest = asked_[index];
  digest.answered = true;
  digest.status = answer.status;
  switch (state_) {
    case State::Record:
      if (is_temporary(answer.status)) return;
      selected_ = selected ? std::move(selected) : SelectedRecord::select(answer);
      return;
    case State::Addresses:
      digest.matches = directive().mechanism == Mechanism::Exists ? !answer.records.empty()
                                                                  : matches_client(answer, &directive());
      return;
    case State::ExchangeAddresses:
      digest.matches = matches_client(answer, &directive());
      return;
    case State::NameAddresses:
      digest.matches = matches_client(answer, nullptr);
      return;
    case State::Exchanges:
      keep_exchanges(answer);
      return;
    case State::Names:
      keep_names(answer);
      return;
    case State::Explanation:
      keep_explanation(answer);
      return;
    case State::Start:
    case State::Terms:
    case State::Done:
      return;  // they wait for nothing
  }
}

bool Evaluator::assume_no_match() {
  const bool all_answered = std::ranges::all_of(asked_, &Digest::answered);
  if (all_answered) return true;
  const bool free_of_it =
      state_ == State::Addresses || state_ == State::Exchanges || state_ == State::ExchangeAddresses;
  if (!free_of_it || !match_would_end()) return false;
  if (state_ == State::Exchanges) {
    names_.clear();
    exchange_count_ = 0;
  }
  for (Digest& digest : asked_) {
    if (!digest.answered) digest = {.answered = true, .matches = false, .status = dns::AnswerStatus::Records};
  }
  return true;
}

// Any result but Pass ends only the include that it stands in.
bool Evaluator::match_would_end() const {
  for (size_t i = 1; i < depth_; ++i) {
    const Frame& included = frames_[i];
    const std::span<const Directive> directives = included.record->record().directives();
    if (included.next < directives.size() && directives[included.next].on_match != SpfResult::Pass)
      return false;
  }
  return true;
}

bool Evaluator::advance() {
  switch (state_) {
    case State::Start:
      target_ = *dns::DnsName::from_text(sender_domain_);  // it was checked
      enter(Entry::First, sender_domain_, &target_);
      return true;
    case State::Record:
      return take_record();
    case State::Terms:
      next_term();
      return true;
    case State::Addresses:
      return take_addresses();
    case State::Exchanges:
      return take_exchanges();
    case State::ExchangeAddresses:
      return take_exchange_addresses();
    case State::Names:
      return take_names();
    case State::NameAddresses:
      return take_name_addresses();
    case State::Explanation:
      return take_explanation();
    case State::Done:
      return false;
  }
  return false;
}

void Evaluator::reset_outcome() {
  if (outcome_.mechanism) spare_ = std::move(*outcome_.mechanism);
  outcome_.mechanism.reset();
  outcome_.explanation.reset();
  outcome_.result = SpfResult::None;
  outcome_.lookups = outcome_.void_lookups = 0;
  outcome_.problem.clear();
  outcome_.problem_domain.clear();
  outcome_.problem_term.clear();
  outcome_.problem_offset = 0;
}

void Evaluator::identify() {
  std::string_view domain;
  local_part_ = "postmaster";
  outcome_.identity = identity_of(check_);
  if (outcome_.identity == auth::Identity::Helo) {
    domain = check_.helo;
  } else {
    const std::string_view sender = check_.sender;
    const size_t at = sender.rfind('@');
    if (at != std::string_view::npos && at != 0) local_part_ = sender.substr(0, at);
    domain = domain_of(check_);
  }
  local_part_is_ascii_ = std::ranges::all_of(local_part_, is_ascii);

  outcome_.domain = domain;
  if (!checked_domain(domain, sender_domain_)) {
    outcome_.problem = "not a domain that can have a record";
    finish(SpfResult::None);
    return;
  }
  outcome_.domain = sender_domain_;
  std::ranges::transform(outcome_.domain, outcome_.domain.begin(), ascii_lower);
  if (!std::ranges::all_of(check_.helo, is_ascii))
    check_.helo = checked_domain(check_.helo).value_or(check_.helo);
  state_ = State::Start;
}

// --- Records ---

// A null name: no question can be made of the domain.
void Evaluator::enter(Entry entry, std::string_view domain, const dns::DnsName* name) {
  if (entry != Entry::Redirect && ++depth_ > frames_.size()) frames_.emplace_back();
  Frame& opened = frame();
  if (entry == Entry::Redirect) {
    opened.previous = std::move(opened.record);
    opened.previous_domain.swap(opened.domain);
  }
  opened.entry = entry;
  opened.record.reset();
  opened.next = 0;
  opened.domain = domain;
  if (name == nullptr || domain.find('.') == std::string_view::npos) {
    no_record("not a domain that can have a record");
    return;
  }
  opened.name = *name;
  begin_batch();
  if (entry == Entry::First) {
    ask(opened.name, RecordType::Txt, LookupKind::Uncounted);
  } else {
    ask_for_term(opened.name, RecordType::Txt);
  }
  state_ = State::Record;
}

bool Evaluator::take_record() {
  const std::optional<size_t> asked = next_answered();
  if (!asked) return false;
  const dns::AnswerStatus status = asked_[*asked].status;
  if (is_temporary(status)) {
    temporary(*asked);
  } else if (frame().entry == Entry::First || book_void(status)) {
    use_record();
  }
  return true;
}

void Evaluator::use_record() {
  SelectedRecordRef selected = std::move(selected_);
  switch (selected->kind()) {
    case SelectedRecord::Kind::None:
      no_record("no SPF record");
      return;
    case SelectedRecord::Kind::Several:
      permanent("more than one SPF record", Place{frame().domain, {}, 0});
      return;
    case SelectedRecord::Kind::Malformed: {
      const RecordError& error = selected->error();
      permanent(error.problem, Place{frame().domain, error.term, error.offset});
      return;
    }
    case SelectedRecord::Kind::One:
      frame().record = std::move(selected);
      if (witness_ != nullptr) witness_->record_used(depth_, frame().domain, record());
      state_ = State::Terms;
      return;
  }
}

void Evaluator::no_record(std::string_view why) {
  if (frame().entry == Entry::First) {
    outcome_.problem = why;
    finish(SpfResult::None);
    return;
  }
  permanent(fmt::format("{}: {}", to_ascii_lower(frame().domain), why), place());
}

// --- Terms ---

void Evaluator::next_term() {
  if (pass_networks()) {
    matched();
    return;
  }
  if (at_redirect() && !record().redirect()) {
    leave(SpfResult::Neutral);  // 4.7
    return;
  }
  if (witness_ != nullptr) witness_->term_begins(depth_, frame().next);
  if (!book_term()) return;
  if (term().takes_validated) {
    ask_names(NamesFor::Target);
  } else {
    use_target();
  }
}

// Goes to the next term that asks the DNS; true at one before it that matches.
bool Evaluator::pass_networks() {
  const std::span<const Directive> directives = record().directives();
  const size_t& next = frame().next;
  while (next < directives.size() && !directives[next].is_lookup()) {
    if (const SelectedRecord::Run* run = frame().record->run_at(next)) {
      const std::optional<uint32_t> match = run->blocks.first_match(check_.client);
      pass_over(match.value_or(run->end));
      if (match) return true;
      continue;
    }
    const Directive& current = directives[next];
    if (current.mechanism == Mechanism::All || current.network.contains(check_.client)) return true;
    pass_over(next + 1);
  }
  return false;
}

// None of the terms before that directive matches.
void Evaluator::pass_over(size_t directive) {
  if (witness_ != nullptr) {
    for (size_t passed = frame().next; passed < directive; ++passed)
      witness_->term_done(depth_, passed, false);
  }
  frame().next = directive;
}

std::string_view Evaluator::target_text() const {
  return record().text_of(at_redirect() ? record().redirect()->value : directive().domain);
}

// The term's domain, now that its macros can be expanded.
void Evaluator::use_target() {
  const SelectedRecord& current = *frame().record;  // stays, in another place after a redirect
  const SelectedRecord::Term& from = term();
  switch (from.target) {
    case SelectedRecord::Target::Current:
      ask_mechanism(frame().domain, frame().name);
      return;
    case SelectedRecord::Target::Fixed: {
      std::string_view text = target_text();
      if (text.ends_with('.')) text.remove_suffix(1);
      ask_mechanism(text, current.name(from));
      return;
    }
    case SelectedRecord::Target::Unusable:
      use_unusable_target();
      return;
    case SelectedRecord::Target::Expand:
      use_expanded_target();
      return;
    case SelectedRecord::Target::None:
      break;
  }
  SLUICE_CHECK(!"a term without questions");
}

void Evaluator::use_expanded_target() {
  const std::string_view text = target_text();
  std::optional<std::string> target;
  if (can_expand(text)) target = target_domain(expand_domain(text, macro_values(validated_name())));
  const std::optional<dns::DnsName> name = target ? dns::DnsName::from_text(*target) : std::nullopt;
  if (name) {
    ask_mechanism(*target, *name);
  } else if (!at_redirect() && !can_expand(text)) {
    not_matched();
  } else {
    use_unusable_target();
  }
}

void Evaluator::use_unusable_target() {
  if (at_redirect()) {
    enter(Entry::Redirect, {}, nullptr);
  } else if (directive().mechanism == Mechanism::Include) {
    permanent("expands to a name that cannot be asked for");  // check_host() of it is none (4.3, 5.2)
  } else {
    not_matched();  // a name that cannot be asked for does not exist (4.8)
  }
}

void Evaluator::ask_mechanism(std::string_view domain, const dns::DnsName& name) {
  if (at_redirect()) {
    enter(Entry::Redirect, domain, &name);
    return;
  }
  const Mechanism mechanism = directive().mechanism;
  switch (mechanism) {
    case Mechanism::Include:
      enter(Entry::Include, domain, &name);
      return;
    case Mechanism::Mx:
      begin_batch();
      ask_for_term(name, RecordType::Mx);
      state_ = State::Exchanges;
      return;
    case Mechanism::Ptr:
      target_ = name;
      if (names_known_) {
        names_for_ = NamesFor::Ptr;
        names_done();
      } else {
        ask_names(NamesFor::Ptr);
      }
      return;
    case Mechanism::A:
    case Mechanism::Exists:
      begin_batch();
      // "exists" asks for A whatever the client's family is (5.7).
      ask_for_term(name, mechanism == Mechanism::A ? address_type() : RecordType::A);
      state_ = State::Addresses;
      return;
    case Mechanism::All:
    case Mechanism::Ip4:
    case Mechanism::Ip6:
      break;
  }
  SLUICE_CHECK(!"a mechanism without questions");
}

bool Evaluator::take_addresses() {
  const std::optional<size_t> asked = next_answered();
  if (!asked) return false;
  const Digest& digest = asked_[*asked];
  if (is_temporary(digest.status)) {
    temporary(*asked);
  } else if (book_void(digest.status)) {
    if (digest.matches) {
      matched();
    } else {
      not_matched();
    }
  }
  return true;
}

void Evaluator::keep_exchanges(const dns::Answer& answer) {
  names_.clear();
  exchange_count_ = 0;
  for (const dns::RecordData& data : answer.records) {
    const auto* exchange = std::get_if<dns::MailExchange>(&data);
    if (exchange == nullptr || ++exchange_count_ > limits::kSpfMxNames) continue;
    // The root stands for "no mail here" (RFC 7505) and has no address.
    if (!exchange->exchange.is_root()) names_.push_back(exchange->exchange);
  }
}

bool Evaluator::take_exchanges() {
  const std::optional<size_t> asked = next_answered();
  if (!asked) return false;
  const dns::AnswerStatus status = asked_[*asked].status;
  if (is_temporary(status)) {
    temporary(*asked);
    return true;
  }
  if (!book_void(status)) return true;
  if (exchange_count_ > limits::kSpfMxNames) {
    permanent(fmt::format("{} MX records; the limit is {}", exchange_count_, limits::kSpfMxNames));
    return true;
  }
  begin_batch();
  for (const dns::DnsName& name : names_) ask_for_term(name, address_type());
  state_ = State::ExchangeAddresses;
  return true;
}

bool Evaluator::take_exchange_addresses() {
  while (!batch_consumed()) {
    const std::optional<size_t> asked = next_answered();
    if (!asked) return false;
    const Digest& digest = asked_[*asked];
    if (is_temporary(digest.status)) {
      temporary(*asked);
      return true;
    }
    if (!book_void(digest.status)) return true;
    if (digest.matches) {
      matched();
      return true;
    }
  }
  not_matched();
  return true;
}

// --- Budget and questions ---

bool Evaluator::book_term() {
  term_asked_ = false;
  names_known_ = false;
  if (++outcome_.lookups <= limits::kSpfTerms) return true;
  permanent(fmt::format("more than {} terms that ask the DNS", limits::kSpfTerms));
  return false;
}

bool Evaluator::book_void(dns::AnswerStatus status) {
  if (!is_void(status)) return true;
  if (++outcome_.void_lookups <= limits::kSpfVoid) return true;
  permanent(fmt::format("more than {} lookups without an answer", limits::kSpfVoid));
  return false;
}

// Answers to earlier questions are no longer wanted.
void Evaluator::begin_batch() {
  first_id_ += static_cast<auth::QuestionId>(asked_.size());
  asked_.clear();
  questions_.clear();
  fresh_ = consumed_ = 0;
}

void Evaluator::ask(const dns::DnsName& name, RecordType type, LookupKind kind) {
  auth::PendingQuestion& pending = questions_.emplace_back();
  pending.id = static_cast<auth::QuestionId>(first_id_ + asked_.size());
  pending.question.name = name;
  pending.question.type = type;
  pending.kind = kind;
  asked_.emplace_back();
  fresh_ = questions_.size();
}

void Evaluator::ask_for_term(const dns::DnsName& name, RecordType type) {
  ask(name, type, term_asked_ ? LookupKind::TermName : LookupKind::Term);
  term_asked_ = true;
}

std::optional<size_t> Evaluator::next_answered() {
  if (batch_consumed() || !asked_[consumed_].answered) return std::nullopt;
  return consumed_++;
}

RecordType Evaluator::address_type() const {
  return check_.client.is_v4() ? RecordType::A : RecordType::Aaaa;
}

// `lengths` gives the prefix lengths of an `a` or `mx` term; null: the whole address.
bool Evaluator::matches_client(const dns::Answer& answer, const Directive* lengths) const {
  uint8_t length = static_cast<uint8_t>(check_.client.bits());
  if (lengths != nullptr) length = check_.client.is_v4() ? lengths->v4_length : lengths->v6_length;
  return std::ranges::any_of(answer.records, [&](const dns::RecordData& data) {
    const auto* address = std::get_if<IpAddress>(&data);
    return address != nullptr && Cidr::of(*address, length).contains(check_.client);
  });
}

}  // namespace sluice::spf
