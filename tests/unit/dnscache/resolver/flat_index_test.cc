#include "dnscache/resolver/flat_index.h"

#include "io/base/random.h"
#include "io/base/slab.h"

#include <algorithm>
#include <map>
#include <vector>

#include <gtest/gtest.h>

namespace sluice::dns {
namespace {

using Id = Slab<int>::Id;

// Few hashes, so that many collide and wrap around the end.
TEST(FlatIndex, AgreesWithAMap) {
  Random random(5);
  FlatIndex<Id> index;
  std::multimap<uint32_t, uint32_t> model;  // slots by hash
  for (uint32_t slot = 1; slot <= 20000; ++slot) {
    const uint32_t hash = random.below(3) == 0 ? UINT32_MAX - random.below(8) : random.below(40);
    if (random.below(5) < 2) {
      index.insert(hash, {slot, 1});
      model.emplace(hash, slot);
    } else if (!model.empty()) {
      const auto known = model.lower_bound(hash) == model.end() ? model.begin() : model.lower_bound(hash);
      const auto is_it = [&](Id id) { return id.slot == known->second; };
      ASSERT_EQ(index.find(known->first, is_it).slot, known->second);
      ASSERT_TRUE(index.erase(known->first, is_it));
      ASSERT_FALSE(index.erase(known->first, is_it));
      model.erase(known);
    }
    ASSERT_EQ(index.size(), model.size());
  }
  for (const auto& [hash, slot] : model) {
    const uint32_t wanted = slot;
    ASSERT_EQ(index.find(hash, [wanted](Id id) { return id.slot == wanted; }).slot, wanted);
  }
  std::vector<uint32_t> visited;
  index.for_each([&](Id id) { visited.push_back(id.slot); });
  EXPECT_EQ(visited.size(), model.size());
  EXPECT_EQ(index.find(50, [](Id) { return true; }), Id{});
  index.clear();
  EXPECT_TRUE(index.empty());
  EXPECT_EQ(index.find(1, [](Id) { return true; }), Id{});
}

}  // namespace
}  // namespace sluice::dns
