#include "dnscache/resolver/resolver.h"

#include <algorithm>
#include <chrono>
#include <utility>

namespace sluice::dns {
namespace {

// ours, guessed
constexpr auto kProbeEvery = std::chrono::seconds(2);                     // during an outage
constexpr std::chrono::nanoseconds kProbeAfter = limits::kDnsOutage / 2;  // of silence, while asking
constexpr auto kProbeWait = std::chrono::seconds(2);                      // the least before an outage

// What every server knows without asking another.
Question probe_question() { return {DnsName(), RecordType::Ns}; }

}  // namespace

MonoTime Resolver::next_wakeup() const {
  MonoTime next = timers_.empty() ? kNever : timers_.front().at;
  if (outage_) next = std::min(next, next_probe_);
  if (!outage_ && silent_since_ && inquiries_.size() != 0) {
    const MonoTime judged = probed_at_
                                ? std::max(*silent_since_ + limits::kDnsOutage, *probed_at_ + kProbeWait)
                                : *silent_since_ + kProbeAfter;
    next = std::min(next, judged);
  }
  return next;
}

void Resolver::on_tick(MonoTime now) {
  // Ends: whatever is set meanwhile lies after `now`.
  while (!timers_.empty() && timers_.front().at <= now) {
    const InquiryId id = timers_.front().id;
    drop_timer(at(id));
    on_timer(id, now);
  }
  check_outage(now);
}

void Resolver::on_timer(InquiryId id, MonoTime now) {
  Inquiry& inquiry = at(id);
  if (now >= inquiry.deadline) {
    complete(id, {.status = AnswerStatus::Timeout, .records = {}});
    return;
  }
  expire_askers(inquiry, now);
  expire_sendings(id, now);
  if (inquiries_.find(id) != nullptr) schedule(id);
}

void Resolver::expire_askers(Inquiry& inquiry, MonoTime now) {
  if (now < inquiry.next_asker) return;
  inquiry.next_asker = kNever;
  std::vector<AskerId> expired;
  std::erase_if(inquiry.askers, [&](const Asker& asker) {
    if (asker.deadline <= now) {
      expired.push_back(asker.id);
      return true;
    }
    inquiry.next_asker = std::min(inquiry.next_asker, asker.deadline);
    return false;
  });
  // None when they were forgotten meanwhile.
  if (expired.empty()) return;
  completions_.push_back({inquiry.asked, {.status = AnswerStatus::Timeout, .records = {}}, expired, false});
}

void Resolver::expire_sendings(InquiryId id, MonoTime now) {
  Inquiry& inquiry = at(id);
  bool is_waiting = false;
  for (Sending& sending : inquiry.sendings) {
    if (!sending.is_lost && sending.due <= now) lose(inquiry, sending, now);
    is_waiting = is_waiting || (!sending.is_lost && !sending.is_trial);
  }
  if (!is_waiting) send_next(id, now);
}

void Resolver::lose(const Inquiry& inquiry, Sending& sending, MonoTime now) {
  sending.is_lost = true;
  if (health_.is_last_chance(sending.server) && inquiry.asked != probe_question()) {
    probe_wanted_ = true;
    return;
  }
  if (health_.on_time_out(sending.server, now)) {
    events_.push_back({ResolverEventKind::ServerDemoted, sending.server});
  }
}

void Resolver::schedule(InquiryId id) {
  Inquiry& inquiry = at(id);
  MonoTime next = std::min(inquiry.deadline, inquiry.next_asker);
  for (const Sending& sending : inquiry.sendings) {
    if (!sending.is_lost) next = std::min(next, sending.due);
  }
  set_timer(id, next);
}

void Resolver::set_timer(InquiryId id, MonoTime at_time) {
  Inquiry& inquiry = at(id);
  if (inquiry.timer == kNoTimer) {
    inquiry.timer = timers_.size();
    timers_.push_back({at_time, id});
  } else if (timers_[inquiry.timer].at == at_time) {
    return;
  }
  timers_[inquiry.timer].at = at_time;
  move_up(inquiry.timer);
  move_down(inquiry.timer);
}

void Resolver::drop_timer(Inquiry& inquiry) {
  const size_t place = std::exchange(inquiry.timer, kNoTimer);
  if (place == kNoTimer) return;
  const Timer last = timers_.back();
  timers_.pop_back();
  if (place == timers_.size()) return;
  place_timer(place, last);
  move_up(place);
  move_down(at(last.id).timer);
}

void Resolver::place_timer(size_t place, const Timer& timer) {
  timers_[place] = timer;
  at(timer.id).timer = place;
}

void Resolver::move_up(size_t place) {
  const Timer moved = timers_[place];
  for (; place != 0 && moved.at < timers_[(place - 1) / 2].at; place = (place - 1) / 2)
    place_timer(place, timers_[(place - 1) / 2]);
  place_timer(place, moved);
}

void Resolver::move_down(size_t place) {
  const Timer moved = timers_[place];
  for (size_t below = 2 * place + 1; below < timers_.size(); below = 2 * place + 1) {
    if (below + 1 < timers_.size() && timers_[below + 1].at < timers_[below].at) ++below;
    if (timers_[below].at >= moved.at) break;
    place_timer(place, timers_[below]);
    place = below;
  }
  place_timer(place, moved);
}

void Resolver::check_outage(MonoTime now) {
  if (!outage_ && silent_since_) {
    if (!probed_at_ && now - *silent_since_ >= kProbeAfter && inquiries_.size() != 0) {
      probed_at_ = now;
      probe_wanted_ = true;
    }
    if (probed_at_ && now - *silent_since_ >= limits::kDnsOutage && now - *probed_at_ >= kProbeWait) {
      outage_ = true;
      next_probe_ = now;
      events_.push_back({ResolverEventKind::OutageBegan, 0});
    }
  }
  if (outage_ && now >= next_probe_) {
    next_probe_ = now + kProbeEvery;
    probe_wanted_ = true;
  }
  if (std::exchange(probe_wanted_, false)) probe(now);
}

void Resolver::probe(MonoTime now) {
  const Question question = probe_question();
  if (under_way(question) != InquiryId{}) return;
  ++statistics_.probes;
  const InquiryId id = start(question, now);
  send_next(id, now);
  schedule(id);
}

}  // namespace sluice::dns
