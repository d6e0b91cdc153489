// AnswerCache: answers kept for their time, positive and negative (RFC 2308), within a memory budget, and
// served after it when no server answers (RFC 8767, W-35). Per shard; the time is passed in.
//
// An answer may carry objects of its users, one of each type (a compiled SPF program, a parsed key). Such an
// object is found exactly as long as its answer and every answer that it was made from are the very same and
// within their time. Every answer that is put gets a new generation, so that an EntryId kept across awaits
// finds either the very same answer or nothing. The same answer put again only begins its time anew: it keeps
// its generation, and what was made from it stays.
//
// Over the budget it evicts. What was never asked for again since it came goes first and takes a tenth of the
// budget at most, so that a flood of new names pushes out only itself; the rest goes round under a CLOCK
// hand, a bounded number of steps for each eviction. What a used object was made from counts as used. Objects
// can be made again without the network: they have a quarter of the budget to themselves, and push out only
// one another, those first that nobody has found since they came. What is too large is not kept. Names are
// compared in full; the hash is keyed. Nothing here fails.
#pragma once

#include "dnscache/cache/attachment.h"
#include "dnscache/question/question.h"
#include "io/base/clock.h"
#include "io/base/large_pages.h"
#include "io/base/limits.h"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace sluice::dns {

struct CacheSettings {
  size_t bytes_max = 64 * 1024 * 1024;  // ours: about 100,000 short answers, and 16 MiB of objects
  std::chrono::seconds ttl_min{0};      // floor for answers that may be kept at all
  std::chrono::seconds ttl_max = limits::kDnsTtlMax;
  std::chrono::seconds negative_ttl_max = limits::kDnsNegativeTtlMax;
  std::chrono::seconds serve_stale = limits::kDnsServeStale;
  std::chrono::seconds failure_ttl = limits::kDnsFailureTtl;
  // An answer that is in use is due to be asked for anew in this last part of its time; 0: never.
  unsigned refresh_percent = limits::kDnsRefreshPercent;
  PageKind pages = PageKind::Ordinary;  // of what look-ups read
};

struct CacheStatistics {
  uint64_t hits = 0;
  uint64_t negative_hits = 0;  // of the hits, those without records
  uint64_t stale_hits = 0;
  uint64_t misses = 0;
  uint64_t puts = 0;
  uint64_t renewals = 0;          // of the puts, those that found the same answer
  uint64_t refreshes = 0;         // hits that were told to be due
  uint64_t evictions = 0;         // before their time, for want of room
  uint64_t passed_over = 0;       // answers and objects that were looked at for eviction and stayed
  uint64_t object_evictions = 0;  // objects whose answer stayed
  size_t entries = 0;
  size_t bytes = 0;         // estimated, allocations included
  size_t object_bytes = 0;  // of these, of objects
};

class AnswerCache {
  struct Attached;
  struct Entry;
  struct FreeEntry {
    void operator()(Entry* entry) const;
  };
  using EntryOwner = std::unique_ptr<Entry, FreeEntry>;

 public:
  struct EntryId {
    uint32_t slot = 0;
    uint32_t generation = 0;  // never 0 for a kept answer
    friend bool operator==(const EntryId&, const EntryId&) = default;
  };
  struct Hit {
    // Valid until the next put, attach, erase or clear; finding does not move answers.
    const Answer* answer = nullptr;
    EntryId id;
    std::chrono::seconds left{0};  // whole seconds to its end, 0 when stale
    bool stale = false;            // answer->stale says the same
    bool refresh_due = false;      // told once for each put: asking anew now spares someone a wait later
    Entry* entry = nullptr;        // for attached()
  };

  AnswerCache(const CacheSettings& settings, uint64_t hash_seed);
  ~AnswerCache();
  AnswerCache(const AnswerCache&) = delete;
  AnswerCache& operator=(const AnswerCache&) = delete;

  // An answer within its time; or a stale one while asking anew failed less than failure_ttl ago. A failure
  // (ServFail, Timeout) that was put is found for failure_ttl.
  std::optional<Hit> find(const DnsName& name, RecordType type, MonoTime now);
  std::optional<Hit> find(const Question& question, MonoTime now) {
    return find(question.name, question.type, now);
  }
  // Also one that ended at most serve_stale ago; only records and absences, never a failure.
  std::optional<Hit> find_or_stale(const Question& question, MonoTime now);

  // Keeps the answer with its ttl brought within the bounds and returns where. Null when it may not be kept:
  // a ttl of 0 (with ttl_min 0), OverBudget, a stale answer, or one too large. A failure does not displace an
  // answer that can still be served stale, but lets find() serve that one (RFC 8767 section 5).
  // An answer that is not kept is left as it was. One without time says all the same that what was known is
  // over, and has it forgotten.
  std::optional<Hit> put(const Question& question, Answer&& answer, MonoTime now);
  std::optional<Hit> put(const Question& question, const Answer& answer, MonoTime now) {
    return put(question, Answer(answer), now);
  }

  // What find_or_stale() would give, for an operator: not counted as a use. Its answer->stale may lag behind.
  std::optional<Hit> peek(const Question& question, MonoTime now) const;
  // The answer as put, or null once it was replaced, evicted or erased, in time or not.
  const Answer* find(EntryId id) const;
  // Replaces the object of this type. `bytes` is what it adds to the budget; `uses` are the further answers
  // that it was made from. False when an entry is gone or the object is too large; it is then destroyed. It
  // does not count as a use of any answer; that the object is found later does.
  template <class T>
  bool attach(EntryId id, std::unique_ptr<T> object, size_t bytes, std::span<const EntryId> uses = {}) {
    return attach(id, Attachment(std::move(object)), bytes, uses);
  }
  // Null when there is none of this type, and when its own answer or one that it was made from was replaced,
  // evicted, erased or is past its time. Valid until the next put, attach, erase or clear.
  template <class T>
  T* attached(EntryId id, MonoTime now) {
    return static_cast<T*>(find_object(entry_of(id), Attachment::type_of<T>(), now));
  }
  // The same of a hit that is still valid, without a second look-up.
  template <class T>
  T* attached(const Hit& hit, MonoTime now) {
    return static_cast<T*>(find_object(hit.entry, Attachment::type_of<T>(), now));
  }

  // The view of an object whose type has one (attachment.h): the same, and faster.
  template <class T>
  const typename T::View* attached_view(const Hit& hit, MonoTime now) {
    return static_cast<const typename T::View*>(find_view(*hit.entry, Attachment::type_of<T>(), now));
  }

  // Answers that are due to be asked for anew because an object that was found was made from them, each told
  // once for each put. The caller takes them.
  bool has_due() const { return !due_.empty(); }
  std::vector<Question> take_due() { return std::exchange(due_, {}); }

  bool erase(const Question& question);
  void clear();
  // For what each look-up reads of an attached object; that must be freed with the object.
  const LargePages& memory() const { return memory_; }
  CacheStatistics statistics() const;

 private:
  // Open addressing by linear probing over these, four in a cache line; the hash tells nearly all entries
  // apart, so that a look-up goes to one entry or none. Free without an entry; at most half are in use.
  struct Bucket {
    uint32_t hash = 0;
    uint32_t slot = 0;
    Entry* entry = nullptr;
  };
  static constexpr uint32_t kNoSlot = UINT32_MAX;
  // Entries in the order in which they came or were last passed over, linked by slots.
  struct Queue {
    uint32_t oldest = kNoSlot;
    uint32_t newest = kNoSlot;
    size_t bytes = 0;
  };
  // Objects in the order in which they came or were last passed over.
  struct ObjectQueue {
    Attached* oldest = nullptr;
    Attached* newest = nullptr;
    size_t bytes = 0;
  };
  static constexpr size_t kShareMax = 4;     // ours: one answer takes at most this part of the budget
  static constexpr size_t kObjectShare = 4;  // ours: all objects; a program takes about 2 KB, so some 8,000
  static constexpr size_t kFreshObjectShare = 4;  // ours: of these, objects that nobody has found yet
  static constexpr size_t kPassedMax = 32;        // ours: passed over for one eviction; bounds its time
  static constexpr size_t kDueMax = 256;  // ours: told and not taken; later ones are told later or not

  uint32_t hash(const DnsName& name, RecordType type) const;
  size_t locate(const DnsName& name, RecordType type, uint32_t hash) const;
  std::optional<Hit> look_up(const Bucket& bucket, MonoTime now, bool usable);
  Hit hit(const Bucket& bucket, MonoTime now);
  MonoTime gone(const Entry& entry) const;
  std::optional<std::chrono::seconds> time_to_keep(const Answer& answer) const;
  void begin_time(Entry& entry, std::chrono::seconds time, MonoTime now);
  Hit add(EntryOwner entry, MonoTime now);

  // --- answer_cache_room.cc ---
  void grow_table();
  void unlink_bucket(size_t bucket);
  size_t bucket_of(const Entry& entry) const;
  Queue& queue_of(const Entry& entry);
  void enqueue(uint32_t slot);
  void dequeue(uint32_t slot);
  void charge(const Entry& entry, size_t bytes);
  void release(const Entry& entry, size_t bytes);
  void remove(size_t bucket);
  void make_room(size_t bytes, MonoTime now);
  bool passes_over(uint32_t slot);
  void hold_used(const Attached& attached);
  uint32_t next_to_go(size_t bytes, MonoTime now) const;
  void keep(uint32_t slot);

  // --- answer_cache_attachments.cc ---
  Entry* entry_of(EntryId id) const;
  bool attach(EntryId id, Attachment attachment, size_t bytes, std::span<const EntryId> uses);
  Attached* find_attached(Entry* entry, Attachment::Type type, MonoTime now);
  void* find_object(Entry* entry, Attachment::Type type, MonoTime now);
  const void* find_view(Entry& entry, Attachment::Type type, MonoTime now);
  static void forget(Entry& entry, const Attached& attached);
  bool verify(Attached& attached, MonoTime now);
  void detach(Entry& entry, Attachment::Type type);
  size_t objects_max() const { return settings_.bytes_max / kObjectShare; }
  ObjectQueue& queue_of(const Attached& attached);
  void enqueue(Attached& attached);
  void dequeue(const Attached& attached);
  void make_object_room();

  CacheSettings settings_;
  uint64_t seed_;
  LargePages memory_;  // of the entries
  std::vector<Bucket> buckets_;
  std::vector<EntryOwner> slots_;
  std::vector<uint32_t> free_slots_;
  Queue fresh_;                // not asked for again since they came
  Queue kept_;                 // and the others
  ObjectQueue fresh_objects_;  // not found since they came
  ObjectQueue kept_objects_;
  std::vector<Question> due_;
  uint32_t next_generation_ = 1;
  uint64_t watched_changes_ = 0;  // how often what others were made from went, was replaced, or lost time
  CacheStatistics statistics_;
};

}  // namespace sluice::dns
