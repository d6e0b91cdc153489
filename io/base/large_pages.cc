#include "io/base/large_pages.h"

#include "io/base/check.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <memory>
#include <new>

#include <jemalloc/jemalloc.h>
#include <sys/mman.h>

// Absent where jemalloc is not linked.
#pragma weak mallctl
#pragma weak mallocx
#pragma weak dallocx

namespace sluice {
namespace {

constexpr size_t kLargePage = 2UL * 1024 * 1024;

// Of jemalloc(3).
std::array<char, 40> name_of(unsigned arena, const char* what) {
  std::array<char, 40> name{};
  const int length = std::snprintf(name.data(), name.size(), "arena.%u.%s", arena, what);
  SLUICE_CHECK(length > 0 && static_cast<size_t>(length) < name.size());
  return name;
}

}  // namespace

// What the arena does with the kernel's memory. jemalloc hands the address of the base to each hook.
struct LargePages::Hooks : extent_hooks_t {
  explicit Hooks(const extent_hooks_t& before) : extent_hooks_t(before), take_from_kernel(before.alloc) {
    alloc = &take_large;
  }
  // jemalloc asks for more at a time the more the arena holds, from one large page on.
  static void* take_large(extent_hooks_t* hooks, void* at, size_t octets, size_t alignment, bool* zero,
                          bool* commit, unsigned arena) {
    const size_t wanted = octets >= kLargePage ? std::max(alignment, kLargePage) : alignment;
    void* taken =
        static_cast<Hooks*>(hooks)->take_from_kernel(hooks, at, octets, wanted, zero, commit, arena);
    // A refusal means ordinary pages.
    if (taken != nullptr) (void)madvise(taken, octets, MADV_HUGEPAGE);
    return taken;
  }
  extent_alloc_t* take_from_kernel;  // jemalloc's own
};

LargePages::LargePages(PageKind kind) {
  if (kind == PageKind::Ordinary || mallctl == nullptr) return;
  unsigned arena = kNone;
  size_t size = sizeof arena;
  if (mallctl("arenas.create", &arena, &size, nullptr, 0) != 0) return;
  arena_ = arena;
  const std::array<char, 40> name = name_of(arena, "extent_hooks");
  const extent_hooks_t* before = nullptr;
  size = sizeof before;
  if (mallctl(name.data(), &before, &size, nullptr, 0) != 0) return;
  hooks_ = std::make_unique<Hooks>(*before);
  extent_hooks_t* now = hooks_.get();
  const int refused = mallctl(name.data(), nullptr, nullptr, &now, sizeof now);
  SLUICE_CHECK(refused == 0);
}

LargePages::~LargePages() {
  if (arena_ == kNone) return;
  const int refused = mallctl(name_of(arena_, "destroy").data(), nullptr, nullptr, nullptr, 0);
  SLUICE_CHECK(refused == 0);
}

void* LargePages::allocate(size_t octets, size_t alignment) const {
  if (mallocx == nullptr) return ::operator new(octets, std::align_val_t{alignment});
  int flags = static_cast<int>(MALLOCX_ALIGN(alignment));
  if (arena_ != kNone) flags |= static_cast<int>(MALLOCX_ARENA(arena_)) | MALLOCX_TCACHE_NONE;
  void* memory = mallocx(octets, flags);
  SLUICE_CHECK(memory != nullptr);
  return memory;
}

void LargePages::free(void* memory, size_t alignment) {
  if (dallocx == nullptr) return ::operator delete(memory, std::align_val_t{alignment});
  dallocx(memory, MALLOCX_TCACHE_NONE);
}

}  // namespace sluice
