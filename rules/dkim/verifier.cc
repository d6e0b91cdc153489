#include "rules/dkim/verifier.h"

#include "io/base/ascii.h"
#include "io/base/check.h"
#include "rules/auth/tag_list.h"

#include <algorithm>

namespace sluice::dkim {
namespace {

constexpr std::string_view kFieldName = "DKIM-Signature";
constexpr size_t kHeadOctets = 8;  // RFC 6008 section 4: at least

// The first octets of b= as it is written, white space left out.
std::string head_of(std::string_view b_whole, size_t octets) {
  std::string head;
  for (size_t i = 0; i < b_whole.size() && head.size() < octets; ++i) {
    if (!auth::is_folding_space(b_whole[i])) head.push_back(b_whole[i]);
  }
  return head;
}

bool identity_is_below_domain(const MessageSignature& signature) {
  const std::string_view identity = signature.identity;
  return identity.substr(identity.rfind('@') + 1) != signature.domain;
}

// h= as outcomes have it: of one that was read, so that there are names, colons and white space around them.
std::string listed_names(std::string_view names) {
  std::string text;
  text.resize_and_overwrite(names.size(), [names](char* to, size_t) {
    const char* const begin = to;
    for (const char c : names) {
      if (c > ' ') *to++ = ascii_lower(c);
    }
    return static_cast<size_t>(to - begin);
  });
  return text;
}

}  // namespace

void Verifier::start(const mail::HeaderBlock& block, BodyHashes& body, const VerifyOptions& options) {
  block_ = &block;
  body_ = &body;
  options_ = options;
  release();
  indexed_ = false;
  asked_ = false;
  body_done_ = false;
  places_taken_ = 0;
  for (auto at = block.find(kFieldName); at; at = block.find(kFieldName, *at + 1)) {
    if (work_.size() == limits::kDkimSignatureFields) {
      SignatureOutcome& rest = outcomes_.emplace_back();
      rest.reason = Reason::TooManySignatures;
      rest.result = result_of(rest.reason);
      break;
    }
    add_signature(block[*at], body);
  }
  name_signatures();
}

void Verifier::release() {
  work_.clear();
  keys_.clear();
  pending_.clear();
  outcomes_.clear();
}

void Verifier::add_signature(const mail::HeaderField& field, BodyHashes& body) {
  Work& work = work_.emplace_back();
  SignatureOutcome& outcome = outcomes_.emplace_back();
  work.raw = field.raw;
  work.signature = read_signature(field.value, SignatureKind::Dkim);
  MessageSignature& signature = work.signature;
  outcome.result = result_of(Reason::OutOfTime);
  outcome.algorithm = signature.algorithm;
  outcome.body_length = signature.body_length;
  std::optional<Reason> problem = signature.problem;
  if (!problem) problem = problem_of_time(signature, options_.now, options_.clock_skew);
  if (!problem && places_taken_ == options_.signatures_max) problem = Reason::TooManySignatures;
  if (!problem) {
    const auto body_id = body.want(signature.body, signature.body_length);
    if (!body_id) problem = Reason::TooManySignatures;
    work.body_id = body_id.value_or(0);
  }
  if (problem) {
    outcome.reason = *problem;
    outcome.result = result_of(*problem);
  } else {
    ++places_taken_;
    work.open = true;
    work.question = question_for(signature);
    work.identity_below_domain = identity_is_below_domain(signature);
    outcome.signed_headers = listed_names(signature.names);
  }
  outcome.domain = std::move(signature.domain);
  outcome.selector = std::move(signature.selector);
  outcome.identity = std::move(signature.identity);
}

size_t Verifier::question_for(const MessageSignature& signature) {
  const dns::DnsName name = *key_name(signature);  // read_signature() made sure of it
  for (size_t i = 0; i < keys_.size(); ++i) {
    if (keys_[i].name == name) return i;
  }
  keys_.emplace_back().name = name;
  return keys_.size() - 1;
}

// Octets of b= for each signature, more of them as long as two begin alike (RFC 6008 section 4).
void Verifier::name_signatures() {
  constexpr size_t kOctetsMost = 64;
  for (size_t octets = kHeadOctets; octets <= kOctetsMost; octets *= 2) {
    std::vector<std::string_view> heads;
    for (size_t i = 0; i < work_.size(); ++i) {
      std::string& head = outcomes_[i].signature_head;
      head = head_of(work_[i].signature.b_whole, octets);
      if (work_.size() > 1 && !head.empty()) heads.emplace_back(head);
    }
    std::ranges::sort(heads);
    if (std::ranges::adjacent_find(heads) == heads.end()) return;
  }
}

auth::Progress Verifier::step() {
  pending_.clear();
  if (!asked_) {
    asked_ = true;
    for (size_t i = 0; i < keys_.size(); ++i) {
      pending_.push_back(
          {.id = static_cast<auth::QuestionId>(i), .question = {keys_[i].name, dns::RecordType::Txt}});
    }
  }
  bool open = false;
  for (size_t i = 0; i < work_.size(); ++i) {
    if (work_[i].open) advance(i);
    open = open || work_[i].open;
  }
  return open ? auth::Progress::NeedAnswers : auth::Progress::Done;
}

void Verifier::answer(auth::QuestionId id, const dns::Answer& answer, const KeyRecordRef& key) {
  if (id >= keys_.size() || keys_[id].status) return;
  keys_[id].status = answer.status;
  keys_[id].stale = answer.stale;
  keys_[id].key = key;
}

void Verifier::answer(auth::QuestionId id, const dns::Answer& answer) {
  const bool records = answer.status == dns::AnswerStatus::Records;
  this->answer(id, answer, records ? KeyRecord::from(answer) : KeyRecordRef());
}

void Verifier::end(size_t index, Reason reason) {
  work_[index].open = false;
  outcomes_[index].reason = reason;
  outcomes_[index].result = result_of(reason);
}

// As far as the key and the body allow. What is wrong with the key is said first, then what is wrong with the
// body, then with the signature (RFC 6376 section 6.1), whatever came first.
void Verifier::advance(size_t index) {
  Work& work = work_[index];
  SignatureOutcome& outcome = outcomes_[index];
  const KeyQuestion& question = keys_[work.question];
  if (!question.status) return;
  if (!work.key_checked) {
    outcome.stale_key = question.stale;
    if (question.key) {
      outcome.key_bits = question.key->bits();
      outcome.testing = question.key->testing();
    }
    if (const auto problem = problem_of_key(work, question)) return end(index, *problem);
    check_signature(work, *question.key, outcome);
  }
  if (!body_done_) return;
  if (const auto problem = problem_of_body(work, outcome)) return end(index, *problem);
  if (!work.signature_right) return end(index, Reason::SignatureMismatch);
  const bool covered = outcome.octets_not_covered == 0 || options_.partial_body;
  end(index, covered ? Reason::Verified : Reason::BodyNotCovered);
}

std::optional<Reason> Verifier::problem_of_key(const Work& work, const KeyQuestion& question) const {
  if (dns::is_temporary(*question.status)) return Reason::KeyLookupFailed;
  if (*question.status != dns::AnswerStatus::Records || !question.key) return Reason::KeyNotFound;
  return question.key->problem_for(work.signature.algorithm, work.identity_below_domain,
                                   options_.rsa_bits_min);
}

std::optional<Reason> Verifier::problem_of_body(const Work& work, SignatureOutcome& outcome) const {
  const uint64_t octets = body_->canonical_octets(work.body_id);
  if (outcome.body_length) {
    if (*outcome.body_length > octets) return Reason::BodyLengthBeyondBody;
    outcome.octets_not_covered = octets - *outcome.body_length;
  }
  const bool right = std::ranges::equal(body_->digest(work.body_id), work.signature.body_hash);
  return right ? std::nullopt : std::optional(Reason::BodyHashMismatch);
}

void Verifier::check_signature(Work& work, const KeyRecord& key, SignatureOutcome& outcome) {
  if (!indexed_) index_.build(*block_);
  indexed_ = true;
  canonical_.clear();
  append_signed_header(canonical_, index_,
                       {.names = work.signature.names,
                        .own_field = work.raw,
                        .b_whole = work.signature.b_whole,
                        .canonicalization = work.signature.header});
  outcome.header_octets = canonical_.size();
  hash_.reset();
  hash_.update(canonical_);
  work.signature_right = key.verifies(hash_.finish(), work.signature.signature);
  work.key_checked = true;
}

}  // namespace sluice::dkim
