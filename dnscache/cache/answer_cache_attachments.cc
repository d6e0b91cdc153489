// What hangs on the entries of AnswerCache.
#include "dnscache/cache/cache_entry.h"
#include "io/base/check.h"

#include <algorithm>
#include <utility>

namespace sluice::dns {

AnswerCache::Entry* AnswerCache::entry_of(EntryId id) const {
  if (id.slot >= slots_.size() || slots_[id.slot] == nullptr) return nullptr;
  Entry* entry = slots_[id.slot].get();
  return entry->generation == id.generation ? entry : nullptr;
}

bool AnswerCache::attach(EntryId id, Attachment attachment, size_t bytes, std::span<const EntryId> uses) {
  Entry* entry = entry_of(id);
  auto made = std::make_unique<Attached>();
  made->object = std::move(attachment);
  made->bytes = sizeof(Attached) + bytes + uses.size_bytes();
  made->uses.assign(uses.begin(), uses.end());
  made->slot = id.slot;
  if (entry == nullptr || made->bytes > objects_max() / kFreshObjectShare) return false;
  if (std::ranges::any_of(uses, [this](EntryId used) { return entry_of(used) == nullptr; })) return false;
  for (const EntryId used : uses) entry_of(used)->is_watched = true;
  verify(*made, MonoTime::min());
  detach(*entry, made->object.type());
  enqueue(*made);
  made->next = std::move(entry->attached);
  entry->attached = std::move(made);
  make_object_room();
  return true;
}

void AnswerCache::detach(Entry& entry, Attachment::Type type) {
  for (std::unique_ptr<Attached>* at = &entry.attached; *at != nullptr; at = &(*at)->next) {
    if ((*at)->object.type() != type) continue;
    forget(entry, **at);
    dequeue(**at);
    *at = std::move((*at)->next);
    return;
  }
}

AnswerCache::Attached* AnswerCache::find_attached(Entry* entry, Attachment::Type type, MonoTime now) {
  if (entry == nullptr || now >= entry->expires) return nullptr;
  for (Attached* each = entry->attached.get(); each != nullptr; each = each->next.get()) {
    if (each->object.type() != type) continue;
    const bool is_known_good = each->verified_at == watched_changes_ && now < each->verify_next;
    if (!is_known_good && !verify(*each, now)) {
      detach(*entry, type);
      return nullptr;
    }
    if (!each->was_found) {
      each->was_found = true;
      hold_used(*each);
    }
    return each;
  }
  return nullptr;
}

void* AnswerCache::find_object(Entry* entry, Attachment::Type type, MonoTime now) {
  const Attached* found = find_attached(entry, type, now);
  return found == nullptr ? nullptr : found->object.object();
}

const void* AnswerCache::find_view(Entry& entry, Attachment::Type type, MonoTime now) {
  Entry::Last& last = entry.last;
  if (last.type == type && now < entry.expires && last.verified_at == watched_changes_ &&
      now < last.verify_next) {
    return last.view;
  }
  const Attached* found = find_attached(&entry, type, now);
  if (found == nullptr) return nullptr;
  last = {type, found->object.view(), found->verify_next, found->verified_at};
  return last.view;
}

// So that the next to find it looks at it.
void AnswerCache::forget(Entry& entry, const Attached& attached) {
  if (entry.last.type == attached.object.type()) entry.last = {};
}

// Whether all that it was made from is still the same and within its time, which may have begun anew. Tells
// what of that is due to be asked for anew.
bool AnswerCache::verify(Attached& attached, MonoTime now) {
  attached.verified_at = watched_changes_;
  attached.verify_next = kNever;
  for (const EntryId used : attached.uses) {
    Entry* below = entry_of(used);
    if (below == nullptr || now >= below->expires) return false;
    MonoTime next = below->expires;
    const MonoTime due = below->expires - std::chrono::seconds(below->due_below);
    if (now < due) {
      next = due;
    } else if (below->due_below != 0 && due_.size() < kDueMax) {
      if (auto name = DnsName::from_wire(below->wire())) due_.push_back({*name, below->type});
      below->due_below = 0;
      ++statistics_.refreshes;
    }
    attached.verify_next = std::min(attached.verify_next, next);
  }
  return true;
}

// --- room ---

AnswerCache::ObjectQueue& AnswerCache::queue_of(const Attached& attached) {
  return attached.is_kept ? kept_objects_ : fresh_objects_;
}

void AnswerCache::enqueue(Attached& attached) {
  ObjectQueue& queue = queue_of(attached);
  attached.newer = nullptr;
  attached.older = std::exchange(queue.newest, &attached);
  (attached.older == nullptr ? queue.oldest : attached.older->newer) = &attached;
  queue.bytes += attached.bytes;
  statistics_.bytes += attached.bytes;
  statistics_.object_bytes += attached.bytes;
}

void AnswerCache::dequeue(const Attached& attached) {
  ObjectQueue& queue = queue_of(attached);
  (attached.older == nullptr ? queue.oldest : attached.older->newer) = attached.newer;
  (attached.newer == nullptr ? queue.newest : attached.newer->older) = attached.older;
  queue.bytes -= attached.bytes;
  statistics_.bytes -= attached.bytes;
  statistics_.object_bytes -= attached.bytes;
}

// The newest stays: it is not the first to go, as one object takes no more than what all fresh ones may.
void AnswerCache::make_object_room() {
  size_t passed = 0;
  while (statistics_.object_bytes > objects_max()) {
    const bool from_fresh =
        kept_objects_.oldest == nullptr || fresh_objects_.bytes > objects_max() / kFreshObjectShare;
    Attached* const first = from_fresh ? fresh_objects_.oldest : kept_objects_.oldest;
    SLUICE_CHECK(first != nullptr);
    Attached& oldest = *first;
    if (oldest.was_found && passed < kPassedMax) {
      dequeue(oldest);
      oldest.was_found = false;
      forget(*slots_[oldest.slot], oldest);
      oldest.is_kept = true;
      enqueue(oldest);
      ++passed;
      ++statistics_.passed_over;
      continue;
    }
    ++statistics_.object_evictions;
    passed = 0;
    detach(*slots_[oldest.slot], oldest.object.type());
  }
}

}  // namespace sluice::dns
