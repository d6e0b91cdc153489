#include "rules/arc/validator.h"

#include "io/base/ascii.h"
#include "io/base/check.h"
#include "rules/arc/chain.h"
#include "rules/auth/tag_list.h"
#include "rules/dkim/header_hash.h"
#include "rules/dkim/message_signature.h"
#include "rules/dkim/sha256.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace sluice::arc {
namespace {

// What stands against a signature: nothing once it verified.
using Problem = std::optional<dkim::Reason>;

struct Key {
  dns::DnsName name;
  dkim::KeyRecordRef record;
  bool answered = false;
  bool failed = false;  // could not be looked up now
};

struct Signature {
  dkim::MessageSignature read;
  Problem problem;  // of the field itself, before any key
  std::optional<size_t> key;
  std::optional<size_t> body;  // id of its body hash (message signatures)
};

struct Set {
  Signature message;
  Signature seal;
};

// A field that cannot be read, as against one that does not verify.
bool is_malformed(dkim::Reason reason) {
  switch (reason) {
    case dkim::Reason::MalformedTags:
    case dkim::Reason::MissingTag:
    case dkim::Reason::MalformedTag:
    case dkim::Reason::UnknownAlgorithm:
    case dkim::Reason::UnknownCanonicalization:
    case dkim::Reason::UnknownQueryMethod:
    case dkim::Reason::TooManyHeaderNames:
      return true;
    default:
      return false;
  }
}

// Section 4.1.2: ARC fields may not stand in h= of a message signature.
bool covers_arc_fields(std::string_view names) {
  auth::ItemList items(names);
  while (const auto name = items.next()) {
    if (part_of(*name)) return true;
  }
  return false;
}

}  // namespace

struct Validator::State {
  ArcOptions options;
  const mail::HeaderBlock* block = nullptr;
  dkim::BodyHashes* body = nullptr;
  Outcome outcome;
  Chain chain;
  std::vector<Set> sets;  // of instance 1 and up
  std::vector<Key> keys;
  std::vector<auth::PendingQuestion> questions;
  dkim::FieldIndex index;
  dkim::Sha256 sets_hash;  // of whole sets
  dkim::Sha256 seal_hash;
  uint64_t seal_octets = 0;
  std::string canonical;
  bool asked = false;
  bool decided = false;
  bool body_is_done = false;

  void read_sets();
  void read_message(unsigned instance);
  void read_seal(unsigned instance);
  bool decide_by_fields();
  bool decide_by_field(unsigned instance, Part part);
  void ask();
  void ask_for(Signature& signature);
  bool waiting() const;

  void judge();
  void judge_older_messages();
  bool judge_seals();
  Problem problem_of_key(const Signature& signature) const;
  Problem problem_of_message(unsigned instance);
  Problem problem_of_seal(unsigned instance, const dkim::Digest& digest);
  std::vector<dkim::Digest> seal_digests();
  void hash_for_seals(dkim::Sha256& hash) {
    hash.update(canonical);
    seal_octets += canonical.size();
  }

  Signature& signature(unsigned instance, Part part) {
    Set& set = sets[instance - 1];
    return part == Part::Message ? set.message : set.seal;
  }
  SetOutcome& reported(unsigned instance) { return outcome.sets[instance - 1]; }
  void report(unsigned instance, Part part, Problem problem);
  void decide(Result result, Reason reason, unsigned instance) {
    outcome.result = result;
    outcome.reason = reason;
    outcome.failed_instance = instance;
    decided = true;
  }
};

Validator::Validator() : state_(std::make_unique<State>()) {}
Validator::Validator(Validator&&) noexcept = default;
Validator& Validator::operator=(Validator&&) noexcept = default;
Validator::~Validator() = default;

void Validator::start(const mail::HeaderBlock& block, dkim::BodyHashes& body, const ArcOptions& options) {
  *state_ = State{};
  State& state = *state_;
  state.options = options;
  state.block = &block;
  state.body = &body;
  state.chain = Chain::of(block);
  state.read_sets();
  const Chain::Finding finding = state.chain.structure();
  if (finding.reason == Reason::NoSets) {
    state.decide(Result::None, finding.reason, 0);
  } else if (finding.reason != Reason::Intact) {
    state.decide(Result::Fail, finding.reason, finding.instance);
  } else {
    state.decide_by_fields();
  }
}

void Validator::release() {
  if (has_sets()) *state_ = State{};
}

bool Validator::has_sets() const { return !state_->chain.empty(); }
const Outcome& Validator::outcome() const { return state_->outcome; }
uint64_t Validator::seal_octets() const { return state_->seal_octets; }
std::span<const auth::PendingQuestion> Validator::questions() const { return state_->questions; }
void Validator::body_done() { state_->body_is_done = true; }

auth::Progress Validator::step() {
  State& state = *state_;
  state.questions.clear();
  if (state.decided) return auth::Progress::Done;
  if (!state.asked) state.ask();
  if (state.waiting()) return auth::Progress::NeedAnswers;
  state.judge();
  return auth::Progress::Done;
}

void Validator::answer(auth::QuestionId id, const dns::Answer& answer) {
  this->answer(id, answer, dkim::KeyRecordRef());
}

void Validator::answer(auth::QuestionId id, const dns::Answer& answer, const dkim::KeyRecordRef& key) {
  if (id >= state_->keys.size() || state_->keys[id].answered) return;
  Key& asked = state_->keys[id];
  asked.answered = true;
  asked.failed = dns::is_temporary(answer.status);
  if (!asked.failed) asked.record = key ? key : dkim::KeyRecord::from(answer);
}

// All sets that could be told apart, also of a chain that is broken: for whoever reads the row.
void Validator::State::read_sets() {
  sets.resize(chain.newest());
  outcome.sets.resize(chain.newest());
  for (unsigned instance = 1; instance <= chain.newest(); ++instance) {
    const ChainSet& fields = chain.set(instance);
    const std::string_view results = fields.part(Part::Results).value;
    reported(instance).instance = instance;
    reported(instance).cv = fields.cv;
    if (results.size() <= limits::kArcResults) reported(instance).results = results;
    if (fields.part(Part::Seal).count > 0) read_seal(instance);
  }
}

void Validator::State::read_seal(unsigned instance) {
  Signature& seal = signature(instance, Part::Seal);
  seal.read = dkim::read_signature(chain.set(instance).part(Part::Seal).value, dkim::SignatureKind::ArcSeal);
  seal.problem = seal.read.problem;
  reported(instance).domain = seal.read.domain;
  reported(instance).selector = seal.read.selector;
}

void Validator::State::read_message(unsigned instance) {
  Signature& message = signature(instance, Part::Message);
  const std::string_view value = chain.set(instance).part(Part::Message).value;
  message.read = dkim::read_signature(value, dkim::SignatureKind::ArcMessage);
  message.problem = message.read.problem;
  if (!message.problem && covers_arc_fields(message.read.names)) message.problem = dkim::Reason::MalformedTag;
  if (!message.problem) {
    message.problem = dkim::problem_of_time(message.read, options.now, options.clock_skew);
  }
  if (message.problem) return;
  message.body = body->want(message.read.body, message.read.body_length);
  if (!message.body) message.problem = dkim::Reason::TooManySignatures;
}

// True once the fields alone say that the chain fails: the newest message signature and every seal must at
// least be such that they could verify.
bool Validator::State::decide_by_fields() {
  const unsigned newest = chain.newest();
  read_message(newest);
  if (decide_by_field(newest, Part::Message)) return true;
  for (unsigned instance = newest; instance >= 1; --instance) {
    if (decide_by_field(instance, Part::Seal)) return true;
  }
  if (options.older_messages) {
    for (unsigned instance = newest - 1; instance >= 1; --instance) {
      read_message(instance);
      if (signature(instance, Part::Message).problem) break;
    }
  }
  return false;
}

bool Validator::State::decide_by_field(unsigned instance, Part part) {
  const Problem problem = signature(instance, part).problem;
  if (!problem) return false;
  report(instance, part, problem);
  const Reason mismatch = part == Part::Message ? Reason::MessageMismatch : Reason::SealMismatch;
  decide(Result::Fail, is_malformed(*problem) ? Reason::MalformedSet : mismatch, instance);
  return true;
}

void Validator::State::report(unsigned instance, Part part, Problem problem) {
  const dkim::Reason reason = problem.value_or(dkim::Reason::Verified);
  SetOutcome& set = reported(instance);
  (part == Part::Message ? set.message : set.seal) = dkim::result_of(reason);
  (part == Part::Message ? set.message_reason : set.seal_reason) = reason;
}

// The keys of the newest set first.
void Validator::State::ask() {
  asked = true;
  for (unsigned instance = chain.newest(); instance >= 1; --instance) {
    ask_for(signature(instance, Part::Seal));
    Signature& message = signature(instance, Part::Message);
    if (message.body && !message.problem) ask_for(message);
  }
}

void Validator::State::ask_for(Signature& signature) {
  const std::optional<dns::DnsName> name = dkim::key_name(signature.read);
  if (!name) {
    signature.problem = dkim::Reason::KeyNotFound;
    return;
  }
  const auto known = std::ranges::find(keys, *name, &Key::name);
  signature.key = static_cast<size_t>(known - keys.begin());
  if (known != keys.end()) return;
  const auto id = static_cast<auth::QuestionId>(keys.size());
  keys.push_back({*name, {}, false, false});
  questions.push_back({id, {*name, dns::RecordType::Txt}, dns::LookupKind::Uncounted});
}

bool Validator::State::waiting() const {
  return !body_is_done || std::ranges::any_of(keys, [](const Key& key) { return !key.answered; });
}

// Steps 4 to 7 of section 5.2. A key that cannot be fetched leaves the chain undecided only where nothing
// else decides it.
void Validator::State::judge() {
  const unsigned newest = chain.newest();
  index.build(*block);
  const Problem problem = problem_of_message(newest);
  report(newest, Part::Message, problem);
  if (problem && *problem != dkim::Reason::KeyLookupFailed) {
    return decide(Result::Fail, Reason::MessageMismatch, newest);
  }
  if (!problem) judge_older_messages();
  if (!judge_seals()) return;
  if (problem) return decide(Result::TempError, Reason::KeyLookupFailed, newest);
  decide(Result::Pass, Reason::Intact, 0);
}

// Step 5: how far down message signatures verify without a break. It does not change the result.
void Validator::State::judge_older_messages() {
  outcome.oldest_pass = chain.newest();
  size_t octets = 0;
  for (unsigned instance = chain.newest() - 1; instance >= 1; --instance) {
    if (!options.older_messages || octets > limits::kArcOlderOctets) return;
    const Problem problem = problem_of_message(instance);
    octets += canonical.size();
    report(instance, Part::Message, problem);
    if (problem) return;
    outcome.oldest_pass = instance;
  }
}

// Step 6: false where the seals decided the chain.
bool Validator::State::judge_seals() {
  const std::vector<dkim::Digest> digests = seal_digests();
  unsigned undecided = 0;
  for (unsigned instance = chain.newest(); instance >= 1; --instance) {
    const Problem problem = problem_of_seal(instance, digests[instance - 1]);
    report(instance, Part::Seal, problem);
    if (problem && *problem != dkim::Reason::KeyLookupFailed) {
      decide(Result::Fail, Reason::SealMismatch, instance);
      return false;
    }
    if (problem && undecided == 0) undecided = instance;
  }
  if (undecided == 0) return true;
  decide(Result::TempError, Reason::KeyLookupFailed, undecided);
  return false;
}

Problem Validator::State::problem_of_key(const Signature& signature) const {
  if (signature.problem) return signature.problem;
  if (!signature.key) return dkim::Reason::KeyNotFound;
  const Key& key = keys[*signature.key];
  if (key.failed || !key.record) return dkim::Reason::KeyLookupFailed;
  return key.record->problem_for(signature.read.algorithm, false, options.rsa_bits_min);
}

Problem Validator::State::problem_of_message(unsigned instance) {
  const Signature& message = signature(instance, Part::Message);
  canonical.clear();
  if (const Problem problem = problem_of_key(message)) return problem;
  const uint64_t octets = body->canonical_octets(*message.body);
  if (message.read.body_length) {
    if (*message.read.body_length > octets) return dkim::Reason::BodyLengthBeyondBody;
    if (*message.read.body_length < octets) return dkim::Reason::BodyNotCovered;
  }
  if (!std::ranges::equal(body->digest(*message.body), message.read.body_hash)) {
    return dkim::Reason::BodyHashMismatch;
  }
  const dkim::SignedHeader header{message.read.names, chain.set(instance).part(Part::Message).raw,
                                  message.read.b_whole, message.read.header};
  dkim::append_signed_header(canonical, index, header);
  if (!keys[*message.key].record->verifies(dkim::sha256(canonical), message.read.signature)) {
    return dkim::Reason::SignatureMismatch;
  }
  return {};
}

Problem Validator::State::problem_of_seal(unsigned instance, const dkim::Digest& digest) {
  const Signature& seal = signature(instance, Part::Seal);
  if (const Problem problem = problem_of_key(seal)) return problem;
  if (!keys[*seal.key].record->verifies(digest, seal.read.signature)) return dkim::Reason::SignatureMismatch;
  return {};
}

// What each seal signs, of instance 1 and up: all sets below it, and its own with an empty b=. Each set is
// hashed once: a seal goes on from the hash of those below it.
std::vector<dkim::Digest> Validator::State::seal_digests() {
  constexpr dkim::Canonicalization kRelaxed = dkim::Canonicalization::Relaxed;
  std::vector<dkim::Digest> digests;
  digests.reserve(chain.newest());
  sets_hash.reset();
  for (unsigned instance = 1; instance <= chain.newest(); ++instance) {
    const ChainSet& set = chain.set(instance);
    const std::string_view raw = set.part(Part::Seal).raw;
    canonical.clear();
    dkim::append_canonical_field(canonical, kRelaxed, set.part(Part::Results).raw);
    dkim::append_canonical_field(canonical, kRelaxed, set.part(Part::Message).raw);
    hash_for_seals(sets_hash);
    seal_hash.continue_from(sets_hash);
    canonical.clear();
    dkim::append_signature_field(canonical, kRelaxed, raw, signature(instance, Part::Seal).read.b_whole);
    hash_for_seals(seal_hash);
    digests.push_back(seal_hash.finish());
    canonical.clear();
    dkim::append_canonical_field(canonical, kRelaxed, raw);
    hash_for_seals(sets_hash);
  }
  return digests;
}

}  // namespace sluice::arc
