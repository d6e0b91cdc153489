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

// Of program, for each evaluation by steps: an evaluation takes 1 to 2 us, and as much compiling gives some
// KB; programs in use have 1 to 30 KB, so that nearly all are made at the second sight.
constexpr size_t kBytesEarned = size_t{32} * 1024;

// One type of attachment for each family.
template <IpFamily family>
struct Compiled {
  using View = spf::ProgramImage;
  const View* view() const { return &program.image(); }
  spf::Program program;
};

}  // namespace

// What a record and family have earned by evaluations.
struct SpfVerdicts::Earned {
  uint64_t message = 0;  // that was counted last
  size_t bytes = 0;      // not yet spent
  size_t needed = 0;     // for the next program
  bool cut = false;      // the program that was made outgrew what there was
  bool in_vain = false;  // the cache has no room for what is made of this record
};

// Kept with a TXT answer.
struct SpfVerdicts::Known {
  SelectedRecordRef meaning;  // null until it is needed
  Earned v4;
  Earned v6;
  Earned& of(IpFamily family) { return family == IpFamily::V4 ? v4 : v6; }
};

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
  const spf::ProgramImage* program = address.is_v4() ? cache.attached_view<Compiled<IpFamily::V4>>(*hit, now)
                                                     : cache.attached_view<Compiled<IpFamily::V6>>(*hit, now);
  client_.refresh_told();
  const spf::Outcome* outcome = program == nullptr ? nullptr : program->run(address, explain, outcome_);
  if (outcome == nullptr) return nullptr;
  ++counters_.program_hits;
  if (!dns::DnsName::fold_text(domain, outcome_.domain)) outcome_.domain = name->to_text();
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
  const Known* kept = cache.attached<Known>(hit, shard_.now());
  if (kept != nullptr && kept->meaning) return kept->meaning;
  SelectedRecordRef made = spf::SelectedRecord::select(*hit.answer);
  if (hit.stale) return made;
  auto known = kept == nullptr ? std::make_unique<Known>() : std::make_unique<Known>(*kept);
  known->meaning = made;
  // From here on the hit may be gone: room is made for what is attached.
  (void)cache.attach(hit.id, std::move(known), sizeof(Known) + made->bytes());
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
  if (evaluation.canceled_ || evaluation.first_) return;
  question_.name = evaluation.domain_;
  if (!evaluation.first_was_cached_) {
    // Noted here and not with the answer, which is not to count as used yet.
    const auto came = client_.cache().peek(question_, shard_.now());
    if (came) came_[next_came_++ % came_.size()] = {evaluation.message_, came->id};
    return;
  }
  const auto root = in_cache(question_);
  if (!root || root->stale || is_temporary(root->answer->status)) return;
  const AnswerCache::EntryId id = root->id;
  if (!earn(evaluation, id)) return;
  if (evaluation.family_ == IpFamily::V4) {
    compile_for<IpFamily::V4>(evaluation.domain_, id);
  } else {
    compile_for<IpFamily::V6>(evaluation.domain_, id);
  }
}

// What is kept with the answer, made where there is none; null: there is no room.
SpfVerdicts::Known* SpfVerdicts::known(AnswerCache::EntryId id) {
  AnswerCache& cache = client_.cache();
  if (auto* known = cache.attached<Known>(id, shard_.now())) return known;
  if (!cache.attach(id, std::make_unique<Known>(), sizeof(Known))) return nullptr;
  return cache.attached<Known>(id, shard_.now());
}

// True when there is enough for compiling.
bool SpfVerdicts::earn(const SpfEvaluation& evaluation, AnswerCache::EntryId id) {
  Known* kept = known(id);
  if (kept == nullptr) return false;
  Earned& earned = kept->of(evaluation.family_);
  const uint64_t message = evaluation.message_ != 0 ? evaluation.message_ : new_message();
  const bool counted = std::exchange(earned.message, message) == message;
  if (counted || earned.in_vain || std::ranges::find(came_, Came{message, id}) != came_.end()) return false;
  earned.bytes = std::min(earned.bytes + kBytesEarned, limits::kSpfProgramBytes);
  return earned.bytes >= earned.needed;
}

bool SpfVerdicts::would_cover_more(const spf::Program& program) {
  return std::ranges::any_of(program.missing(), [this](const Question& question) {
    const auto found = client_.cache().find(question, shard_.now());
    return found && !found->stale;
  });
}

template <IpFamily family>
void SpfVerdicts::compile_for(const dns::DnsName& domain, AnswerCache::EntryId id) {
  AnswerCache& cache = client_.cache();
  Known* const earning = known(id);
  if (earning == nullptr) return;
  const Earned before = earning->of(family);  // a copy: room is made while we compile
  if (const auto* made = cache.attached<Compiled<family>>(id, shard_.now())) {
    if (!before.cut && !would_cover_more(made->program)) return;
  }
  Source source(*this, id);
  auto compiled = std::make_unique<Compiled<family>>(
      spf::Program::compile(domain, family, source, cache.memory(), before.bytes));
  ++counters_.compiled;
  count(compiled->program.gaps());
  const size_t given = before.bytes;
  const bool cut = compiled->program.gaps().limits && given < limits::kSpfProgramBytes;
  const size_t bytes = sizeof(Compiled<family>) + compiled->program.bytes();
  const bool attached = cache.attach(id, std::move(compiled), bytes, source.uses());
  Known* kept = cache.attached<Known>(id, shard_.now());
  if (kept == nullptr) return;
  Earned& earned = kept->of(family);
  earned.bytes -= cut ? earned.bytes : std::min(bytes, earned.bytes);
  earned.needed = std::min(cut ? 2 * given : bytes, limits::kSpfProgramBytes);
  earned.cut = cut;
  earned.in_vain = !attached;
}

std::optional<Breadth> SpfVerdicts::breadth(std::string_view domain, const IpAddress& client,
                                            Measure measure) {
  const auto name = dns::DnsName::from_text(domain);
  if (!name) return std::nullopt;
  return client.unmap().is_v4() ? breadth_for<IpFamily::V4>(*name, measure)
                                : breadth_for<IpFamily::V6>(*name, measure);
}

template <IpFamily family>
std::optional<Breadth> SpfVerdicts::breadth_for(const dns::DnsName& domain, Measure measure) {
  AnswerCache& cache = client_.cache();
  question_.name = domain;
  const auto root = cache.peek(question_, shard_.now());
  if (!root || root->stale || is_temporary(root->answer->status)) return std::nullopt;
  const AnswerCache::EntryId id = root->id;
  const auto* made = cache.attached<Compiled<family>>(id, shard_.now());
  if (measure == Measure::Compile) {
    Known* const earning = known(id);
    if (earning == nullptr) return std::nullopt;
    Earned& earned = earning->of(family);
    if ((made == nullptr && !earned.in_vain) || earned.cut) {
      earned.bytes = limits::kSpfProgramBytes;
      compile_for<family>(domain, id);
    }
    made = cache.attached<Compiled<family>>(id, shard_.now());
  }
  if (made == nullptr) return std::nullopt;
  const spf::ProgramBreadth& breadth = made->program.breadth();
  return Breadth{family == IpFamily::V4 ? breadth.addresses : breadth.networks, !breadth.complete};
}

void SpfVerdicts::count(const spf::ProgramGaps& gaps) {
  counters_.with_macros += gaps.macros ? 1 : 0;
  counters_.with_names += gaps.names ? 1 : 0;
  counters_.with_missing += gaps.missing ? 1 : 0;
  counters_.with_temporary += gaps.temporary ? 1 : 0;
  counters_.with_limits += gaps.limits ? 1 : 0;
}

}  // namespace sluice::pipeline
