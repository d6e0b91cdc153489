// Lease: how much one shard may use of something that the whole node shares, and Treasury: what is not
// leased.
//
//   node's total = treasury's rest + the leases of all shards
//   lease:  |.......used.......|....spare....|        over() when what is used has outgrown the lease
//
// A shard asks for more before it runs out and gives back what it does not need, in quanta, so that the
// message path only adds and compares. Memory is taken as a fact (octets that came have come) and may be over
// for a while; room on a disk is reserved before it is used. Pure arithmetic; one shard each.
#pragma once

#include "io/base/check.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace sluice::message {

class Lease {
 public:
  // Never above `ceiling`; `granted` from the start.
  Lease(uint64_t granted, uint64_t ceiling, uint64_t quantum)
      : granted_(granted), ceiling_(ceiling), quantum_(quantum) {}

  void take(uint64_t octets) { used_ += octets; }
  void give(uint64_t octets) {
    SLUICE_CHECK(octets <= used_);
    used_ -= octets;
  }
  uint64_t used() const { return used_; }
  uint64_t granted() const { return granted_; }
  bool over() const { return used_ > granted_; }
  uint64_t spare() const { return over() ? 0 : granted_ - used_; }

  // How much to ask for, so that `more` fits and half a quantum is spare: whole quanta, 0 when it fits, when
  // an answer is awaited, or at the ceiling.
  uint64_t to_ask(uint64_t more) const {
    if (asking_ || granted_ >= ceiling_) return 0;
    const uint64_t wanted = used_ + more + quantum_ / 2;
    if (wanted <= granted_) return 0;
    const uint64_t quanta = (wanted - granted_ + quantum_ - 1) / quantum_;
    return std::min(quanta * quantum_, ceiling_ - granted_);
  }
  void asked() { asking_ = true; }
  bool asking() const { return asking_; }
  void answered(uint64_t octets) {
    asking_ = false;
    denied_ = octets == 0;
    granted_ += octets;
  }
  // The last answer was no, and nothing has come since.
  bool denied() const { return denied_; }

  // What is not needed: beyond two spare quanta, all but one.
  uint64_t to_return() const {
    if (asking_ || spare() <= 2 * quantum_) return 0;
    return (spare() - quantum_) / quantum_ * quantum_;
  }
  void returned(uint64_t octets) {
    SLUICE_CHECK(octets <= spare());
    granted_ -= octets;
  }

 private:
  uint64_t used_ = 0;
  uint64_t granted_;
  uint64_t ceiling_;
  uint64_t quantum_;
  bool asking_ = false;
  bool denied_ = false;
};

class Treasury {
 public:
  explicit Treasury(uint64_t octets) : rest_(octets) {}
  // As much as there is, at most what is wanted.
  uint64_t grant(uint64_t wanted) {
    const uint64_t octets = std::min(wanted, rest_);
    rest_ -= octets;
    return octets;
  }
  void take_back(uint64_t octets) { rest_ += octets; }
  uint64_t rest() const { return rest_; }

 private:
  uint64_t rest_;
};

}  // namespace sluice::message
