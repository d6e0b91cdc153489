#include "engine/pipeline/spf_inquiry.h"

#include "engine/pipeline/evaluation.h"
#include "engine/pipeline/reverse_name.h"
#include "rules/spf/evaluator.h"

#include <algorithm>
#include <memory>
#include <utility>

namespace sluice::pipeline {

using reactor::Shard;
using runtime::Task;

namespace {

evidence::SpfOutcome to_evidence(const spf::Outcome& outcome, bool stale) {
  evidence::SpfOutcome result;
  result.result = outcome.result;
  result.identity = outcome.identity;
  result.domain = outcome.domain;
  result.mechanism = outcome.mechanism;
  result.explanation = outcome.explanation;
  result.lookups = outcome.lookups;
  result.void_lookups = outcome.void_lookups;
  result.problem = outcome.problem;
  result.problem_domain = outcome.problem_domain;
  result.problem_term = outcome.problem_term;
  result.problem_offset = outcome.problem_offset;
  result.stale = stale;
  return result;
}

}  // namespace

class SpfInquiry::Work {
 public:
  Work(SpfInquiry& inquiry, dns::DnsClient& client, SpfRequest request)
      : inquiry_(&inquiry), client_(client), request_(std::move(request)) {}
  Work(const Work&) = delete;
  Work& operator=(const Work&) = delete;
  ~Work() {
    if (inquiry_ == nullptr) return;
    inquiry_->work_ = nullptr;
    inquiry_->finished_ = true;
    inquiry_->spf_ = std::move(spf_);
    inquiry_->reverse_name_ = std::move(request_.client.reverse_name);
    inquiry_->done_.notify();
  }
  void finish_now() {
    hurried_ = true;
    if (collector_ != nullptr) collector_->cancel();
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
      self.request_.client.reverse_name =
          co_await find_reverse_name(shard, self.client_, self.request_.client.address, deadline);
    }
    policy::SpfIdentities identities = self.request_.identities;
    if (self.request_.check_helo) {
      identities.helo |= evidence::is_helo_checkable(evidence::helo_name(self.request_.client));
    }
    if (identities.helo) self.spf_.helo = co_await self.check(shard, auth::Identity::Helo);
    if (identities.mail_from) self.spf_.mail_from = co_await self.check(shard, auth::Identity::MailFrom);
    if (identities.from_header) self.spf_.from_header = co_await self.check(shard, auth::Identity::From);
    if (self.request_.duration == nullptr) co_return;
    const auto took = std::chrono::duration_cast<std::chrono::microseconds>(shard.now() - began);
    self.request_.duration->record(static_cast<uint64_t>(took.count()));
  }

 private:
  Task<evidence::SpfOutcome> check(Shard& shard, auth::Identity identity) {
    spf::Check check;
    check.client = request_.client.address;
    check.helo = std::string(evidence::helo_name(request_.client));
    check.sender = identity == auth::Identity::From ? request_.from_author : request_.sender.to_string();
    check.identity = identity;
    check.receiver = request_.receiver;
    check.now = shard.wall_now();
    check.explain = spf::Explain::Fetch;
    spf::Evaluator evaluator;
    evaluator.start(check);
    dns::LookupBudget budget;
    budget.deadline = shard.now() + request_.time;
    AnswerCollector collector(client_);
    if (hurried_) collector.cancel();
    collector_ = &collector;
    co_await evaluate(shard, collector, evaluator, budget);
    collector_ = nullptr;
    co_return to_evidence(evaluator.outcome(), collector.any_stale());
  }

  SpfInquiry* inquiry_;                   // null once nobody waits for the outcome
  AnswerCollector* collector_ = nullptr;  // of the evaluation that runs
  bool hurried_ = false;
  dns::DnsClient& client_;
  SpfRequest request_;
  evidence::SpfEvidence spf_;
};

bool SpfInquiry::start(Shard& shard, dns::DnsClient& client, runtime::TaskGroup& group, SpfRequest request) {
  SLUICE_CHECK(!started_);
  identities_ = request.identities;
  auto work = std::make_unique<Work>(*this, client, std::move(request));
  started_ = true;
  work_ = work.get();
  return group.spawn(shard, Work::run(shard, std::move(work)));
}

Task<bool> SpfInquiry::wait(Shard& shard, MonoTime deadline) {
  SLUICE_CHECK(started_);
  if (!finished_) (void)co_await done_.wait_until(shard, deadline);
  co_return finished_;
}

evidence::SpfEvidence SpfInquiry::outcome() const {
  const bool found = spf_.mail_from || spf_.helo || spf_.from_header;
  if (finished_ && found) return spf_;
  evidence::SpfEvidence cut_off;
  const auto add = [](bool wanted, auth::Identity identity, std::optional<evidence::SpfOutcome>& place) {
    if (!wanted) return;
    place.emplace();
    place->result = auth::SpfResult::TempError;
    place->identity = identity;
    place->problem = "the evaluation did not end in time";
  };
  add(identities_.mail_from, auth::Identity::MailFrom, cut_off.mail_from);
  add(identities_.helo, auth::Identity::Helo, cut_off.helo);
  add(identities_.from_header, auth::Identity::From, cut_off.from_header);
  return cut_off;
}

void SpfInquiry::finish_now() {
  if (work_ != nullptr) work_->finish_now();
}

void SpfInquiry::drop() {
  if (work_ != nullptr) std::exchange(work_, nullptr)->cancel();
  started_ = finished_ = false;
  spf_ = {};
  reverse_name_.clear();
  done_.reset();
}

}  // namespace sluice::pipeline
