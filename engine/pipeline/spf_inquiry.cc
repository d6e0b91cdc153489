#include "engine/pipeline/spf_inquiry.h"

#include "engine/pipeline/reverse_name.h"
#include "rules/evidence/spf_outcome.h"
#include "rules/spf/evaluator.h"

#include <array>
#include <memory>
#include <utility>

namespace sluice::pipeline {

using auth::Identity;
using reactor::Shard;
using runtime::Task;

namespace {

// The order in which they are evaluated.
constexpr std::array<Identity, 3> kIdentities{Identity::Helo, Identity::MailFrom, Identity::From};

bool& wants(policy::SpfIdentities& identities, Identity identity) {
  switch (identity) {
    case Identity::Helo:
      return identities.helo;
    case Identity::MailFrom:
      return identities.mail_from;
    case Identity::From:
      break;
  }
  return identities.from_header;
}

std::optional<evidence::SpfOutcome>& place_of(evidence::SpfEvidence& spf, Identity identity) {
  switch (identity) {
    case Identity::Helo:
      return spf.helo;
    case Identity::MailFrom:
      return spf.mail_from;
    case Identity::From:
      break;
  }
  return spf.from_header;
}

// Which identity is reported: MAIL FROM of the null sender is HELO (RFC 7208 section 2.4).
Identity reported(const SpfRequest& request, Identity identity) {
  return identity == Identity::MailFrom && request.sender.is_null() ? Identity::Helo : identity;
}

// The domain as given. Empty: there is none, or an address without one; the evaluator says what that means.
std::string_view domain_of(const SpfRequest& request, Identity identity) {
  switch (reported(request, identity)) {
    case Identity::Helo:
      return evidence::helo_name(request.client);
    case Identity::MailFrom:
      return request.sender.domain();
    case Identity::From:
      break;
  }
  const size_t at = request.from_author.rfind('@');
  return at == std::string_view::npos ? std::string_view() : request.from_author.substr(at + 1);
}

void fill_in(spf::Check& check, Shard& shard, const SpfRequest& request, Identity identity) {
  check.client = request.client.address;
  check.helo = evidence::helo_name(request.client);
  if (identity == Identity::From) {
    check.sender = request.from_author;
  } else {
    check.sender = request.sender.text();
  }
  check.identity = identity;
  check.receiver = request.receiver;
  check.now = shard.wall_now();
  check.explain = spf::Explain::Fetch;
}

struct LookUp {
  Identity identity;
  SpfAsking asking;
};

SpfAsking asking_of(Shard& shard, const SpfRequest& request) {
  SpfAsking asking;
  asking.deadline = shard.now() + request.time;
  asking.ahead = request.ask_ahead;
  asking.message = request.message;
  return asking;
}

void add_breadth(SpfVerdicts& verdicts, const SpfRequest& request, evidence::SpfOutcome& found) {
  if (found.result != auth::SpfResult::Pass) return;
  const auto breadth = verdicts.breadth(found.domain, request.client.address, request.measure);
  if (!breadth) return;
  found.breadth = breadth->count;
  found.breadth_at_least = breadth->at_least;
}

// Fills the place in, or gives the evaluation that has to wait.
SpfEvaluationPtr look_up(Shard& shard, SpfVerdicts& verdicts, const SpfRequest& request, LookUp what,
                         std::optional<evidence::SpfOutcome>& place) {
  const Identity identity = what.identity;
  const std::string_view domain = domain_of(request, identity);
  if (const spf::Outcome* outcome = verdicts.find(domain, request.client.address, spf::Explain::Fetch)) {
    place = evidence::to_evidence(*outcome);
    place->identity = reported(request, identity);
    add_breadth(verdicts, request, *place);
    return {};
  }
  fill_in(verdicts.check(), shard, request, identity);
  SpfEvaluationPtr evaluation = verdicts.begin(verdicts.check(), what.asking);
  if (!evaluation->done()) return evaluation;
  place = evidence::to_evidence(evaluation->outcome(), evaluation->any_stale());
  evaluation.reset();  // which may have the record compiled
  add_breadth(verdicts, request, *place);
  return {};
}

// HELO too, where a name for it is there (ESE-15).
policy::SpfIdentities wanted(const SpfRequest& request) {
  policy::SpfIdentities identities = request.identities;
  if (request.check_helo) {
    identities.helo |= evidence::is_helo_checkable(evidence::helo_name(request.client));
  }
  return identities;
}

}  // namespace

// What has to wait for the DNS, with its own copy of the request.
class SpfInquiry::Work {
 public:
  Work(SpfInquiry& inquiry, SpfVerdicts& verdicts, const SpfRequest& request)
      : inquiry_(&inquiry),
        verdicts_(verdicts),
        reverse_name_(verdicts.client()),
        client_(request.client),
        sender_(request.sender),
        from_author_(request.from_author),
        receiver_(request.receiver),
        request_{.client = client_,
                 .sender = sender_,
                 .identities = request.identities,
                 .find_reverse_name = request.find_reverse_name,
                 .check_helo = request.check_helo,
                 .from_author = from_author_,
                 .receiver = receiver_,
                 .time = request.time,
                 .ask_ahead = request.ask_ahead,
                 .measure = request.measure,
                 .message = request.message,
                 .duration = request.duration} {}
  Work(const Work&) = delete;
  Work& operator=(const Work&) = delete;
  ~Work() {
    if (inquiry_ == nullptr) return;
    inquiry_->work_ = nullptr;
    inquiry_->finished_ = true;
    inquiry_->spf_ = std::move(spf_);
    inquiry_->reverse_name_ = std::move(client_.reverse_name);
    inquiry_->done_.notify();
  }
  // What start() came to: these outcomes, the evaluation of `identity` under way, these still to do.
  void go_on_from(evidence::SpfEvidence spf, SpfEvaluationPtr evaluation, Identity identity,
                  policy::SpfIdentities left) {
    spf_ = std::move(spf);
    evaluation_ = std::move(evaluation);
    identity_ = identity;
    left_ = left;
  }
  void finish_now() {
    hurried_ = true;
    reverse_name_.cancel();
    if (evaluation_) evaluation_->cancel();
  }
  // Nobody waits any more.
  void cancel() {
    inquiry_ = nullptr;
    finish_now();
  }

  static Task<void> run(Shard& shard, std::unique_ptr<Work> work) {
    Work& self = *work;
    const MonoTime began = shard.now();
    if (self.request_.find_reverse_name) {
      const MonoTime deadline = shard.now() + self.request_.time;
      self.client_.reverse_name = co_await self.reverse_name_.find(shard, self.client_.address, deadline);
      self.left_ = wanted(self.request_);
    }
    if (self.evaluation_) co_await self.finish_evaluation(shard);
    for (const Identity identity : kIdentities) {
      if (!std::exchange(wants(self.left_, identity), false)) continue;
      if (self.inquiry_ == nullptr) co_return;
      self.identity_ = identity;
      self.evaluation_ = self.look_up_next(shard);
      if (self.evaluation_) co_await self.finish_evaluation(shard);
    }
    if (self.request_.duration == nullptr) co_return;
    const auto took = std::chrono::duration_cast<std::chrono::microseconds>(shard.now() - began);
    self.request_.duration->record(static_cast<uint64_t>(took.count()));
  }

 private:
  SpfEvaluationPtr look_up_next(Shard& shard) {
    SpfAsking asking = asking_of(shard, request_);
    asking.nobody = hurried_;
    return look_up(shard, verdicts_, request_, {identity_, asking}, place_of(spf_, identity_));
  }
  Task<void> finish_evaluation(Shard& shard) {
    co_await evaluation_->finish(shard);
    std::optional<evidence::SpfOutcome>& place = place_of(spf_, identity_);
    place = evidence::to_evidence(evaluation_->outcome(), evaluation_->any_stale());
    evaluation_.reset();
    add_breadth(verdicts_, request_, *place);
  }

  SpfInquiry* inquiry_;  // null once nobody waits for the outcome
  SpfVerdicts& verdicts_;
  ReverseNameSearch reverse_name_;
  evidence::Client client_;
  evidence::Sender sender_;
  std::string from_author_;
  std::string receiver_;
  SpfRequest request_;           // of these copies
  SpfEvaluationPtr evaluation_;  // that runs, of identity_
  Identity identity_ = Identity::MailFrom;
  policy::SpfIdentities left_;
  bool hurried_ = false;
  evidence::SpfEvidence spf_;
};

bool SpfInquiry::start(Shard& shard, SpfVerdicts& verdicts, runtime::TaskGroup& group,
                       const SpfRequest& wish) {
  SLUICE_CHECK(!started_);
  SpfRequest request = wish;
  if (request.message == 0) request.message = verdicts.new_message();
  message_ = request.message;
  identities_ = request.identities;
  started_ = true;
  policy::SpfIdentities left = wanted(request);
  SpfEvaluationPtr evaluation;
  Identity identity = Identity::MailFrom;
  if (!request.find_reverse_name) {
    for (const Identity next : kIdentities) {
      if (!std::exchange(wants(left, next), false)) continue;
      identity = next;
      evaluation = look_up(shard, verdicts, request, {next, asking_of(shard, request)}, place_of(spf_, next));
      if (evaluation) break;
    }
    if (!evaluation) {
      finished_ = true;
      if (request.duration != nullptr) request.duration->record(0);
      return true;
    }
  }
  auto work = std::make_unique<Work>(*this, verdicts, request);
  work->go_on_from(std::move(spf_), std::move(evaluation), identity, left);
  spf_ = {};
  work_ = work.get();
  return group.spawn(shard, Work::run(shard, std::move(work)));
}

Task<bool> SpfInquiry::wait(Shard& shard, MonoTime deadline) {
  SLUICE_CHECK(started_);
  if (!finished_) (void)co_await done_.wait_until(shard, deadline);
  co_return finished_;
}

const evidence::SpfEvidence& SpfInquiry::outcome() {
  const bool found = spf_.mail_from || spf_.helo || spf_.from_header;
  if (finished_ && found) return spf_;
  cut_off_ = {};
  for (const Identity identity : kIdentities) {
    if (!wants(identities_, identity)) continue;
    evidence::SpfOutcome& outcome = place_of(cut_off_, identity).emplace();
    outcome.result = auth::SpfResult::TempError;
    outcome.identity = identity;
    outcome.problem = "the evaluation did not end in time";
  }
  return cut_off_;
}

void SpfInquiry::put_outcome(evidence::SpfEvidence& into) {
  if (given_) return;
  const evidence::SpfEvidence& known = outcome();
  given_ = &known == &spf_;
  if (given_) {
    into = std::move(spf_);
  } else {
    into = known;
  }
}

void SpfInquiry::finish_now() {
  if (work_ != nullptr) work_->finish_now();
}

void SpfInquiry::drop() {
  if (work_ != nullptr) std::exchange(work_, nullptr)->cancel();
  started_ = finished_ = given_ = false;
  spf_ = {};
  reverse_name_.clear();
  done_.reset();
}

}  // namespace sluice::pipeline
