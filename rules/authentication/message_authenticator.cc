#include "rules/authentication/message_authenticator.h"

#include "io/mail/author.h"
#include "io/mail/domain.h"

#include <algorithm>
#include <string_view>
#include <utility>

namespace sluice::authentication {

using auth::Progress;
using auth::QuestionId;
using auth::SpfResult;

void MessageAuthenticator::start(const mail::HeaderBlock& block, const Wanted& wanted,
                                 const Settings& settings) {
  wanted_ = wanted;
  settings_ = settings;
  both_ = false;
  body_done_ = spf_known_ = dmarc_told_ = false;
  dkim_done_ = !wanted.dkim;
  dmarc_done_ = dmarc_other_done_ = true;
  arc_done_ = !wanted.arc && !wanted.chain;
  arc_asked_ = false;
  spf_result_.reset();
  spf_domain_.clear();
  routes_.clear();
  questions_.clear();
  body_.reset();
  if (wanted.simple_body) (void)body_.want(dkim::Canonicalization::Simple);
  if (wanted.relaxed_body) (void)body_.want(dkim::Canonicalization::Relaxed);

  if (wanted.dkim) dkim_.start(block, body_, settings.dkim);
  if (!arc_done_) {
    arc::ArcOptions options;
    options.now = settings.dkim.now;
    options.clock_skew = settings.dkim.clock_skew;
    options.rsa_bits_min = settings.dkim.rsa_bits_min;
    arc_.start(block, body_, options);
  }
  block_ = &block;
  if (wanted.dmarc) start_dmarc();
}

void MessageAuthenticator::start_dmarc() {
  const auto author = mail::find_author(*block_, settings_.author_forms);
  const bool by_suffixes = settings_.mode == dmarc::Mode::Rfc7489;
  dmarc_.start(author, {by_suffixes ? dmarc::Mode::Rfc7489 : dmarc::Mode::Rfc9989, settings_.suffixes});
  both_ = settings_.mode == dmarc::Mode::Both;
  if (both_) dmarc_other_.start(author, {dmarc::Mode::Rfc7489, settings_.suffixes});
  dmarc_done_ = false;
  dmarc_other_done_ = !both_;
}

void MessageAuthenticator::body_done() {
  body_done_ = true;
  body_.finish();
  if (wanted_.dkim) dkim_.body_done();
  if (wanted_.arc || wanted_.chain) arc_.body_done();
}

void MessageAuthenticator::spf_known(const evidence::Evidence& evidence, bool dmarc_wanted) {
  spf_known_ = true;
  if (const evidence::SpfOutcome* outcome = evidence::spf_for_dmarc(evidence)) {
    spf_result_ = outcome->result;
    spf_domain_ = outcome->domain;
  }
  if (wanted_.dmarc || !dmarc_wanted) return;
  wanted_.dmarc = true;
  start_dmarc();
}

Progress MessageAuthenticator::step() {
  questions_.clear();
  // A chain that is wanted whatever the results are: its keys come while the body does.
  if (wanted_.chain && !arc_done_) {
    arc_asked_ = true;
    arc_done_ = run(arc_, Machine::Arc);
  }
  if (!dkim_done_) dkim_done_ = run(dkim_, Machine::Dkim);
  if (dkim_done_ && spf_known_ && !dmarc_told_) tell_dmarc();
  if (!dmarc_done_) dmarc_done_ = run(dmarc_, Machine::Dmarc);
  if (!dmarc_other_done_) dmarc_other_done_ = run(dmarc_other_, Machine::DmarcOther);
  if (!dkim_done_ || !dmarc_done_ || !dmarc_other_done_ || !spf_known_ || !body_done_)
    return Progress::NeedAnswers;
  if (arc_done_) return Progress::Done;
  if (wanted_.chain) return Progress::NeedAnswers;
  if (!arc_asked_ && !chain_is_needed()) {
    arc_done_ = true;
    return Progress::Done;
  }
  arc_asked_ = true;
  arc_done_ = run(arc_, Machine::Arc);
  return arc_done_ ? Progress::Done : Progress::NeedAnswers;
}

void MessageAuthenticator::release() {
  dkim_.release();
  arc_.release();
}

// True when the machine has ended.
template <class Evaluator>
bool MessageAuthenticator::run(Evaluator& evaluator, Machine machine) {
  if (evaluator.step() == Progress::Done) return true;
  for (const auth::PendingQuestion& pending : evaluator.questions()) {
    questions_.push_back({static_cast<QuestionId>(routes_.size()), pending.question, pending.kind});
    routes_.push_back({machine, pending.question.type, pending.id});
  }
  return false;
}

void MessageAuthenticator::tell_dmarc() {
  dmarc_told_ = true;
  if (!wanted_.dmarc) return;
  std::vector<std::string_view> passed;
  std::vector<std::string_view> uncertain;
  if (wanted_.dkim) {
    for (const dkim::SignatureOutcome& signature : dkim_.outcome()) {
      if (signature.result == dkim::Result::Pass) passed.emplace_back(signature.domain);
      if (signature.result == dkim::Result::TempError) uncertain.emplace_back(signature.domain);
    }
  }
  dmarc::Identifiers known;
  known.dkim_domains = passed;
  known.dkim_temperror_domains = uncertain;
  if (spf_result_ == SpfResult::Pass) known.spf_domain = spf_domain_;
  if (spf_result_ == SpfResult::TempError) known.spf_temperror_domain = spf_domain_;
  dmarc_.identifiers(known);
  if (both_) dmarc_other_.identifiers(known);
}

void MessageAuthenticator::want_chain() {
  if (arc_asked_ || !wanted_.arc) return;
  wanted_.chain = true;
  arc_done_ = false;
}

// ESE-07: SPF fails or soft-fails, DKIM fails, or DMARC fails.
bool MessageAuthenticator::chain_is_needed() const {
  if (spf_result_ == SpfResult::Fail || spf_result_ == SpfResult::SoftFail) return true;
  if (wanted_.dmarc && dmarc_.outcome().result == dmarc::Result::Fail) return true;
  if (!wanted_.dkim) return false;
  const auto signatures = dkim_.outcome();
  const auto has = [&](dkim::Result result) {
    return std::ranges::find(signatures, result, &dkim::SignatureOutcome::result) != signatures.end();
  };
  return has(dkim::Result::Fail) && !has(dkim::Result::Pass);
}

Purpose MessageAuthenticator::purpose(QuestionId id) const {
  const Route& route = routes_[id];
  if (route.type != dns::RecordType::Txt) return Purpose::Existence;
  const bool is_policy = route.machine == Machine::Dmarc || route.machine == Machine::DmarcOther;
  return is_policy ? Purpose::DmarcPolicy : Purpose::Key;
}

void MessageAuthenticator::answer(QuestionId id, const dns::Answer& answer) {
  if (id >= routes_.size()) return;
  const Route route = routes_[id];
  switch (route.machine) {
    case Machine::Dkim:
      return dkim_.answer(route.id, answer);
    case Machine::Dmarc:
      return dmarc_.answer(route.id, answer);
    case Machine::DmarcOther:
      return dmarc_other_.answer(route.id, answer);
    case Machine::Arc:
      return arc_.answer(route.id, answer);
  }
}

void MessageAuthenticator::answer(QuestionId id, const dns::Answer& answer, const dkim::KeyRecordRef& key) {
  if (id >= routes_.size()) return;
  const Route route = routes_[id];
  if (route.machine == Machine::Dkim) dkim_.answer(route.id, answer, key);
  if (route.machine == Machine::Arc) arc_.answer(route.id, answer, key);
}

void MessageAuthenticator::answer(QuestionId id, const dns::Answer& answer, dmarc::RecordRef record) {
  if (id >= routes_.size()) return;
  const Route route = routes_[id];
  if (route.machine != Machine::Dmarc && route.machine != Machine::DmarcOther) return;
  dmarc::Evaluator& evaluator = route.machine == Machine::Dmarc ? dmarc_ : dmarc_other_;
  evaluator.answer(route.id, answer, std::move(record));
}

void MessageAuthenticator::conclude(evidence::Evidence& evidence) const {
  if (wanted_.dkim) {
    const auto signatures = dkim_.outcome();
    evidence.dkim.verified = true;
    evidence.dkim.signatures.assign(signatures.begin(), signatures.end());
  }
  if (wanted_.dmarc) evidence.dmarc = dmarc_.outcome();
  if (both_) evidence.dmarc_other = dmarc_other_.outcome();
  if (!arc_asked_) return;
  evidence.arc = arc_.outcome();
  const arc::TrustedSealers nobody;
  const arc::TrustedSealers& trusted = settings_.trusted_sealers ? *settings_.trusted_sealers : nobody;
  evidence.arc_override = arc::override_of(*evidence.arc, trusted, author_domain(evidence.dmarc));
}

// Empty where no chain can speak for the author: there is none, or DMARC found the message to be wrong.
std::string MessageAuthenticator::author_domain(const std::optional<dmarc::Outcome>& outcome) const {
  if (outcome) return outcome->result == dmarc::Result::PermError ? std::string() : outcome->author_domain;
  const auto author = mail::find_author(*block_, settings_.author_forms);
  return author ? mail::to_a_labels(author->domain()).value_or("") : std::string();
}

}  // namespace sluice::authentication
