#include "engine/pipeline/message_inquiry.h"

#include "io/base/check.h"

#include <algorithm>

namespace sluice::pipeline {

using auth::PendingQuestion;
using auth::Progress;
using auth::QuestionId;
using authentication::Purpose;
using dns::Answer;
using dns::AnswerCache;
using reactor::Shard;
using runtime::Task;
using runtime::Wake;

namespace {

// Inquiries that are kept for their memory (some KB each): as many as messages are under way at a time on a
// busy shard.
constexpr size_t kIdleMax = 64;
constexpr size_t kIdleOctets = 32 * 1024;  // guessed: what usual messages leave; one with more is not kept

// What hangs on a cached TXT answer.
template <class Ref>
struct Kept {
  Ref record;
};

// What the answer says, read once where the cache keeps it.
template <class Ref>
Ref record_of(AnswerCache& cache, const AnswerCache::Hit& hit, MonoTime now) {
  const bool may_keep = hit.id.generation != 0 && !hit.stale;
  if (may_keep) {
    if (const auto* kept = cache.attached<Kept<Ref>>(hit.id, now)) return kept->record;
  }
  Ref made = Ref::make(*hit.answer);
  if (may_keep) {
    // From here on the hit may be gone: room is made for what is attached.
    (void)cache.attach(hit.id, std::make_unique<Kept<Ref>>(Kept<Ref>{made}), made->bytes());
  }
  return made;
}

Answer timed_out() { return {dns::AnswerStatus::Timeout, {}, 0, false}; }

}  // namespace

void MessageInquiry::begin(const mail::HeaderBlock& block, const authentication::Wanted& wanted,
                           const authentication::Settings& settings) {
  budget_ = {};
  news_ = hurried_ = cut_off_ = false;
  machine_.start(block, wanted, settings);
  (void)run();
}

void MessageInquiry::feed(std::string_view octets) {
  if (news_) (void)run();
  if (!machine_.body().empty()) machine_.body().feed(octets);
}

void MessageInquiry::body_done() { machine_.body_done(); }

bool MessageInquiry::run() {
  news_ = false;
  while (machine_.step() == Progress::NeedAnswers) {
    bool answered = false;
    for (const PendingQuestion& pending : machine_.questions()) answered |= ask(pending);
    if (!answered) return false;
  }
  return true;
}

// True when it is answered.
bool MessageInquiry::ask(const PendingQuestion& pending) {
  if (hurried_) {
    cut_off_ = true;
    machine_.answer(pending.id, timed_out());
    return true;
  }
  const auto asked = client_.ask(pending.question, pending.kind, budget_, *this, pending.id);
  if (const auto* under_way = std::get_if<dns::DnsClient::AskId>(&asked)) {
    outstanding_.push_back({pending.id, *under_way});
    return false;
  }
  take(pending.id, std::get<AnswerCache::Hit>(asked));
  return true;
}

void MessageInquiry::take(QuestionId id, const AnswerCache::Hit& hit) {
  const Purpose purpose = machine_.purpose(id);
  if (purpose == Purpose::Existence || is_temporary(hit.answer->status)) {
    machine_.answer(id, *hit.answer);
    return;
  }
  // With the record, all that is looked at; reading it may end the hit.
  const Answer status{hit.answer->status, {}, hit.answer->ttl, hit.answer->stale};
  AnswerCache& cache = client_.cache();
  if (purpose == Purpose::Key) {
    machine_.answer(id, status, record_of<dkim::KeyRecordRef>(cache, hit, shard_.now()));
  } else {
    machine_.answer(id, status, record_of<dmarc::RecordRef>(cache, hit, shard_.now()));
  }
}

void MessageInquiry::on_answer(uint64_t tag, const Answer& answer) {
  const auto id = static_cast<QuestionId>(tag);
  std::erase_if(outstanding_, [id](const Outstanding& each) { return each.id == id; });
  machine_.answer(id, answer);
  news_ = true;
  signal_.notify();
}

Task<bool> MessageInquiry::finish(Shard& shard, evidence::Evidence& evidence, MonoTime deadline) {
  while (!run()) {
    SLUICE_CHECK(!outstanding_.empty());
    const Wake woken = co_await signal_.wait_until(shard, deadline);
    if (woken != Wake::Notified) finish_now();
  }
  machine_.conclude(evidence);
  co_return !cut_off_;
}

Task<bool> MessageInquiry::finish_chain(Shard& shard, evidence::Evidence& evidence, MonoTime deadline) {
  machine_.want_chain();
  const bool in_time = co_await finish(shard, evidence, deadline);
  co_return in_time;
}

void MessageInquiry::finish_now() {
  hurried_ = true;
  give_up();
  signal_.notify();
}

void MessageInquiry::give_up() {
  cut_off_ = cut_off_ || !outstanding_.empty();
  for (const Outstanding& each : outstanding_) {
    client_.forget(each.asked);
    machine_.answer(each.id, timed_out());
  }
  outstanding_.clear();
}

void MessageInquiry::release() {
  for (const Outstanding& each : outstanding_) client_.forget(each.asked);
  outstanding_.clear();
  signal_.reset();
  machine_.release();
}

MessageInquiryPtr MessageInquiries::make() {
  std::unique_ptr<MessageInquiry> inquiry;
  if (idle_.empty()) {
    inquiry = std::make_unique<MessageInquiry>(shard_, client_);
  } else {
    inquiry = std::move(idle_.back());
    idle_.pop_back();
  }
  return MessageInquiryPtr(inquiry.release(), MessageInquiryReturn{this});
}

size_t MessageInquiries::octets_kept() const {
  size_t octets = 0;
  for (const auto& inquiry : idle_) octets += inquiry->octets_kept();
  return octets;
}

void MessageInquiryReturn::operator()(MessageInquiry* inquiry) const noexcept {
  std::unique_ptr<MessageInquiry> mine(inquiry);
  mine->release();
  const bool usual = mine->octets_kept() <= kIdleOctets;
  if (usual && inquiries->idle_.size() < kIdleMax) inquiries->idle_.push_back(std::move(mine));
}

}  // namespace sluice::pipeline
