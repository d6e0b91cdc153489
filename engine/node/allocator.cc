#include "engine/node/allocator.h"

#include <cstddef>
#include <cstdint>

// jemalloc's, of jemalloc(3); absent where it is not linked.
extern "C" [[gnu::weak]] int mallctl(const char* name, void* old_value, size_t* old_size, void* new_value,
                                     size_t new_size) noexcept;

namespace sluice::node {
namespace {

uint64_t read_size(const char* name) {
  size_t value = 0;
  size_t size = sizeof value;
  return mallctl(name, &value, &size, nullptr, 0) == 0 ? value : 0;
}

}  // namespace

std::optional<AllocatorFigures> read_allocator_figures() {
  if (mallctl == nullptr) return std::nullopt;
  // The figures are of the last epoch.
  uint64_t epoch = 1;
  size_t size = sizeof epoch;
  if (mallctl("epoch", &epoch, &size, &epoch, sizeof epoch) != 0) return std::nullopt;
  AllocatorFigures figures;
  figures.allocated_octets = read_size("stats.allocated");
  figures.active_octets = read_size("stats.active");
  figures.resident_octets = read_size("stats.resident");
  return figures;
}

void return_unused_memory() {
  if (mallctl == nullptr) return;
  // 4096: all arenas (MALLCTL_ARENAS_ALL). A refusal only means that nothing goes back now.
  (void)mallctl("arena.4096.decay", nullptr, nullptr, nullptr, 0);
}

}  // namespace sluice::node
