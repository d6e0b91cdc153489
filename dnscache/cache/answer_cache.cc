#include "dnscache/cache/answer_cache.h"

#include "io/base/check.h"

#include <algorithm>
#include <utility>

namespace sluice::dns {
namespace {

using std::chrono::seconds;

constexpr size_t kBucketsMin = 64;
constexpr size_t kShareMax = 4;  // ours: one answer takes at most this part of the budget

size_t heap_bytes(const std::string& text) {
  // What fits into the object itself was counted with it.
  return text.capacity() > std::string().capacity() ? text.capacity() + 1 : 0;
}

size_t heap_bytes(const Answer& answer) {
  size_t bytes = answer.records.capacity() * sizeof(RecordData);
  for (const RecordData& data : answer.records) {
    if (const auto* text = std::get_if<std::string>(&data)) bytes += heap_bytes(*text);
  }
  return bytes;
}

bool is_failure(AnswerStatus status) {
  return status == AnswerStatus::ServFail || status == AnswerStatus::Timeout;
}

}  // namespace

struct AnswerCache::Attached {
  Attachment object;
  size_t bytes = 0;
  std::vector<EntryId> uses;
  MonoTime valid_until;      // the shortest of the used answers'
  uint64_t verified_at = 0;  // as watched_changes_ then was
};

struct AnswerCache::Entry {
  std::string name;  // wire form
  RecordType type = RecordType::A;
  uint64_t hash = 0;
  uint32_t generation = 0;
  bool used = false;  // since the hand passed
  Answer answer;
  MonoTime expires;
  MonoTime gone;                // no longer served, stale or not
  MonoTime refresh_not_before;  // stale, and asking anew failed: served without asking until then
  size_t bytes = 0;             // with the attachments'
  bool watched = false;         // something attached to another answer was made from this one
  std::vector<Attached> attached;
};

AnswerCache::AnswerCache(const CacheSettings& settings, uint64_t hash_seed)
    : settings_(settings), seed_(hash_seed), buckets_(kBucketsMin, 0) {}

AnswerCache::~AnswerCache() = default;

uint64_t AnswerCache::hash(const Question& question) const {
  return question.name.hash(seed_ ^ static_cast<uint64_t>(question.type) << 48);
}

AnswerCache::Place AnswerCache::locate(const Question& question, uint64_t hash) const {
  const size_t mask = buckets_.size() - 1;
  size_t bucket = hash & mask;
  // Ends at a free bucket: at most half are in use.
  for (; buckets_[bucket] != 0; bucket = (bucket + 1) & mask) {
    Entry* entry = slots_[buckets_[bucket] - 1].get();
    if (entry->hash == hash && entry->type == question.type && entry->name == question.name.wire()) {
      return {bucket, entry};
    }
  }
  return {bucket, nullptr};
}

AnswerCache::Hit AnswerCache::hit(uint32_t slot, MonoTime now) const {
  Entry& entry = *slots_[slot];
  const bool stale = now >= entry.expires;
  entry.answer.stale = stale;
  entry.used = true;
  const auto left = stale ? seconds(0) : std::chrono::floor<seconds>(entry.expires - now);
  return {&entry.answer, {slot, entry.generation}, left, stale};
}

std::optional<AnswerCache::Hit> AnswerCache::find(const Question& question, MonoTime now) {
  const Place place = locate(question, hash(question));
  if (place.entry == nullptr ||
      (now >= place.entry->expires && (now >= place.entry->refresh_not_before || now >= place.entry->gone))) {
    ++statistics_.misses;
    return std::nullopt;
  }
  const Hit found = hit(buckets_[place.bucket] - 1, now);
  ++statistics_.hits;
  if (found.stale) ++statistics_.stale_hits;
  if (found.answer->records.empty()) ++statistics_.negative_hits;
  return found;
}

std::optional<AnswerCache::Hit> AnswerCache::find_or_stale(const Question& question, MonoTime now) {
  const Place place = locate(question, hash(question));
  if (place.entry == nullptr || now >= place.entry->gone ||
      (now >= place.entry->expires && is_failure(place.entry->answer.status))) {
    ++statistics_.misses;
    return std::nullopt;
  }
  const Hit found = hit(buckets_[place.bucket] - 1, now);
  ++statistics_.hits;
  if (found.stale) ++statistics_.stale_hits;
  if (found.answer->records.empty()) ++statistics_.negative_hits;
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

std::optional<AnswerCache::Hit> AnswerCache::put(const Question& question, Answer answer, MonoTime now) {
  const auto time = time_to_keep(answer);
  if (!time) return std::nullopt;
  const uint64_t key = hash(question);
  Place place = locate(question, key);
  const bool failed = is_failure(answer.status);
  if (failed && place.entry != nullptr && !is_failure(place.entry->answer.status) &&
      now < place.entry->gone) {
    place.entry->refresh_not_before = now + *time;
    return std::nullopt;
  }
  if (place.entry != nullptr) remove(buckets_[place.bucket] - 1, place.bucket);

  auto entry = std::make_unique<Entry>();
  entry->name = question.name.wire();
  entry->type = question.type;
  entry->hash = key;
  entry->generation = next_generation_++;
  if (next_generation_ == 0) next_generation_ = 1;
  answer.ttl = static_cast<uint32_t>(time->count());
  answer.records.shrink_to_fit();
  entry->answer = std::move(answer);
  entry->expires = now + *time;
  entry->gone = failed ? entry->expires : entry->expires + settings_.serve_stale;
  entry->refresh_not_before = entry->expires;
  entry->bytes = sizeof(Entry) + heap_bytes(entry->name) + heap_bytes(entry->answer) +
                 sizeof(std::unique_ptr<Entry>) + 2 * sizeof(uint32_t);
  if (entry->bytes > settings_.bytes_max / kShareMax) return std::nullopt;
  make_room(entry->bytes);

  uint32_t slot = 0;
  if (free_slots_.empty()) {
    slot = static_cast<uint32_t>(slots_.size());
    slots_.emplace_back();
  } else {
    slot = free_slots_.back();
    free_slots_.pop_back();
  }
  ++statistics_.entries;
  statistics_.bytes += entry->bytes;
  ++statistics_.puts;
  slots_[slot] = std::move(entry);
  if (statistics_.entries * 2 > buckets_.size()) grow_table();
  // Making room or growing may have moved the place.
  place = locate(question, key);
  if (place.entry == nullptr) buckets_[place.bucket] = slot + 1;
  const Hit kept = hit(slot, now);
  // Only being asked for again protects: a flood of new names must not push out what is in use.
  slots_[slot]->used = false;
  return kept;
}

const Answer* AnswerCache::find(EntryId id) const {
  if (id.slot >= slots_.size() || slots_[id.slot] == nullptr) return nullptr;
  const Entry& entry = *slots_[id.slot];
  return entry.generation == id.generation ? &entry.answer : nullptr;
}

bool AnswerCache::attach(EntryId id, Attachment attachment, size_t bytes, std::span<const EntryId> uses) {
  Attached attached{std::move(attachment),
                    bytes + uses.size_bytes() + sizeof(Attached),
                    {uses.begin(), uses.end()},
                    kNever,
                    watched_changes_};
  if (find(id) == nullptr || attached.bytes > settings_.bytes_max / kShareMax) return false;
  for (const EntryId used : uses) {
    if (find(used) == nullptr) return false;
    attached.valid_until = std::min(attached.valid_until, slots_[used.slot]->expires);
  }
  for (const EntryId used : uses) slots_[used.slot]->watched = slots_[used.slot]->used = true;
  Entry& entry = *slots_[id.slot];
  detach(entry, attached.object.type());
  entry.bytes += attached.bytes;
  statistics_.bytes += attached.bytes;
  entry.attached.push_back(std::move(attached));
  entry.used = true;
  make_room(0);
  return find(id) != nullptr;
}

void AnswerCache::detach(Entry& entry, Attachment::Type type) {
  std::erase_if(entry.attached, [&](const Attached& each) {
    if (each.object.type() != type) return false;
    entry.bytes -= each.bytes;
    statistics_.bytes -= each.bytes;
    return true;
  });
}

void* AnswerCache::find_attached(EntryId id, Attachment::Type type, MonoTime now) {
  if (find(id) == nullptr) return nullptr;
  Entry& entry = *slots_[id.slot];
  if (now >= entry.expires) return nullptr;
  for (Attached& each : entry.attached) {
    if (each.object.type() != type) continue;
    if (now >= each.valid_until || !verify(each)) {
      detach(entry, type);
      return nullptr;
    }
    return each.object.object();
  }
  return nullptr;
}

// Whether all that it was made from is still the same. Looked into only when something watched has changed.
bool AnswerCache::verify(Attached& attached) const {
  if (attached.verified_at == watched_changes_) return true;
  if (std::ranges::any_of(attached.uses, [this](EntryId used) { return find(used) == nullptr; }))
    return false;
  attached.verified_at = watched_changes_;
  return true;
}

bool AnswerCache::erase(const Question& question) {
  const Place place = locate(question, hash(question));
  if (place.entry == nullptr) return false;
  remove(buckets_[place.bucket] - 1, place.bucket);
  return true;
}

void AnswerCache::clear() {
  buckets_.assign(kBucketsMin, 0);
  slots_.clear();
  free_slots_.clear();
  hand_ = 0;
  statistics_.entries = 0;
  statistics_.bytes = 0;
}

CacheStatistics AnswerCache::statistics() const { return statistics_; }

void AnswerCache::grow_table() {
  buckets_.assign(buckets_.size() * 2, 0);
  const size_t mask = buckets_.size() - 1;
  for (uint32_t slot = 0; slot < slots_.size(); ++slot) {
    if (slots_[slot] == nullptr) continue;
    size_t bucket = slots_[slot]->hash & mask;
    while (buckets_[bucket] != 0) bucket = (bucket + 1) & mask;
    buckets_[bucket] = slot + 1;
  }
}

// Moves back what probing had pushed over the freed bucket, so that no search ends early.
void AnswerCache::unlink(size_t bucket) {
  const size_t mask = buckets_.size() - 1;
  size_t free = bucket;
  for (size_t next = (free + 1) & mask; buckets_[next] != 0; next = (next + 1) & mask) {
    const size_t home = slots_[buckets_[next] - 1]->hash & mask;
    // It may move when its home is not between the freed bucket (exclusive) and where it is.
    if (((next - home) & mask) < ((next - free) & mask)) continue;
    buckets_[free] = buckets_[next];
    free = next;
  }
  buckets_[free] = 0;
}

void AnswerCache::remove(uint32_t slot, size_t bucket) {
  unlink(bucket);
  if (slots_[slot]->watched) ++watched_changes_;
  statistics_.bytes -= slots_[slot]->bytes;
  --statistics_.entries;
  slots_[slot].reset();
  free_slots_.push_back(slot);
}

size_t AnswerCache::bucket_of(uint32_t slot) const {
  const size_t mask = buckets_.size() - 1;
  size_t bucket = slots_[slot]->hash & mask;
  while (buckets_[bucket] != slot + 1) {
    SLUICE_CHECK(buckets_[bucket] != 0);
    bucket = (bucket + 1) & mask;
  }
  return bucket;
}

void AnswerCache::make_room(size_t bytes) {
  // Two rounds clear every mark and then remove; an empty cache ends it sooner.
  for (size_t steps = 2 * slots_.size(); steps != 0 && statistics_.entries != 0; --steps) {
    if (statistics_.bytes + bytes <= settings_.bytes_max) return;
    hand_ = hand_ + 1 < slots_.size() ? hand_ + 1 : 0;
    if (slots_[hand_] == nullptr) continue;
    if (std::exchange(slots_[hand_]->used, false)) {
      // What is used through its attachments is not looked up itself.
      for (const Attached& each : slots_[hand_]->attached) {
        for (const EntryId used : each.uses) {
          if (find(used) != nullptr) slots_[used.slot]->used = true;
        }
      }
      continue;
    }
    remove(hand_, bucket_of(hand_));
    ++statistics_.evictions;
  }
}

}  // namespace sluice::dns
