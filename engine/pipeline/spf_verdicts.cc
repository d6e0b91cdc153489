#include "engine/pipeline/spf_verdicts.h"

#include "io/base/ascii.h"
#include "rules/spf/domain.h"

#include <algorithm>
#include <utility>

namespace sluice::pipeline {

using dns::AnswerCache;
using dns::Question;
using dns::RecordType;
using spf::SelectedRecordRef;

namespace {

// Evaluators that are kept for their memory (some tens of KB each): as many as wait at a time on a busy
// shard.
constexpr size_t kIdleMax = 32;

// One type of attachment for each family.
template <IpFamily family>
struct Compiled {
  spf::Program program;
};

}  // namespace

// The answers that are in the cache and within their time, with what they were asked for.
class SpfVerdicts::Source final : public spf::ProgramSource {
 public:
  Source(SpfVerdicts& verdicts, AnswerCache::EntryId root) : verdicts_(verdicts), root_(root) {}

  const dns::Answer* find(const Question& question) override {
    const auto hit = verdicts_.in_cache(question);
    if (!hit || hit->stale) return nullptr;
    last_ = *hit;
    if (hit->id != root_ && std::ranges::find(uses_, hit->id) == uses_.end()) uses_.push_back(hit->id);
    return hit->answer;
  }
  const spf::SelectedRecord* record(const Question& /*txt*/) override {
    held_.push_back(verdicts_.meaning(last_));
    return held_.back().get();
  }
  const std::vector<AnswerCache::EntryId>& uses() const { return uses_; }

 private:
  SpfVerdicts& verdicts_;
  AnswerCache::EntryId root_;  // that the program hangs on
  AnswerCache::Hit last_;
  std::vector<AnswerCache::EntryId> uses_;  // beside it
  std::vector<SelectedRecordRef> held_;     // the cache may let go of them while we compile
};

void SpfCounters::add(const SpfCounters& other) {
  program_hits += other.program_hits;
  step_by_step += other.step_by_step;
  waited += other.waited;
  compiled += other.compiled;
  with_macros += other.with_macros;
  with_names += other.with_names;
  with_missing += other.with_missing;
  with_temporary += other.with_temporary;
  with_limits += other.with_limits;
  asked_ahead += other.asked_ahead;
}

SpfVerdicts::SpfVerdicts(reactor::Shard& shard, dns::DnsClient& client) : shard_(shard), client_(client) {
  question_.type = RecordType::Txt;
  idle_.reserve(kIdleMax);
}

SpfVerdicts::~SpfVerdicts() = default;

const spf::Outcome* SpfVerdicts::find(std::string_view domain, const IpAddress& client,
                                      spf::Explain explain) {
  const auto name = dns::DnsName::from_text(domain);
  if (!name) return nullptr;
  AnswerCache& cache = client_.cache();
  const MonoTime now = shard_.now();
  const auto hit = cache.find(*name, RecordType::Txt, now);
  if (!hit || hit->stale) {
    const bool is_plain = std::ranges::all_of(domain, is_ascii);
    if (is_plain || !spf::checked_domain(domain, domain_)) return nullptr;
    return find(domain_, client, explain);
  }
  if (hit->refresh_due) {
    question_.name = *name;
    client_.refresh_soon(question_);
  }
  const IpAddress address = client.unmap();
  const spf::Program* program = nullptr;
  if (address.is_v4()) {
    const auto* compiled = cache.attached<Compiled<IpFamily::V4>>(hit->id, now);
    if (compiled != nullptr) program = &compiled->program;
  } else {
    const auto* compiled = cache.attached<Compiled<IpFamily::V6>>(hit->id, now);
    if (compiled != nullptr) program = &compiled->program;
  }
  client_.refresh_told();
  const spf::Outcome* outcome = program == nullptr ? nullptr : program->run(address, explain, outcome_);
  if (outcome != nullptr) ++counters_.program_hits;
  return outcome;
}

SpfEvaluationPtr SpfVerdicts::begin(const spf::Check& check, const SpfAsking& asking) {
  std::unique_ptr<SpfEvaluation> evaluation;
  if (idle_.empty()) {
    evaluation = std::make_unique<SpfEvaluation>(*this);
  } else {
    evaluation = std::move(idle_.back());
    idle_.pop_back();
  }
  evaluation->begin(check, asking);
  return SpfEvaluationPtr(evaluation.release(), SpfEvaluationReturn{this});
}

void SpfVerdicts::take_back(std::unique_ptr<SpfEvaluation> evaluation) {
  evaluation->release();
  if (idle_.size() < kIdleMax) idle_.push_back(std::move(evaluation));
}

std::optional<AnswerCache::Hit> SpfVerdicts::in_cache(const Question& question) {
  const auto hit = client_.cache().find(question, shard_.now());
  if (hit && hit->refresh_due) client_.refresh_soon(question);
  return hit;
}

SelectedRecordRef SpfVerdicts::meaning(const AnswerCache::Hit& hit) {
  AnswerCache& cache = client_.cache();
  const SelectedRecordRef* kept = cache.attached<SelectedRecordRef>(hit.id, shard_.now());
  if (kept != nullptr) return *kept;
  SelectedRecordRef made = spf::SelectedRecord::select(*hit.answer);
  // From here on the hit may be gone: room is made for what is attached.
  if (!hit.stale)
    (void)cache.attach(hit.id, std::make_unique<SelectedRecordRef>(made), sizeof(made) + made->bytes());
  return made;
}

void SpfVerdicts::give(spf::Evaluator& machine, auth::QuestionId id, const AnswerCache::Hit& hit) {
  if (!machine.asks_for_record() || is_temporary(hit.answer->status)) {
    machine.answer(id, *hit.answer);
    return;
  }
  dns::Answer status;  // with the meaning, all that is looked at
  status.status = hit.answer->status;
  machine.answer(id, status, meaning(hit));
}

// --- Programs ---

void SpfVerdicts::ended(const SpfEvaluation& evaluation) {
  ++counters_.step_by_step;
  if (evaluation.waited_) ++counters_.waited;
  if (evaluation.first_was_cached_ && !evaluation.canceled_) compile(evaluation.domain_, evaluation.family_);
}

void SpfVerdicts::compile(const dns::DnsName& domain, IpFamily family) {
  if (family == IpFamily::V4) {
    compile_for<IpFamily::V4>(domain);
  } else {
    compile_for<IpFamily::V6>(domain);
  }
}

template <IpFamily family>
void SpfVerdicts::compile_for(const dns::DnsName& domain) {
  AnswerCache& cache = client_.cache();
  const MonoTime now = shard_.now();
  question_.name = domain;
  const auto root = in_cache(question_);
  if (!root || root->stale || is_temporary(root->answer->status)) return;
  const AnswerCache::EntryId id = root->id;
  if (const auto* known = cache.attached<Compiled<family>>(id, now)) {
    // Once more only when that brings it further.
    if (!known->program.missing()) return;
    const auto found = in_cache(*known->program.missing());
    if (!found || found->stale) return;
  }
  Source source(*this, id);
  auto compiled = std::make_unique<Compiled<family>>(spf::Program::compile(domain, family, source));
  ++counters_.compiled;
  count(compiled->program.gaps());
  const size_t bytes = sizeof(Compiled<family>) + compiled->program.bytes();
  (void)cache.attach(id, std::move(compiled), bytes, source.uses());
}

void SpfVerdicts::count(const spf::ProgramGaps& gaps) {
  counters_.with_macros += gaps.macros ? 1 : 0;
  counters_.with_names += gaps.names ? 1 : 0;
  counters_.with_missing += gaps.missing ? 1 : 0;
  counters_.with_temporary += gaps.temporary ? 1 : 0;
  counters_.with_limits += gaps.limits ? 1 : 0;
}

}  // namespace sluice::pipeline
