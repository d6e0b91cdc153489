// LargePages: memory for things that are many, small beside a page, and read at random on the message path
// (SPF programs). On ordinary pages a few thousand of them need more address translations than the processor
// keeps, and each read then costs a walk of the page tables beside the cache miss. So they are put together
// on large pages, where the system has these (transparent huge pages: "always" or "madvise").
//
// An arena of jemalloc whose memory is marked so, for which each object needs about 100 KB; where another
// allocator serves (builds with sanitizers), or for ordinary pages, what that gives. All must be freed before
// the object goes. One shard. Out of memory ends the process.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

namespace sluice {

enum class PageKind : uint8_t { Ordinary, Large };

class LargePages {
 public:
  explicit LargePages(PageKind kind = PageKind::Ordinary);
  ~LargePages();
  LargePages(const LargePages&) = delete;
  LargePages& operator=(const LargePages&) = delete;

  // `alignment`: a power of two.
  [[nodiscard]] void* allocate(size_t octets, size_t alignment) const;
  static void free(void* memory, size_t alignment);

 private:
  struct Hooks;
  static constexpr unsigned kNone = ~0U;
  unsigned arena_ = kNone;
  std::unique_ptr<Hooks> hooks_;  // the arena's
};

}  // namespace sluice
