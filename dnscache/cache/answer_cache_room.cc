// The table and the queues of AnswerCache: where entries are, and which of them go.
#include "dnscache/cache/cache_entry.h"
#include "io/base/check.h"

#include <algorithm>
#include <climits>
#include <utility>

namespace sluice::dns {
namespace {

constexpr size_t kFreshShare = 10;  // ours: this part of the budget is for what nobody has asked for again

size_t heap_bytes(const std::string& text) {
  // What fits into the object itself was counted with it.
  return text.capacity() > std::string().capacity() ? text.capacity() + 1 : 0;
}

}  // namespace

size_t AnswerCache::Entry::bytes() const {
  // Its two buckets and its slot with it.
  size_t bytes = sizeof(Entry) + sizeof(Answer) + 2 * sizeof(Bucket) + sizeof(std::unique_ptr<Entry>);
  if (long_name != nullptr) bytes += name_size;
  bytes += answer->records.capacity() * sizeof(RecordData);
  for (const RecordData& data : answer->records) {
    if (const auto* text = std::get_if<std::string>(&data)) bytes += heap_bytes(*text);
  }
  return bytes;
}

void AnswerCache::grow_table() {
  const std::vector<Bucket> before = std::exchange(buckets_, std::vector<Bucket>(buckets_.size() * 2));
  const size_t mask = buckets_.size() - 1;
  for (const Bucket& bucket : before) {
    if (bucket.entry == nullptr) continue;
    size_t at = bucket.hash & mask;
    while (buckets_[at].entry != nullptr) at = (at + 1) & mask;
    buckets_[at] = bucket;
  }
}

// Moves back what probing had pushed over the freed bucket, so that no search ends early.
void AnswerCache::unlink_bucket(size_t bucket) {
  const size_t mask = buckets_.size() - 1;
  size_t free = bucket;
  for (size_t next = (free + 1) & mask; buckets_[next].entry != nullptr; next = (next + 1) & mask) {
    const size_t home = buckets_[next].hash & mask;
    // It may move when its home is not between the freed bucket (exclusive) and where it is.
    if (((next - home) & mask) < ((next - free) & mask)) continue;
    buckets_[free] = buckets_[next];
    free = next;
  }
  buckets_[free] = {};
}

size_t AnswerCache::bucket_of(const Entry& entry) const {
  const size_t mask = buckets_.size() - 1;
  size_t at = entry.hash & mask;
  while (buckets_[at].entry != &entry) {
    SLUICE_CHECK(buckets_[at].entry != nullptr);
    at = (at + 1) & mask;
  }
  return at;
}

AnswerCache::Queue& AnswerCache::queue_of(const Entry& entry) { return entry.is_kept ? kept_ : fresh_; }

void AnswerCache::enqueue(uint32_t slot) {
  Entry& entry = *slots_[slot];
  Queue& queue = queue_of(entry);
  entry.newer = kNoSlot;
  entry.older = std::exchange(queue.newest, slot);
  if (entry.older == kNoSlot) {
    queue.oldest = slot;
  } else {
    slots_[entry.older]->newer = slot;
  }
}

void AnswerCache::dequeue(uint32_t slot) {
  const Entry& entry = *slots_[slot];
  Queue& queue = queue_of(entry);
  (entry.older == kNoSlot ? queue.oldest : slots_[entry.older]->newer) = entry.newer;
  (entry.newer == kNoSlot ? queue.newest : slots_[entry.newer]->older) = entry.older;
}

void AnswerCache::charge(const Entry& entry, size_t bytes) {
  queue_of(entry).bytes += bytes;
  statistics_.bytes += bytes;
}

void AnswerCache::release(const Entry& entry, size_t bytes) {
  queue_of(entry).bytes -= bytes;
  statistics_.bytes -= bytes;
}

void AnswerCache::remove(size_t bucket) {
  const uint32_t slot = buckets_[bucket].slot;
  Entry& entry = *buckets_[bucket].entry;
  if (entry.is_watched) ++watched_changes_;
  while (entry.attached != nullptr) detach(entry, entry.attached->object.type());
  unlink_bucket(bucket);
  dequeue(slot);
  release(entry, entry.bytes());
  --statistics_.entries;
  slots_[slot].reset();
  free_slots_.push_back(slot);
}

// It was asked for again.
void AnswerCache::keep(uint32_t slot) {
  Entry& entry = *slots_[slot];
  if (entry.is_kept) return;
  const size_t bytes = entry.bytes();
  dequeue(slot);
  release(entry, bytes);
  entry.is_kept = true;
  enqueue(slot);
  charge(entry, bytes);
}

// What is used through an object is not looked up itself.
void AnswerCache::hold_used(const Attached& attached) {
  for (const EntryId used : attached.uses) {
    Entry* below = entry_of(used);
    if (below == nullptr) continue;
    below->is_held = true;
    keep(used.slot);
  }
}

// Whether the oldest of its queue stays, for once. It takes back a mark, so that it will go in the end.
bool AnswerCache::passes_over(uint32_t slot) {
  Entry& entry = *slots_[slot];
  const bool was_used = entry.uses != 0;
  if (!was_used && !entry.is_held) return false;
  ++statistics_.passed_over;
  dequeue(slot);
  enqueue(slot);
  // Held by what is used and has no use of its own: holding does not go further, or a circle would hold
  // itself.
  if (!was_used) {
    entry.is_held = false;
    return true;
  }
  --entry.uses;
  for (const Attached* each = entry.attached.get(); each != nullptr; each = each->next.get()) {
    if (each->is_kept || each->was_found) hold_used(*each);
  }
  return true;
}

uint32_t AnswerCache::next_to_go(size_t bytes, MonoTime now) const {
  if (kept_.oldest == kNoSlot || fresh_.oldest == kNoSlot) return std::min(kept_.oldest, fresh_.oldest);
  if (now >= gone(*slots_[kept_.oldest])) return kept_.oldest;
  const size_t fresh_max = (settings_.bytes_max - objects_max()) / kFreshShare;
  return fresh_.bytes + bytes > fresh_max ? fresh_.oldest : kept_.oldest;
}

void AnswerCache::make_room(size_t bytes, MonoTime now) {
  const size_t most = settings_.bytes_max - objects_max();
  size_t passed = 0;
  uint32_t least = kNoSlot;  // used of those that were passed over
  unsigned least_uses = UINT_MAX;
  while (statistics_.bytes - statistics_.object_bytes + bytes > most && statistics_.entries != 0) {
    uint32_t slot = next_to_go(bytes, now);
    const bool is_gone = now >= gone(*slots_[slot]);
    if (!is_gone) {
      const unsigned uses = slots_[slot]->is_held ? Entry::kUsesMax : slots_[slot]->uses;
      if (passed < kPassedMax && passes_over(slot)) {
        ++passed;
        if (uses < least_uses) {
          least = slot;
          least_uses = uses;
        }
        continue;
      }
      if (passed == kPassedMax && uses >= least_uses) slot = least;
      ++statistics_.evictions;
    }
    remove(bucket_of(*slots_[slot]));
    passed = 0;
    least = kNoSlot;
    least_uses = UINT_MAX;
  }
}

}  // namespace sluice::dns
