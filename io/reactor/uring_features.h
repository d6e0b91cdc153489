// What the running kernel's io_uring has beyond 6.1, found by asking it and never by the version or at
// compile time. The one place for constants that the installed liburing does not know. Private to the uring
// back end.
#pragma once

#include <cstdint>
#include <string>

struct io_uring;  // NOLINT(readability-identifier-naming): the library's

namespace sluice::reactor {

// Linux 6.10: one completion of a receive covers several buffers of the ring.
inline constexpr uint32_t kUringFeatureBundle = 1U << 14;  // in io_uring_params.features
inline constexpr uint16_t kUringReceiveBundle = 1U << 4;   // in the submission's ioprio
// Linux 6.12: a wait can be told how long to gather completions.
inline constexpr uint32_t kUringFeatureMinWait = 1U << 15;
// Linux 6.12: a buffer of the ring is used up piece by piece.
inline constexpr uint16_t kUringBufferRingIncremental = 1U << 1;  // in the registration's flags
// Linux 6.11: bind and listen as operations.
inline constexpr uint8_t kUringOpListen = 57;

struct UringFeatures {
  bool bundle = false;
  // Found and reported; not used so far.
  bool incremental_buffers = false;
  bool min_wait = false;
  bool listen_operation = false;

  std::string words() const;  // for Capabilities
};

// Asks the kernel through an open ring.
UringFeatures probe_uring_features(io_uring& ring);

}  // namespace sluice::reactor
