// allocation-counter: a library to be loaded before a program (LD_PRELOAD) that counts its heap allocations
// by the place in the code that asked for them. bench/allocations.py reads the counts while the program runs.
//
// SLUICE_ALLOCATIONS names a file, which becomes a table shared with whoever reads it: kSites entries of
// Site, the last one for what found no place. Counted: every `operator new`, malloc, calloc and realloc; what
// one of them does inside another counts once. Not for builds with sanitizers, which have an allocator of
// their own.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <new>

#include <dlfcn.h>
#include <execinfo.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

namespace {

constexpr size_t kFrames = 29;
constexpr size_t kSites = 1 << 14;

struct Site {
  uint64_t key;  // of the frames; 0: free
  uint64_t count;
  uint64_t octets;
  void* frames[kFrames];  // return addresses, the innermost first
};
static_assert(sizeof(Site) == 256);

Site* table = nullptr;
thread_local bool inside = false;  // of our own counting

void count(size_t octets) {
  if (table == nullptr || inside) return;
  inside = true;
  void* frames[kFrames + 2] = {};
  const int found = backtrace(frames, kFrames + 2);
  uint64_t key = 1;
  for (int i = 2; i < found; ++i)
    key = (key ^ reinterpret_cast<uintptr_t>(frames[i])) * 0x9E3779B97F4A7C15ULL;
  key |= 1;
  size_t at = key >> 50;
  for (size_t tries = 0; tries < 64; ++tries, at = (at + 1) % (kSites - 1)) {
    uint64_t there = 0;
    if (__atomic_compare_exchange_n(&table[at].key, &there, key, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
      std::memcpy(table[at].frames, frames + 2, sizeof table[at].frames);
      there = key;
    }
    if (there == key) break;
    if (tries == 63) at = kSites - 2;
  }
  __atomic_fetch_add(&table[at].count, 1, __ATOMIC_RELAXED);
  __atomic_fetch_add(&table[at].octets, octets, __ATOMIC_RELAXED);
  inside = false;
}

template <class Function>
Function* next(const char* name) {
  return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
}

// What dlsym() asks for before it has found the functions that would serve it. Never given back.
alignas(16) char early[1 << 14];
size_t early_used = 0;

bool is_early(const void* block) {
  const auto at = reinterpret_cast<uintptr_t>(block);
  const auto begin = reinterpret_cast<uintptr_t>(early);
  return at >= begin && at < begin + sizeof early;
}

void* early_block(size_t octets) {
  const size_t rounded = (octets + 15) & ~size_t{15};
  if (rounded > sizeof early - early_used) abort();
  return early + (early_used += rounded) - rounded;
}

struct Next {
  decltype(&std::malloc) malloc;
  decltype(&std::calloc) calloc;
  decltype(&std::realloc) realloc;
  decltype(&std::free) free;
};
Next found{};
bool finding = false;

bool ready() {
  if (found.free != nullptr) return true;
  if (finding) return false;
  finding = true;
  found.malloc = next<decltype(std::malloc)>("malloc");
  found.calloc = next<decltype(std::calloc)>("calloc");
  found.realloc = next<decltype(std::realloc)>("realloc");
  found.free = next<decltype(std::free)>("free");
  finding = false;
  return true;
}

[[gnu::constructor]] void open_table() {
  (void)ready();
  const char* path = std::getenv("SLUICE_ALLOCATIONS");
  if (path == nullptr) return;
  void* warm[1];
  (void)backtrace(warm, 1);  // loads the unwinder
  const int file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (file < 0 || ftruncate(file, kSites * sizeof(Site)) != 0) abort();
  void* mapped = mmap(nullptr, kSites * sizeof(Site), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  if (mapped == MAP_FAILED) abort();
  close(file);
  table = static_cast<Site*>(mapped);
}

void* new_block(size_t octets, size_t alignment = 0) {
  count(octets);
  (void)ready();
  void* block = alignment > alignof(std::max_align_t)
                    ? aligned_alloc(alignment, (octets + alignment - 1) / alignment * alignment)
                    : found.malloc(octets);
  if (block == nullptr) abort();
  return block;
}

}  // namespace

extern "C" {

void* malloc(size_t octets) {
  if (!ready()) return early_block(octets);
  count(octets);
  return found.malloc(octets);
}

void* calloc(size_t items, size_t octets) {
  if (!ready()) return early_block(items * octets);  // zero: never used before
  count(items * octets);
  return found.calloc(items, octets);
}

void* realloc(void* block, size_t octets) {
  if (!ready() || is_early(block)) {
    void* moved = malloc(octets);
    if (block != nullptr) std::memcpy(moved, block, octets < 1024 ? octets : 1024);
    return moved;
  }
  count(octets);
  return found.realloc(block, octets);
}

void free(void* block) {
  if (block == nullptr || is_early(block) || !ready()) return;
  found.free(block);
}
}

void* operator new(size_t octets) { return new_block(octets); }
void* operator new[](size_t octets) { return new_block(octets); }
void* operator new(size_t octets, const std::nothrow_t&) noexcept { return new_block(octets); }
void* operator new[](size_t octets, const std::nothrow_t&) noexcept { return new_block(octets); }
void* operator new(size_t octets, std::align_val_t alignment) {
  return new_block(octets, static_cast<size_t>(alignment));
}
void* operator new[](size_t octets, std::align_val_t alignment) {
  return new_block(octets, static_cast<size_t>(alignment));
}
void operator delete(void* block) noexcept { free(block); }
void operator delete[](void* block) noexcept { free(block); }
void operator delete(void* block, size_t) noexcept { free(block); }
void operator delete[](void* block, size_t) noexcept { free(block); }
void operator delete(void* block, const std::nothrow_t&) noexcept { free(block); }
void operator delete[](void* block, const std::nothrow_t&) noexcept { free(block); }
void operator delete(void* block, std::align_val_t) noexcept { free(block); }
void operator delete[](void* block, std::align_val_t) noexcept { free(block); }
void operator delete(void* block, size_t, std::align_val_t) noexcept { free(block); }
void operator delete[](void* block, size_t, std::align_val_t) noexcept { free(block); }
