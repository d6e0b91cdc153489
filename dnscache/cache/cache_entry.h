// The entries of AnswerCache, for its own sources only. A look-up touches the first 64 octets of an entry:
// all that decides whether it is the one and still good, and the name where it is short. Finding what hangs
// on it touches the next 64, which processors fetch along with them.
//
//   0        8         16          20    24   28    30    31     32                              64
//   | expires | attached | generation | hash | due | type | size | marks | name, its first octets |
//   | last found: type, view, verify_next, verified_at | answer | and what only changes look at   | 128
#pragma once

#include "dnscache/cache/answer_cache.h"

#include <array>
#include <cstring>

namespace sluice::dns {

// An object that hangs on an entry. They form a list.
struct AnswerCache::Attached {
  Attachment object;
  MonoTime verify_next;      // until then they are in time and none is due, as when it was last looked at
  uint64_t verified_at = 0;  // as watched_changes_ then was
  std::unique_ptr<Attached> next;
  uint32_t slot = 0;       // of its entry
  bool was_found = false;  // since the hand passed
  bool is_kept = false;    // which queue it is in
  size_t bytes = 0;

  std::vector<EntryId> uses;
  Attached* older = nullptr;  // in its ObjectQueue
  Attached* newer = nullptr;
};

struct alignas(128) AnswerCache::Entry {
  // The object that was found last, where it has a view: as Attached says. Forgotten when that one goes or is
  // no longer marked as found.
  struct Last {
    Attachment::Type type = nullptr;
    const void* view = nullptr;
    MonoTime verify_next;
    uint64_t verified_at = 0;
  };
  static constexpr size_t kInline = DnsName::kPadded;
  static constexpr unsigned kUsesMax = 3;

  Entry(const Question& question, uint32_t question_hash)
      : hash(question_hash), type(question.type), name_size(static_cast<uint8_t>(question.name.wire_size())) {
    const std::string_view wire = question.name.wire();
    wire.copy(name.data(), kInline);
    if (wire.size() <= kInline) return;
    long_name = std::make_unique_for_overwrite<char[]>(wire.size());
    wire.copy(long_name.get(), wire.size());
  }
  ~Entry() {
    // One after the other: a list would end itself by recursion.
    while (attached != nullptr) attached = std::move(attached->next);
  }
  Entry(const Entry&) = delete;
  Entry& operator=(const Entry&) = delete;

  std::string_view wire() const { return {name_size <= kInline ? name.data() : long_name.get(), name_size}; }
  bool is_of(const DnsName& asked, RecordType asked_type) const {
    if (type != asked_type) return false;
    return name_size <= kInline ? asked.has_padded_wire(name.data(), name_size) : asked.has_wire(wire());
  }

  size_t bytes() const;  // that it takes, without its objects

  MonoTime expires;
  std::unique_ptr<Attached> attached;
  uint32_t generation = 0;
  uint32_t hash;
  uint32_t due_below = 0;  // seconds left; 0 also once it was told
  RecordType type;
  uint8_t name_size;
  uint8_t uses : 2 = 0;            // since the hand passed, at most kUsesMax
  bool was_used : 1 = false;       // since its time began
  bool is_held : 1 = false;        // by something used that was made from it, since the hand passed
  bool is_watched : 1 = false;     // something was made from it
  bool is_negative : 1 = false;    // without records
  bool is_told_stale : 1 = false;  // as answer.stale
  bool is_kept : 1 = false;        // which queue it is in
  std::array<char, kInline> name{};

  Last last;
  std::unique_ptr<Answer> answer = std::make_unique<Answer>();
  MonoTime refresh_not_before;  // stale, and asking anew failed: served without asking until then
  uint32_t older = kNoSlot;
  uint32_t newer = kNoSlot;
  std::unique_ptr<char[]> long_name;  // all of it
};

}  // namespace sluice::dns
