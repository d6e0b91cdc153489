#include "dnscache/cache/answer_cache.h"

#include "dnscache/cache/cache_entry.h"

#include <algorithm>
#include <utility>

namespace sluice::dns {
namespace {

using std::chrono::seconds;

constexpr size_t kBucketsMin = 64;

bool is_failure(AnswerStatus status) {
  return status == AnswerStatus::ServFail || status == AnswerStatus::Timeout;
}

}  // namespace

AnswerCache::AnswerCache(const CacheSettings& settings, uint64_t hash_seed)
    : settings_(settings), seed_(hash_seed), memory_(settings.pages), buckets_(kBucketsMin) {}

AnswerCache::~AnswerCache() = default;

void AnswerCache::FreeEntry::operator()(Entry* entry) const {
  entry->~Entry();
  LargePages::free(entry, alignof(Entry));
}

uint32_t AnswerCache::hash(const DnsName& name, RecordType type) const {
  return static_cast<uint32_t>(name.hash(seed_ ^ static_cast<uint64_t>(type) << 48U));
}

// The bucket that holds the question, or the free one where it would be.
size_t AnswerCache::locate(const DnsName& name, RecordType type, uint32_t hash) const {
  const size_t mask = buckets_.size() - 1;
  size_t at = hash & mask;
  // Ends at a free bucket: at most half are in use.
  for (; buckets_[at].entry != nullptr; at = (at + 1) & mask) {
    if (buckets_[at].hash == hash && buckets_[at].entry->is_of(name, type)) break;
  }
  return at;
}

MonoTime AnswerCache::gone(const Entry& entry) const {
  return is_failure(entry.answer->status) ? entry.expires : entry.expires + settings_.serve_stale;
}

AnswerCache::Hit AnswerCache::hit(const Bucket& bucket, MonoTime now) {
  Entry& entry = *bucket.entry;
  const bool stale = now >= entry.expires;
  if (stale != entry.is_told_stale) entry.is_told_stale = entry.answer->stale = stale;
  Hit found{entry.answer.get(), {bucket.slot, entry.generation}, seconds(0), stale};
  found.entry = &entry;
  if (!stale) found.left = std::chrono::floor<seconds>(entry.expires - now);
  return found;
}

// Counts a hit where the entry is there and `usable`.
std::optional<AnswerCache::Hit> AnswerCache::look_up(const Bucket& bucket, MonoTime now, bool usable) {
  if (!usable) {
    ++statistics_.misses;
    return std::nullopt;
  }
  Hit found = hit(bucket, now);
  Entry& entry = *bucket.entry;
  ++statistics_.hits;
  if (found.stale) ++statistics_.stale_hits;
  if (entry.is_negative) ++statistics_.negative_hits;
  if (entry.uses != Entry::kUsesMax) ++entry.uses;
  if (!entry.is_kept) keep(bucket.slot);
  if (entry.was_used && !found.stale && found.left.count() < entry.due_below) {
    entry.due_below = 0;
    ++statistics_.refreshes;
    found.refresh_due = true;
  }
  entry.was_used = true;
  return found;
}

std::optional<AnswerCache::Hit> AnswerCache::find(const DnsName& name, RecordType type, MonoTime now) {
  const Bucket& bucket = buckets_[locate(name, type, hash(name, type))];
  const Entry* entry = bucket.entry;
  const bool usable =
      entry != nullptr && (now < entry->expires || (now < entry->refresh_not_before && now < gone(*entry)));
  return look_up(bucket, now, usable);
}

std::optional<AnswerCache::Hit> AnswerCache::find_or_stale(const Question& question, MonoTime now) {
  const Bucket& bucket = buckets_[locate(question.name, question.type, hash(question.name, question.type))];
  return look_up(bucket, now, bucket.entry != nullptr && now < gone(*bucket.entry));
}

std::optional<AnswerCache::Hit> AnswerCache::peek(const Question& question, MonoTime now) const {
  const Bucket& bucket = buckets_[locate(question.name, question.type, hash(question.name, question.type))];
  if (bucket.entry == nullptr || now >= gone(*bucket.entry)) return std::nullopt;
  Hit found{bucket.entry->answer.get(),
            {bucket.slot, bucket.entry->generation},
            seconds(0),
            now >= bucket.entry->expires};
  found.entry = bucket.entry;
  if (!found.stale) found.left = std::chrono::floor<seconds>(bucket.entry->expires - now);
  return found;
}

std::optional<seconds> AnswerCache::time_to_keep(const Answer& answer) const {
  if (answer.stale || answer.status == AnswerStatus::OverBudget) return std::nullopt;
  seconds time = settings_.failure_ttl;
  if (!is_failure(answer.status)) {
    const seconds most = is_void(answer.status) ? settings_.negative_ttl_max : settings_.ttl_max;
    time = std::min(std::max(seconds(answer.ttl), settings_.ttl_min), most);
  }
  if (time <= seconds(0)) return std::nullopt;
  return time;
}

std::optional<AnswerCache::Hit> AnswerCache::put(const Question& question, Answer&& answer, MonoTime now) {
  const auto time = time_to_keep(answer);
  if (!time) {
    // Newer than what is known, if it is an answer at all: that must not be served, stale or not.
    const bool is_answer = answer.status != AnswerStatus::OverBudget && !is_failure(answer.status);
    if (is_answer && !answer.stale) erase(question);
    return std::nullopt;
  }
  const uint32_t key = hash(question.name, question.type);
  const size_t at = locate(question.name, question.type, key);
  if (Entry* const known = buckets_[at].entry; known != nullptr) {
    const bool is_servable = now < gone(*known);
    if (is_failure(answer.status) && !is_failure(known->answer->status) && is_servable) {
      known->refresh_not_before = now + *time;
      return std::nullopt;
    }
    if (is_servable && known->answer->status == answer.status && known->answer->records == answer.records) {
      ++statistics_.puts;
      ++statistics_.renewals;
      begin_time(*known, *time, now);
      return hit(buckets_[at], now);
    }
    remove(at);
  }
  EntryOwner entry(new (memory_.allocate(sizeof(Entry), alignof(Entry))) Entry(question, key));
  answer.records.shrink_to_fit();
  entry->is_negative = answer.records.empty();
  *entry->answer = std::move(answer);
  begin_time(*entry, *time, now);
  if (entry->bytes() > settings_.bytes_max / kShareMax) {
    answer = std::move(*entry->answer);
    return std::nullopt;
  }
  ++statistics_.puts;
  return add(std::move(entry), now);
}

void AnswerCache::begin_time(Entry& entry, seconds time, MonoTime now) {
  const MonoTime expires = now + time;
  if (entry.is_watched && expires < entry.expires) ++watched_changes_;
  entry.expires = entry.refresh_not_before = expires;
  entry.answer->ttl = static_cast<uint32_t>(time.count());
  entry.answer->stale = entry.is_told_stale = entry.was_used = false;
  const bool may_be_due = !is_failure(entry.answer->status) && time >= limits::kDnsRefreshTtlMin;
  entry.due_below =
      may_be_due ? static_cast<uint32_t>(uint64_t{entry.answer->ttl} * settings_.refresh_percent / 100) : 0;
}

AnswerCache::Hit AnswerCache::add(EntryOwner entry, MonoTime now) {
  make_room(entry->bytes(), now);
  entry->generation = next_generation_++;
  if (next_generation_ == 0) next_generation_ = 1;
  Entry& kept = *entry;
  uint32_t slot = 0;
  if (free_slots_.empty()) {
    slot = static_cast<uint32_t>(slots_.size());
    slots_.push_back(std::move(entry));
  } else {
    slot = free_slots_.back();
    free_slots_.pop_back();
    slots_[slot] = std::move(entry);
  }
  if (++statistics_.entries * 2 > buckets_.size()) grow_table();
  const size_t mask = buckets_.size() - 1;
  size_t at = kept.hash & mask;
  while (buckets_[at].entry != nullptr) at = (at + 1) & mask;
  buckets_[at] = {kept.hash, slot, &kept};
  enqueue(slot);
  charge(kept, kept.bytes());
  return hit(buckets_[at], now);
}

const Answer* AnswerCache::find(EntryId id) const {
  const Entry* entry = entry_of(id);
  return entry == nullptr ? nullptr : entry->answer.get();
}

bool AnswerCache::erase(const Question& question) {
  const size_t at = locate(question.name, question.type, hash(question.name, question.type));
  if (buckets_[at].entry == nullptr) return false;
  remove(at);
  return true;
}

void AnswerCache::clear() {
  buckets_.assign(kBucketsMin, {});
  slots_.clear();
  free_slots_.clear();
  fresh_ = kept_ = {};
  fresh_objects_ = kept_objects_ = {};
  due_.clear();
  ++watched_changes_;
  statistics_.entries = 0;
  statistics_.bytes = statistics_.object_bytes = 0;
}

CacheStatistics AnswerCache::statistics() const { return statistics_; }

}  // namespace sluice::dns
