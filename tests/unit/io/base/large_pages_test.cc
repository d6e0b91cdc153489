#include "io/base/large_pages.h"

#include <cstdint>
#include <cstring>
#include <vector>

#include <gtest/gtest.h>

namespace sluice {
namespace {

// In programs with jemalloc both kinds have that behind them, in others neither.
TEST(LargePages, EachKindGivesWritableMemoryOfTheAlignment) {
  for (const PageKind kind : {PageKind::Ordinary, PageKind::Large}) {
    const LargePages pages(kind);
    std::vector<void*> taken;
    for (const size_t octets : {size_t{1}, size_t{200}, size_t{20'000}, size_t{3'000'000}}) {
      void* memory = pages.allocate(octets, 128);
      EXPECT_EQ(reinterpret_cast<uintptr_t>(memory) % 128, 0U);
      std::memset(memory, 0xA5, octets);
      taken.push_back(memory);
    }
    for (void* memory : taken) LargePages::free(memory, 128);
  }
}

TEST(LargePages, ManyOneAfterTheOtherLeaveNothingBehind) {
  for (int i = 0; i < 10'000; ++i) {
    const LargePages pages(PageKind::Large);
    LargePages::free(pages.allocate(100, 64), 64);
  }
}

}  // namespace
}  // namespace sluice
