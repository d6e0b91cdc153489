#include "engine/message/budget.h"

#include <algorithm>

namespace sluice::message {

using runtime::Task;
using runtime::Wake;

namespace {

constexpr ShardId kHome{0};
constexpr uint64_t kQuantumMin = 64ULL * 1024;
constexpr uint64_t kQuantumMax = 4ULL * 1024 * 1024;
// A shard has at most one question for each resource under way; the rest of the room is for what comes back.
constexpr size_t kMail = 64;
// While somebody waits here, whether another shard has given anything back.
constexpr std::chrono::milliseconds kAskAgain{100};
// One that is woken brings at least one more receive before it looks again.
constexpr uint64_t kWakeShare = 64ULL * 1024;

}  // namespace

NodeBudget::NodeBudget(const BudgetTotals& totals, reactor::ShardDirectory shards)
    : totals_(totals), shards_(shards.size()), mail_(std::move(shards), kMail) {}

uint64_t NodeBudget::total(Resource resource) const {
  return resource == Resource::Memory ? totals_.memory : totals_.disk;
}

uint64_t NodeBudget::quantum(Resource resource) const {
  return std::clamp(total(resource) / (8 * shards_), kQuantumMin, kQuantumMax);
}

// So that the first messages need not ask.
uint64_t NodeBudget::first_grant(Resource resource) const {
  const uint64_t share = std::min(quantum(resource), total(resource) / (2 * shards_));
  return resource == Resource::Memory ? std::min(share, totals_.shard_memory) : share;
}

ShardBudget::ShardBudget(Shard& shard, const BudgetTotals& totals)
    : shard_(shard),
      leases_{Lease(std::min(totals.memory, totals.shard_memory),
                    std::min(totals.memory, totals.shard_memory), kQuantumMin),
              Lease(totals.disk, totals.disk, kQuantumMin)},
      node_memory_(totals.memory) {}

ShardBudget::ShardBudget(Shard& shard, NodeBudget& node)
    : shard_(shard),
      node_(&node),
      leases_{
          Lease(node.first_grant(Resource::Memory),
                std::min(node.totals().memory, node.totals().shard_memory), node.quantum(Resource::Memory)),
          Lease(node.first_grant(Resource::Disk), node.totals().disk, node.quantum(Resource::Disk))},
      node_memory_(node.totals().memory) {
  if (shard.id() == kHome) {
    const auto rest = [&node](Resource resource) {
      return Treasury(node.total(resource) - node.shards() * node.first_grant(resource));
    };
    treasuries_.emplace(std::array{rest(Resource::Memory), rest(Resource::Disk)});
  }
  node.mail().open(shard, *this);
}

ShardBudget::~ShardBudget() {
  SLUICE_CHECK(waiting_.empty() && reserving_.empty());
  if (node_ != nullptr) node_->mail().close(shard_);
}

// --- here ---

void ShardBudget::give(Resource resource, uint64_t octets) {
  lease_of(resource).give(octets);
  if (resource == Resource::Memory && !waiting_.empty()) wake_some();
  if (node_ != nullptr) return_surplus(resource);
}

// In their order, and no more than there is room for, or all would fall upon what a single one gave back.
void ShardBudget::wake_some() {
  if (over_memory()) return;
  for (uint64_t share = 0; !waiting_.empty() && share <= leases_[0].spare(); share += kWakeShare) {
    waiting_.front()->signal.notify();
    waiting_.pop_front();
  }
}

Task<bool> ShardBudget::wait_for_memory(Shard& shard, Waiter& waiter, MonoTime deadline) {
  bool in_time = true;
  for (bool first = true; over_memory() && in_time && !waiter.canceled; first = false) {
    // Who was woken and came too late keeps its place.
    if (first) {
      waiting_.push_back(&waiter);
    } else {
      waiting_.push_front(&waiter);
    }
    if (node_ != nullptr && !armed()) shard.timers().arm(*this, shard.now() + kAskAgain);
    const Wake wake = co_await waiter.signal.wait_until(shard, deadline);
    in_time = wake != Wake::TimedOut;
    std::erase(waiting_, &waiter);
  }
  co_return !waiter.canceled && !over_memory();
}

Task<bool> ShardBudget::reserve_disk(Shard& shard, uint64_t octets, MonoTime deadline) {
  Lease& lease = lease_of(Resource::Disk);
  for (bool in_time = true; lease.spare() < octets;) {
    if (!in_time || node_ == nullptr) co_return false;
    ask(Resource::Disk, octets);
    if (lease.spare() >= octets) break;
    if (!lease.asking()) co_return false;  // at the ceiling, or shard 0 has nothing left
    runtime::Signal answered;
    reserving_.push_back(&answered);
    const Wake wake = co_await answered.wait_until(shard, deadline);
    std::erase(reserving_, &answered);
    in_time = wake != Wake::TimedOut && !lease.denied();
  }
  lease.take(octets);
  co_return true;
}

// --- with the others ---

void ShardBudget::ask(Resource resource, uint64_t more) {
  Lease& lease = lease_of(resource);
  const uint64_t octets = lease.to_ask(more);
  if (node_ == nullptr || octets == 0) return;
  if (treasuries_) {
    take_answer(resource, treasury_of(resource).grant(octets));
    return;
  }
  BudgetMail message{BudgetMail::Kind::Ask, resource, octets};
  // Full only while shard 0 does not turn at all; the next octets ask again.
  if (node_->mail().post(shard_, kHome, std::move(message))) lease.asked();
}

void ShardBudget::take_answer(Resource resource, uint64_t octets) {
  lease_of(resource).answered(octets);
  if (resource == Resource::Memory) {
    wake_some();
  } else {
    for (runtime::Signal* waiting : reserving_) waiting->notify();
  }
}

void ShardBudget::return_surplus(Resource resource) {
  Lease& lease = lease_of(resource);
  const uint64_t octets = lease.to_return();
  if (octets == 0) return;
  if (treasuries_) {
    treasury_of(resource).take_back(octets);
  } else {
    BudgetMail message{BudgetMail::Kind::Return, resource, octets};
    if (!node_->mail().post(shard_, kHome, std::move(message))) return;  // with the next one
  }
  lease.returned(octets);
}

void ShardBudget::on_mail(ShardId from, BudgetMail message) {
  switch (message.kind) {
    case BudgetMail::Kind::Ask: {
      BudgetMail answer{BudgetMail::Kind::Answer, message.resource,
                        treasury_of(message.resource).grant(message.octets)};
      const bool posted = node_->mail().post(shard_, from, std::move(answer));
      SLUICE_CHECK(posted);  // one for each question, of which there is one at a time
      return;
    }
    case BudgetMail::Kind::Answer:
      take_answer(message.resource, message.octets);
      return;
    case BudgetMail::Kind::Return:
      treasury_of(message.resource).take_back(message.octets);
      return;
  }
}

void ShardBudget::on_timer() {
  if (waiting_.empty()) return;
  ask(Resource::Memory, 0);
  if (!waiting_.empty()) shard_.timers().arm(*this, shard_.now() + kAskAgain);
}

}  // namespace sluice::message
