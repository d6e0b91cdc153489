#include "io/reactor/uring_features.h"

#include <cstddef>
#include <memory>
#include <new>

#include <liburing.h>

namespace sluice::reactor {
namespace {

constexpr uint16_t kTrialGroup = 0xFFFF;

struct PageDelete {
  void operator()(void* page) const noexcept { ::operator delete(page, std::align_val_t{4096}); }
};

// The only way to find out is to register such a ring and take it away again.
bool try_incremental_buffers(io_uring& ring) {
  const std::unique_ptr<void, PageDelete> page(::operator new(4096, std::align_val_t{4096}));
  io_uring_buf_reg registration{};
  registration.ring_addr = reinterpret_cast<uint64_t>(page.get());
  registration.ring_entries = 8;
  registration.bgid = kTrialGroup;
  registration.pad = kUringBufferRingIncremental;  // `flags` in newer headers
  if (io_uring_register_buf_ring(&ring, &registration, 0) != 0) return false;
  io_uring_unregister_buf_ring(&ring, kTrialGroup);
  return true;
}

bool has_operation(io_uring& ring, uint8_t operation) {
  io_uring_probe* probe = io_uring_get_probe_ring(&ring);
  if (probe == nullptr) return false;
  const bool found = io_uring_opcode_supported(probe, operation) != 0;
  io_uring_free_probe(probe);
  return found;
}

}  // namespace

UringFeatures probe_uring_features(io_uring& ring) {
  UringFeatures features;
  features.bundle = (ring.features & kUringFeatureBundle) != 0;
  features.min_wait = (ring.features & kUringFeatureMinWait) != 0;
  features.incremental_buffers = try_incremental_buffers(ring);
  features.listen_operation = has_operation(ring, kUringOpListen);
  return features;
}

std::string UringFeatures::words() const {
  std::string words;
  const auto add = [&words](bool present, const char* word) {
    if (!present) return;
    if (!words.empty()) words += ' ';
    words += word;
  };
  add(bundle, "bundle");
  add(incremental_buffers, "incremental-buffers");
  add(min_wait, "min-wait");
  add(listen_operation, "listen-operation");
  return words;
}

}  // namespace sluice::reactor
