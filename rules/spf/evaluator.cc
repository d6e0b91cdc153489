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

// --- The machine ---

void Evaluator::start(const Check& check) {
  check_ = check;
  check_.client = check.client.unmap();
  outcome_ = {};
  frames_.clear();
  names_known_ = false;
  begin_batch();
  questions_.clear();
  identify(check);
}

Progress Evaluator::step() {
  questions_.clear();
  // Bounded: every round consumes an answer or a term, and both are limited.
  while (state_ != State::Done && advance()) {
  }
  return state_ == State::Done ? Progress::Done : Progress::NeedAnswers;
}

void Evaluator::answer(auth::QuestionId id, dns::Answer answer) {
  const auto index = static_cast<auth::QuestionId>(id - first_id_);
  if (index >= asked_.size() || asked_[index].answer) return;
  asked_[index].answer = std::move(answer);
}

bool Evaluator::advance() {
  switch (state_) {
    case State::Start:
      enter(Entry::First, sender_domain_);
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

void Evaluator::identify(const Check& check) {
  const bool null_sender = check.identity == auth::Identity::MailFrom && check.sender.empty();
  std::string_view domain;
  if (null_sender || check.identity == auth::Identity::Helo) {
    outcome_.identity = auth::Identity::Helo;
    local_part_ = "postmaster";
    domain = check.helo;
  } else {
    outcome_.identity = check.identity;
    const std::string_view sender = check.sender;
    const size_t at = sender.rfind('@');
    local_part_ = at == std::string_view::npos || at == 0 ? "postmaster" : std::string(sender.substr(0, at));
    domain = at == std::string_view::npos ? sender : sender.substr(at + 1);
  }
  local_part_is_ascii_ = std::ranges::all_of(local_part_, is_ascii);
  if (!std::ranges::all_of(check.helo, is_ascii))
    check_.helo = checked_domain(check.helo).value_or(check.helo);

  outcome_.domain = domain;
  const std::optional<std::string> usable = checked_domain(domain);
  if (!usable) {
    outcome_.problem = "not a domain that can have a record";
    finish(SpfResult::None);
    return;
  }
  sender_domain_ = *usable;
  outcome_.domain = to_ascii_lower(*usable);
  state_ = State::Start;
}

// --- Records ---

void Evaluator::enter(Entry entry, std::string domain) {
  Place opened_by = entry == Entry::First ? Place{} : place();
  if (entry != Entry::Redirect) frames_.emplace_back();
  Frame& opened = frame();
  opened.entry = entry;
  opened.opened_by = std::move(opened_by);
  opened.domain = std::move(domain);
  opened.record.reset();
  opened.next = 0;
  const auto name = dns::DnsName::from_text(opened.domain);
  if (!name || opened.domain.find('.') == std::string::npos) {
    no_record("not a domain that can have a record");
    return;
  }
  begin_batch();
  if (entry == Entry::First) {
    ask(*name, RecordType::Txt, LookupKind::Uncounted);
  } else {
    ask_for_term(*name, RecordType::Txt);
  }
  state_ = State::Record;
}

bool Evaluator::take_record() {
  const Asked* asked = next_answered();
  if (asked == nullptr) return false;
  const dns::Answer& answer = *asked->answer;
  if (is_temporary(answer.status)) {
    temporary(asked->question, answer.status);
  } else if (frame().entry == Entry::First || book_void(answer)) {
    select_record(answer);
  }
  return true;
}

void Evaluator::select_record(const dns::Answer& answer) {
  const std::string* found = nullptr;
  for (const dns::RecordData& data : answer.records) {
    const auto* text = std::get_if<std::string>(&data);
    if (text == nullptr || !Record::is_record(*text)) continue;
    if (found != nullptr) {
      permanent("more than one SPF record", Place{frame().domain, {}, 0});
      return;
    }
    found = text;
  }
  if (found == nullptr) {
    no_record("no SPF record");
    return;
  }
  auto record = Record::parse(*found);
  if (!record) {
    RecordError error = std::move(record.error());
    permanent(std::move(error.problem), Place{frame().domain, std::move(error.term), error.offset});
    return;
  }
  frame().record = std::move(*record);
  state_ = State::Terms;
}

void Evaluator::no_record(std::string_view why) {
  if (frame().entry == Entry::First) {
    outcome_.problem = why;
    finish(SpfResult::None);
    return;
  }
  Place blamed = frame().opened_by;
  permanent(fmt::format("{}: {}", to_ascii_lower(frame().domain), why), std::move(blamed));
}

// --- Terms ---

void Evaluator::next_term() {
  if (at_redirect()) {
    const std::optional<Modifier>& redirect = frame().record->redirect();
    if (!redirect) {
      leave(SpfResult::Neutral);  // 4.7
      return;
    }
  } else if (!directive().is_lookup()) {
    const Directive& current = directive();
    if (current.mechanism == Mechanism::All || current.network.contains(check_.client)) {
      matched();
    } else {
      not_matched();
    }
    return;
  }
  if (!book_term()) return;
  const Record& record = *frame().record;
  const Span target = at_redirect() ? record.redirect()->value : directive().domain;
  if (has_macro(record.text_of(target), 'p')) {
    ask_names(NamesFor::Target);
  } else {
    use_target();
  }
}

// The term's domain, now that its macros can be expanded.
void Evaluator::use_target() {
  const Record& record = *frame().record;
  const std::string_view text = record.text_of(at_redirect() ? record.redirect()->value : directive().domain);
  std::optional<std::string> target;
  if (text.empty()) {
    target = frame().domain;
  } else if (can_expand(text)) {
    target = target_domain(expand_domain(text, macro_values(validated_name())));
  }
  if (at_redirect()) {
    enter(Entry::Redirect, target.value_or(""));
  } else if (target) {
    ask_mechanism(directive(), *target);
  } else if (directive().mechanism == Mechanism::Include && can_expand(text)) {
    permanent("expands to a name that cannot be asked for");  // check_host() of it is none (4.3, 5.2)
  } else {
    not_matched();  // a name that cannot be asked for does not exist (4.8)
  }
}

void Evaluator::ask_mechanism(const Directive& current, const std::string& target) {
  const auto name = dns::DnsName::from_text(target);
  if (!name) {
    not_matched();
    return;
  }
  switch (current.mechanism) {
    case Mechanism::Include:
      enter(Entry::Include, target);
      return;
    case Mechanism::Mx:
      begin_batch();
      ask_for_term(*name, RecordType::Mx);
      state_ = State::Exchanges;
      return;
    case Mechanism::Ptr:
      target_ = target;
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
      ask_for_term(*name, current.mechanism == Mechanism::A ? address_type() : RecordType::A);
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
  const Asked* asked = next_answered();
  if (asked == nullptr) return false;
  const dns::Answer& answer = *asked->answer;
  if (is_temporary(answer.status)) {
    temporary(asked->question, answer.status);
    return true;
  }
  if (!book_void(answer)) return true;
  const bool exists = directive().mechanism == Mechanism::Exists;
  if (exists ? !answer.records.empty() : matches_client(answer, &directive())) {
    matched();
  } else {
    not_matched();
  }
  return true;
}

bool Evaluator::take_exchanges() {
  const Asked* asked = next_answered();
  if (asked == nullptr) return false;
  const dns::Answer answer = *asked->answer;  // a copy: the next batch replaces this one
  if (is_temporary(answer.status)) {
    temporary(asked->question, answer.status);
    return true;
  }
  if (!book_void(answer)) return true;
  const auto count =
      static_cast<size_t>(std::ranges::count_if(answer.records, [](const dns::RecordData& data) {
        return std::holds_alternative<dns::MailExchange>(data);
      }));
  if (count > limits::kSpfMxNames) {
    permanent(fmt::format("{} MX records; the limit is {}", count, limits::kSpfMxNames));
    return true;
  }
  begin_batch();
  for (const dns::RecordData& data : answer.records) {
    const auto* exchange = std::get_if<dns::MailExchange>(&data);
    // The root stands for "no mail here" (RFC 7505) and has no address.
    if (exchange == nullptr || exchange->exchange.is_root()) continue;
    ask_for_term(exchange->exchange, address_type());
  }
  state_ = State::ExchangeAddresses;
  return true;
}

bool Evaluator::take_exchange_addresses() {
  while (!batch_consumed()) {
    const Asked* asked = next_answered();
    if (asked == nullptr) return false;
    const dns::Answer& answer = *asked->answer;
    if (is_temporary(answer.status)) {
      temporary(asked->question, answer.status);
      return true;
    }
    if (!book_void(answer)) return true;
    if (matches_client(answer, &directive())) {
      matched();
      return true;
    }
  }
  not_matched();
  return true;
}

// --- Leaving a term and a record ---

void Evaluator::matched() {
  const Directive current = directive();
  if (frames_.size() == 1) outcome_.mechanism = frame().record->name_of(current);
  leave(current.on_match);
}

void Evaluator::not_matched() {
  ++frame().next;
  state_ = State::Terms;
}

// The record of this level has its result. TempError and PermError never come here: they end all levels
// (5.2).
void Evaluator::leave(SpfResult result) {
  if (frames_.size() > 1) {
    frames_.pop_back();
    if (result == SpfResult::Pass) {
      matched();
    } else {
      not_matched();
    }
    return;
  }
  outcome_.result = result;
  if (result == SpfResult::Fail && check_.explain == Explain::Fetch && frame().record->explanation()) {
    explain();
  } else {
    finish(result);
  }
}

void Evaluator::finish(SpfResult result) {
  outcome_.result = result;
  if (!outcome_.mechanism && !frames_.empty() &&
      (frames_.size() > 1 || frame().record || outcome_.lookups != 0)) {
    outcome_.mechanism = "default";
  }
  begin_batch();
  state_ = State::Done;
}

void Evaluator::permanent(std::string problem) { permanent(std::move(problem), place()); }

void Evaluator::permanent(std::string problem, Place place) {
  outcome_.problem = std::move(problem);
  outcome_.problem_domain = to_ascii_lower(place.domain);
  outcome_.problem_term = std::move(place.term);
  outcome_.problem_offset = place.offset;
  finish(SpfResult::PermError);
}

void Evaluator::temporary(const dns::Question& question, dns::AnswerStatus status) {
  const std::string_view what = status == dns::AnswerStatus::ServFail  ? "the DNS failed for"
                                : status == dns::AnswerStatus::Timeout ? "no answer in time for"
                                                                       : "no time or budget left to ask for";
  Place where = place();
  outcome_.problem = fmt::format("{} {} {}", what, question.name.to_text(), dns::to_string(question.type));
  outcome_.problem_domain = to_ascii_lower(where.domain);
  outcome_.problem_term = std::move(where.term);
  outcome_.problem_offset = where.offset;
  finish(SpfResult::TempError);
}

// The term that is being evaluated; while its record is not there yet, the term that asked for the record.
Evaluator::Place Evaluator::place() const {
  const Frame& current = frame();
  if (!current.record) {
    return current.entry == Entry::First ? Place{current.domain, {}, 0} : current.opened_by;
  }
  const Record& record = *current.record;
  if (at_redirect() && !record.redirect()) return {current.domain, {}, 0};
  const Span term = at_redirect() ? record.redirect()->term : directive().term;
  return {current.domain, std::string(record.text_of(term)), term.offset};
}

// --- Budget and questions ---

bool Evaluator::book_term() {
  term_asked_ = false;
  names_known_ = false;
  if (++outcome_.lookups <= limits::kSpfTerms) return true;
  permanent(fmt::format("more than {} terms that ask the DNS", limits::kSpfTerms));
  return false;
}

bool Evaluator::book_void(const dns::Answer& answer) {
  if (!is_void(answer.status)) return true;
  if (++outcome_.void_lookups <= limits::kSpfVoid) return true;
  permanent(fmt::format("more than {} lookups without an answer", limits::kSpfVoid));
  return false;
}

// Answers to earlier questions are no longer wanted.
void Evaluator::begin_batch() {
  first_id_ += static_cast<auth::QuestionId>(asked_.size());
  asked_.clear();
  consumed_ = 0;
}

void Evaluator::ask(const dns::DnsName& name, RecordType type, LookupKind kind) {
  const auto id = static_cast<auth::QuestionId>(first_id_ + asked_.size());
  asked_.push_back({dns::Question{name, type}, std::nullopt});
  questions_.push_back({id, dns::Question{name, type}, kind});
}

void Evaluator::ask_for_term(const dns::DnsName& name, RecordType type) {
  ask(name, type, term_asked_ ? LookupKind::TermName : LookupKind::Term);
  term_asked_ = true;
}

const Evaluator::Asked* Evaluator::next_answered() {
  if (batch_consumed() || !asked_[consumed_].answer) return nullptr;
  return &asked_[consumed_++];
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
