// What hangs on the entries of AnswerCache.
#include "dnscache/cache/cache_entry.h"

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
  if (entry == nullptr || made->bytes > settings_.bytes_max / kShareMax) return false;
  if (std::ranges::any_of(uses, [this](EntryId used) { return entry_of(used) == nullptr; })) return false;
  for (const EntryId used : uses) {
    Entry& below = *entry_of(used);
    below.is_watched = below.is_held = true;
  }
  made->verified_at = watched_changes_;
  made->valid_until = shortest(*made);
  detach(*entry, made->object.type());
  charge(*entry, made->bytes);
  made->next = std::move(entry->attached);
  entry->attached = std::move(made);
  // It is worth its room only when it stays as long as what it was made from.
  if (entry->uses == 0) entry->uses = 1;
  make_room(0, MonoTime::min());  // nothing is taken for too old here
  return entry_of(id) != nullptr;
}

void AnswerCache::detach(Entry& entry, Attachment::Type type) {
  for (std::unique_ptr<Attached>* at = &entry.attached; *at != nullptr; at = &(*at)->next) {
    if ((*at)->object.type() != type) continue;
    release(entry, (*at)->bytes);
    *at = std::move((*at)->next);
    return;
  }
}

void* AnswerCache::find_attached(EntryId id, Attachment::Type type, MonoTime now) {
  Entry* entry = entry_of(id);
  if (entry == nullptr || now >= entry->expires) return nullptr;
  for (Attached* each = entry->attached.get(); each != nullptr; each = each->next.get()) {
    if (each->object.type() != type) continue;
    const bool is_known_good = each->verified_at == watched_changes_ && now < each->valid_until;
    if (is_known_good || verify(*each, now)) return each->object.object();
    detach(*entry, type);
    return nullptr;
  }
  return nullptr;
}

MonoTime AnswerCache::shortest(const Attached& attached) const {
  MonoTime shortest = kNever;
  for (const EntryId used : attached.uses) {
    const Entry* below = entry_of(used);
    if (below == nullptr) return MonoTime::min();
    shortest = std::min(shortest, below->expires);
  }
  return shortest;
}

// Whether all that it was made from is still the same and within its time, which may have begun anew.
bool AnswerCache::verify(Attached& attached, MonoTime now) const {
  attached.verified_at = watched_changes_;
  attached.valid_until = shortest(attached);
  return now < attached.valid_until;
}

}  // namespace sluice::dns
