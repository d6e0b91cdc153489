// What DKIM, DMARC and ARC found, counted for the metrics page. One shard's; summed by value.
#pragma once

#include "rules/evidence/evidence.h"

#include <array>
#include <cstddef>
#include <cstdint>

namespace sluice::pipeline {

struct AuthenticationCounters {
  uint64_t messages = 0;  // that were looked at
  uint64_t cut_off = 0;   // of these, not finished when the verdict was due
  // By result; the index is the enumerator.
  std::array<uint64_t, static_cast<size_t>(dkim::Result::PermError) + 1> dkim{};  // signatures
  std::array<uint64_t, static_cast<size_t>(dmarc::Result::PermError) + 1> dmarc{};
  std::array<uint64_t, static_cast<size_t>(arc::Result::TempError) + 1>
      arc{};                        // chains that were asked about
  uint64_t overrides = 0;           // DMARC failures that a trusted chain set aside
  uint64_t standards_differ = 0;    // `dmarc.mode = "both"`: the two results are not the same
  uint64_t signatures = 0;          // DKIM signatures that we made
  uint64_t seals = 0;               // ARC sets that we made
  uint64_t not_sealed = 0;          // messages that should have been: the chain is broken, undecided or full
  uint64_t signature_failures = 0;  // of either: the message went without

  void count(const evidence::Evidence& evidence);
  void add(const AuthenticationCounters& other);
};

}  // namespace sluice::pipeline
