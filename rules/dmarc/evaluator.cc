#include "rules/dmarc/evaluator.h"

#include "io/base/ascii.h"
#include "io/base/check.h"
#include "io/mail/domain.h"

#include <algorithm>
#include <optional>
#include <utility>

namespace sluice::dmarc {
namespace {

Reason reason_of(mail::AuthorError error) {
  switch (error) {
    case mail::AuthorError::Missing:
      return Reason::NoAuthor;
    case mail::AuthorError::Several:
      return Reason::SeveralAuthors;
    case mail::AuthorError::Group:
    case mail::AuthorError::Malformed:
      return Reason::MalformedAuthor;
  }
  return Reason::MalformedAuthor;
}

// A-labels, lower case, no final dot, into a string that keeps its memory. False for what is no name of the
// DNS.
bool normalize(std::string_view domain, std::string& out) {
  if (std::ranges::all_of(domain, is_ascii)) {
    if (domain.ends_with('.')) domain.remove_suffix(1);
    out.resize(domain.size());
    std::ranges::transform(domain, out.begin(), ascii_lower);
  } else {
    const std::optional<std::string> converted = mail::to_a_labels(domain);
    // What U-labels map to need not be letters, digits and hyphens.
    if (!converted || mail::check_domain(*converted)) return false;
    out = *converted;
  }
  return !out.empty() && dns::DnsName::from_text(out).has_value() && !out.ends_with('.');
}

bool is_at_or_below(std::string_view domain, std::string_view ancestor) {
  if (!domain.ends_with(ancestor)) return false;
  return domain.size() == ancestor.size() || domain[domain.size() - ancestor.size() - 1] == '.';
}

std::string_view last_label(std::string_view domain) {
  const size_t dot = domain.rfind('.');
  return dot == std::string_view::npos ? domain : domain.substr(dot + 1);
}

// RFC 9989 4.7, t=y: one level below.
Policy lowered(Policy policy) { return policy == Policy::Reject ? Policy::Quarantine : Policy::None; }

}  // namespace

void Evaluator::start(const std::expected<mail::Address, mail::AuthorError>& author, const Options& options) {
  SLUICE_CHECK(options.mode != Mode::Both);
  SLUICE_CHECK(options.mode != Mode::Rfc7489 || options.suffixes != nullptr);
  reset();
  options_ = options;
  if (!author) return finish(Result::PermError, reason_of(author.error()));
  if (author->domain_kind() != mail::DomainKind::Name || !take_author(author->domain())) {
    return finish(Result::PermError, Reason::MalformedAuthor);
  }
  state_ = State::Start;
}

void Evaluator::reset() {
  first_id_ += static_cast<auth::QuestionId>(lookup_count_);
  for (size_t i = 0; i < lookup_count_; ++i) lookups_[i].record.reset();
  lookup_count_ = 0;
  fresh_ = 0;
  applied_.reset();
  organization_known_ = false;
  existence_ = kNoLookup;
  existence_failed_ = false;
  identifiers_given_ = false;
  candidates_asked_ = false;
  candidate_count_ = 0;

  Outcome fresh;
  std::swap(fresh.author_domain, outcome_.author_domain);
  std::swap(fresh.org_domain, outcome_.org_domain);
  std::swap(fresh.policy_domain, outcome_.policy_domain);
  std::swap(outcome_, fresh);
  outcome_.author_domain.clear();
  outcome_.org_domain.clear();
  outcome_.policy_domain.clear();
}

bool Evaluator::take_author(std::string_view domain) {
  if (!normalize(domain, author_.domain)) return false;
  outcome_.author_domain = author_.domain;
  return true;
}

void Evaluator::finish(Result result, Reason reason) {
  outcome_.result = result;
  outcome_.reason = reason;
  if (outcome_.result == Result::Fail) outcome_.disposition = outcome_.policy;
  state_ = State::Done;
}

auth::Progress Evaluator::step() {
  fresh_ = 0;
  if (state_ == State::Start) {
    ask_author();
    state_ = State::Walk;
  }
  if (state_ == State::Walk && !take_walk()) return auth::Progress::NeedAnswers;
  if (state_ == State::Identifiers && !take_identifiers()) return auth::Progress::NeedAnswers;
  return auth::Progress::Done;
}

void Evaluator::answer(auth::QuestionId id, const dns::Answer& answer, RecordRef record) {
  const size_t index = id - first_id_;
  if (index >= lookup_count_ || lookups_[index].answered) return;
  Lookup& lookup = lookups_[index];
  lookup.answered = true;
  lookup.status = answer.status;
  lookup.stale = answer.stale;
  if (lookup.type != dns::RecordType::Txt || answer.status != dns::AnswerStatus::Records) return;
  lookup.record = record ? std::move(record) : SelectedRecord::select(answer);
}

void Evaluator::identifiers(const dmarc::Identifiers& identifiers) {
  if (identifiers_given_ || state_ == State::Done) return;
  identifiers_given_ = true;
  if (!identifiers.spf_domain.empty()) add_candidate(Source::Spf, identifiers.spf_domain);
  for (const std::string_view domain : identifiers.dkim_domains) add_candidate(Source::Dkim, domain);
  if (!identifiers.spf_temperror_domain.empty()) {
    add_candidate(Source::SpfTemporary, identifiers.spf_temperror_domain);
  }
  for (const std::string_view domain : identifiers.dkim_temperror_domains) {
    add_candidate(Source::DkimTemporary, domain);
  }
}

// --- policy ---

bool Evaluator::take_walk() {
  if (options_.mode == Mode::Rfc7489) {
    for (size_t i = 0; i < author_.count; ++i) {
      const Lookup* lookup = lookup_at(author_, i);
      if (lookup != nullptr && !lookup->answered) return false;
    }
    take_walk_7489();
    return true;
  }
  const Organization found = organization_of(author_);
  if (found.kind == Organization::Kind::Waiting) return false;
  outcome_.org_domain = found.domain;
  organization_known_ = found.kind == Organization::Kind::Known;
  state_ = State::Identifiers;

  const Lookup* own = lookup_at(author_, 0);
  if (own != nullptr && own->one() != nullptr) {
    apply(0);
    return true;
  }
  if (!organization_known_) {
    finish(Result::TempError, Reason::LookupFailed);
    return true;
  }
  // Of the organization, else of the public suffix above it, which ended the walk.
  for (size_t i = 1; i < author_.count && i <= found.step; ++i) {
    const Lookup* lookup = lookup_at(author_, i);
    const bool wanted = i == found.step || name_at(author_, i) == found.domain;
    if (!wanted || lookup == nullptr || lookup->one() == nullptr) continue;
    apply(i);
    return true;
  }
  finish(Result::None, Reason::NoRecord);
  return true;
}

// RFC 7489 6.6.3: the author's domain, and only where no record at all is there, the organization's. Several
// records end it.
void Evaluator::take_walk_7489() {
  state_ = State::Identifiers;
  for (size_t i = 0; i < author_.count; ++i) {
    const Lookup* lookup = lookup_at(author_, i);
    if (lookup == nullptr) continue;
    if (lookup->failed()) return finish(Result::TempError, Reason::LookupFailed);
    if (lookup->stale) outcome_.stale = true;
    if (lookup->one() != nullptr) return apply(i);
    if (lookup->record && lookup->record->kind() == SelectedRecord::Kind::Several) break;
  }
  finish(Result::None, Reason::NoRecord);
}

// The record at this step of the author's walk is the one.
void Evaluator::apply(size_t step) {
  const Record& record = *lookup_at(author_, step)->one();
  const bool newer = options_.mode == Mode::Rfc9989;
  if (!(newer ? record.policies : record.policies_7489)) return finish(Result::None, Reason::UnusableRecord);
  applied_ = lookup_at(author_, step)->record;
  outcome_.policy_domain = name_at(author_, step);
  outcome_.testing = newer && record.testing;
  outcome_.spf_mode = record.aspf;
  outcome_.dkim_mode = record.adkim;
  if (step == 0) return use_policy(PolicySource::P);
  const Lookup* own = lookup_at(author_, 0);
  const bool may_be_absent = own == nullptr || own->status == dns::AnswerStatus::NxDomain;
  if (newer && record.has_np && may_be_absent) {
    existence_ = ask({}, author_.domain, dns::RecordType::A);
  }
  use_policy(PolicySource::Sp);
}

// `source`: which of the three the author falls under.
void Evaluator::use_policy(PolicySource source) {
  const Record& record = applied_->record();
  const bool newer = options_.mode == Mode::Rfc9989;
  const Policies& policies = newer ? *record.policies : *record.policies_7489;
  if (source == PolicySource::Np && !record.has_np) source = PolicySource::Sp;
  if (source == PolicySource::Sp && !record.has_sp) source = PolicySource::P;
  outcome_.policy_source = source;
  outcome_.published = source == PolicySource::Np   ? policies.np
                       : source == PolicySource::Sp ? policies.sp
                                                    : policies.p;
  outcome_.policy = outcome_.testing ? lowered(outcome_.published) : outcome_.published;
}

// False while the author's existence is not known and the policy hangs on it.
bool Evaluator::settle_policy() {
  if (existence_ == kNoLookup) return true;
  const Lookup& lookup = lookups_[existence_];
  if (!lookup.answered) return false;
  if (lookup.stale) outcome_.stale = true;
  existence_failed_ = lookup.failed();
  if (lookup.status == dns::AnswerStatus::NxDomain) use_policy(PolicySource::Np);
  existence_ = kNoLookup;
  return true;
}

// --- alignment ---

void Evaluator::add_candidate(Source source, std::string_view domain) {
  if (candidate_count_ == candidates_.size()) candidates_.emplace_back();
  Candidate& candidate = candidates_[candidate_count_];
  if (!normalize(domain, candidate.walk.domain)) return;
  candidate.source = source;
  candidate.alignment = Alignment::No;
  candidate.walks = false;
  ++candidate_count_;
}

AlignmentMode Evaluator::mode_of(Source source) const {
  const bool spf = source == Source::Spf || source == Source::SpfTemporary;
  return spf ? outcome_.spf_mode : outcome_.dkim_mode;
}

// All that can be said without asking.
void Evaluator::judge_at_once(Candidate& candidate) const {
  const std::string& domain = candidate.walk.domain;
  if (domain == author_.domain) {
    candidate.alignment = Alignment::Yes;
  } else if (mode_of(candidate.source) == AlignmentMode::Strict) {
    candidate.alignment = Alignment::No;
  } else if (options_.mode == Mode::Rfc7489) {
    const bool same = options_.suffixes->organizational_domain(domain) == outcome_.org_domain;
    candidate.alignment = same ? Alignment::Yes : Alignment::No;
  } else if (!organization_known_) {
    const bool related = last_label(domain) == last_label(author_.domain);
    candidate.alignment = related ? Alignment::Unknown : Alignment::No;
  } else {
    // An organization is its domain's end: of what is not below the author's, it is another.
    candidate.walks = is_at_or_below(domain, outcome_.org_domain);
  }
}

Evaluator::Alignment Evaluator::alignment_of(Source source) const {
  Alignment found = Alignment::No;
  for (size_t i = 0; i < candidate_count_; ++i) {
    const Candidate& candidate = candidates_[i];
    if (candidate.source != source) continue;
    if (candidate.alignment == Alignment::Yes) return Alignment::Yes;
    if (candidate.alignment == Alignment::Unknown) found = Alignment::Unknown;
  }
  return found;
}

// Both alignments are told, but one domain of each kind is enough; what might have passed matters only where
// nothing did.
bool Evaluator::needs_walk(const Candidate& candidate) const {
  const bool spf = alignment_of(Source::Spf) == Alignment::Yes;
  const bool dkim = alignment_of(Source::Dkim) == Alignment::Yes;
  switch (candidate.source) {
    case Source::Spf:
      return !spf;
    case Source::Dkim:
      return !dkim;
    case Source::SpfTemporary:
    case Source::DkimTemporary:
      return !spf && !dkim;
  }
  return true;
}

void Evaluator::ask_for_candidates() {
  for (size_t i = 0; i < candidate_count_; ++i) judge_at_once(candidates_[i]);
  size_t walks = 0;
  for (size_t i = 0; i < candidate_count_; ++i) {
    Candidate& candidate = candidates_[i];
    if (!candidate.walks) continue;
    candidate.walks = walks < limits::kDmarcIdentifiers && needs_walk(candidate);
    if (!candidate.walks) continue;
    ++walks;
    plan_walk(candidate.walk);
    ask_walk(candidate.walk);
  }
  candidates_asked_ = true;
}

bool Evaluator::take_identifiers() {
  if (identifiers_given_ && !candidates_asked_) ask_for_candidates();
  if (!settle_policy() || !identifiers_given_) return false;
  for (size_t i = 0; i < candidate_count_; ++i) {
    Candidate& candidate = candidates_[i];
    if (!candidate.walks) continue;
    const Organization found = organization_of(candidate.walk);
    if (found.kind == Organization::Kind::Waiting) return false;
    candidate.walks = false;
    candidate.alignment = found.kind == Organization::Kind::Unknown ? Alignment::Unknown
                          : found.domain == outcome_.org_domain     ? Alignment::Yes
                                                                    : Alignment::No;
  }
  decide();
  return true;
}

void Evaluator::decide() {
  const Alignment spf = alignment_of(Source::Spf);
  const Alignment dkim = alignment_of(Source::Dkim);
  outcome_.spf_aligned = spf == Alignment::Yes;
  outcome_.dkim_aligned = dkim == Alignment::Yes;
  if (outcome_.spf_aligned || outcome_.dkim_aligned) return finish(Result::Pass, Reason::Evaluated);
  const bool open = spf == Alignment::Unknown || dkim == Alignment::Unknown ||
                    alignment_of(Source::SpfTemporary) != Alignment::No ||
                    alignment_of(Source::DkimTemporary) != Alignment::No;
  if (open) return finish(Result::TempError, Reason::IdentifierFailed);
  if (existence_failed_) return finish(Result::TempError, Reason::LookupFailed);
  finish(Result::Fail, Reason::Evaluated);
}

}  // namespace sluice::dmarc
