// ShardBudget: one shard's account of what message bodies hold: memory (the capacity of their buffers, not
// their octets) and room in spill files. Shard 0 keeps the node's treasury; the others ask it by mail, ahead
// of need, so that the message path touches nothing but the shard's own counters.
//
//   memory   take() what has come; over_memory(): spill, else wait_for_memory() (FIFO, with a deadline), else
//            refuse
//   disk     reserve_disk() before writing: false when the node's is used up
//
// One shard. The NodeBudget is made before the shards run and outlives them; without one (a node of one
// shard) the whole budget is this shard's.
#pragma once

#include "engine/message/lease.h"
#include "io/base/limits.h"
#include "io/reactor/mail.h"
#include "io/reactor/shard.h"
#include "io/runtime/signal.h"
#include "io/runtime/task.h"
#include "io/runtime/timer_wheel.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>

namespace sluice::message {

using reactor::Shard;

struct BudgetTotals {
  uint64_t memory = limits::kNodeBodies;         // of the node
  uint64_t shard_memory = limits::kShardBodies;  // of it, at most in one shard
  uint64_t disk = limits::kSpillDisk;            // of the node
};

enum class Resource : uint8_t { Memory, Disk };
inline constexpr size_t kResources = 2;

struct BudgetMail {
  enum class Kind : uint8_t { Ask, Answer, Return };
  Kind kind = Kind::Ask;
  Resource resource = Resource::Memory;
  uint64_t octets = 0;
};

// What the shards share: the mail, and how the node's budget is divided at the start. Immutable.
class NodeBudget {
 public:
  NodeBudget(const BudgetTotals& totals, reactor::ShardDirectory shards);
  size_t shards() const { return shards_; }
  const BudgetTotals& totals() const { return totals_; }
  uint64_t total(Resource resource) const;
  uint64_t quantum(Resource resource) const;
  uint64_t first_grant(Resource resource) const;
  reactor::Mail<BudgetMail>& mail() { return mail_; }

 private:
  BudgetTotals totals_;
  size_t shards_;
  reactor::Mail<BudgetMail> mail_;
};

class ShardBudget final : private reactor::MailHandler<BudgetMail>, private runtime::Timer {
 public:
  // A node of one shard.
  ShardBudget(Shard& shard, const BudgetTotals& totals);
  ShardBudget(Shard& shard, NodeBudget& node);
  ~ShardBudget();
  ShardBudget(const ShardBudget&) = delete;
  ShardBudget& operator=(const ShardBudget&) = delete;

  void take_memory(uint64_t octets) {
    Lease& lease = leases_[0];
    lease.take(octets);
    if (lease.to_ask(0) != 0) ask(Resource::Memory, 0);
  }
  void give_memory(uint64_t octets) { give(Resource::Memory, octets); }
  bool over_memory() const { return leases_[0].over(); }
  // The shard is over, and it is the node that has no more: nothing new should begin.
  bool node_exhausted() const {
    const Lease& lease = leases_[0];
    return lease.over() && (lease.granted() >= node_memory_ || lease.denied());
  }

  // One that waits. Outlives the wait.
  struct Waiter {
    runtime::Signal signal;
    bool canceled = false;
    // Ends the wait with false, and those to come.
    void cancel() {
      canceled = true;
      signal.notify();
    }
  };
  // True when the shard is not over any more and it is this one's turn; false at the deadline or when
  // canceled.
  runtime::Task<bool> wait_for_memory(Shard& shard, Waiter& waiter, MonoTime deadline);
  // False when the node's is used up, or nothing is known of it by the deadline.
  runtime::Task<bool> reserve_disk(Shard& shard, uint64_t octets, MonoTime deadline);
  void give_disk(uint64_t octets) { give(Resource::Disk, octets); }

  const Lease& memory() const { return leases_[0]; }
  const Lease& disk() const { return leases_[1]; }
  size_t waiting() const { return waiting_.size(); }

 private:
  Lease& lease_of(Resource resource) { return leases_[static_cast<size_t>(resource)]; }
  Treasury& treasury_of(Resource resource) { return (*treasuries_)[static_cast<size_t>(resource)]; }
  void give(Resource resource, uint64_t octets);
  void ask(Resource resource, uint64_t more);
  void answer(ShardId asker, Resource resource, uint64_t wanted);
  void take_answer(Resource resource, uint64_t octets);
  void return_surplus(Resource resource);
  void wake_some();
  void on_mail(ShardId from, BudgetMail message) override;
  void on_timer() override;

  Shard& shard_;
  NodeBudget* node_ = nullptr;
  std::array<Lease, kResources> leases_;
  uint64_t node_memory_;
  std::optional<std::array<Treasury, kResources>> treasuries_;  // on shard 0 of several
  std::deque<Waiter*> waiting_;                                 // for memory, the oldest first
  std::deque<runtime::Signal*> reserving_;                      // disk
};

}  // namespace sluice::message
