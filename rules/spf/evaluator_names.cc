// The parts of the evaluator that serve text rather than a match: macros, the client's validated names
// (5.5, 7.3) and explanations (6.2).
#include "io/base/ascii.h"
#include "io/base/limits.h"
#include "rules/spf/domain.h"
#include "rules/spf/evaluator.h"

#include <algorithm>
#include <string>
#include <utility>

namespace sluice::spf {

using auth::SpfResult;
using dns::LookupKind;
using dns::RecordType;

namespace {

// The name under which PTR records of an address stand (RFC 1035 3.5, RFC 3596 2.5).
std::string reverse_name(const IpAddress& client) {
  MacroValues values;
  values.client = client;
  return expand_domain("%{ir}.%{v}.arpa", values);
}

}  // namespace

MacroValues Evaluator::macro_values(std::string_view validated) const {
  MacroValues values;
  values.local_part = local_part_;
  values.sender_domain = sender_domain_;
  values.domain = frame().domain;
  values.helo = check_.helo;
  values.receiver = check_.receiver;
  values.validated = validated;
  values.client = check_.client;
  values.now = check_.now;
  return values;
}

// A term whose macros would put a local part that is not ASCII into a domain name never matches (RFC 8616 4).
bool Evaluator::can_expand(std::string_view text) const {
  return local_part_is_ascii_ || !(has_macro(text, 's') || has_macro(text, 'l'));
}

// --- Validated names ---

void Evaluator::ask_names(NamesFor purpose) {
  names_for_ = purpose;
  names_.clear();
  validated_.clear();
  begin_batch();
  const auto name = dns::DnsName::from_text(reverse_name(check_.client));
  if (!name) {
    names_done();
    return;
  }
  if (purpose == NamesFor::Ptr || purpose == NamesFor::Target) {
    ask_for_term(*name, RecordType::Ptr);
  } else {
    ask(*name, RecordType::Ptr, LookupKind::Uncounted);
  }
  state_ = State::Names;
}

void Evaluator::keep_names(const dns::Answer& answer) {
  for (const dns::RecordData& data : answer.records) {
    const auto* name = std::get_if<dns::DnsName>(&data);
    if (name == nullptr || name->is_root()) continue;
    if (names_.size() == limits::kSpfPtrNames) break;  // 4.6.4: further names are ignored
    names_.push_back(*name);
  }
}

bool Evaluator::take_names() {
  const std::optional<size_t> asked = next_answered();
  if (!asked) return false;
  const bool counted = names_for_ == NamesFor::Ptr || names_for_ == NamesFor::Target;
  // A fault of the client's reverse zone is not the sender's: no names (5.5), "unknown" (7.3).
  if (counted && !book_void(asked_[*asked].status)) return true;
  begin_batch();
  for (const dns::DnsName& name : names_) {
    if (counted) {
      ask_for_term(name, address_type());
    } else {
      ask(name, address_type(), LookupKind::Uncounted);
    }
  }
  state_ = State::NameAddresses;
  return true;
}

bool Evaluator::take_name_addresses() {
  const bool counted = names_for_ == NamesFor::Ptr || names_for_ == NamesFor::Target;
  while (!batch_consumed()) {
    const std::optional<size_t> asked = next_answered();
    if (!asked) return false;
    if (counted && !book_void(asked_[*asked].status)) return true;
    if (asked_[*asked].matches) validated_.push_back(names_[*asked]);
  }
  names_done();
  return true;
}

void Evaluator::names_done() {
  names_known_ = true;
  switch (names_for_) {
    case NamesFor::Ptr: {
      const bool found = std::ranges::any_of(
          validated_, [&](const dns::DnsName& name) { return name.is_at_or_below(target_); });
      if (found) {
        matched();
      } else {
        not_matched();
      }
      return;
    }
    case NamesFor::Target:
      use_target();
      return;
    case NamesFor::ExplanationTarget:
      ask_explanation();
      return;
    case NamesFor::ExplanationText:
      expand_explanation_text();
      return;
  }
}

// %{p}: the current domain if it is among the validated names, else one below it, else any (7.3).
std::string Evaluator::validated_name() const {
  if (!names_known_ || validated_.empty()) return {};
  const dns::DnsName& domain = frame().name;
  if (std::ranges::find(validated_, domain) != validated_.end()) return domain.to_text();
  const auto below =
      std::ranges::find_if(validated_, [&](const dns::DnsName& name) { return name.is_at_or_below(domain); });
  if (below != validated_.end()) return below->to_text();
  return validated_.front().to_text();
}

// --- Explanation: whatever goes wrong, the result stays Fail without a text (6.2) ---

void Evaluator::explain() {
  if (witness_ != nullptr) witness_->explanation_begins();
  names_known_ = false;
  if (has_macro(record().text_of(record().explanation()->value), 'p')) {
    ask_names(NamesFor::ExplanationTarget);
  } else {
    ask_explanation();
  }
}

void Evaluator::ask_explanation() {
  const std::string_view text = record().text_of(record().explanation()->value);
  std::optional<std::string> target;
  if (can_expand(text)) target = target_domain(expand_domain(text, macro_values(validated_name())));
  const auto name = target ? dns::DnsName::from_text(*target) : std::nullopt;
  if (!name) {
    finish(SpfResult::Fail);
    return;
  }
  begin_batch();
  ask(*name, RecordType::Txt, LookupKind::Uncounted);
  state_ = State::Explanation;
}

void Evaluator::keep_explanation(const dns::Answer& answer) {
  const auto* text = answer.records.size() == 1 ? std::get_if<std::string>(&answer.records.front()) : nullptr;
  has_explanation_text_ = text != nullptr && !check_macro_string(*text, MacroUse::Explanation);
  if (has_explanation_text_) explanation_text_ = *text;
}

bool Evaluator::take_explanation() {
  const std::optional<size_t> asked = next_answered();
  if (!asked) return false;
  if (!has_explanation_text_) {
    finish(SpfResult::Fail);
  } else if (!names_known_ && has_macro(explanation_text_, 'p')) {
    ask_names(NamesFor::ExplanationText);
  } else {
    expand_explanation_text();
  }
  return true;
}

void Evaluator::expand_explanation_text() {
  std::string text = expand_explanation(explanation_text_, macro_values(validated_name()));
  // What macros bring in may hold anything; only plain text may reach a reply or a log.
  if (!text.empty() && std::ranges::all_of(text, is_ascii_printable)) outcome_.explanation = std::move(text);
  finish(SpfResult::Fail);
}

}  // namespace sluice::spf
